// Package watch holds a session to the times of its service, whatever the agent
// has set: what runs too long is cancelled, and a session in which nothing happens
// ends. It talks to nobody itself.
package watch

import (
	"time"

	"sallyport.dev/sallyport/protocols/postgres/ledger"
)

const (
	// grace is how long the server's own statement_timeout has the first word.
	grace = time.Second
	// again is how long a cancel may take before it is sent once more.
	again = 5 * time.Second
	// Cancels is how often a statement is cancelled before its session ends: an agent
	// that reads no answer keeps the server from hearing a cancel.
	Cancels = 3
)

// A Watch is one session's. All fields are set before Run.
type Watch struct {
	Statement, Idle time.Duration // 0: no limit
	Ledger          *ledger.Ledger
	Heard           func() time.Time // when the agent last said something; later than now while it may be silent
	Blocked         func() time.Time // since when the agent takes no answer; zero: it does
	Over            func() bool      // the session is ending
	Tire            func()           // ends the session: nothing happens
	Cancel          func()           // cancels what runs
	Lose            func()           // ends the session: what runs cannot be cancelled

	works bool      // the server was at work when it was last looked at
	quiet time.Time // since when it is not
}

// Run looks at the session again and again, until done is closed or it is over.
func (w *Watch) Run(done <-chan struct{}) {
	tick := time.NewTicker(pulse(w.Statement, w.Idle))
	defer tick.Stop()
	var r running
	for {
		select {
		case <-done:
			return
		case now := <-tick.C:
			if w.Over() {
				return
			}
			step, busy := w.Ledger.Busy()
			if w.idle(now, busy) {
				w.Tire()
			}
			if !r.overdue(now, step, busy, w.Statement) {
				continue
			}
			if r.cancelled > Cancels {
				w.Lose()
				continue
			}
			w.Cancel()
		}
	}
}

// idle reports whether nothing has happened for too long: the agent has nothing to
// say, or does not listen. While the server works something happens, however long ago
// the agent asked for it.
func (w *Watch) idle(now time.Time, busy bool) bool {
	if w.Idle <= 0 {
		return false
	}
	if at := w.Blocked(); !at.IsZero() && now.Sub(at) >= w.Idle {
		return true
	}
	works := busy && !w.Ledger.CopyIn()
	if w.works && !works {
		w.quiet = now
	}
	w.works = works
	return !w.works && now.Sub(w.Heard()) >= w.Idle && now.Sub(w.quiet) >= w.Idle
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
		r.until = now.Add(again)
		return true
	}
	return false
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
