package lex

import "strings"

// maxTemplate bounds a text whose template is worth keeping.
const maxTemplate = 64 << 10

// mark begins a placeholder. A text that holds it has no template, so no text
// can spell a placeholder.
const mark = 0x01

// Template appends text to key with a placeholder for every literal that is one
// for certain, plain '…' and decimal numbers, and for every comment. Two texts of
// one template have the same tokens, so the grammar makes the same tree of them
// but for values. It gives up (false) on whatever makes that less than certain:
// comments in comments, dollar quotes, prefixed strings, backslashes.
func Template(key []byte, text string) ([]byte, bool) {
	if len(text) > maxTemplate {
		return nil, false
	}
	t := templater{text: text}
	start := 0 // of what is still to be copied
	for t.i < len(text) {
		at := t.i
		kind := t.step()
		switch kind {
		case verbatim:
		case unclear:
			return nil, false
		default:
			key = append(append(key, text[start:at]...), mark, kind)
			start = t.i
		}
	}
	return append(key, text[start:]...), true
}

// What a step has found, beside a literal, 's', 'i', 'l' or 'f', and a comment,
// 'b' or 'c'.
const (
	verbatim = 0
	unclear  = 1
)

type templater struct {
	text string
	i    int
	// float(25) is another type than float(24), and float(99) an error: the one
	// place where the grammar looks at a number. 1: float, 2: float and (
	float int
	// The number of a LIMIT is kept: rules may read it. It is what stands after
	// one of its words and signs that change nothing.
	limit bool
}

// clear forgets what stood before, at a token that has nothing to do with it.
func (t *templater) clear() { t.float, t.limit = 0, false }

// step passes one token, or part of one, and tells what it was.
func (t *templater) step() byte {
	s, i := t.text, t.i
	switch c := s[i]; {
	case c >= '0' && c <= '9':
		return t.number()
	case IsWord(c):
		t.word()
		return verbatim
	case IsSpace(c):
		t.i++
		return verbatim
	case c == '(' && (t.float == 1 || t.limit):
		t.float *= 2
		t.i++
		return verbatim
	case (c == '-' || c == '+') && t.limit && !strings.HasPrefix(s[i:], "--"):
		t.i++
		return verbatim
	case c == '\'':
		return t.quoted()
	case c == '"':
		j, err := endOfQuoted(s, i)
		if err != nil || strings.IndexByte(s[i:j], mark) >= 0 {
			return unclear
		}
		t.i = j - 1
	case c == '$':
		return t.param()
	case c == '\\', c == mark:
		return unclear
	case c == '-' && i+1 < len(s) && s[i+1] == '-':
		t.i = endOfLine(s, i)
		return 'c'
	case c == '/' && i+1 < len(s) && s[i+1] == '*':
		return t.comment()
	}
	t.clear()
	t.i++
	return verbatim
}

// IsSpace reports whether a byte is white space to the server.
func IsSpace(c byte) bool {
	return c == ' ' || c >= '\t' && c <= '\r'
}

func (t *templater) word() {
	j := t.i + 1
	for j < len(t.text) && (IsWord(t.text[j]) || t.text[j] == '$') {
		j++
	}
	t.clear()
	switch w := t.text[t.i:j]; len(w) {
	case len("next"):
		t.limit = strings.EqualFold(w, "next")
	case len("float"): // as long as limit and first
		if strings.EqualFold(w, "float") {
			t.float = 1
		}
		t.limit = strings.EqualFold(w, "limit") || strings.EqualFold(w, "first")
	}
	t.i = j
}

// comment passes a comment without another in it.
func (t *templater) comment() byte {
	for s, i := t.text, t.i+2; i+1 < len(s); i++ {
		switch s[i : i+2] {
		case "/*": // also of "/*/", which opens one and closes none
			return unclear
		case "*/":
			t.i = i + 2
			return 'b'
		}
	}
	return unclear
}

// quoted passes a string, unless a prefix may change what it means.
func (t *templater) quoted() byte {
	s, i := t.text, t.i
	if i > 0 && (IsWord(s[i-1]) || s[i-1] == '&' || s[i-1] == '$') {
		return unclear
	}
	kind := byte('s')
	if t.limit {
		kind = verbatim
	}
	t.float = 0
	for j := i + 1; j < len(s); j++ {
		switch s[j] {
		case '\\', mark:
			return unclear
		case '\'':
			if j+1 < len(s) && s[j+1] == '\'' {
				j++
				continue
			}
			t.i = j + 1
			return kind
		}
	}
	return unclear
}

// number passes a decimal number: the integer 'i' fits into int4, 'l' does not,
// 'f' has a point or an exponent.
func (t *templater) number() byte {
	s, i := t.text, t.i
	j := i + 1
	for j < len(s) && s[j] >= '0' && s[j] <= '9' {
		j++
	}
	t.i = j
	keep := t.float == 2 || t.limit || i > 0 && s[i-1] == '.'
	t.float = 0
	if end := endOfFraction(s, j); end > j && !continues(s, end) && !keep {
		t.i = end
		return 'f'
	}
	if keep || continues(s, j) {
		return verbatim
	}
	const maxInt4 = "2147483647"
	switch n := j - i; {
	case n < len(maxInt4), n == len(maxInt4) && s[i:j] <= maxInt4:
		return 'i'
	case s[i] != '0':
		return 'l'
	}
	return verbatim
}

// continues reports whether what stands at i may belong to the number before it.
func continues(s string, i int) bool {
	return i < len(s) && (IsWord(s[i]) || s[i] == '.' || s[i] == '$')
}

// endOfFraction passes what stands behind the digits of a number: .5, e5, .5e-5.
func endOfFraction(s string, i int) int {
	digits := func(j int) int {
		for j < len(s) && s[j] >= '0' && s[j] <= '9' {
			j++
		}
		return j
	}
	if i+1 < len(s) && s[i] == '.' {
		j := digits(i + 1)
		if j == i+1 {
			return i
		}
		i = j
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		j := i + 1
		if j < len(s) && (s[j] == '+' || s[j] == '-') {
			j++
		}
		if end := digits(j); end > j {
			return end
		}
	}
	return i
}

// param passes $1; any other dollar may begin a string.
func (t *templater) param() byte {
	s, j := t.text, t.i+1
	for j < len(s) && s[j] >= '0' && s[j] <= '9' {
		j++
	}
	if j == t.i+1 || j < len(s) && (IsWord(s[j]) || s[j] == '$') {
		return unclear
	}
	t.i = j
	t.clear()
	return verbatim
}

// WithoutTrailer cuts space and semicolons off the end. A comment there stays, as
// Template knows comments: what looks like the beginning of one may stand behind
// "--", and then text follows that runs.
func WithoutTrailer(text string) string { return strings.TrimRight(text, ends) }

const ends = " \t\n\r;"
