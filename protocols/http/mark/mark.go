// Package mark looks for placeholders in what agents send: those that stand where the
// service wants them are told, all others raise an alarm. It changes nothing; what
// takes their place is the credential's, wherever it goes.
package mark

import (
	"encoding/base64"
	"net"
	"net/http"
	"net/url"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/http/aws"
	"sallyport.dev/sallyport/protocols/http/normal"
	"sallyport.dev/sallyport/protocols/http/socket"
	"sallyport.dev/sallyport/vault/placeholder"
)

// A Room has the memory to keep a body in.
type Room interface {
	// Take reserves n bytes, or fails at once.
	Take(n int64) (release func(), err error)
}

// Look is Head now, and Body as it is read. Whoever calls it calls over when nobody
// reads the body any more.
func Look(w *placeholder.Watch, r *http.Request, limit int64, room Room) (shown []action.Shown, over func()) {
	over = Body(w, r, limit, room)
	return Head(w, r), over
}

// Head looks at the head of a request, as it came, and gives what it shows in place
// of a key.
func Head(w *placeholder.Watch, r *http.Request) []action.Shown {
	if w == nil {
		return nil
	}
	var shown []action.Shown
	for name, values := range r.Header {
		for _, v := range values {
			token, ok := w.In(v)
			if !ok {
				continue
			}
			if name == "Cookie" {
				shown = append(shown, cookies(w, v)...)
				continue
			}
			slot := "header " + name
			variable, mine := own(w, v)
			if !mine || (!normal.CredentialField(name) || aws.Speaks(name)) && !w.Declared(slot) {
				w.Raise(token, slot)
				continue
			}
			shown = append(shown, action.Shown{Variable: variable, Slot: slot})
		}
	}
	return append(shown, target(w, r.RequestURI)...)
}

// own gives the variable whose placeholder is all that a field holds, beside the name
// of a scheme.
func own(w *placeholder.Watch, value string) (variable string, ok bool) {
	for _, candidate := range candidates(value) {
		if variable, ok = w.Own(candidate); ok {
			return variable, true
		}
	}
	return "", false
}

// candidates are the readings of a field that may hold a key (RFC 9110, 11.4).
func candidates(value string) []string {
	value = strings.TrimSpace(value)
	scheme, rest, found := strings.Cut(value, " ")
	switch rest = strings.TrimSpace(rest); {
	case !found:
		return []string{value}
	case strings.EqualFold(scheme, "Basic"):
		b, err := base64.StdEncoding.DecodeString(rest)
		if err != nil {
			return nil
		}
		user, password, _ := strings.Cut(string(b), ":")
		return []string{password, user}
	case strings.HasPrefix(scheme, "AWS4-"):
		_, credential, _ := strings.Cut(rest, "Credential=")
		id, _, _ := strings.Cut(credential, "/")
		return []string{id}
	}
	return []string{rest}
}

func cookies(w *placeholder.Watch, line string) (shown []action.Shown) {
	for pair := range strings.SplitSeq(line, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		token, ok := w.In(pair)
		if !ok {
			continue
		}
		slot := "cookie " + name
		if variable, mine := w.Own(value); mine && w.Declared(slot) {
			shown = append(shown, action.Shown{Variable: variable, Slot: slot})
			continue
		}
		w.Raise(token, slot)
	}
	return shown
}

// target looks at path and query.
func target(w *placeholder.Watch, uri string) (shown []action.Shown) {
	if _, ok := w.In(uri); !ok {
		return nil
	}
	path, query, _ := strings.Cut(uri, "?")
	if token, ok := w.In(path); ok {
		w.Raise(token, "path")
	}
	for pair := range strings.SplitSeq(query, "&") {
		token, ok := w.In(pair)
		if !ok {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		slot := "query " + name
		plain, err := url.QueryUnescape(value)
		if name == "X-Amz-Credential" { // a signature that stands in the query
			plain, _, _ = strings.Cut(plain, "/")
			slot = "header Authorization"
		}
		variable, mine := w.Own(plain)
		if err != nil || !mine || !normal.CredentialParam(name) && !w.Declared(slot) {
			w.Raise(token, "query")
			continue
		}
		shown = append(shown, action.Shown{Variable: variable, Slot: slot})
	}
	return shown
}

// trailer looks at what stands behind a body: no key does.
func trailer(w *placeholder.Watch, h http.Header) {
	for name, values := range h {
		for _, v := range values {
			if token, ok := w.In(v); ok {
				w.Raise(token, "trailer "+name)
			}
		}
	}
}

// Messages is c, over which an agent speaks as a WebSocket; what it says is looked at,
// in whatever frames it comes, and is held up by nothing.
func Messages(w *placeholder.Watch, c net.Conn) net.Conn {
	if w == nil {
		return c
	}
	data, control := w.Stream("message"), w.Stream("message")
	return socket.Sent(c, func(p socket.Piece) {
		s := &data
		if p.Control {
			s = &control
		}
		if s.Pass(p.Bytes); p.End {
			s.End()
		}
	})
}
