// Package limit ends what waits on a connection at a given moment. A limit is
// moved for every request and seldom reached, so moving it costs next to nothing.
package limit

import (
	"sync"
	"sync/atomic"
	"time"
)

// A Time is a moment that closes a channel. The zero value never does. It is
// set for every request of a connection and seldom passes, so a move to a later
// moment, or to none, leaves the running timer alone: when that goes off, it
// looks whether it still means anything.
type Time struct {
	over atomic.Bool // written under mu

	mu     sync.Mutex
	at     time.Time     // zero: never; guarded by mu
	timer  *time.Timer   // guarded by mu; nil: never needed yet
	due    time.Time     // when timer goes off; zero: it does not; guarded by mu
	cancel chan struct{} // closed when over; nil: nobody has asked yet; guarded by mu
}

// Over reports whether the moment has passed.
func (d *Time) Over() bool { return d.over.Load() }

// Set moves the deadline; the zero time means never.
func (d *Time) Set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = t
	if d.over.Load() {
		d.cancel = nil
		d.over.Store(false)
	}
	if t.IsZero() {
		return
	}
	if left := time.Until(t); left <= 0 {
		d.pass()
	} else if d.due.IsZero() || t.Before(d.due) {
		d.arm(left)
	}
}

// Stop sets no deadline and lets go of the timer.
func (d *Time) Stop() {
	d.Set(time.Time{})
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.due = time.Time{}
	}
}

// arm makes the timer go off for d.at, which is left from now. The caller holds
// mu, as for pass.
func (d *Time) arm(left time.Duration) {
	d.due = d.at
	if d.timer == nil {
		d.timer = time.AfterFunc(left, d.fire)
		return
	}
	d.timer.Reset(left)
}

func (d *Time) pass() {
	d.over.Store(true)
	if d.cancel == nil {
		d.cancel = make(chan struct{})
	}
	close(d.cancel)
}

// fire is what the timer does.
func (d *Time) fire() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.due = time.Time{}
	if d.at.IsZero() || d.over.Load() {
		return
	}
	if left := time.Until(d.at); left > 0 {
		d.arm(left)
		return
	}
	d.pass()
}

// Wait gives the channel that closes at the deadline.
func (d *Time) Wait() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cancel == nil {
		d.cancel = make(chan struct{})
	}
	return d.cancel
}
