package source

import (
	"slices"
	"strings"
)

// Enumerate joins words for a sentence: "allow", "ask" or "deny".
func Enumerate(words []string) string {
	q := make([]string, len(words))
	for i, w := range words {
		q[i] = `"` + w + `"`
	}
	if len(q) < 2 {
		return strings.Join(q, "")
	}
	return strings.Join(q[:len(q)-1], ", ") + " or " + q[len(q)-1]
}

// DidYouMean gives " Did you mean …?" if one of the known words is near, else "".
func DidYouMean(got string, known []string) string {
	best, nearest := "", max(2, len(got)/3+1)
	for _, k := range slices.Sorted(slices.Values(known)) {
		if n := distance(strings.ToLower(got), strings.ToLower(k)); n < nearest {
			best, nearest = k, n
		}
	}
	if best == "" {
		return ""
	}
	return ` Did you mean "` + best + `"?`
}

// maxSpelled bounds what distance looks at: nobody misspells a longer name.
const maxSpelled = 64

// distance counts the edits between two words.
func distance(a, b string) int {
	a, b = a[:min(len(a), maxSpelled)], b[:min(len(b), maxSpelled)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next := min(row[j+1]+1, row[j]+1, diagonal+cost)
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}

// UpperFirst makes a sentence of an error.
func UpperFirst(s string) string {
	if s != "" && s[0] >= 'a' && s[0] <= 'z' {
		return string(s[0]-32) + s[1:]
	}
	return s
}
