package statement

import (
	"slices"
	"unicode/utf8"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/sql"
)

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

// Executes gives the prepared name that a single statement runs, "" if there is none.
func Executes(parts []action.Part) string {
	if len(parts) != 1 {
		return ""
	}
	if s := Shape(parts[0]); s != nil {
		return s.Executes
	}
	return ""
}

// Fetches gives the cursors and portals that parts take rows from.
func Fetches(parts []action.Part) []string {
	var names []string
	for _, p := range parts {
		if s := Shape(p); s != nil {
			names = append(names, s.Fetches...)
		}
	}
	return names
}

// Among reports whether every one of parts stands in list: the same statement, not
// an equal one.
func Among(parts, list []action.Part) bool {
	for _, p := range parts {
		if !slices.ContainsFunc(list, func(o action.Part) bool { return o.Facts == p.Facts }) {
			return false
		}
	}
	return true
}

// Text gives the text of a single statement.
func Text(parts []action.Part) string {
	if len(parts) != 1 {
		return ""
	}
	if f, ok := parts[0].Facts.(*sql.Facts); ok {
		return f.Text
	}
	return ""
}
