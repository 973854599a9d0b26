package http

import (
	"context"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/http/refusal"
)

const drainTimeout = 2 * time.Second // for the rest of a refused request

// Refuse says why in the shape of RFC 9457.
func (x *exchange) Refuse(_ context.Context, d action.Decision) error {
	x.keepBody()
	x.answer(x.refusal(d))
	return nil
}

// answer writes a problem, unless an answer has begun. What the agent still sends
// is drained for a short while, or the connection closed.
func (x *exchange) answer(p *refusal.Problem) {
	if x.began {
		return
	}
	x.began = true
	if x.last {
		x.w.Header().Set("Connection", "close")
	}
	p.Shape = x.Shape(x.r.Header)
	if !x.isWhole() {
		x.deadline(drainTimeout)
	}
	p.Write(x.w, x.r.Method)
}
