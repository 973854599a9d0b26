// Package names takes apart what PostgreSQL's names are written as: those of tables
// and columns as facts spell them, and lists of schemas as search_path has them. It
// knows no server.
package names

import "strings"

// A Name is the name of a table, taken apart.
type Name struct {
	Schema string // "": the text names none
	Table  string // "*": all of the schema
}

// Parse takes the name of a table apart.
func Parse(s string) Name {
	parts := split(s)
	if len(parts) == 1 {
		return Name{Table: parts[0]}
	}
	return Name{Schema: parts[len(parts)-2], Table: parts[len(parts)-1]}
}

// CutColumn takes the name of a column off its table's.
func CutColumn(s string) (table, column string) {
	from := 0
	for rest := s; ; {
		n := part(rest)
		if n == len(rest) {
			return s[:max(0, from-1)], s[from:]
		}
		from += n + 1
		rest = rest[n+1:]
	}
}

// split gives the parts of a name without their quotes.
func split(s string) []string {
	var parts []string
	for {
		n := part(s)
		p := s[:n]
		if strings.HasPrefix(p, `"`) && len(p) > 1 {
			p = strings.ReplaceAll(p[1:len(p)-1], `""`, `"`)
		}
		parts = append(parts, p)
		if n == len(s) {
			return parts
		}
		s = s[n+1:]
	}
}

// part gives the length of the first part of a name: up to a dot outside of
// quotes.
func part(s string) int {
	quoted := false
	for i := range len(s) {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == '.' && !quoted:
			return i
		}
	}
	return len(s)
}

// Join spells a name of several parts as facts do.
func Join(parts ...string) string {
	var b strings.Builder
	for i, p := range parts {
		if i > 0 {
			b.WriteByte('.')
		}
		if strings.ContainsAny(p, `.*"`) {
			p = `"` + strings.ReplaceAll(p, `"`, `""`) + `"`
		}
		b.WriteString(p)
	}
	return b.String()
}
