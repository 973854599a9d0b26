package http

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/protocols/http/ask"
	"sallyport.dev/sallyport/protocols/http/patience"
	"sallyport.dev/sallyport/protocols/http/room"
	"sallyport.dev/sallyport/protocols/http/stash"
)

// stashRoom is what the bodies of requests that wait may take on the disk, of all
// agents together.
const stashRoom = 1 << 30

var _ protocols.Waiter = (*exchange)(nil)

// Wait says how long the client waits, where that is known. net/http watches for
// the hang-up.
func (x *exchange) Wait(ctx context.Context, _ action.Decision) (context.Context, func()) {
	if waits, ok := patience.Of(x.r.Header); ok {
		ctx = action.WithPatience(ctx, x.came.Add(waits))
	}
	return ctx, func() {}
}

// takeWhole takes in everything that Forward will send, so that it is what people
// see.
func (x *exchange) takeWhole(ctx context.Context) error {
	if !x.isWhole() {
		if err := x.stash(ctx); err != nil {
			x.unfit = err
			return err
		}
	}
	x.unfit = x.Whole(x.r.Header, x.trailer(), x.whole())
	return x.unfit
}

// stash keeps the body until done.
func (x *exchange) stash(ctx context.Context) error {
	size := x.r.ContentLength
	if size > maxHold {
		return stash.ErrTooLarge
	}
	if size < 0 {
		size = maxHold
	}
	if err := x.reserveIn(&x.site.p.stashed, size, x.site.p.StashRoom); err != nil {
		return err
	}
	if err := x.reserve(min(size, stash.Near)); err != nil {
		return err
	}
	defer protocols.After(ctx, func() { x.deadline(-time.Second) })()
	x.deadline(learnLimit)
	kept, err := stash.Keep(x.r.Body, maxHold, x.site.p.StashDir)
	if err != nil {
		return err
	}
	x.noDeadline()
	x.kept = kept
	return nil
}

// isWhole reports whether the body was taken in.
func (x *exchange) isWhole() bool { return x.held != nil || x.kept != nil }

// whole is the body that was taken in, from its beginning.
func (x *exchange) whole() ask.Content {
	if x.kept != nil {
		return ask.Content{Size: x.kept.Size(), All: x.kept.Reader()}
	}
	return ask.Bytes(x.held)
}

// approved fails unless what is about to be sent is, byte for byte, what people
// were asked about. Where nobody was, there is nothing to hold it against.
func (x *exchange) approved() error {
	if x.Act.Digest == nil {
		return nil
	}
	if !x.isWhole() {
		return fmt.Errorf("the body of an approved request is gone")
	}
	return x.Same(x.r.Header, x.trailer(), x.whole())
}

// refusal is what the agent hears of a decision.
func (x *exchange) refusal(d action.Decision) *ask.Problem {
	switch {
	case d.Verdict == action.Ask:
		return ask.Pending(d, x.Act.ID, ask.Token(x.r.Header["Prefer"], "respond-async"))
	case errors.Is(x.unfit, stash.ErrTooLarge):
		x.deadline(drainTimeout)
		stash.Drain(x.r.Body, 4*maxHold) // some clients read no answer before they have sent all
		return ask.Unaskable(d, x.Act.ID, maxHold>>20)
	case errors.Is(x.unfit, room.ErrNone):
		return ask.Unheld(d, x.Act.ID)
	}
	return ask.Denied(d, x.Act.ID)
}
