package names

import (
	"slices"
	"strings"
)

// A Path is a search_path, taken apart.
type Path []string

// ParsePath takes the value of search_path apart as the server does: names between
// commas, folded unless they are quoted. ok is false for what is no list of names.
func ParsePath(value string) (p Path, ok bool) {
	rest := trim(value)
	for rest != "" || len(p) > 0 {
		var item string
		if item, rest, ok = pathItem(rest); !ok {
			return nil, false
		}
		p = append(p, item)
		if rest == "" {
			return p, true
		}
		if rest[0] != ',' {
			return nil, false
		}
		rest = trim(rest[1:])
	}
	return Path{}, true
}

// pathItem takes the first name off a list.
func pathItem(s string) (item, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		n := strings.IndexAny(s, ", \t\n\r\f\v")
		if n < 0 {
			n = len(s)
		}
		if n == 0 {
			return "", "", false
		}
		return strings.ToLower(s[:n]), trim(s[n:]), n <= MaxName && ascii(s[:n])
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] != '"':
			b.WriteByte(s[i])
		case i+1 < len(s) && s[i+1] == '"':
			b.WriteByte('"')
			i++
		default:
			return b.String(), trim(s[i+1:]), b.Len() <= MaxName
		}
	}
	return "", "", false
}

// MaxName is how much of a name a server keeps, in bytes; how it cuts longer ones
// depends on its encoding.
const MaxName = 63

func trim(s string) string { return strings.Trim(s, " \t\n\r\f\v") }

// ascii: how other letters are folded depends on the server's locale.
func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 })
}

// Has reports whether a schema stands on the path.
func (p Path) Has(schema string) bool { return slices.Contains(p, schema) }

// Key tells one path from another.
func (p Path) Key() string { return strings.Join(p, "\x00") }

// MakesTemp reports whether what is created without a schema may be temporary.
func (p Path) MakesTemp() bool { return p.Has("pg_temp") }
