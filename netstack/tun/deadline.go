package tun

import (
	"sync"
	"sync/atomic"
	"time"
)

// A deadline is a moment that closes a channel. The zero value never does. It is
// set for every request of a connection and seldom passes, so a move to a later
// moment, or to none, leaves the running timer alone: when that goes off, it
// looks whether it still means anything.
type deadline struct {
	over atomic.Bool // the moment has passed; written under mu

	mu     sync.Mutex
	at     time.Time     // zero: never; guarded by mu
	timer  *time.Timer   // guarded by mu; nil: never needed yet
	due    time.Time     // when timer goes off; zero: it does not; guarded by mu
	cancel chan struct{} // closed when over; nil: nobody has asked yet; guarded by mu
}

// set moves the deadline; the zero time means never.
func (d *deadline) set(t time.Time) {
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

// stop sets no deadline and lets go of the timer.
func (d *deadline) stop() {
	d.set(time.Time{})
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.due = time.Time{}
	}
}

// arm makes the timer go off for d.at, which is left from now. The caller holds
// mu, as for pass.
func (d *deadline) arm(left time.Duration) {
	d.due = d.at
	if d.timer == nil {
		d.timer = time.AfterFunc(left, d.fire)
		return
	}
	d.timer.Reset(left)
}

func (d *deadline) pass() {
	d.over.Store(true)
	if d.cancel == nil {
		d.cancel = make(chan struct{})
	}
	close(d.cancel)
}

// fire is what the timer does.
func (d *deadline) fire() {
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

// wait gives the channel that closes at the deadline.
func (d *deadline) wait() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cancel == nil {
		d.cancel = make(chan struct{})
	}
	return d.cancel
}

func isDone(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
