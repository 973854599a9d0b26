package lex

import "strings"

// An Insert is INSERT INTO table (columns) VALUES rows, where every value is a
// constant, a parameter or a word for one.
type Insert struct {
	Schema, Table string
	Columns       []string // nil: none is named
	MaxParam      int
}

// PlainInsert reads a text that is one such statement and nothing else; false for
// any other, and where the tokens alone leave room for doubt. It is no proof that
// the server takes the text.
func PlainInsert(text string) (Insert, bool) {
	r := inserter{text: text}
	var in Insert
	if !r.keyword("insert") || !r.keyword("into") || !r.table(&in) {
		return Insert{}, false
	}
	if r.sign('(') && !r.columns(&in) {
		return Insert{}, false
	}
	if !r.keyword("values") {
		return Insert{}, false
	}
	for more := true; more; more = r.sign(',') {
		if !r.row(&in) {
			return Insert{}, false
		}
	}
	for r.sign(';') {
	}
	r.spaces()
	return in, r.i == len(text)
}

// inserter reads token by token; every method skips the space before its own and,
// if it is not there, stays.
type inserter struct {
	text string
	i    int
}

func (r *inserter) spaces() {
	for r.i < len(r.text) && IsSpace(r.text[r.i]) {
		r.i++
	}
}

func (r *inserter) sign(c byte) bool {
	r.spaces()
	if r.i == len(r.text) || r.text[r.i] != c {
		return false
	}
	r.i++
	return true
}

// bare gives the word that stands next, without passing it.
func (r *inserter) bare() string {
	r.spaces()
	j := r.i
	for j < len(r.text) && (IsWord(r.text[j]) || r.text[j] == '$') {
		j++
	}
	return r.text[r.i:j]
}

func (r *inserter) keyword(word string) bool {
	w := r.bare()
	if !strings.EqualFold(w, word) {
		return false
	}
	r.i += len(w)
	return true
}

// name passes a name of ASCII that the server keeps whole.
func (r *inserter) name() (string, bool) {
	if r.sign('"') {
		n := strings.IndexByte(r.text[r.i:], '"')
		if n <= 0 || n > maxName || !ascii(r.text[r.i:r.i+n]) {
			return "", false
		}
		name := r.text[r.i : r.i+n]
		r.i += n + 1
		return name, r.i == len(r.text) || r.text[r.i] != '"'
	}
	w := r.bare()
	next := r.i + len(w)
	quote := next < len(r.text) && (r.text[next] == '"' || r.text[next] == '\'' || r.text[next] == '&')
	if w == "" || len(w) > maxName || w[0] >= '0' && w[0] <= '9' || w[0] == '$' || !ascii(w) || quote {
		return "", false
	}
	r.i = next
	return strings.ToLower(w), true
}

func (r *inserter) table(in *Insert) bool {
	var ok bool
	if in.Table, ok = r.name(); !ok || !r.sign('.') {
		return ok
	}
	in.Schema = in.Table
	in.Table, ok = r.name()
	return ok
}

func (r *inserter) columns(in *Insert) bool {
	in.Columns = []string{}
	for {
		name, ok := r.name()
		if !ok {
			return false
		}
		in.Columns = append(in.Columns, name)
		if !r.sign(',') {
			return r.sign(')')
		}
	}
}

func (r *inserter) row(in *Insert) bool {
	if !r.sign('(') {
		return false
	}
	for {
		if !r.value(in) {
			return false
		}
		if !r.sign(',') {
			return r.sign(')')
		}
	}
}

// value passes one value.
func (r *inserter) value(in *Insert) bool {
	r.sign('-')
	r.spaces()
	if r.i == len(r.text) {
		return false
	}
	switch c := r.text[r.i]; {
	case c == '\'':
		j, err := endOfString(r.text, r.i, false)
		if err != nil {
			return false
		}
		r.i = j
		return true
	case c == '$':
		return r.param(in)
	case c >= '0' && c <= '9':
		t := templater{text: r.text, i: r.i}
		if t.number() == verbatim {
			return false
		}
		r.i = t.i
		return true
	}
	return r.keyword("null") || r.keyword("true") || r.keyword("false") || r.keyword("default")
}

// param passes a parameter; those are numbered up to 65535.
func (r *inserter) param(in *Insert) bool {
	t := templater{text: r.text, i: r.i}
	if t.param() == unclear || t.i-r.i > len("$65535") {
		return false
	}
	n := 0
	for _, c := range r.text[r.i+1 : t.i] {
		n = 10*n + int(c-'0')
	}
	in.MaxParam = max(in.MaxParam, n)
	r.i = t.i
	return true
}
