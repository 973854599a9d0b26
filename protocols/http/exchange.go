package http

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/protocols/http/ask"
	"sallyport.dev/sallyport/protocols/http/normal"
)

// learnLimit is for the whole of a body that is to be approved.
const learnLimit = 30 * time.Second

// An exchange is one request and its answer.
type exchange struct {
	*ask.Ask
	site *site
	w    http.ResponseWriter
	r    *http.Request // its header is in the form that is sent

	announced []string // names of trailers

	held    []byte // the whole body, once it was held; never nil then
	release func() // gives back the memory of held
	began   bool   // an answer to the agent has begun
}

var _ protocols.Exchange = (*exchange)(nil)

func (x *exchange) Action() *action.Action { return &x.Act }

var errTooLarge = errors.New("the body is larger than what may be held for approval")

// Learn holds the whole request for action.Whole; this protocol has no other
// group. It waits for the agent to send its body.
func (x *exchange) Learn(ctx context.Context, need action.Need) error {
	if need&action.Whole == 0 || x.held != nil {
		return nil
	}
	limit := x.site.Service.BodyInspectLimit
	if limit == 0 {
		limit = defaultHold
	}
	limit = min(limit, maxHold)
	if x.r.ContentLength > limit {
		return errTooLarge
	}
	room := x.r.ContentLength
	if room < 0 {
		room = limit
	}
	release, err := x.site.p.held.take(x.site.Peer.ID, room, x.site.p.HoldMemory)
	if err != nil {
		return err
	}
	x.release = release
	if err := x.hold(ctx, limit); err != nil {
		return err
	}
	x.Whole(x.r.Header, x.trailer(), x.held)
	return nil
}

// hold reads the body; one byte over the limit is too large.
func (x *exchange) hold(ctx context.Context, limit int64) error {
	stop := context.AfterFunc(ctx, func() { x.deadline(-time.Second) })
	defer stop()
	x.deadline(learnLimit)
	var buf bytes.Buffer
	n, err := buf.ReadFrom(io.LimitReader(x.r.Body, limit+1))
	if err != nil {
		return fmt.Errorf("body: %w", err)
	}
	if n > limit {
		return errTooLarge
	}
	x.noDeadline()
	x.held = buf.Bytes()
	if x.held == nil {
		x.held = []byte{}
	}
	return nil
}

// trailer gives the announced trailers that may pass, which have values once the
// body was read; what comes unannounced is dropped.
func (x *exchange) trailer() http.Header {
	if len(x.announced) == 0 {
		return nil
	}
	h := make(http.Header, len(x.announced))
	for _, name := range x.announced {
		h[name] = x.r.Trailer[name]
	}
	return h
}

// announce keeps the names of the trailers that the head announced.
func (x *exchange) announce() {
	for name := range x.r.Trailer {
		if normal.Trailer(name) {
			x.announced = append(x.announced, name)
		}
	}
}

// deadline gives the agent d to send more of its body; a body that is over, or
// was never there, is left alone, since net/http watches it for the hang-up.
func (x *exchange) deadline(d time.Duration) {
	if x.r.ContentLength == 0 {
		return
	}
	http.NewResponseController(x.w).SetReadDeadline(time.Now().Add(d)) //nolint:errcheck // without deadlines the connection's own limits hold
}

func (x *exchange) noDeadline() {
	if x.r.ContentLength != 0 {
		http.NewResponseController(x.w).SetReadDeadline(time.Time{}) //nolint:errcheck // see deadline
	}
}

// done gives back what the exchange holds.
func (x *exchange) done() {
	if x.release != nil {
		x.release()
		x.release = nil
	}
}

// An unread exchange is a request that could not be brought to its form. Its
// action has no parts, which the rules refuse; whatever they say, it is answered
// with its problem and nothing is sent.
type unread struct {
	*exchange
	p *ask.Problem
}

// Learn fails: there is nothing that could be approved.
func (u unread) Learn(context.Context, action.Need) error { return u.p }

func (u unread) Forward(context.Context, protocols.Upstream) (action.Result, error) {
	u.say()
	return action.Result{Status: strconv.Itoa(u.p.Status), Failed: true, Err: u.p.Reason}, nil
}

func (u unread) Refuse(context.Context, action.Decision) error {
	u.say()
	return nil
}

func (u unread) say() {
	u.p.ID = u.Act.ID
	u.answer(u.p)
}
