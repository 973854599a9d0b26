package normal

import (
	"strings"
	"unicode/utf8"
)

// maxParams bounds the different names of one query, so that none costs more to
// read than it cost to send.
const maxParams = 256

// A Param is one parameter of a query with all its values, in order.
type Param struct {
	Name   string
	Values []string
}

// Query reads a raw query. It is false if readers could differ: a semicolon, a
// broken escape, text that is not UTF-8, a control character, too many names.
func Query(raw string) ([]Param, bool) {
	if raw == "" {
		return nil, true
	}
	params := make([]Param, 0, min(strings.Count(raw, "&")+1, 8))
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, ok := unescape(rawName)
		value, fine := unescape(rawValue)
		if params = add(params, name, value); !ok || !fine || len(params) > maxParams {
			return nil, false
		}
	}
	return params, true
}

func add(params []Param, name, value string) []Param {
	for i := range params {
		if params[i].Name == name {
			params[i].Values = append(params[i].Values, value)
			return params
		}
	}
	return append(params, Param{name, []string{value}})
}

// Alike reports whether two names of parameters are the same for some readers: in
// another case, with a space before, as a list (a[], a[0]) or an object (a[b]), or
// with the characters that PHP makes underscores.
func Alike(a, b string) bool {
	a, b = strings.TrimLeft(a, " "), strings.TrimLeft(b, " ")
	if a == "" || b == "" || a[0]|0x20 != b[0]|0x20 && a[0] < utf8.RuneSelf && b[0] < utf8.RuneSelf {
		return a == b
	}
	return strings.EqualFold(stem(a), stem(b))
}

func stem(name string) string {
	if i := strings.IndexByte(name, '['); i > 0 {
		name = name[:i]
	}
	return strings.ReplaceAll(strings.ReplaceAll(name, ".", "_"), " ", "_")
}

// unescape decodes a name or a value of a query.
func unescape(s string) (string, bool) {
	if !special(s) {
		return s, true
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch c {
		case ';':
			return "", false
		case '+':
			c = ' '
		case '%':
			v, ok := escaped(s, i)
			if !ok {
				return "", false
			}
			c = v
			i += 2
		}
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0x7f {
			return "", false
		}
		out = append(out, c)
	}
	return string(out), utf8.Valid(out)
}

func special(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '%' || c == '+' || c == ';' {
			return true
		}
	}
	return false
}

// CheckQuery refuses a raw query that may not stand in a request line.
func CheckQuery(raw string) error {
	for i := 0; i < len(raw); i++ {
		if c := raw[i]; c <= ' ' || c >= 0x7f || c == '#' {
			return ErrByte
		}
	}
	return nil
}

// StripQuery takes out every parameter that drop names. It splits as the most
// lenient origin would, so that none hides behind a semicolon or an odd escape.
func StripQuery(raw string, drop func(name string) bool) string {
	if !holds(raw, drop) {
		return raw
	}
	out := make([]byte, 0, len(raw))
	for raw != "" {
		end := strings.IndexAny(raw, "&;")
		pair, sep := raw, ""
		if end >= 0 {
			pair, sep, raw = raw[:end], raw[end:end+1], raw[end+1:]
		} else {
			raw = ""
		}
		if pair != "" && drop(paramName(pair)) {
			continue
		}
		out = append(out, pair...)
		out = append(out, sep...)
	}
	return strings.TrimRight(string(out), "&")
}

// MaskQuery puts mask in place of the value of every parameter that secret names.
// It splits as StripQuery does; everything else stays as it is sent.
func MaskQuery(raw, mask string, secret func(name string) bool) string {
	if !holds(raw, secret) {
		return raw
	}
	out := make([]byte, 0, len(raw)+len(mask))
	for raw != "" {
		end := strings.IndexAny(raw, "&;")
		if end < 0 {
			end = len(raw)
		}
		pair := raw[:end]
		name, _, valued := strings.Cut(pair, "=")
		if valued && secret(paramName(pair)) {
			pair = name + "=" + mask
		}
		out = append(out, pair...)
		out = append(out, raw[end:min(end+1, len(raw))]...)
		raw = raw[min(end+1, len(raw)):]
	}
	return string(out)
}

func holds(raw string, drop func(name string) bool) bool {
	for pair := range strings.FieldsFuncSeq(raw, func(r rune) bool { return r == '&' || r == ';' }) {
		if drop(paramName(pair)) {
			return true
		}
	}
	return false
}

// paramName reads the name of a pair as leniently as any origin.
func paramName(pair string) string {
	name, _, _ := strings.Cut(pair, "=")
	if !special(name) {
		return name
	}
	return decode(strings.ReplaceAll(name, "+", " "))
}
