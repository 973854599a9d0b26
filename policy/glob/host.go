package glob

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Host reads a pattern over host names: "*" is every host, "*." in front is any
// depth below the name but not the name itself. Case does not matter. What no
// name holds is refused, because a rule with it would silently match nothing.
func Host(pattern string) (Glob, error) {
	bare := strings.TrimSuffix(pattern, ".")
	if err := checkHost(bare); err != nil {
		return Glob{}, err
	}
	if bare == "*" {
		return Glob{text: pattern, sep: '.', segs: []segment{{any: true}}}, nil
	}
	g, err := Compile(bare, '.')
	if err != nil {
		return Glob{}, err
	}
	if strings.HasPrefix(bare, "*.") {
		g.segs = append([]segment{{any: true}}, g.segs...)
	}
	g.text = pattern
	return g.Fold(), nil
}

func checkHost(pattern string) error {
	if strings.Count(pattern, ":") == 1 || strings.HasSuffix(pattern, "]") {
		return fmt.Errorf("pattern %q holds a port, and names of hosts have none", pattern)
	}
	for _, r := range pattern {
		if r >= utf8.RuneSelf {
			return fmt.Errorf("pattern %q is not ASCII; such names are written xn--…", pattern)
		}
		if r <= ' ' || strings.ContainsRune(`/\@?#[]`, r) {
			return fmt.Errorf("pattern %q holds %q, which is in no name of a host", pattern, string(r))
		}
	}
	return nil
}
