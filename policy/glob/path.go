package glob

import (
	"fmt"
	"strconv"
	"strings"
)

// spellPath brings a pattern to the one spelling that a normalised path has:
// escapes of harmless characters decoded, everything else escaped in capitals. It
// refuses what such a path never holds, because a rule with such a pattern would
// silently match nothing.
func spellPath(pattern string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		switch {
		case c == '?' || c == '#' || c == '\\':
			return "", fmt.Errorf("pattern %q holds %q, which is never in a path (the query is http.query)", pattern, string(rune(c)))
		case c == '%':
			v, err := strconv.ParseUint(pattern[min(i+1, len(pattern)):min(i+3, len(pattern))], 16, 8)
			if err != nil || i+2 >= len(pattern) {
				return "", fmt.Errorf("pattern %q holds an escape that is none; a percent sign is %%25", pattern)
			}
			if c = byte(v); c == '*' {
				return "", fmt.Errorf("pattern %q holds %%2A, and a star in a path cannot be told from a pattern's", pattern)
			}
			i += 2
			if !harmless(c) {
				fmt.Fprintf(&b, "%%%02X", c)
				continue
			}
		}
		if harmless(c) || strings.IndexByte("/;+", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	for part := range strings.SplitSeq(b.String(), "/") {
		if part == "." || part == ".." {
			return "", fmt.Errorf("pattern %q holds %q, which a normalised path never does", pattern, part)
		}
	}
	return b.String(), nil
}

// harmless reports whether c means the same with and without its escape.
func harmless(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("-._~!$&'()*,:=@", c) >= 0
}

// trimPath takes off the slash at the beginning and the one at the end.
func trimPath(s string) string {
	return strings.TrimSuffix(strings.TrimPrefix(s, "/"), "/")
}
