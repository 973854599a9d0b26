package content

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/action/command"
	"sallyport.dev/sallyport/protocols/http/argument"
	"sallyport.dev/sallyport/protocols/http/content/survey"
	"sallyport.dev/sallyport/protocols/http/normal"
)

// A Kept is what the record holds of a body, so that it can be read again: the
// text, decompressed, without the values of what is named or looks like a secret.
type Kept struct {
	Text   string `json:"text"`
	Hidden bool   `json:"hidden,omitempty"` // Masked stands in place of some values
}

// Masked stands in a kept body in place of a value that may be a secret.
const Masked = "[hidden]"

// Keep makes what the record holds of a whole body; typ are the values of
// Content-Type, encoding those of Content-Encoding. It is nil where the body is
// larger than most bytes, also as JSON spells it, and where secrets could not be
// told from the rest: only JSON and forms name their values.
func Keep(typ, encoding []string, raw []byte, most int) *Kept {
	if len(raw) == 0 {
		return &Kept{}
	}
	if len(typ) > 1 || len(encoding) > 1 {
		return nil
	}
	plain, ok := decode(strings.Join(encoding, ""), raw)
	mediaType, fine := unicodeType(typ)
	if !ok || !fine || len(plain) > most || !utf8.Valid(plain) { // JSON keeps no other text as it is
		return nil
	}
	k := new(Kept)
	switch {
	case IsJSON(mediaType):
		k.Text, k.Hidden, ok = maskJSON(plain, nil)
	case mediaType == "application/x-www-form-urlencoded":
		k.Text, k.Hidden, ok = maskForm(string(plain))
	default:
		return nil
	}
	if spelled, err := json.Marshal(k.Text); !ok || err != nil || len(spelled) > 2*most {
		return nil
	}
	return k
}

// Body reads a kept body again. What was taken out is pending, for good.
func (k *Kept) Body(typ, encoding []string) *Body {
	b := &Body{empty: k.Text == "", masked: k.Hidden}
	mediaType, ok := unicodeType(typ)
	if b.empty || !ok || len(typ) > 1 || len(encoding) > 1 {
		return b
	}
	b.read(mediaType, encoding, []byte(k.Text))
	if k.Hidden && b.json != nil {
		hide(b.json)
	}
	return b
}

// hide marks the masked values of a document that nobody else has.
func hide(n *action.Node) {
	if n.Kind == action.NodeString && strings.Contains(n.Str, Masked) {
		*n = action.Node{Kind: action.NodeHidden}
	}
	for i := range n.Items {
		hide(&n.Items[i])
	}
}

// maskForm masks the values of a form.
func maskForm(form string) (text string, masked, ok bool) {
	if _, clear := normal.Query(form); !clear || looksLikeJSON([]byte(form)) {
		return "", false, false
	}
	pairs := strings.Split(form, "&")
	for i, pair := range pairs {
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(rawName)
		value, wrong := url.QueryUnescape(rawValue)
		if err != nil || wrong != nil {
			return "", false, false
		}
		if value != "" && (normal.SecretName(stem(name)) || normal.SecretValue(value)) {
			pairs[i], masked = rawName+"="+url.QueryEscape(Masked), true
		}
	}
	return strings.Join(pairs, "&"), masked, true
}

// stem is the name of a field without what readers of lists and objects put behind
// it: user[password] is named password, and user.
func stem(name string) string { return strings.NewReplacer("[", "-", "]", "-").Replace(name) }

// A masker copies a document and leaves secrets out.
type masker struct {
	text   []byte
	d      *json.Decoder
	out    []byte
	copied int // of text
	masked bool
	open   bool // the text breaks off where a value of no secret name begins
	names  memo
	line   command.Reader // of the list or object that is read
	answer *survey.Survey // of the document, where it is one that nobody judges by
}

func newMasker(text []byte, answer *survey.Survey) *masker {
	m := &masker{text: text, d: json.NewDecoder(bytes.NewReader(text)), answer: answer}
	m.d.UseNumber()
	return m
}

// maskJSON masks values of a document; all else stays, byte for byte.
func maskJSON(text []byte, answer *survey.Survey) (masked string, hidden, ok bool) {
	m := newMasker(text, answer)
	if err := m.value("", false, 0); err != nil {
		return "", false, false
	}
	if _, err := m.d.Token(); !errors.Is(err, io.EOF) {
		return "", false, false
	}
	return string(append(m.out, text[m.copied:]...)), m.masked, true
}

// value copies one value, whose name may be that of a secret, or of what holds it.
func (m *masker) value(name string, secret bool, depth int) error {
	if depth > maxDepth {
		return errUnclear
	}
	before := int(m.d.InputOffset())
	secret = secret || m.names.secret(name) || m.answer.Secret(before)
	t, err := m.d.Token()
	if err != nil {
		m.open = !secret
		return err
	}
	switch t := t.(type) {
	case string:
		switch {
		case t == "":
		case secret || normal.SecretValue(t) || m.secretInside(t, depth):
			m.put(before, Masked)
		case command.Holds(name):
			if secrets := m.line.Next(t); len(secrets) > 0 {
				m.put(before, command.Hide(t, secrets, Masked))
			}
		}
	case json.Number:
		// What a model may answer is counted in tokens, too.
		if secret && !strings.HasSuffix(strings.ToLower(name), "tokens") {
			m.put(before, Masked)
		}
	case json.Delim:
		return m.inside(t, name, secret, depth)
	}
	return nil
}

// inside copies the elements of a list or the members of an object.
func (m *masker) inside(open json.Delim, name string, secret bool, depth int) error {
	m.line = argument.Line()
	for m.d.More() {
		if open == '{' {
			t, err := m.d.Token()
			if err != nil {
				return err
			}
			key, ok := t.(string)
			if !ok {
				return errUnclear
			}
			name = key
		}
		if err := m.value(name, secret, depth+1); err != nil {
			return err
		}
	}
	_, err := m.d.Token()
	return err
}

// put puts a text in place of the token that was read last.
func (m *masker) put(before int, text string) {
	for before < len(m.text) && strings.IndexByte(" \t\r\n:,", m.text[before]) >= 0 {
		before++
	}
	m.out = append(m.out, m.text[m.copied:before]...)
	spelled, _ := json.Marshal(text) //nolint:errcheck // a text has no error
	m.out = append(m.out, spelled...)
	m.copied, m.masked = int(m.d.InputOffset()), true
}

// secretInside reports whether a text is a document that holds a secret, as the
// arguments of a model's tools are; of an answer also whether it is a text with one.
func (m *masker) secretInside(s string, depth int) bool {
	trimmed := strings.TrimSpace(s)
	if trimmed != "" && slices.Contains([]byte("{["), trimmed[0]) {
		var answer *survey.Survey
		if m.answer != nil {
			answer = new(survey.Survey)
			answer.Of([]byte(s), true)
		}
		inner := newMasker([]byte(s), answer)
		if err := inner.value("", false, depth+1); err == nil {
			return inner.masked || answer != nil && answer.Table(true)
		}
	}
	if m.answer == nil || len(s) <= longest && !strings.ContainsAny(s, " \t\r\n=:|,;") {
		return false
	}
	l := liner{names: m.names}
	_, untold := l.all(s)
	m.names = l.names
	return untold != "" || l.named || l.hidden
}
