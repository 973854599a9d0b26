package postgres

import (
	"context"
	"fmt"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/protocols/postgres/keys"
	"sallyport.dev/sallyport/protocols/postgres/refusal"
	"sallyport.dev/sallyport/protocols/postgres/statement"
	"sallyport.dev/sallyport/protocols/postgres/upstream"
	"sallyport.dev/sallyport/protocols/postgres/wire"
)

// serveCancel carries out a cancel request. Like a server, it answers nothing.
func (p *Protocol) serveCancel(ctx context.Context, f protocols.Flow, do protocols.Do, req wire.Cancel) error {
	seat := keys.Seat{Agent: f.Peer.ID, Service: f.Service.Name}
	s, ok := p.ring.Find(keys.Key{Seat: seat, PID: req.PID, Secret: []byte(req.Secret)})
	if !ok {
		return nil
	}
	return do(ctx, s.cancel("cancel request", true))
}

// read gives what a text does. A cancel that comes meanwhile means this very text.
func (s *session) read(a *ask, text string) ([]action.Part, *refusal.Bar) {
	s.reading.Lock()
	defer s.reading.Unlock()
	return statement.Read(s.p.analyzer, text, &s.text, func(name string) []action.Part {
		found := s.ledger.Named(name)
		a.behind = append(a.behind, found...)
		return found
	})
}

// awaitRead waits until the server can hear of what is being read: it forgets a
// cancel that comes first.
func (s *session) awaitRead() {
	s.reading.Lock()
	defer s.reading.Unlock()
}

// cancelRunning cancels what the server does for the session, for a reason of
// ours. The channel is closed when the server has taken it.
func (s *session) cancelRunning(why string) <-chan struct{} {
	done := make(chan struct{})
	s.live.Go(func() {
		defer close(done)
		s.do(s.work, s.cancel(why, false)) //nolint:errcheck // its record says what became of it
	})
	return done
}

// A cancel stops another action. Its effect is control: who may start may stop.
type cancel struct {
	s       *session
	act     action.Action
	byAgent bool
}

var _ protocols.Stopper = (*cancel)(nil)

func (s *session) cancel(why string, byAgent bool) *cancel {
	return &cancel{s: s, byAgent: byAgent, act: action.Action{
		Kind: "cancel", Summary: why, Parts: statement.Control(s.wish.Database, s.wish.User),
	}}
}

// Stops reports whether nobody but the gateway can want it any more.
func (c *cancel) Stops() bool { return !c.byAgent && c.s.ctx.Err() != nil }

// Action is what is judged.
func (c *cancel) Action() *action.Action { return &c.act }

// Learn has nothing to add.
func (c *cancel) Learn(context.Context, action.Need) error { return nil }

// Refuse says nothing, as a server does.
func (c *cancel) Refuse(context.Context, action.Decision) error { return nil }

// Forward ends a wait for an approval if the agent asks, and carries the request to
// the very address of the session unless the server has nothing to do.
func (c *cancel) Forward(ctx context.Context, up protocols.Upstream) (action.Result, error) {
	waited := c.byAgent && c.s.live.Hurry(errCancelled)
	if _, busy := c.s.ledger.Busy(); waited && !busy {
		return action.Result{Status: "cancelled"}, nil
	}
	c.s.awaitRead()
	l, _, err := up.Link(ctx, protocols.Open{Beside: c.s.link, Dress: upstream.Dress(c.s.f.Service, c.s.p.pool)})
	if err != nil {
		return action.Result{Failed: true, Err: err.Error()}, nil
	}
	defer l.Retire()
	beside, ok := l.(*upstream.Link)
	if !ok {
		return action.Result{}, fmt.Errorf("a link of another protocol: %T", l)
	}
	if err := upstream.Cancel(ctx, beside.Conn, c.s.pid, c.s.theirs); err != nil {
		return action.Result{Failed: true, Err: err.Error()}, nil
	}
	return action.Result{Status: "cancelled"}, nil
}
