package suggest

import (
	"strings"
)

const (
	maxSegment  = 64 // a longer one is nobody's name for a thing
	maxSegments = 24 // of a template; beyond, any number
)

// Template is a path as a pattern: what looks like an id, a number or a hash, and
// what could be anything else than a plain word, becomes *.
func Template(path string) string {
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if len(segments) > maxSegments {
		segments = append(segments[:maxSegments], "**")
	}
	for i, s := range segments {
		if s != "**" && !literal(s) {
			segments[i] = "*"
		}
		if i < maxSegments && s == "**" {
			segments[i] = "*" // the agent wrote it
		}
	}
	return "/" + strings.Join(segments, "/")
}

// literal reports whether a segment names a kind of thing and not one thing. It
// rather takes an id for a name: a rule then says less than it could.
func literal(s string) bool {
	if len(s) > maxSegment {
		return false
	}
	var n counts
	for i := range len(s) {
		if !n.add(s[i]) {
			return false // a star is a pattern, a percent hides something
		}
	}
	switch {
	case n.digits == 0:
		return n.letters < 16 || n.capitals < 2 || n.letters-n.capitals < 2 // base64 without digits
	case n.letters == 0:
		return false // numbers, dates
	case n.hex+n.marks == len(s) && len(s) >= 7 && n.digits >= 2:
		return false // hashes and UUIDs
	case version(s):
		return true
	}
	// Machines mix (01J9ZK3W7Q), count (issue-17) and fill up (ord00001234).
	return n.runs < 4 && n.digits < 5 && !numbered(s)
}

// counts are of the characters of a segment.
type counts struct {
	letters, digits, capitals, hex, marks int
	runs                                  int // of letters or digits
	last                                  byte
}

// add counts a character, if it is a plain one.
func (n *counts) add(c byte) bool {
	kind := byte('m')
	switch low := c | 0x20; {
	case c >= '0' && c <= '9':
		n.digits++
		n.hex++
		kind = 'd'
	case low >= 'a' && low <= 'z':
		n.letters++
		kind = 'l'
		if low <= 'f' {
			n.hex++
		}
		if c == c&^0x20 {
			n.capitals++
		}
	case c == '-' || c == '_' || c == '.' || c == '~':
		n.marks++
	default:
		return false
	}
	if kind != n.last && kind != 'm' {
		n.runs++
	}
	n.last = kind
	return true
}

// version is v1, v2beta1 and 2.0-like parts of an API's own paths.
func version(s string) bool {
	return len(s) >= 2 && len(s) <= 8 && s[0] == 'v' && s[1] >= '0' && s[1] <= '9'
}

// numbered is a word, a mark and a number.
func numbered(s string) bool {
	i := strings.LastIndexAny(s, "-_.")
	if i < 0 || i == len(s)-1 {
		return false
	}
	for _, c := range s[i+1:] {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// word reports whether s is nothing but letters, digits, - and _.
func word(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= maxSegment
}

// plain reports whether every name of a list can stand in a rule as it is: it is
// no pattern, negates nothing and needs no quotes.
func plain(list []string) bool {
	for _, s := range list {
		for part := range strings.SplitSeq(s, ".") {
			if !word(part) {
				return false
			}
		}
	}
	return true
}
