package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport.dev/sallyport/internal/bench/roles"
)

// The language may change; the benchmark's rules must load with it.
func TestManyRulesLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rules.hcl")
	if err := os.WriteFile(path, []byte(manyRules()), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := roles.LoadPolicy(path)
	if err != nil {
		t.Fatal(err)
	}
	if p.RuleCount() != manyServices*rulesEach || len(p.Services()) != manyServices {
		t.Errorf("%d rules over %d services", p.RuleCount(), len(p.Services()))
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string // of the error; "": none
	}{
		{nil, ""},
		{[]string{"-quick", "-only", "http,pg"}, ""},
		{[]string{"-only", "htpp"}, `no part "htpp"`},
		{[]string{"http"}, `unknown argument "http"`},
	} {
		_, err := parse(c.args)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c.args, err, c.want)
		}
	}
}

func TestLines(t *testing.T) {
	var got counter
	b := make([]byte, 7)
	for r := lines(3 * copyLine); ; {
		n, err := r.Read(b)
		got += counter(n)
		if err != nil {
			break
		}
	}
	if got != 3*copyLine {
		t.Errorf("%d bytes", got)
	}
}
