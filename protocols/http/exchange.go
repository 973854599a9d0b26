package http

import (
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
	"sallyport.dev/sallyport/protocols/http/call"
	"sallyport.dev/sallyport/protocols/http/content"
	"sallyport.dev/sallyport/protocols/http/normal"
	"sallyport.dev/sallyport/protocols/http/refusal"
	"sallyport.dev/sallyport/protocols/http/room"
	"sallyport.dev/sallyport/protocols/http/stash"
	"sallyport.dev/sallyport/protocols/http/tap"
)

const (
	learnLimit  = 30 * time.Second // for the whole of a body that is to be approved
	firstRead   = 16 << 10         // of a push
	defaultHold = 256 << 10
	maxHold     = 8 << 20
	holdMemory  = 256 << 20
)

// An exchange is one request and its answer.
type exchange struct {
	*ask.Ask
	site *site
	w    http.ResponseWriter
	r    *http.Request // its header is in the form that is sent

	announced []string // names of trailers

	came    time.Time
	last    bool         // the agent's connection ends with the answer
	held    []byte       // the whole body, once it was held; never nil then
	kept    *stash.Stash // the same for an approval, where held is nil
	unfit   error        // why it cannot be approved
	tap     *tap.Tap     // copies a body that is not held; nil: nobody wants a copy
	large   error        // why it cannot be held, once that is known
	release func()       // gives back the memory of held
	began   bool         // an answer to the agent has begun
}

var _ protocols.Exchange = (*exchange)(nil)

func (x *exchange) Action() *action.Action { return &x.Act }

// Learn takes the body in, for the facts in it or for an approval of the whole
// request. It waits for the agent to send it. A body that is too large to be held
// tells no facts; one that is too large to be kept cannot be approved.
func (x *exchange) Learn(ctx context.Context, need action.Need) error {
	if x.Facts.Git.Pushes() && x.Facts.Unread && need&ask.BodyFacts != 0 {
		if err := x.readPush(ctx); err != nil {
			return err
		}
		if need &^= ask.BodyFacts; need == 0 {
			return nil
		}
	}
	if need&ask.BodyFacts != 0 {
		err := x.take(ctx)
		if large := errors.Is(err, stash.ErrTooLarge) || errors.Is(err, room.ErrNone); err != nil && !large {
			return err
		}
		x.Understand(x.content(err))
	}
	if need&action.Whole != 0 {
		return x.takeWhole(ctx)
	}
	return nil
}

// take holds the whole body, if there is room for it.
func (x *exchange) take(ctx context.Context) error {
	if x.held != nil || x.large != nil {
		return x.large
	}
	limit := x.site.inspected()
	if x.r.ContentLength > limit {
		x.large = stash.ErrTooLarge
		return x.large
	}
	room := x.r.ContentLength
	if room < 0 {
		room = limit
	}
	if err := x.reserve(room); err != nil {
		return err
	}
	return x.hold(ctx, limit)
}

// reserve takes memory until done.
func (x *exchange) reserve(n int64) error {
	release, err := x.site.Take(n)
	if err != nil {
		return err
	}
	before := x.release
	x.release = func() {
		release()
		if before != nil {
			before()
		}
	}
	return nil
}

// content reads the body, if it could be held and there is memory for what it says.
// What cannot be read is unknown.
func (x *exchange) content(err error) *content.Body {
	encoding := x.r.Header["Content-Encoding"]
	if err != nil || x.reserve(content.Cost(encoding, len(x.held))) != nil {
		return nil
	}
	return content.Read(x.r.Header["Content-Type"], encoding, x.held)
}

// hold reads the body, whose memory was reserved. Of one that turns out too large,
// what was read stands before the rest again.
func (x *exchange) hold(ctx context.Context, limit int64) error {
	defer protocols.After(ctx, func() { x.deadline(-time.Second) })()
	x.deadline(learnLimit)
	held, err := stash.Hold(x.r.Body, x.r.ContentLength, limit)
	if errors.Is(err, stash.ErrTooLarge) && x.r.ContentLength < 0 {
		x.large = err
		x.r.Body = stash.Resume(held, x.r.Body)
	}
	if err != nil {
		return err
	}
	x.noDeadline()
	x.held = held
	return nil
}

// readPush reads as much of a push as says which refs it changes; what follows may
// be gigabytes. What was read stands before the rest again.
func (x *exchange) readPush(ctx context.Context) error {
	defer protocols.After(ctx, func() { x.deadline(-time.Second) })()
	x.deadline(learnLimit)
	x.Facts.Unread = false
	if x.reserve(2*call.MaxCommands) != nil || len(x.r.Header["Content-Encoding"]) > 0 {
		return nil // the push stays unknown
	}
	var head []byte
	for buf := make([]byte, firstRead); ; {
		n, err := x.r.Body.Read(buf)
		head = append(head, buf[:n]...)
		if err != nil && err != io.EOF {
			return fmt.Errorf("body: %w", err)
		}
		if x.Facts.Git.Commands(head, err == io.EOF) {
			break
		}
	}
	x.noDeadline()
	x.r.Body = stash.Resume(head, x.r.Body)
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
	if x.kept != nil {
		x.kept.Close()
	}
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
	p *refusal.Problem
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
