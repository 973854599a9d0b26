package statement

import "unicode/utf8"

// MaxName is how much of a name a server keeps, in bytes.
const MaxName = 63

// CertainName reports whether a name is one name to every server. What is cut, or
// converted from one encoding to another, may fall together with another name: the
// server would run what was never judged under this one.
func CertainName(name string) bool {
	for i := range len(name) {
		if name[i] >= utf8.RuneSelf {
			return false
		}
	}
	return len(name) <= MaxName
}
