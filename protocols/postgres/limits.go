package postgres

import (
	"errors"
	"time"

	"sallyport.dev/sallyport/protocols/postgres/watch"
)

var errStuck = errors.New("a statement that runs longer than the service allows could not be cancelled")

// watch holds the session to the times of its service.
func (s *session) watch() {
	b := &s.f.Service.Session
	w := watch.Watch{
		Statement: b.StatementTimeout, Idle: b.IdleTimeout, Ledger: s.ledger, Heard: s.lastHeard, Blocked: s.agent.Blocked,
		Over: s.live.Over, Tire: s.live.Tire, Lose: func() { s.live.Lose(errStuck) },
		Cancel: func() { s.cancelRunning("the statement runs longer than the service allows") },
	}
	w.Run(s.work.Done())
}

// lastHeard is when the agent last said something: now, while it waits for an
// approval and has nothing to say.
func (s *session) lastHeard() time.Time {
	if s.live.Waits() {
		return time.Now()
	}
	return time.Unix(0, s.heard.Load())
}
