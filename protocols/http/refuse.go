package http

import (
	"context"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/http/ask"
)

const drainTimeout = 2 * time.Second // for the rest of a refused request

// Refuse says why in the shape of RFC 9457.
func (x *exchange) Refuse(_ context.Context, d action.Decision) error {
	x.keepBody()
	p := ask.Denied(d, x.Act.ID)
	if d.Verdict == action.Ask {
		p = ask.Pending(d, x.Act.ID, ask.Token(x.r.Header["Prefer"], "respond-async"))
	}
	x.answer(p)
	return nil
}

// answer writes a problem, unless an answer has begun. What the agent still sends
// is drained for a short while, or the connection closed.
func (x *exchange) answer(p *ask.Problem) {
	if x.began {
		return
	}
	x.began = true
	if x.held == nil {
		x.deadline(drainTimeout)
	}
	p.Write(x.w, x.r.Method)
}
