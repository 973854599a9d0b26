package postgres

import (
	"time"
)

// grace is how long the server's own statement_timeout has the first word.
const grace = time.Second

// watch holds a session to the times of its service, whatever the agent has set:
// a statement that runs too long is cancelled, a session in which nothing happens
// ends.
func (s *session) watch() {
	b := &s.f.Service.Session
	tick := time.NewTicker(pulse(b.StatementTimeout, b.IdleTimeout))
	defer tick.Stop()
	var running uint64
	var since time.Time
	for {
		select {
		case <-s.work.Done():
			return
		case now := <-tick.C:
			seq, busy := s.ledger.Busy()
			switch {
			case s.live.Over():
				return
			case !busy:
				since = time.Time{}
				s.checkIdle(now, b.IdleTimeout)
			case since.IsZero() || seq != running:
				running, since = seq, now
			case b.StatementTimeout > 0 && now.Sub(since) > b.StatementTimeout+grace:
				s.cancelRunning("the statement runs longer than the service allows")
				since = now
			}
		}
	}
}

// checkIdle ends the session if the agent has said nothing for too long.
func (s *session) checkIdle(now time.Time, limit time.Duration) {
	if limit <= 0 || s.live.Waits() || now.Sub(time.Unix(0, s.heard.Load())) < limit {
		return
	}
	s.live.Tire()
}

// pulse gives how often to look: a fifth of the shortest time, within reason.
func pulse(times ...time.Duration) time.Duration {
	p := 5 * time.Second
	for _, t := range times {
		if t > 0 {
			p = min(p, t/5)
		}
	}
	return max(p, 20*time.Millisecond)
}
