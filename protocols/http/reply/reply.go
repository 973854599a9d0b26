// Package reply takes down what an origin answers, for the record: its head and the
// beginning of its body, as they go to the agent. It sees them only after injected
// secrets were taken out, hides what else looks like one, and changes no answer.
package reply

import (
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/http/content"
	"sallyport.dev/sallyport/protocols/http/normal"
)

// Bounds of the head and the trailers together.
const (
	maxFields = 64
	maxValue  = 1 << 10
	maxHead   = 8 << 10
	growth    = 5 // times as long as it came a text may be that is kept: "[hidden]" takes more room than "1"
	shortest  = 4 // bytes of a secret that can be told from other text where too much may be hidden
)

// A Taker takes down one answer. On nil, every method does nothing.
type Taker struct {
	answer  action.Answer
	most    int
	room    int // for fields
	typ     []string
	coding  string // that the body still has
	cookies bool   // it sets some
	got     []byte
	whole   bool
	full    bool  // there was no memory: what came is counted, and nothing is kept
	short   brief // of what was sent and is too short to have been looked for
}

// Of takes down an answer that has come from the origin, with at most most bytes of
// its body; nil where that is none. Where reserve has no memory for it, the record says
// so. Of what stands in the head nothing is read yet, but whether there are cookies.
func Of(most int64, h http.Header, reserve func(int64) error) *Taker {
	if most == 0 {
		return nil
	}
	if reserve((1+growth)*most+2*maxHead) != nil {
		return &Taker{full: true}
	}
	return &Taker{most: int(most), room: maxHead, cookies: len(h["Set-Cookie"]) > 0}
}

// Hide has what was sent, and is too short to have been taken out of the answer, taken
// out of what is kept: to hide too much harms nobody here.
func (t *Taker) Hide(short func() []string) {
	if t == nil {
		return
	}
	if values := short(); len(values) > 0 {
		t.short = briefOf(values)
	}
}

// Head takes the head, as the agent gets it.
func (t *Taker) Head(h http.Header) {
	if t == nil {
		return
	}
	t.typ, t.coding = h["Content-Type"], textproto.TrimString(strings.Join(h["Content-Encoding"], ","))
	t.answer.Fields = t.fields(h)
	if t.cookies && len(h["Set-Cookie"]) == 0 {
		t.answer.Fields = append(t.answer.Fields, action.AnswerField{Name: "Set-Cookie", Hidden: true})
	}
}

// Write takes a piece of the body, as the agent gets it.
func (t *Taker) Write(b []byte) {
	if t == nil {
		return
	}
	t.answer.Size += int64(len(b))
	if room := t.most - len(t.got); room > 0 {
		t.got = append(t.got, b[:min(len(b), room)]...)
	}
}

// End tells that all of the answer came, with these trailers.
func (t *Taker) End(trailers http.Header) {
	if t == nil {
		return
	}
	t.whole = true
	t.answer.Trailers = t.fields(trailers)
}

// Answer gives what was taken down; nil for the nil Taker. A coding is undone if
// reserve has the memory for that.
func (t *Taker) Answer(reserve func(int64) error) *action.Answer {
	if t == nil {
		return nil
	}
	a := &t.answer
	if a.Size == 0 {
		a.Cut = !t.whole
		return a
	}
	a.Type = t.mediaType()
	if t.full {
		a.Cut, a.Untold = !t.whole, "there was no memory for it: the agent did too much at once"
		return a
	}
	whole := t.whole && a.Size == int64(len(t.got))
	b := content.Coded(whole)
	if plain, whole, ok := t.plain(whole, reserve); ok {
		if !whole {
			plain = plain[:t.short.before(string(plain))]
		}
		b = content.Begin(t.typ, plain, whole)
	}
	t.got = nil
	text, ok := t.short.shut(b.Text)
	if t.short.blind {
		text, b = "", content.Beginning{Cut: b.Cut, Untold: "a secret that was sent is too short to be found in it"}
	} else if !ok {
		b = content.Beginning{Cut: b.Cut, Untold: "a secret that was sent stands in it in a form that cannot be taken out"}
	}
	a.Text, a.Cut, a.Untold = text, b.Cut, b.Untold
	a.Hidden = b.Hidden || a.Text != b.Text
	if most := growth * t.most; len(a.Text) > most {
		a.Text, a.Cut = strings.ToValidUTF8(a.Text[:most], ""), true
	}
	return a
}

// plain gives the body without the coding that it went to the agent in.
func (t *Taker) plain(all bool, reserve func(int64) error) (plain []byte, whole, ok bool) {
	switch {
	case t.coding == "" || strings.EqualFold(t.coding, "identity"):
		return t.got, all, true
	case reserve(content.Window(t.coding)) != nil:
		return nil, all, false
	}
	return content.Unpack(t.coding, t.got, t.most, all)
}

// mediaType is the type without its parameters, as it was said.
func (t *Taker) mediaType() string {
	if len(t.typ) == 0 || t.short.blind {
		return ""
	}
	name, _ := t.short.shut(t.typ[0])
	name, _, _ = strings.Cut(name, ";")
	return strings.ToLower(short(textproto.TrimString(name), 128))
}

// fields gives what may be kept of a head or of trailers, by name.
func (t *Taker) fields(h http.Header) []action.AnswerField {
	var list []action.AnswerField
	left := maxFields
	for _, name := range slices.Sorted(maps.Keys(h)) {
		values := h[name]
		if len(values) == 0 {
			continue
		}
		f := t.field(name, values)
		size := len(f.Name)
		for _, v := range f.Values {
			size += len(v)
		}
		if left == 0 || size > t.room {
			t.answer.More++
			continue
		}
		left, t.room = left-1, t.room-size
		list = append(list, f)
	}
	return list
}

// field keeps the values of one field, unless one of them may be a secret. What is too
// short to be told from other text goes before anything is cut.
func (t *Taker) field(name string, values []string) action.AnswerField {
	f := action.AnswerField{Hidden: t.short.blind || normal.SecretName(name) || normal.CredentialField(name)}
	if kept, ok := t.short.shut(name); ok {
		f.Name = short(kept, 128)
	} else {
		f.Name = content.Masked
	}
	for _, v := range values {
		f.Hidden = f.Hidden || normal.SecretValue(v)
	}
	for _, v := range values {
		if f.Hidden {
			break
		}
		v, ok := t.short.shut(v)
		v, _ = content.Parameters(v)
		f.Hidden, f.Values = !ok, append(f.Values, short(v, maxValue))
	}
	if f.Hidden {
		f.Values = nil
	}
	return f
}

// short gives the beginning of s, as text.
func short(s string, most int) string {
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.ToValidUTF8(s, "\ufffd")
}
