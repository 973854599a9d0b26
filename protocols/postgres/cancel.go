package postgres

import (
	"context"
	"crypto/subtle"
	"fmt"
	"net"
	"sync"

	"golang.org/x/time/rate"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/protocols/postgres/upstream"
	"sallyport.dev/sallyport/protocols/postgres/wire"
)

// Cancel requests of one agent to one service: a burst, then one every 100 ms.
const (
	cancelsPerSecond = 10
	cancelBurst      = 20
)

// cancels knows the open sessions by what a cancel request names. The process id
// is the server's own, so several servers may share one; the secret is ours.
type cancels struct {
	mu    sync.Mutex
	open  map[uint32][]*session
	rates map[seat]*pace
}

// A pace limits the cancel requests of one agent to one service for as long as it
// has sessions there.
type pace struct {
	limit    *rate.Limiter
	sessions int
}

func (c *cancels) add(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = make(map[uint32][]*session)
		c.rates = make(map[seat]*pace)
	}
	c.open[s.pid] = append(c.open[s.pid], s)
	key := s.seat()
	p := c.rates[key]
	if p == nil {
		p = &pace{limit: rate.NewLimiter(cancelsPerSecond, cancelBurst)}
		c.rates[key] = p
	}
	p.sessions++
}

func (c *cancels) remove(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.open[s.pid]
	for i, other := range list {
		if other == s {
			list[i] = list[len(list)-1]
			c.open[s.pid] = list[:len(list)-1]
		}
	}
	if len(c.open[s.pid]) == 0 {
		delete(c.open, s.pid)
	}
	key := s.seat()
	if p := c.rates[key]; p != nil {
		if p.sessions--; p.sessions == 0 {
			delete(c.rates, key)
		}
	}
}

// find gives the session that a request names, if it is this agent's own and the
// agent does not ask too often.
func (c *cancels) find(who seat, req wire.Cancel) *session {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.rates[who]
	if p == nil || !p.limit.Allow() {
		return nil
	}
	for _, s := range c.open[req.PID] {
		if s.seat() == who && subtle.ConstantTimeCompare(s.secret, []byte(req.Secret)) == 1 {
			return s
		}
	}
	return nil
}

// serveCancel carries out a cancel request. Like a server, it answers nothing.
func (p *Protocol) serveCancel(ctx context.Context, f protocols.Flow, do protocols.Do, req wire.Cancel) error {
	s := p.cancels.find(seat{agent: f.Peer.ID, service: f.Service.Name}, req)
	if s == nil {
		return nil
	}
	return do(ctx, s.cancel("cancel request"))
}

// cancelRunning cancels what the server does for the session, for a reason of
// ours. The channel is closed when the server has taken it.
func (s *session) cancelRunning(why string) <-chan struct{} {
	done := make(chan struct{})
	s.start(func() {
		defer close(done)
		s.do(s.work, s.cancel(why)) //nolint:errcheck // its record says what became of it
	})
	return done
}

// A cancel is the action that stops another one. Its effect is that of control:
// who may start may stop.
type cancel struct {
	s   *session
	act action.Action
}

var _ protocols.Exchange = (*cancel)(nil)

func (s *session) cancel(why string) *cancel {
	return &cancel{s: s, act: action.Action{
		Kind: "cancel", Summary: why, Parts: control(s.wish.Database, s.wish.User),
	}}
}

// Action is what is judged.
func (c *cancel) Action() *action.Action { return &c.act }

// Learn has nothing to add.
func (c *cancel) Learn(context.Context, action.Need) error { return nil }

// Refuse says nothing, as a server does.
func (c *cancel) Refuse(context.Context, action.Decision) error { return nil }

// Forward ends a wait for an approval, or carries the request to the very address
// of the session.
func (c *cancel) Forward(ctx context.Context, up protocols.Upstream) (action.Result, error) {
	if c.s.endWait(errCancelled) {
		return action.Result{Status: "cancelled"}, nil
	}
	l, _, err := up.Link(ctx, protocols.Open{Beside: c.s.link, Dress: c.s.p.dress(c.s.f.Service)})
	if err != nil {
		return action.Result{Failed: true, Err: err.Error()}, nil
	}
	defer l.Retire()
	beside, ok := l.(*link)
	if !ok {
		return action.Result{}, fmt.Errorf("a link of another protocol: %T", l)
	}
	if err := upstream.Cancel(ctx, beside.conn, c.s.pid, c.s.key); err != nil {
		return action.Result{Failed: true, Err: err.Error()}, nil
	}
	return action.Result{Status: "cancelled"}, nil
}

// setHurry says how a wait for an approval is ended; nil when there is none.
func (s *session) setHurry(f func(error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hurry = f
}

// endWait ends a wait for an approval and reports whether there was one.
func (s *session) endWait(why error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hurry == nil {
		return false
	}
	s.hurry(why)
	return true
}

// interrupt wakes whoever reads from the agent.
func (s *session) interrupt() {
	s.agent.conn.SetReadDeadline(longAgo) //nolint:errcheck // see stopListening
}

func isTimeout(err error) bool {
	ne, ok := err.(net.Error) //nolint:errorlint // what a Read returns is not wrapped
	return ok && ne.Timeout()
}
