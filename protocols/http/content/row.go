package content

import "strings"

// A row is what the names of columns are told by that stand in a line. The zero row
// names no secret.
type row struct {
	sign  string // between them; " ": any space
	words int    // of a row with spaces
}

// title looks at a line for what makes a table, or a dump of a database, of the text:
// the values of a name stand away from it there. Nothing of such a text may be kept,
// but where columns are told by spaces, so that the lines below are hidden.
func (l *liner) title(s string, last bool) {
	if dump(s) {
		l.why = dumped
	}
	if strings.TrimSpace(strings.Trim(s, " \t-=+|_*:")) == "" {
		return
	}
	switch r := l.row; {
	case r.sign == " ":
		n := len(strings.Fields(s))
		l.table = l.table || n == r.words || last && n < r.words
	case r.sign != "" && strings.Contains(s, r.sign):
		l.why = columns
	}
	l.row = l.rowOf(s)
}

// rowOf gives the row of a line that names a secret and may be made of names.
func (l *liner) rowOf(s string) row {
	s = strings.TrimSpace(s)
	if strings.ContainsAny(s, "=:(){}<>") || strings.ContainsAny(s[len(s)-1:], ".!?") || !l.names.within(s) {
		return row{}
	}
	for _, sign := range []string{",", ";"} {
		if strings.Contains(s, sign) {
			return row{sign: sign}
		}
	}
	words := len(strings.Fields(s))
	if words < 2 || words > 12 {
		return row{}
	}
	return row{sign: " ", words: words}
}

// within reports whether a word of s is the name of a secret.
func (n *memo) within(s string) bool {
	for word := range strings.FieldsFuncSeq(s, func(r rune) bool { return r > 127 || !wordByte(byte(r)) }) {
		if n.secret(word) {
			return true
		}
	}
	return false
}

// dump reports whether a line puts rows into a table of a database.
func dump(s string) bool {
	for statement := range strings.SplitSeq(s, ";") {
		statement = strings.TrimLeft(statement, " \t\"'")
		start := strings.ToLower(statement[:min(len(statement), longest)])
		for _, verb := range []string{"insert into", "insert ignore into", "insert or replace into", "replace into"} {
			if strings.HasPrefix(start, verb) {
				return true
			}
		}
		if strings.HasPrefix(start, "copy ") && strings.Contains(strings.ToLower(statement), "from stdin") {
			return true
		}
	}
	return false
}
