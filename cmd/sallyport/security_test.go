package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// threats is how many rows the threat table has.
const threats = 56

var (
	testName = regexp.MustCompile("TestT([0-9]{2})_[A-Za-z0-9_]+")
	rowStart = regexp.MustCompile(`^\| ([0-9]+(?:, [0-9]+)*) \|`)
)

// TestSecurityModelIsProven holds docs/security.md against the tests: every test
// that it names exists, every row of "the test that stands against each" names
// one of its own, and every row of the threat table is spoken of once.
func TestSecurityModelIsProven(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(tree, "docs/security.md"))
	if err != nil {
		t.Fatal(err)
	}
	tests := threatTests(t)
	section, seen := "", map[int]int{}
	for i, line := range strings.Split(string(b), "\n") {
		if strings.HasPrefix(line, "#") {
			section = strings.TrimLeft(line, "# ")
		}
		names := testName.FindAllStringSubmatch(line, -1)
		for _, name := range names {
			if !slices.Contains(tests, name[0]) {
				t.Errorf("line %d: there is no test %s", i+1, name[0])
			}
		}
		m := rowStart.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		for number := range strings.SplitSeq(m[1], ", ") {
			row, err := strconv.Atoi(number)
			if err != nil {
				t.Fatal(err)
			}
			seen[row]++
			own := slices.ContainsFunc(names, func(name []string) bool { n, _ := strconv.Atoi(name[1]); return n == row })
			if strings.HasPrefix(section, "Attacks") && !own {
				t.Errorf("line %d: row %d is claimed without a test of its own", i+1, row)
			}
			if strings.HasPrefix(section, "Not defended") && len(names) > 0 {
				t.Errorf("line %d: row %d has a test and is called not defended", i+1, row)
			}
		}
	}
	for row := 1; row <= threats; row++ {
		if seen[row] != 1 {
			t.Errorf("row %d is spoken of %d times", row, seen[row])
		}
	}
}

// threatTests lists the tests of this tree that are named after a threat.
func threatTests(t *testing.T) []string {
	t.Helper()
	declared := regexp.MustCompile(`(?m)^func (TestT[0-9]{2}_[A-Za-z0-9_]+)\(t \*testing\.T\)`)
	var list []string
	for _, file := range walk(t, "_test.go") {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range declared.FindAllSubmatch(b, -1) {
			list = append(list, string(m[1]))
		}
	}
	return list
}
