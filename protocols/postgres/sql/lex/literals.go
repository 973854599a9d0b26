package lex

import "strings"

// Literals gives the constants of a text as they are written: strings without
// their quotes, numbers. It gives up (false) where a constant is not spelt out:
// with escapes.
func Literals(text string) (list []string, ok bool) {
	list = []string{}
	for i := 0; i < len(text); {
		j, lit, is := 0, "", false
		switch c := text[i]; {
		case strings.HasPrefix(text[i:], "--"):
			j = endOfLine(text, i)
		case strings.HasPrefix(text[i:], "/*"):
			j, _ = endOfComment(text, i)
		case c == '"':
			j, _ = endOfQuoted(text, i)
		case c == '\'':
			j, _ = endOfString(text, i, false)
			if j > 0 {
				lit, is = strings.ReplaceAll(text[i+1:j-1], "''", "'"), true
			}
		case c == '$':
			j, _ = endOfDollar(text, i)
			if tag := strings.IndexByte(text[i+1:], '$') + 2; j > i+2*tag-1 && tag > 1 {
				lit, is = text[i+tag:j-tag], true
			}
		case c >= '0' && c <= '9', c == '.' && i+1 < len(text) && text[i+1] >= '0' && text[i+1] <= '9':
			j = endOfNumber(text, i)
			lit, is = text[i:j], true
		case IsWord(c):
			for j = i; j < len(text) && (IsWord(text[j]) || text[j] == '$'); j++ {
			}
			prefixed := j < len(text) && (text[j] == '\'' || strings.HasPrefix(text[j:], "&'"))
			if prefixed && (j == i+1) {
				return nil, false // E'…', U&'…', B'…', X'…', N'…'
			}
		default:
			j = i + 1
		}
		if j <= i {
			return nil, false // left open
		}
		if is {
			list = append(list, lit)
		}
		i = j
	}
	return list, true
}
