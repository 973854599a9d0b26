package sql

import "strings"

const (
	// maxTemplate bounds a text whose template is worth keeping.
	maxTemplate = 64 << 10
	// maxExact bounds a text that is kept word for word.
	maxExact = 8 << 10

	// mark begins a placeholder. A text that holds it has no template, so no
	// text can spell a placeholder.
	mark = 0x01
)

// template appends text to key with a placeholder for every literal that is one
// for certain: plain '…' and decimal integers. Two texts of one template have
// the same tokens, so the grammar makes the same tree of them but for values. It
// gives up (false) on whatever makes that less than certain: comments, dollar
// quotes, prefixed strings, backslashes.
func template(key []byte, text string) ([]byte, bool) {
	if len(text) > maxTemplate {
		return nil, false
	}
	t := templater{text: text, key: key}
	for t.i < len(text) {
		if !t.step() {
			return nil, false
		}
	}
	return append(t.key, text[t.start:]...), true
}

type templater struct {
	text  string
	key   []byte
	start int // of what is still to be copied
	i     int
	// float(25) is another type than float(24), and float(99) an error: the one
	// place where the grammar looks at a number. 1: float, 2: float and (
	float int
}

func (t *templater) step() bool {
	s, i := t.text, t.i
	switch c := s[i]; {
	case c >= '0' && c <= '9':
		t.number()
		t.float = 0
		return true
	case isWord(c):
		t.word()
		return true
	case isSpace(c):
		t.i++
		return true
	case c == '(' && t.float == 1:
		t.float = 2
		t.i++
		return true
	case c == '\'':
		t.float = 0
		return t.quoted()
	case c == '"':
		j, err := endOfQuoted(s, i)
		t.i = j
		t.float = 0
		return err == nil
	case c == '$':
		return t.param()
	case c == '\\', c == mark:
		return false
	case c == '-' && i+1 < len(s) && s[i+1] == '-', c == '/' && i+1 < len(s) && s[i+1] == '*':
		return false
	}
	t.float = 0
	t.i++
	return true
}

func isSpace(c byte) bool {
	return c == ' ' || c >= '\t' && c <= '\r'
}

func (t *templater) word() {
	j := t.i + 1
	for j < len(t.text) && (isWord(t.text[j]) || t.text[j] == '$') {
		j++
	}
	t.float = 0
	if j-t.i == len("float") && strings.EqualFold(t.text[t.i:j], "float") {
		t.float = 1
	}
	t.i = j
}

// quoted replaces a string, unless a prefix may change what it means.
func (t *templater) quoted() bool {
	s, i := t.text, t.i
	if i > 0 && (isWord(s[i-1]) || s[i-1] == '&' || s[i-1] == '$') {
		return false
	}
	for j := i + 1; j < len(s); j++ {
		switch s[j] {
		case '\\', mark:
			return false
		case '\'':
			if j+1 < len(s) && s[j+1] == '\'' {
				j++
				continue
			}
			t.replace(i, j+1, 's')
			return true
		}
	}
	return false
}

// number replaces a decimal integer: 'i' fits into int4, 'l' does not.
func (t *templater) number() {
	s, i := t.text, t.i
	j := i + 1
	for j < len(s) && s[j] >= '0' && s[j] <= '9' {
		j++
	}
	t.i = j
	follows := j < len(s) && (isWord(s[j]) || s[j] == '.' || s[j] == '$')
	if follows || t.float == 2 || i > 0 && s[i-1] == '.' {
		return
	}
	const maxInt4 = "2147483647"
	switch n := j - i; {
	case n < len(maxInt4), n == len(maxInt4) && s[i:j] <= maxInt4:
		t.replace(i, j, 'i')
	case s[i] != '0':
		t.replace(i, j, 'l')
	}
}

func (t *templater) param() bool {
	s, j := t.text, t.i+1
	for j < len(s) && s[j] >= '0' && s[j] <= '9' {
		j++
	}
	if j == t.i+1 || j < len(s) && (isWord(s[j]) || s[j] == '$') {
		return false
	}
	t.i = j
	t.float = 0
	return true
}

func (t *templater) replace(from, to int, kind byte) {
	t.key = append(append(t.key, t.text[t.start:from]...), mark, kind)
	t.start, t.i = to, to
}

// withoutTrailer cuts one comment off the end, such as sqlcommenter's, which
// differs in every text. The comment holds no other, and what stands before it
// must have a template, or the cut is not used: so it is no part of a string.
func withoutTrailer(text string) string {
	s := strings.TrimRight(text, " \t\n\r;")
	if !strings.HasSuffix(s, "*/") {
		return text
	}
	i := strings.LastIndex(s, "/*")
	if i <= 0 || i+4 > len(s) || strings.Contains(s[i+2:len(s)-2], "*/") {
		return text
	}
	if c := s[i-1]; c != ' ' && c != '\n' && c != ';' && c != ')' && !isWord(c) {
		return text // might be part of an operator
	}
	return s[:i]
}
