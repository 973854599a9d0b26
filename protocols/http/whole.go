package http

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/protocols/http/ask"
	"sallyport.dev/sallyport/protocols/http/page"
	"sallyport.dev/sallyport/protocols/http/patience"
	"sallyport.dev/sallyport/protocols/http/refusal"
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
	if x.unfit == nil && x.Act.Hidden > 0 {
		x.Act.Transcript = x.transcript()
	}
	return x.unfit
}

// transcript is what people read where the sample leaves something out. It may outlive
// the exchange, for as long as somebody is asked.
func (x *exchange) transcript() *page.Transcript {
	t := &page.Transcript{Size: x.whole().Size}
	t.Before, t.Behind = x.Around(x.r.Header, x.trailer())
	if kept := x.kept; kept != nil {
		t.Stay = func() (func(), bool) { return kept.Close, kept.Share() }
		t.Open = func() (io.Reader, func(), bool) {
			if !kept.Share() {
				return nil, nil, false
			}
			return kept.Reader(), kept.Close, true
		}
		return t
	}
	held, p, peer := x.held, x.site.p, x.site.Peer.ID
	t.Open = func() (io.Reader, func(), bool) { return bytes.NewReader(held), func() {}, true }
	t.Stay = func() (func(), bool) {
		release, err := p.held.Take(peer, int64(len(held)), p.HoldMemory)
		return release, err == nil
	}
	return t
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
	p, peer := x.site.p, x.site.Peer.ID
	disk, err := p.stashed.Take(peer, size, p.StashRoom)
	if err != nil {
		return err
	}
	memory, err := p.held.Take(peer, min(size, stash.Near), p.HoldMemory)
	if err != nil {
		disk()
		return err
	}
	give := func() { disk(); memory() }
	defer protocols.After(ctx, func() { x.deadline(-time.Second) })()
	x.deadline(learnLimit)
	kept, err := stash.Keep(x.r.Body, maxHold, p.StashDir)
	if err != nil {
		give()
		return err
	}
	kept.Then(give)
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
func (x *exchange) refusal(d action.Decision) *refusal.Problem {
	switch {
	case d.Verdict == action.Ask:
		return refusal.Pending(d, x.Act.ID, ask.Token(x.r.Header["Prefer"], "respond-async"))
	case errors.Is(x.unfit, stash.ErrTooLarge):
		x.deadline(learnLimit)           // what it would have had, had its body been one to be kept
		stash.Drain(x.r.Body, 4*maxHold) // some clients read no answer before they have sent all
		return refusal.Unaskable(d, x.Act.ID, maxHold>>20)
	case errors.Is(x.unfit, room.ErrNone):
		return refusal.Unheld(d, x.Act.ID)
	}
	return refusal.Denied(d, x.Act.ID)
}
