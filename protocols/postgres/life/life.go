// Package life is how a session lives and ends: the goroutines that it waits for,
// the first reason for its end, and whether its agent is still there while nobody
// reads what it says. A panic in one of its goroutines ends this one session. It
// gives messages no meaning.
package life

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/protocols/postgres/wire"
)

// longAgo is a deadline that is over.
var longAgo = time.Unix(1, 0)

// A Life belongs to one session. Agent and Lost are set before use.
type Life struct {
	Agent net.Conn
	Lost  func() // called after each Lose, without a lock

	mu      sync.Mutex
	dying   bool        // the agent is not read any more; guarded by mu
	ended   bool        // nothing more is started; guarded by mu
	lost    error       // the first reason for the end; guarded by mu
	idle    bool        // the idle time is over; guarded by mu
	hurry   func(error) // ends the wait for an approval, as the agent wants; guarded by mu
	leave   func(error) // ends it because the session does; guarded by mu
	helpers sync.WaitGroup
}

// Go runs f in a goroutine that Wait waits for, unless the session is ending. It
// reports whether f will run.
func (l *Life) Go(f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	l.helpers.Go(func() {
		defer l.Rescue()
		f()
	})
	return true
}

// Start is Go for a goroutine whose end is waited for before that of the others.
func (l *Life) Start(f func()) (over <-chan struct{}) {
	done := make(chan struct{})
	if !l.Go(func() { defer close(done); f() }) {
		close(done)
	}
	return done
}

// Rescue is deferred by what runs beside the session: a panic ends the session.
func (l *Life) Rescue() {
	if r := recover(); r != nil { // one session must not take the others with it
		l.Lose(protocols.Caught(r))
	}
}

// Close lets nothing more be started.
func (l *Life) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
}

// Wait waits for all that Go has started.
func (l *Life) Wait() { l.helpers.Wait() }

// errOver ends a wait that its session does not outlive.
var errOver = errors.New("the session has ended")

// Deafen wakes whoever reads the agent or waits for an approval, for the last time.
func (l *Life) Deafen() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dying = true
	if l.leave != nil {
		l.leave(errOver)
	}
	l.Agent.SetReadDeadline(longAgo) //nolint:errcheck // a connection without deadlines ends when it is closed
}

// listen lets the agent be read again, unless the session is ending.
func (l *Life) listen() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.dying {
		l.Agent.SetReadDeadline(time.Time{}) //nolint:errcheck // see Deafen
	}
}

// Lose notes a reason for the end, if it is the first, and wakes whoever reads.
func (l *Life) Lose(err error) {
	l.mu.Lock()
	if l.lost == nil {
		l.lost = err
	}
	l.mu.Unlock()
	if l.Lost != nil {
		l.Lost()
	}
	l.Deafen()
}

// Tire ends the session because nothing happens in it.
func (l *Life) Tire() {
	l.mu.Lock()
	l.idle = true
	l.mu.Unlock()
	l.Deafen()
}

// Reason gives why the session ends: whether nothing happened for too long, and
// what was lost, nil if nothing was.
func (l *Life) Reason() (idle bool, lost error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.idle, l.lost
}

// Over reports whether the session is ending.
func (l *Life) Over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dying || l.ended
}

// Hurry ends a wait for an approval and reports whether there was one.
func (l *Life) Hurry(why error) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hurry == nil {
		return false
	}
	l.hurry(why)
	return true
}

// Waits reports whether somebody is being asked.
func (l *Life) Waits() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.hurry != nil
}

// await says how a wait is ended; nil when there is none.
func (l *Life) await(hurry, leave func(error)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hurry, l.leave = hurry, leave
	if l.dying && leave != nil {
		leave(errOver)
	}
}

// Watch reads ahead of in, the stream of the agent, until stop is called. The
// context that it returns ends with the session, when the agent hangs up, or when
// Hurry is called; its cause tells. Nobody else may use in meanwhile.
func (l *Life) Watch(ctx context.Context, in *wire.Stream) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	l.await(cancel, cancel)
	done := make(chan struct{})
	go func() {
		defer close(done)
		err := readAhead(in)
		if protocols.IsPanic(err) {
			l.Lose(err)
		}
		if err != nil {
			cancel(fmt.Errorf("the agent hung up: %w", err))
		}
	}()
	return ctx, func() {
		l.await(nil, nil)
		l.Agent.SetReadDeadline(longAgo) //nolint:errcheck // see Deafen
		<-done
		l.listen()
		cancel(nil)
	}
}

// readAhead returns nil when it was told to stop, or when no more can be held.
func readAhead(in *wire.Stream) (err error) {
	defer protocols.Rescue(&err)
	for {
		err := in.Ahead()
		if wire.Full(err) || errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
