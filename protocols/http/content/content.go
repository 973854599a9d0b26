// Package content reads what the body of a request says: its text, its JSON, its
// form. It reads strictly: what two honest readers could take differently is
// unknown, and so is what would cost too much to read.
package content

import (
	"bytes"
	"mime"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/http/normal"
)

// A Body is what a body says. The zero Body is one that could not be read.
type Body struct {
	text   string
	state  action.State // of text
	empty  bool         // there is no body: everything is absent
	masked bool         // it was read from a record, which leaves some values out
	json   *action.Node // nil: it is no JSON, or not strictly
	form   []normal.Param
	isForm bool
}

// Read reads a whole body. typ are the values of Content-Type, encoding those of
// Content-Encoding.
func Read(typ, encoding []string, raw []byte) *Body {
	b := new(Body)
	if b.empty = len(raw) == 0; b.empty || len(typ) > 1 || len(encoding) > 1 {
		return b
	}
	plain, ok := decode(strings.Join(encoding, ""), raw)
	if !ok {
		return b
	}
	mediaType, ok := unicodeType(typ)
	if !ok {
		return b
	}
	b.read(mediaType, encoding, plain)
	return b
}

// read takes in what the decompressed text says.
func (b *Body) read(mediaType string, encoding []string, plain []byte) {
	if utf8.Valid(plain) {
		b.text, b.state = string(plain), action.Known
	}
	switch {
	case IsJSON(mediaType):
		b.json, _ = parseJSON(plain) // what is no JSON is unknown, for whatever reason
	case mediaType == "application/x-www-form-urlencoded":
		b.form, b.isForm = normal.Query(b.text)
		b.isForm = b.isForm && b.state == action.Known && !compressed(encoding) && !looksLikeJSON(plain)
	}
}

// unicodeType gives the media type, "" if none is stated. It is false where the text
// may be in another character set than UTF-8.
func unicodeType(typ []string) (mediaType string, ok bool) {
	if len(typ) == 0 {
		return "", true
	}
	mediaType, params, err := mime.ParseMediaType(typ[0])
	charset := params["charset"]
	return mediaType, err == nil && (charset == "" || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "us-ascii"))
}

// compressed reports whether a body says that it is. Many readers of forms do not
// look, and find fields in what others skip, such as the name in gzip's head.
func compressed(encoding []string) bool {
	e := strings.TrimSpace(strings.Join(encoding, ""))
	return e != "" && !strings.EqualFold(e, "identity")
}

// looksLikeJSON reports whether a reader that does not look at the type, as many
// do, would take a form for a document: curl sends JSON as a form unless told.
func looksLikeJSON(form []byte) bool {
	form = bytes.TrimLeft(form, " \t\r\n\ufeff")
	return len(form) > 0 && (form[0] == '{' || form[0] == '[')
}

// IsJSON reports whether a media type is that of JSON (RFC 8259, RFC 6839).
func IsJSON(mediaType string) bool {
	return mediaType == "application/json" || strings.HasPrefix(mediaType, "application/") && strings.HasSuffix(mediaType, "+json")
}

// Text gives the body as text.
func (b *Body) Text() (string, action.State) {
	switch {
	case b.empty:
		return "", action.Absent
	case b.masked:
		return "", action.Pending
	}
	return b.text, b.state
}

// Masked reports whether values were taken out of the body before it was recorded.
func (b *Body) Masked() bool { return b.masked }

// JSON gives the document.
func (b *Body) JSON() (*action.Node, action.State) {
	switch {
	case b.empty:
		return nil, action.Absent
	case b.json == nil:
		return nil, action.Unknown
	}
	return b.json, action.Known
}

// Form gives the values of a field of the form; unknown if a field stands in it
// that some readers take for the same.
func (b *Body) Form(name string) ([]string, action.State) {
	switch {
	case b.empty:
		return nil, action.Absent
	case !b.isForm:
		return nil, action.Unknown
	}
	values, state := []string(nil), action.Absent
	for i := range b.form {
		switch f := &b.form[i]; {
		case f.Name == name:
			values, state = f.Values, action.Known
		case normal.Alike(f.Name, name):
			return nil, action.Unknown
		}
	}
	if b.masked && slices.Contains(values, Masked) {
		return nil, action.Pending
	}
	return values, state
}

// Arg gives the values that a name has at the top of the document or in the form,
// as text.
func (b *Body) Arg(name string) ([]string, action.State) {
	if b.json == nil {
		return b.Form(name)
	}
	if b.json.Kind != action.NodeObject {
		return nil, action.Unknown
	}
	n, state := b.json.Member(name)
	if state != action.Known {
		return nil, state
	}
	switch n.Kind {
	case action.NodeNull:
		return nil, action.Absent
	case action.NodeNumber:
		return []string{strconv.FormatFloat(n.Num, 'f', -1, 64)}, action.Known // 1e2 is 100
	case action.NodeString, action.NodeBool:
		return []string{n.Str}, action.Known
	case action.NodeHidden:
		return nil, action.Pending
	}
	return nil, action.Unknown
}

// Override gives the method that the body names beside that of the request: its
// _method. It is unknown where readers could find another one.
func (b *Body) Override() (string, action.State) {
	var names []string
	switch {
	case b.empty:
		return "", action.Absent
	case b.json != nil && b.json.Kind != action.NodeObject:
		return "", action.Absent
	case b.json != nil:
		names = b.json.Keys
	case !b.isForm:
		return "", action.Unknown
	}
	for i := range b.form {
		names = append(names, b.form[i].Name)
	}
	const usual = "_method"
	n := 0
	for _, name := range names {
		if normal.OverrideParam(name) || normal.Alike(name, usual) {
			n++
		}
	}
	if n == 0 {
		return "", action.Absent
	}
	values, state := b.Arg(usual)
	switch {
	case n > 1 || state == action.Absent || len(values) > 1:
		return "", action.Unknown
	case state != action.Known:
		return "", state
	}
	return values[0], action.Known
}
