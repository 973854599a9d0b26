// Package pace bounds what one agent's SYNs may cost the others: how many are
// taken a second, and how many may make their agent's receiver wait. It knows
// addresses that WireGuard has proven, two of an agent, and nothing of TCP.
package pace

import (
	"maps"
	"net/netip"
	"sync"
	"time"
)

// A SYN waits Steps times a Step for segments that arrived before it and that the
// stack has not looked at yet.
const (
	Steps = 20
	Step  = 100 * time.Microsecond
)

const (
	// perSecond is more than a busy agent opens (about 3,000 connections a second
	// saturate a core), and what a burst may have at once.
	perSecond = 4000
	// maxVain is how long an agent's SYNs may wait in vain within vainWindow. While
	// one waits, so do the packets behind it; once those fill the agent's queue,
	// wireguard-go's one reader waits for it, and with it every agent.
	maxVain    = 64 * time.Millisecond
	vainWindow = time.Second
	// remembered is how long it is known for what a SYN has waited; it is repeated
	// after 1, 3 and 7 s.
	remembered = 10 * time.Second
)

// SYNs paces the SYNs of every agent. The zero value is ready.
type SYNs struct {
	mu   sync.Mutex
	from map[netip.Addr]*source // guarded by mu
}

type source struct {
	tokens float64
	filled time.Time
	vain   time.Duration
	since  time.Time
	what   map[any]time.Time // for what a SYN waited in vain, and when
}

// Take reports whether a SYN from a may pass at now.
func (s *SYNs) Take(a netip.Addr, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	src := s.get(a)
	src.tokens = min(perSecond, src.tokens+now.Sub(src.filled).Seconds()*perSecond)
	src.filled = now
	if src.tokens < 1 {
		return false
	}
	src.tokens--
	return true
}

// MayWait reports whether a SYN from a may make its agent wait at now.
func (s *SYNs) MayWait(a netip.Addr, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	src := s.get(a)
	return src.vain < maxVain || now.Sub(src.since) >= vainWindow
}

// WaitedInVain notes that a SYN from a has waited all its steps for the end of what,
// and reports whether one has before: so what lives, and is not only late on a
// machine that is busy.
func (s *SYNs) WaitedInVain(a netip.Addr, what any, now time.Time) (again bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	src := s.get(a)
	if now.Sub(src.since) >= vainWindow {
		src.since, src.vain = now, 0
	}
	src.vain += Steps * Step
	maps.DeleteFunc(src.what, func(_ any, at time.Time) bool { return now.Sub(at) >= remembered })
	if _, again = src.what[what]; !again {
		if src.what == nil {
			src.what = make(map[any]time.Time)
		}
		src.what[what] = now
	}
	return again
}

// get gives what is known of a; callers hold mu.
func (s *SYNs) get(a netip.Addr) *source {
	if s.from == nil {
		s.from = make(map[netip.Addr]*source)
	}
	src := s.from[a]
	if src == nil {
		src = &source{tokens: perSecond}
		s.from[a] = src
	}
	return src
}
