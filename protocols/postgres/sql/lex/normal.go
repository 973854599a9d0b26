package lex

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// maxNormal bounds a normalized text that is kept.
const maxNormal = 4 << 10

// Normal gives a statement as it is whatever its values are: words in small
// letters, no comments, single spaces, a question mark for every constant and
// parameter, and one for a list of them. verbatim keeps the constants, which may
// be code. The print is a digest of it; the text is "" if it is long. A statement
// that is left open has neither.
func Normal(text string, verbatim bool) (normal, fingerprint string) {
	n := normalizer{text: text, verbatim: verbatim, out: make([]byte, 0, min(len(text), maxNormal))}
	for i := 0; i < len(text); {
		next, err := n.token(i)
		if err != nil {
			return "", ""
		}
		i = next
	}
	n.out = bytes.TrimRight(n.out, "; ")
	sum := sha256.Sum256(n.out)
	if len(n.out) <= maxNormal {
		normal = string(n.out)
	}
	return normal, hex.EncodeToString(sum[:fingerprintBytes])
}

// fingerprintBytes is how much of the digest is shown: enough that nobody finds a
// second text of one that is allowed.
const fingerprintBytes = 16

type normalizer struct {
	text     string
	verbatim bool
	out      []byte
	space    bool // one is due
}

// token passes one token at i and gives the place after it.
func (n *normalizer) token(i int) (int, error) {
	s := n.text
	switch c := s[i]; {
	case IsSpace(c):
		n.space = true
		return i + 1, nil
	case strings.HasPrefix(s[i:], "--"):
		n.space = true
		return endOfLine(s, i), nil
	case strings.HasPrefix(s[i:], "/*"):
		n.space = true
		return endOfComment(s, i)
	case c == '\'':
		return n.constant(i, i, false)
	case c == '"':
		j, err := endOfQuoted(s, i)
		if err == nil {
			n.add(s[i:j])
		}
		return j, err
	case c == '$':
		j, err := endOfDollar(s, i)
		if err == nil && j > i+1 {
			n.value(s[i:j])
		} else if err == nil {
			n.add("$")
		}
		return j, err
	case c >= '0' && c <= '9', c == '.' && i+1 < len(s) && s[i+1] >= '0' && s[i+1] <= '9':
		j := endOfNumber(s, i)
		n.value(s[i:j])
		return j, nil
	case IsWord(c):
		return n.word(i)
	}
	n.add(s[i : i+1])
	if s[i] == ')' {
		n.foldRow()
	}
	return i + 1, nil
}

// constant passes a string whose quote stands at open and whose prefix begins at i.
func (n *normalizer) constant(i, open int, escape bool) (int, error) {
	j, err := endOfString(n.text, open, escape)
	if err == nil {
		n.value(n.text[i:j])
	}
	return j, err
}

func (n *normalizer) word(i int) (int, error) {
	s, j := n.text, i
	for j < len(s) && (IsWord(s[j]) || s[j] == '$') {
		j++
	}
	if j == i+1 && j < len(s) && s[j] == '\'' { // E'…', B'…', X'…', N'…'
		return n.constant(i, j, s[i]|0x20 == 'e')
	}
	n.add("")
	for ; i < j; i++ {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		n.out = append(n.out, c)
	}
	return j, nil
}

func endOfNumber(s string, i int) int {
	for j := i; j < len(s); j++ {
		sign := (s[j] == '+' || s[j] == '-') && s[j-1]|0x20 == 'e' && !strings.HasPrefix(s[i:], "0x")
		if !IsWord(s[j]) && s[j] != '.' && !(sign && j > i) {
			return j
		}
	}
	return len(s)
}

func (n *normalizer) add(token string) {
	if n.space && len(n.out) > 0 {
		n.out = append(n.out, ' ')
	}
	n.space = false
	n.out = append(n.out, token...)
}

// value adds a constant or a parameter; one after another is still one.
func (n *normalizer) value(token string) {
	if n.verbatim {
		n.add(token)
		return
	}
	n.add("?")
	for _, list := range []string{"?, ?", "?,?", "? ,?", "? , ?"} {
		if strings.HasSuffix(string(n.out[max(0, len(n.out)-4):]), list) {
			n.out = n.out[:len(n.out)-len(list)+1]
			return
		}
	}
}

// foldRow makes one of two rows of values.
func (n *normalizer) foldRow() {
	for _, rows := range []string{"(?), (?)", "(?),(?)"} {
		if strings.HasSuffix(string(n.out[max(0, len(n.out)-8):]), rows) {
			n.out = n.out[:len(n.out)-len(rows)+len("(?)")]
			return
		}
	}
}
