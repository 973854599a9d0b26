// Package pulse tells a test how long this machine stood still, so that what is
// measured is the program and not whatever else took the processors meanwhile. It
// knows no test.
package pulse

import (
	"sync"
	"time"
)

const (
	beat  = 5 * time.Millisecond
	usual = 25 * time.Millisecond // by so much a program may be late by its own doing
)

// A span of time in which nothing here ran.
type span struct{ from, to time.Time }

// A Clock leaves out the time that the machine stood still. It is safe for use by
// several goroutines. Stop it.
type Clock struct {
	stop, stopped chan struct{}

	mu    sync.Mutex
	last  time.Time // when something ran; guarded by mu
	still []span    // guarded by mu
}

// Start starts a Clock.
func Start() *Clock {
	c := &Clock{stop: make(chan struct{}), stopped: make(chan struct{}), last: time.Now()}
	go c.run()
	return c
}

// Stop ends the Clock; it waits for its goroutine.
func (c *Clock) Stop() {
	close(c.stop)
	<-c.stopped
}

func (c *Clock) run() {
	defer close(c.stopped)
	tick := time.NewTimer(beat)
	defer tick.Stop()
	for {
		select {
		case <-c.stop:
			return
		case <-tick.C:
			c.ran(time.Now())
			tick.Reset(beat)
		}
	}
}

// ran notes that something runs now.
func (c *Clock) ran(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.last) > beat+usual {
		c.still = append(c.still, span{c.last.Add(beat), now})
	}
	c.last = now
}

// Since is how long it is since begin, without the time that the machine stood still.
func (c *Clock) Since(begin time.Time) time.Duration {
	now := time.Now()
	c.ran(now)
	return c.between(begin, now)
}

func (c *Clock) between(from, to time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	took := to.Sub(from)
	for _, s := range c.still {
		if s.from.Before(from) {
			s.from = from
		}
		if s.to.After(to) {
			s.to = to
		}
		took -= max(0, s.to.Sub(s.from))
	}
	return took
}

// Sleep waits for d, and gives how much longer the machine stood still than that.
func Sleep(d time.Duration) time.Duration {
	begin := time.Now()
	time.Sleep(d)
	if late := time.Since(begin) - d; late > usual {
		return late
	}
	return 0
}
