package gateway

import (
	"context"
	"sync"
	"time"

	"sallyport.dev/sallyport/action"
)

// Run sweeps idle links and old sessions until ctx ends, then retires every
// pooled link.
func (g *Gateway) Run(ctx context.Context) error {
	tick := time.NewTicker(idleSweep)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			g.pool.retire(func(*linked) bool { return true })
			return nil
		case <-tick.C:
			g.pool.retire((*linked).idle)
			g.sessions.sweep(g.Now())
		}
	}
}

// idle reports whether no byte passed for the last few sweeps.
func (l *linked) idle() bool {
	now := l.wire.traffic.Load()
	if now != l.seen {
		l.seen, l.quiet = now, 0
		return false
	}
	l.quiet++
	return l.quiet >= idleSweeps
}

// retireRotated takes links out of the pool whose secret has a newer version,
// or whose service leads elsewhere by now.
func (g *Gateway) retireRotated() {
	g.pool.retire(func(l *linked) bool {
		r := l.wire.route
		return r.Auth != nil && g.Vault.Generation(*r.Auth) != l.key.generation
	})
}

// sessionIdle is the pause that ends a session.
const sessionIdle = 15 * time.Minute

// sessions groups each agent's actions: a span of activity that a long pause
// ends.
type sessions struct {
	mu     sync.Mutex
	byPeer map[string]*session
}

type session struct {
	id   string
	last time.Time
}

// of gives the session that an action of p at now belongs to.
func (s *sessions) of(p *action.Peer, now time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byPeer == nil {
		s.byPeer = make(map[string]*session)
	}
	got := s.byPeer[p.ID]
	if got == nil || now.Sub(got.last) > sessionIdle {
		got = &session{id: action.NewID(now)}
		s.byPeer[p.ID] = got
	}
	got.last = now
	return got.id
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
