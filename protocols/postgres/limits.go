package postgres

import (
	"errors"
	"time"

	"sallyport.dev/sallyport/protocols/postgres/answer"
	"sallyport.dev/sallyport/protocols/postgres/ledger"
)

const (
	// grace is how long the server's own statement_timeout has the first word.
	grace = time.Second
	// cancels is how often a statement is cancelled before its session ends: an agent
	// that reads no answer keeps the server from hearing a cancel.
	cancels = 3
)

var errStuck = errors.New("a statement that runs longer than the service allows could not be cancelled")

// watch holds a session to the times of its service, whatever the agent has set:
// a statement that runs too long is cancelled, a session in which nothing happens
// ends.
func (s *session) watch() {
	b := &s.f.Service.Session
	tick := time.NewTicker(pulse(b.StatementTimeout, b.IdleTimeout))
	defer tick.Stop()
	var r running
	for {
		select {
		case <-s.work.Done():
			return
		case now := <-tick.C:
			if s.live.Over() {
				return
			}
			step, busy := s.ledger.Busy()
			if !busy || s.ledger.CopyIn() {
				s.checkIdle(now, b.IdleTimeout)
			}
			if r.overdue(now, step, busy, b.StatementTimeout) {
				s.stop(r.cancelled)
			}
		}
	}
}

// stop cancels what runs for too long, for the nth time.
func (s *session) stop(n int) {
	if n > cancels {
		s.live.Lose(errStuck)
		return
	}
	s.cancelRunning("the statement runs longer than the service allows")
}

// running is what the server works on, as the watch has seen it.
type running struct {
	step      ledger.Step
	until     time.Time // when it is overdue; zero: nothing runs
	cancelled int
}

// overdue reports whether it is time to cancel what runs, once more perhaps.
func (r *running) overdue(now time.Time, step ledger.Step, busy bool, limit time.Duration) bool {
	switch {
	case !busy || limit <= 0:
		*r = running{}
	case r.until.IsZero() || step != r.step:
		*r = running{step: step, until: now.Add(limit + grace)}
	case now.After(r.until):
		r.cancelled++
		r.until = now.Add(answer.Patience)
		return true
	}
	return false
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
