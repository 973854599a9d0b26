package lex

import (
	"strings"
	"testing"
)

func TestLocalNames(t *testing.T) {
	long := strings.Repeat("é", 40)
	for text, want := range map[string]bool{
		"SELECT 'é' FROM t":                              false,
		"SELECT $$é$$, E'\\'é', 'a''é' -- é":             false,
		"SELECT /* é */ 1":                               false,
		"SELECT é FROM t":                                true,
		"SELECT a FROM tÉ":                               true,
		`SELECT "é" FROM t`:                              false,
		`SELECT "` + long + `" FROM t`:                   true,
		`SELECT U&"` + strings.Repeat(`\00e9`, 40):       true,
		`SELECT U&"` + strings.Repeat(`\00e9`, 40) + `"`: true,
		`SELECT "` + strings.Repeat("a", 80) + `"`:       false,
		"SELECT 'é":                                      true,
	} {
		if got := LocalNames(text); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}
