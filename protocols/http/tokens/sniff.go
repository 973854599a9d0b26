package tokens

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/url"
	"strconv"
	"strings"
)

// maxSniffed is how long an answer that does not say what it is may be to be taken for
// one of a token endpoint, which are short.
const maxSniffed = 64 << 10

// sniff passes on what cannot be an answer with a token, and from where one may stand on
// it holds back the rest, for only the whole tells.
func (r *Reader) sniff(b []byte, from int) {
	came := len(r.all)
	r.all = append(r.all, b[from:]...)
	if len(r.all) > maxSniffed || !r.possible(came) {
		r.open, r.step, r.all = -1, nothing, nil
		return
	}
	if r.open < 0 {
		if i := met(r.all, came); i >= 0 {
			r.open = from + i - came
		}
	}
}

// possible reports whether what came, of which all from a place on is new, may go on as a
// document of JSON or of XML, or as a form.
func (r *Reader) possible(from int) bool {
	text, ended := past(r.all, &r.deep.lead), r.deep.pass(r.all[from:])
	switch {
	case len(text) == 0 || text[0] == '<':
		return true
	case text[0] == '{':
		r.deep.name = max(r.deep.name, r.deep.lead+1)
		if name := past(r.all, &r.deep.name); len(name) > 0 && name[0] != '"' {
			return false
		}
		if ended && from < r.deep.end { // looked at once, however much comes behind it
			r.deep.answer = answers(r.all[:r.deep.end]) != ""
		}
		return !ended || r.deep.answer && len(bytes.TrimLeft(r.all[max(from, r.deep.end):], spaces)) == 0
	}
	for i := from; i < len(r.all); i++ {
		c := r.all[i]
		space := strings.IndexByte(spaces, c) >= 0
		if !space && (!formed(c) || i > 0 && strings.IndexByte(spaces, r.all[i-1]) >= 0 && len(text) > len(r.all)-i) {
			return false
		}
	}
	return true
}

// past gives what stands behind the spaces at a place, and moves that there.
func past(b []byte, at *int) []byte {
	rest := bytes.TrimLeft(b[*at:], spaces)
	*at = len(b) - len(rest)
	return rest
}

// nesting is how deep in a document of JSON its last byte stands.
type nesting struct {
	depth        int
	text, escape bool
	came, end    int  // bytes; end is where the document ends, 0 before
	lead, name   int  // where it begins, and the first name in it, as far as that came
	answer       bool // it is one of a token endpoint, once it has ended
}

// pass takes the next bytes of a document, and reports whether its end has come.
func (n *nesting) pass(b []byte) bool {
	for _, c := range b {
		n.came++
		switch {
		case n.end > 0:
		case n.escape:
			n.escape = false
		case n.text:
			n.escape, n.text = c == '\\', c != '"'
		case c == '"':
			n.text = true
		case c == '{', c == '[':
			n.depth++
		case c == '}', c == ']':
			if n.depth--; n.depth <= 0 {
				n.end = n.came
			}
		}
	}
	return n.end > 0
}

// met gives the place behind the first name of a token that ends from a place on; -1
// where there is none.
func met(b []byte, from int) int {
	for i := max(from, 1); i < len(b); i++ {
		if naming(b[i]) || !naming(b[i-1]) {
			continue
		}
		at := i
		for at > 0 && naming(b[at-1]) && i-at < 3*reach {
			at--
		}
		if field(b[at:i]) {
			return i
		}
	}
	return -1
}

// naming reports whether a byte may stand in the name of a token, as a form writes it.
func naming(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-' || c == '%'
}

// settle decides over what is held, as the answer ended.
func (r *Reader) settle(err error) {
	switch {
	case r.open < 0:
	case len(r.all) == 0:
		r.leave(r.held)
	case !errors.Is(err, io.EOF): // nobody knows what it was, and nobody can use it
		r.held, r.open = r.held[:r.open], -1
	default:
		if media := answers(r.all); media != "" {
			var known Reader
			known.Reset(bytes.NewReader(bytes.Clone(r.all)), media)
			hidden, _ := io.ReadAll(&known)
			copy(r.held[r.open:], hidden[len(hidden)-len(r.held)+r.open:])
		}
		r.open = -1
	}
}

