package sql

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
)

// AppendJSON appends to b what encoding/json makes of the facts. Every statement is
// recorded, so what its Shape says is encoded once and not each time.
func (f *Facts) AppendJSON(b []byte) ([]byte, error) {
	w := writer{b: append(slices.Grow(b, usualFacts+len(f.Text)), '{')}
	if f.Shape != nil {
		fields, err := f.Shape.Fields(f.seal)
		if err != nil {
			return nil, err
		}
		w.b = append(w.b, fields...)
	}
	if c := f.Conversation; c != nil {
		w.optional("database", c.Database)
		w.optional("user", c.User)
		w.optional("role", c.Role)
		w.optional("application_name", c.Application)
		w.optional("server_version", c.ServerVersion)
	}
	w.text("text", f.Text)
	w.key("statements")
	w.b = strconv.AppendInt(w.b, int64(f.Statements), 10)
	w.optional("protocol", f.Protocol)
	w.list("params", f.Params)
	w.optional("catalog", string(f.Catalog))
	w.list("tables_expanded", f.Expanded)
	w.b = append(w.b, '}')
	return w.b, w.err
}

// usualFacts is what the facts of most statements take beside their text.
const usualFacts = 512

// writer appends the fields of an object.
type writer struct {
	b   []byte
	err error
}

func (w *writer) key(name string) {
	if last := w.b[len(w.b)-1]; last != '{' {
		w.b = append(w.b, ',')
	}
	w.b = append(append(append(w.b, '"'), name...), '"', ':')
}

func (w *writer) optional(name, value string) {
	if value != "" {
		w.text(name, value)
	}
}

func (w *writer) text(name, value string) {
	w.key(name)
	w.quoted(value)
}

func (w *writer) list(name string, values []string) {
	if len(values) == 0 {
		return
	}
	w.key(name)
	for i, v := range values {
		w.b = append(w.b, "[,"[min(i, 1)])
		w.quoted(v)
	}
	w.b = append(w.b, ']')
}

// quoted writes plain ASCII as it is, and leaves the rest to encoding/json.
func (w *writer) quoted(s string) {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			w.escaped(s)
			return
		}
	}
	w.b = append(append(append(w.b, '"'), s...), '"')
}

func (w *writer) escaped(s string) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		w.err = err
	}
	w.b = append(w.b, bytes.TrimSuffix(b.Bytes(), []byte{'\n'})...)
}
