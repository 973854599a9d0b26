package gateway

import (
	"context"
	"sync"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/gateway/pool"

	"golang.org/x/time/rate"
)

// Run sweeps idle links and old sessions until ctx ends, then retires every
// pooled link.
func (g *Gateway) Run(ctx context.Context) error {
	tick := time.NewTicker(pool.Sweep)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			g.pool.RetireAll()
			return nil
		case <-tick.C:
			g.pool.RetireIdle()
			g.sessions.sweep(g.Now())
		}
	}
}

const (
	// sessionIdle is the pause that ends a session.
	sessionIdle = 15 * time.Minute
	// A new certificate costs 180 µs of CPU: an agent that makes up names below a
	// wildcard may cost 1 % of a core, after a burst that covers any real use.
	mintsPerSecond = 50
	mintBurst      = 500
)

// sessions groups each agent's actions: a span of activity that a long pause
// ends.
type sessions struct {
	mu     sync.Mutex
	byPeer map[string]*session
}

type session struct {
	id     string
	last   time.Time
	mints  *rate.Limiter
	alarms *rate.Limiter // nil before the first
}

// of gives the session that an action of p at now belongs to.
func (s *sessions) of(p *action.Peer, now time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.touch(p, now).id
}

// mayMint reports whether p may have another certificate made now.
func (s *sessions) mayMint(p *action.Peer, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.touch(p, now).mints.AllowN(now, 1)
}

// touch gives the session that goes on, or a new one; callers hold mu.
func (s *sessions) touch(p *action.Peer, now time.Time) *session {
	if s.byPeer == nil {
		s.byPeer = make(map[string]*session)
	}
	got := s.byPeer[p.ID]
	if got == nil || now.Sub(got.last) > sessionIdle {
		got = &session{id: action.NewID(now), mints: rate.NewLimiter(mintsPerSecond, mintBurst)}
		s.byPeer[p.ID] = got
	}
	if got.id == "" { // an operator ended the one before
		got.id = action.NewID(now)
	}
	got.last = now
	return got
}

// sweep forgets sessions that have ended.
func (s *sessions) sweep(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, got := range s.byPeer {
		if now.Sub(got.last) > sessionIdle {
			delete(s.byPeer, id)
		}
	}
}
