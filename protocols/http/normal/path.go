package normal

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// maxLayers bounds how many times a path may have been percent-encoded.
const maxLayers = 5

// Path gives the form of raw, the path of a request target, that is matched and
// sent: escapes of harmless characters decoded, all others in capitals, dot
// segments resolved, slashes merged. It is idempotent. keep lets encoded slashes
// and their like stand; a dot segment behind them is refused even then.
func Path(raw string, keep bool) (string, error) {
	if raw == "" || raw[0] != '/' {
		return "", ErrForm
	}
	if clean(raw) {
		return raw, nil
	}
	out, err := recode(raw)
	if err != nil {
		return "", err
	}
	if !ambiguous(out) {
		return resolve(out), nil
	}
	if !keep {
		return "", ErrAmbiguous
	}
	path := resolve(out)
	return path, deepDots(path)
}

// clean reports whether a path is its own normal form for certain.
func clean(p string) bool {
	for i := 0; i < len(p); i++ {
		c := p[i]
		if c == '/' {
			if i+1 < len(p) && (p[i+1] == '/' || p[i+1] == '.') {
				return false
			}
			continue
		}
		if !plain(c) {
			return false
		}
	}
	return true
}

// plain reports whether c means the same with and without its escape. A plus
// sign does not: some origins read it as a space.
func plain(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("-._~!$&'()*,:=@", c) >= 0
}

// recode brings every byte of a path to its one spelling.
func recode(raw string) ([]byte, error) {
	out := make([]byte, 0, len(raw)+8)
	var text []byte // decoded, kept only once it is not ASCII
	for i := 0; i < len(raw); i++ {
		c, coded := raw[i], false
		switch {
		case c <= ' ' || c == 0x7f || c == '\\' || c == '#' || c == '?':
			return nil, ErrByte
		case c == '%':
			v, ok := escaped(raw, i)
			if !ok {
				return nil, ErrEscape
			}
			if v < ' ' || v == 0x7f {
				return nil, ErrByte
			}
			c, coded = v, true
			i += 2
		}
		if c >= utf8.RuneSelf {
			text = append(text, c)
		} else if len(text) > 0 {
			text = append(text, c)
		}
		if c == '/' && !coded || c == ';' && !coded || c == '+' && !coded || plain(c) {
			out = append(out, c)
			continue
		}
		out = append(out, '%', hexDigits[c>>4], hexDigits[c&15])
	}
	if !utf8.Valid(text) {
		return nil, ErrText
	}
	return out, nil
}

// ambiguous reports whether a recoded path holds what origins read differently.
func ambiguous(p []byte) bool {
	for i := 0; i < len(p); i++ {
		if p[i] == ';' {
			return true
		}
		if p[i] != '%' {
			continue
		}
		switch string(p[i+1 : i+3]) {
		case "2F", "5C", "3B":
			return true
		case "25":
			if i+4 < len(p) && isHex(p[i+3]) && isHex(p[i+4]) {
				return true
			}
		}
	}
	return false
}

// deepDots refuses a path that shows a dot segment or a control character to an
// origin which decodes it again, or takes other characters for separators.
func deepDots(p string) error {
	for range maxLayers {
		for _, seg := range strings.FieldsFunc(p, func(r rune) bool { return r == '/' || r == '\\' }) {
			seg, _, _ = strings.Cut(seg, ";")
			if dots(seg) {
				return ErrAmbiguous
			}
		}
		next := decode(p)
		if next == p {
			return nil
		}
		if strings.IndexFunc(next, func(r rune) bool { return r < ' ' || r == 0x7f }) >= 0 {
			return ErrByte
		}
		p = next
	}
	return ErrAmbiguous
}

func dots(seg string) bool { return seg == "." || seg == ".." }

// decode undoes one layer of escapes and leaves broken ones.
func decode(p string) string {
	if strings.IndexByte(p, '%') < 0 {
		return p
	}
	out := make([]byte, 0, len(p))
	for i := 0; i < len(p); i++ {
		if p[i] == '%' {
			if v, ok := escaped(p, i); ok {
				out = append(out, v)
				i += 2
				continue
			}
		}
		out = append(out, p[i])
	}
	return string(out)
}

// resolve takes dot segments and doubled slashes out of a recoded path, in place.
func resolve(p []byte) string {
	out := p[:0]
	for i := 0; i < len(p); {
		i++ // the slash before the segment
		end := bytes.IndexByte(p[i:], '/')
		last := end < 0
		if last {
			end = len(p) - i
		}
		seg := p[i : i+end]
		i += end
		switch {
		case len(seg) == 0 || string(seg) == ".":
		case string(seg) == "..":
			out = out[:max(0, bytes.LastIndexByte(out, '/'))]
		default:
			out = append(out, '/')
			out = append(out, seg...)
			continue
		}
		if last {
			out = append(out, '/')
		}
	}
	return string(out)
}
