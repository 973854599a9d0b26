package glob

import (
	"fmt"
	"strings"
)

// A Set is a list of patterns, some of them exclusions. It matches a value that
// one pattern names and no exclusion does. The zero Set matches nothing.
type Set struct {
	named    []Glob
	excluded []Glob
}

// An ElementError says which pattern of a list is wrong.
type ElementError struct {
	Index int
	Err   error
}

func (e *ElementError) Error() string { return fmt.Sprintf("element %d: %v", e.Index+1, e.Err) }

// Unwrap gives the cause.
func (e *ElementError) Unwrap() error { return e.Err }

// CompileSet reads a list of patterns as Compile does. A pattern that begins
// with "!" takes out; with nothing but "!" the set names everything else. Its
// error is an *ElementError, for an empty list too.
func CompileSet(patterns []string, sep byte) (Set, error) {
	return newSet(patterns, func(p string) (Glob, error) { return Compile(p, sep) })
}

// HostSet reads a list of patterns as Host does.
func HostSet(patterns []string) (Set, error) { return newSet(patterns, Host) }

func newSet(patterns []string, compile func(string) (Glob, error)) (Set, error) {
	var s Set
	err := eachElement(patterns, func(pattern string, out bool) error {
		g, err := compile(pattern)
		if err != nil {
			return err
		}
		if out {
			s.excluded = append(s.excluded, g)
		} else {
			s.named = append(s.named, g)
		}
		return nil
	})
	return s, err
}

// eachElement hands every pattern to f, and whether it takes out.
func eachElement(patterns []string, f func(pattern string, out bool) error) error {
	if len(patterns) == 0 {
		return &ElementError{Err: fmt.Errorf("an empty list matches nothing")}
	}
	for i, p := range patterns {
		bare, out := strings.CutPrefix(p, "!")
		if err := f(bare, out); err != nil {
			return &ElementError{Index: i, Err: err}
		}
	}
	return nil
}

// Fold gives the same set with ASCII letters matching in either case.
func (s Set) Fold() Set {
	return Set{named: foldAll(s.named), excluded: foldAll(s.excluded)}
}

func foldAll(gs []Glob) []Glob {
	out := make([]Glob, len(gs))
	for i, g := range gs {
		out[i] = g.Fold()
	}
	return out
}

// Match reports whether the set names value.
func (s Set) Match(value string) bool {
	if len(s.named) == 0 && len(s.excluded) == 0 {
		return false
	}
	return (len(s.named) == 0 || matchAny(s.named, value)) && !matchAny(s.excluded, value)
}

func matchAny(gs []Glob, value string) bool {
	for i := range gs {
		if gs[i].Match(value) {
			return true
		}
	}
	return false
}
