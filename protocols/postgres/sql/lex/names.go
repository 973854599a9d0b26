package lex

import "unicode/utf8"

// maxName is what a server keeps of a name, in bytes.
const maxName = 63

// LocalNames reports whether a text holds a name that a database of another
// encoding than UTF8 may read as another one: it folds letters outside of ASCII,
// and cuts long names elsewhere. A text that is left open holds one, too.
func LocalNames(text string) bool {
	for i := 0; i < len(text); {
		j, err, c := i+1, error(nil), text[i]
		switch {
		case c == '-' && i+1 < len(text) && text[i+1] == '-':
			j = endOfLine(text, i)
		case c == '/' && i+1 < len(text) && text[i+1] == '*':
			j, err = endOfComment(text, i)
		case c == '\'':
			j, err = endOfString(text, i, i > 0 && text[i-1]|0x20 == 'e' && (i == 1 || !IsWord(text[i-2])))
		case c == '$':
			j, err = endOfDollar(text, i)
		case c == '"':
			escaped := i > 1 && text[i-1] == '&' && text[i-2]|0x20 == 'u'
			j, err = endOfQuoted(text, i)
			if err == nil && j-i-2 > maxName && (escaped || !ascii(text[i:j])) {
				return true
			}
		case IsWord(c):
			for j < len(text) && (IsWord(text[j]) || text[j] == '$') {
				j++
			}
			if !ascii(text[i:j]) {
				return true
			}
		}
		if err != nil {
			return true
		}
		i = j
	}
	return false
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
