// Package glob matches the patterns of rules: paths by segments, hosts and SQL
// names by labels, tools and models as plain text. A pattern is checked when it
// is compiled and matches without allocating. It knows nothing of rules and
// never guesses, so that a name that cannot be told for certain is a Maybe.
package glob

import (
	"errors"
	"fmt"
	"strings"
)

// A Glob is one compiled pattern: * is any run of characters within a segment,
// ** is any number of segments, also none. The zero Glob matches only the
// empty text.
type Glob struct {
	text string
	sep  byte // 0: no segments
	fold bool // ASCII letters match in either case
	segs []segment
}

// A segment is what stands between two separators.
type segment struct {
	any    bool     // **: any number of segments
	pieces []string // literal text between the stars; one piece: no star
}

// Compile reads a pattern. Segments are divided by sep; with sep 0 there are
// none, and a star crosses everything. With sep '/' a slash at the beginning or
// end does not matter, neither of the pattern nor of what is matched.
func Compile(pattern string, sep byte) (Glob, error) {
	if pattern == "" {
		return Glob{}, errors.New("an empty pattern matches nothing")
	}
	g := Glob{text: pattern, sep: sep}
	if sep == 0 {
		g.segs = []segment{plain(pattern)}
		return g, nil
	}
	if sep == '/' {
		var err error
		if pattern, err = spellPath(pattern); err != nil {
			return Glob{}, err
		}
		if pattern = trimPath(pattern); pattern == "" {
			return g, nil
		}
	}
	for part := range strings.SplitSeq(pattern, string(rune(sep))) {
		switch {
		case part == "":
			return Glob{}, fmt.Errorf("pattern %q has an empty segment", g.text)
		case part == "**":
			g.segs = append(g.segs, segment{any: true})
		case strings.Contains(part, "**"):
			return Glob{}, fmt.Errorf("in pattern %q ** must be a whole segment", g.text)
		default:
			g.segs = append(g.segs, plain(part))
		}
	}
	return g, nil
}

// Fold gives the same pattern with ASCII letters matching in either case.
func (g Glob) Fold() Glob {
	g.fold = true
	return g
}

// String gives the pattern as it was written.
func (g Glob) String() string { return g.text }

// Match reports whether s, as a whole, is what the pattern names.
func (g Glob) Match(s string) bool {
	switch {
	case g.sep == 0:
		return len(g.segs) == 1 && g.segs[0].match(s, g.fold) || len(g.segs) == 0 && s == ""
	case g.sep == '/':
		s = trimPath(s)
	case g.sep == '.' && g.fold:
		s = strings.TrimSuffix(s, ".")
	}
	return g.walk(s)
}

// walk matches segment by segment. Only the last ** is worth going back to:
// whatever an earlier one could take, the last one can take instead.
func (g Glob) walk(s string) bool {
	rest, more := s, s != ""
	i := 0
	retry, retryRest, retryMore := -1, "", false
	for i < len(g.segs) || more {
		if i < len(g.segs) && g.segs[i].any {
			i++
			retry, retryRest, retryMore = i, rest, more
			continue
		}
		if i < len(g.segs) && more {
			head, tail, cut := g.cut(rest)
			if g.segs[i].match(head, g.fold) {
				i, rest, more = i+1, tail, cut
				continue
			}
		}
		if retry < 0 || !retryMore {
			return false
		}
		_, retryRest, retryMore = g.cut(retryRest)
		i, rest, more = retry, retryRest, retryMore
	}
	return true
}

// cut takes the first segment off s.
func (g Glob) cut(s string) (head, tail string, more bool) {
	if i := strings.IndexByte(s, g.sep); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// plain makes a segment of text with stars in it.
func plain(text string) segment {
	for strings.Contains(text, "**") {
		text = strings.ReplaceAll(text, "**", "*")
	}
	return segment{pieces: strings.Split(text, "*")}
}

// match reports whether the pieces stand in s in order, the first at its
// beginning and the last at its end.
func (s segment) match(text string, fold bool) bool {
	first, last := s.pieces[0], s.pieces[len(s.pieces)-1]
	if len(s.pieces) == 1 {
		return len(text) == len(first) && hasPrefix(text, first, fold)
	}
	if len(text) < len(first)+len(last) || !hasPrefix(text, first, fold) {
		return false
	}
	end := len(text) - len(last)
	if !hasPrefix(text[end:], last, fold) {
		return false
	}
	text = text[len(first):end]
	for _, p := range s.pieces[1 : len(s.pieces)-1] {
		at := index(text, p, fold)
		if at < 0 {
			return false
		}
		text = text[at+len(p):]
	}
	return true
}

func hasPrefix(s, prefix string, fold bool) bool {
	if !fold {
		return strings.HasPrefix(s, prefix)
	}
	if len(s) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		if lower(s[i]) != lower(prefix[i]) {
			return false
		}
	}
	return true
}

func index(s, part string, fold bool) int {
	if !fold {
		return strings.Index(s, part)
	}
	for i := 0; i+len(part) <= len(s); i++ {
		if hasPrefix(s[i:], part, true) {
			return i
		}
	}
	return -1
}

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

// First gives the first segment that everything matched begins with, or "" if
// the pattern leaves it open. It is a cheap look before Match.
func (g Glob) First() string {
	if len(g.segs) == 0 || g.segs[0].any || len(g.segs[0].pieces) > 1 || g.fold {
		return ""
	}
	return g.segs[0].pieces[0]
}
