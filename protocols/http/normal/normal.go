// Package normal gives an HTTP request the one form that is matched and sent:
// its path, its query, its fields and the name it asks for. What two readers
// could read in two ways is an error here, never a guess. It reads no body,
// keeps no state and knows nothing of services or rules.
package normal

import "errors"

// What a request may be refused for; the text is for the agent that sent it.
var (
	ErrForm      = errors.New("the request target is not a path")
	ErrByte      = errors.New("the path holds a byte that may not stand there")
	ErrEscape    = errors.New("the path holds a broken percent escape")
	ErrText      = errors.New("the path is not UTF-8")
	ErrAmbiguous = errors.New("the path can be read in more than one way (an encoded slash, backslash or percent sign, or a semicolon)")
	ErrRepeated  = errors.New("a field that may stand once stands twice")
	ErrHop       = errors.New("a connection field may not stand in an HTTP/2 request")
	ErrAuthority = errors.New("the host is not a name or an address")
)

const hexDigits = "0123456789ABCDEF"

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c >= 'a':
		return c - 'a' + 10
	}
	return c - 'A' + 10
}

// escaped reads the percent escape at s[i:], which must be whole.
func escaped(s string, i int) (byte, bool) {
	if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
		return 0, false
	}
	return unhex(s[i+1])<<4 | unhex(s[i+2]), true
}