// answers gives the media type that a whole answer should have said: that of what a token
// endpoint answers, with a token. "" for all else.
func answers(text []byte) string {
	text = bytes.TrimRight(bytes.TrimLeft(text, spaces), spaces[:4])
	var fields any
	media := "application/json"
	switch text[0] {
	case '{':
		if json.Unmarshal(text, &fields) != nil {
			return ""
		}
	case '<':
		media = "text/xml"
		fields = elements(text)
	default:
		values, err := url.ParseQuery(string(text))
		if err != nil {
			return ""
		}
		form := make(map[string]any, len(values))
		for name, list := range values {
			form[name] = strings.Join(list, "")
		}
		media, fields = "application/x-www-form-urlencoded", form
	}
	if !gives(fields) {
		return ""
	}
	return media
}

// gives reports whether a token is in a value: what is called one, is a word, and looks
// like a key or stands beside what is said of a token.
func gives(value any) bool {
	switch v := value.(type) {
	case []any:
		for _, e := range v {
			if gives(e) {
				return true
			}
		}
	case map[string]any:
		told := tells(v)
		for name, e := range v {
			if list, ok := e.([]any); ok && len(list) == 1 { // of XML
				e = list[0]
			}
			if text, ok := e.(string); ok && token([]byte(name)) && word(text) && (told || keyed(text)) || gives(e) {
				return true
			}
		}
	}
	return false
}

// tells reports whether an object says of which type a token is, until when it is good,
// or to which key it belongs (RFC 6749, 5.1; Security Token Service, Credentials).
func tells(object map[string]any) bool {
	for name, v := range object {
		text := plain(v)
		number := text != "" && '0' <= text[0] && text[0] <= '9'
		switch strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name)) {
		case "tokentype":
			switch strings.ToLower(text) {
			case "bearer", "mac", "dpop", "pop", "n_a", "jwt", "bot", "user":
				return true
			}
		case "expiresin", "expires", "expiresat", "expireson", "expiry", "expiration":
			if number {
				return true
			}
		case "accesskeyid":
			if strings.HasPrefix(text, "A") && word(text) {
				return true
			}
		}
	}
	return false
}

// plain is what a value says that is a text or a number, or the only one of a list, as
// elements gives it; "" for what holds others, which may be deep.
func plain(v any) string {
	if list, ok := v.([]any); ok && len(list) == 1 {
		v = list[0]
	}
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}

// word reports whether a text is one word.
func word(text string) bool { return text != "" && !strings.ContainsAny(text, " \t\r\n") }

// keyed reports whether a word looks as if nobody had chosen it.
func keyed(text string) bool {
	const shortest = 16
	return len(text) >= shortest && !strings.Contains(text, "://") && !strings.ContainsAny(text, "${}<>()[]%") &&
		strings.ContainsAny(text, "0123456789") && strings.ContainsAny(strings.ToLower(text), "abcdefghijklmnopqrstuvwxyz")
}

// elements gives a document of XML as objects by the names of their elements; nil for
// what is none.
func elements(text []byte) any {
	d := xml.NewDecoder(bytes.NewReader(text))
	v, err := content(d)
	if err != nil {
		return nil
	}
	return v
}

// content reads up to the end of an element, or of the document.
func content(d *xml.Decoder) (any, error) {
	children, text := map[string]any{}, ""
	for {
		t, err := d.Token()
		switch t := t.(type) {
		case xml.StartElement:
			v, err := content(d)
			if err != nil {
				return nil, err
			}
			list, _ := children[t.Name.Local].([]any)
			children[t.Name.Local] = append(list, v)
		case xml.CharData:
			text += string(t)
		}
		_, ended := t.(xml.EndElement)
		switch {
		case err != nil && !errors.Is(err, io.EOF):
			return nil, err
		case !ended && err == nil:
		case len(children) > 0:
			return children, nil
		default:
			return strings.Trim(text, spaces), nil
		}
	}
}
