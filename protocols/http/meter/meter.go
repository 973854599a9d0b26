// Package meter finds out what the models behind a service take: it has the answers
// read as they go by, and where the service wants that, has them asked to say it. It
// sends nothing and judges nothing.
package meter

import (
	"net"
	"net/http"
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/http/call"
	"sallyport.dev/sallyport/protocols/http/content"
	"sallyport.dev/sallyport/protocols/http/socket"
	"sallyport.dev/sallyport/protocols/llm"
	"sallyport.dev/sallyport/protocols/llm/price"
)

// A Meter is that of one request and its answer. On nil, every method does nothing.
type Meter struct {
	svc    *action.Service
	path   string
	asked  bool // the answer is asked for what the agent did not ask for
	tier   string
	answer *llm.Scanner
	socket *llm.Session
}

// Of gives the meter of a request; nil if no model answers it: the service says that
// there are some, and asking one is a POST with every provider, or a WebSocket.
func Of(svc *action.Service, method, path string, socket bool) *Meter {
	if len(svc.Readings) == 0 || method != http.MethodPost && !socket || !slices.Contains(svc.Readings, "llm") {
		return nil
	}
	return &Meter{svc: svc, path: path}
}

// Asks reports whether the request may have to be changed by Ask.
func (m *Meter) Asks() bool {
	return m != nil && m.svc.AskUsage && strings.HasSuffix(strings.TrimSuffix(m.path, "/"), "/completions")
}

// Ask gives the body of a request whose answer says what it took, where OpenAI's
// stream would keep that to itself. What is not understood is left as it is, and so
// is what an agent says of it.
func (m *Meter) Ask(h http.Header, body []byte) []byte {
	doc, state := content.Read(h["Content-Type"], h["Content-Encoding"], body).JSON()
	if len(h["Content-Encoding"]) > 0 || state != action.Known {
		return body
	}
	changed := llm.AskUsage(doc, body)
	m.asked = changed != nil
	if m.asked {
		return changed
	}
	return body
}

// Answer has the body of an answer read as it goes by. What failed took nothing.
func (m *Meter) Answer(resp *http.Response, mediaType string) {
	if m == nil || resp.StatusCode != http.StatusOK || len(resp.Header["Content-Encoding"]) > 0 {
		return
	}
	m.answer, m.tier = llm.New(mediaType), resp.Header.Get(tierField)
	m.answer.Head(resp.Header)
	if m.asked && m.answer != nil && mediaType == "text/event-stream" {
		delete(resp.Header, "Content-Length")
		resp.ContentLength = -1
		resp.Body = llm.Hide(resp.Body, m.answer)
	}
}

// tierField says in which tier Gemini has answered (ai.google.dev, "Priority inference").
const tierField = "X-Gemini-Service-Tier"

// Socket has the messages of an origin read as they go by, unless they are compressed.
func (m *Meter) Socket(h http.Header, c net.Conn, prices *price.Table) net.Conn {
	if m == nil || len(h["Sec-Websocket-Extensions"]) > 0 {
		return c
	}
	m.socket = llm.NewSession(llm.End{Provider: llm.Provider(m.svc.Preset), Asked: llm.PathModel(m.path)}, func(u *action.Usage) {
		prices.Charge(u, m.svc.Prices)
	})
	return socket.Received(c, func(p socket.Piece) {
		switch {
		case p.Control:
		case p.End:
			m.socket.Write(p.Bytes)
			m.socket.Next()
		default:
			m.socket.Write(p.Bytes)
		}
	})
}

// Write takes in a piece of the answer.
func (m *Meter) Write(p []byte) {
	if m != nil {
		m.answer.Write(p)
	}
}

// Bill gives what the model took, and what that costs; nil if none answered. sent are
// the bytes of the request; cut says that the answer did not come to its end.
func (m *Meter) Bill(c *call.Call, sent int64, cut bool, prices *price.Table) *action.Usage {
	if m == nil {
		return nil
	}
	if m.socket != nil {
		return m.socket.End()
	}
	e := llm.End{Tier: m.tier, Provider: llm.Provider(m.svc.Preset), Asked: llm.PathModel(m.path), Sent: sent, Cut: cut}
	if c != nil {
		if model, state := c.LLM.Asked(); state == action.Known {
			e.Asked = model
		}
	}
	u := m.answer.End(e)
	prices.Charge(u, m.svc.Prices)
	return u
}
