package http

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/protocols/http/ask"
	"sallyport.dev/sallyport/protocols/http/stash"
)

// stashRoom is what the bodies of requests that wait may take on the disk, of all
// agents together.
const stashRoom = 1 << 30

var _ protocols.Waiter = (*exchange)(nil)

// Wait says how long the client waits, where that is known. net/http watches for
// the hang-up.
func (x *exchange) Wait(ctx context.Context, _ action.Decision) (context.Context, func()) {
	if waits, ok := ask.Patience(x.r.Header); ok {
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
	if err := x.Whole(x.r.Header, x.trailer(), x.whole()); err != nil {
		x.unfit = err
		return err
	}
	return nil
}

// stash keeps the body until done.
func (x *exchange) stash(ctx context.Context) error {
	room := x.r.ContentLength
	if room > maxHold {
		return errTooLarge
	}
	if room < 0 {
		room = maxHold
	}
	if err := x.reserveIn(&x.site.p.stashed, room, x.site.p.StashRoom); err != nil {
		return err
	}
	if err := x.reserve(min(room, stash.Near)); err != nil {
		return err
	}
	defer protocols.After(ctx, func() { x.deadline(-time.Second) })()
	x.deadline(learnLimit)
	kept, err := stash.Keep(x.r.Body, maxHold, x.site.p.StashDir)
	if errors.Is(err, stash.ErrTooLarge) {
		return errTooLarge
	}
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
	return ask.Content{Size: int64(len(x.held)), All: bytes.NewReader(x.held)}
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
	case errors.Is(x.unfit, errTooLarge):
		return ask.Unaskable(d, x.Act.ID, http.StatusRequestEntityTooLarge,
			fmt.Sprintf("This must be approved before it is sent, and its body is larger than the %d MiB that can wait for an answer.", maxHold>>20),
			"Send it in smaller pieces.")
	case errors.Is(x.unfit, errNoRoom):
		return ask.Unaskable(d, x.Act.ID, http.StatusTooManyRequests,
			"This must be approved before it is sent, and the bodies that wait for an answer leave no room for it.",
			"Wait until some of them are answered, then send it again.")
	}
	return ask.Denied(d, x.Act.ID)
}
