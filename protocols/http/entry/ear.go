package entry

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

const (
	// patience is how long a request takes before it is worth to listen for the agent's
	// hang-up meanwhile.
	patience = 50 * time.Millisecond
	// stall is how long an agent may take no more bytes; renewed at half.
	stall = time.Minute
)

// An Ear is an HTTP/1.1 connection for net/http, which has a goroutine read one byte
// during every request, to notice when the agent hangs up, and ends it with the answer.
// That is two switches of goroutines a request, most of which are answered at once. So an
// Ear lets this read return with nothing, and listens by itself when a request takes
// longer. Deadlines of reads are handed down when something is read: net/http moves them
// six times a request. Who runs it calls Wait after Close.
//
// While net/http serves it, a write has a minute, whoever writes: net/http takes what was
// set for an answer away behind it, and sets nothing by itself.
//
// The read is known by its size and by having no deadline: whatever else net/http reads
// has one. A read that were taken for it by mistake would get nothing, a hundred times
// over, and its request would fail.
type Ear struct {
	net.Conn
	gone func() // called once the agent has hung up during a request

	mu       sync.Mutex
	want     time.Time // deadline of reads; this and all below are guarded by mu
	have     time.Time // the one that Conn knows of
	reading  bool      // a Read goes on; what listen reads is none
	raw      bool      // net/http serves it no more
	closed   bool
	writeBy  time.Time     // deadline in force for writes
	since    time.Time     // when a request began that is under way; zero: none is
	timer    *time.Timer   // calls listen
	set      bool          // the timer runs, or listen does
	heard    chan struct{} // closed when listen has read; nil: it does not
	one      [1]byte
	has      bool  // one was read and not given yet
	err      error // likewise
	listener sync.WaitGroup
}

// NewEar makes an ear of conn. gone must not wait.
func NewEar(conn net.Conn, gone func()) *Ear { return &Ear{Conn: conn, gone: gone} }

// Read reads for net/http, and for whoever took the connection over from it.
func (e *Ear) Read(b []byte) (int, error) {
	e.mu.Lock()
	if len(b) == 1 && e.want.IsZero() && !e.raw {
		e.expect()
		e.mu.Unlock()
		return 0, nil
	}
	e.since = time.Time{}
	e.stop()
	if len(b) > 0 && (e.has || e.err != nil) {
		defer e.mu.Unlock()
		return e.give(b)
	}
	e.reading = true
	e.hand(e.want)
	e.mu.Unlock()
	n, err := e.Conn.Read(b)
	e.mu.Lock()
	e.reading = false
	e.mu.Unlock()
	return n, e.tell(err)
}

// Write writes for net/http, and for whoever took the connection over from it.
func (e *Ear) Write(b []byte) (int, error) {
	e.renew()
	n, err := e.Conn.Write(b)
	return n, e.tell(err)
}

// renew moves the deadline of writes when half of it is gone.
func (e *Ear) renew() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if now := time.Now(); !e.raw && e.writeBy.Sub(now) < stall/2 {
		e.writeBy = now.Add(stall)
		e.Conn.SetWriteDeadline(e.writeBy) //nolint:errcheck // the write tells
	}
}

// tell tells of the end that an error is, while net/http serves the connection. It is
// none that a time was over, since net/http ends its own reads in this way.
func (e *Ear) tell(err error) error {
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	e.mu.Lock()
	over := !e.raw && !e.closed
	e.mu.Unlock()
	if over {
		e.gone()
	}
	return err
}

// stop ends what listens, and waits for it. The caller holds mu, as for give, hand,
// expect and arm.
func (e *Ear) stop() {
	if e.heard == nil {
		return
	}
	heard := e.heard
	e.hand(time.Unix(1, 0))
	e.mu.Unlock()
	<-heard
	e.mu.Lock()
}

// give hands out what was heard.
func (e *Ear) give(b []byte) (int, error) {
	if e.has {
		e.has = false
		return copy(b, e.one[:]), nil
	}
	err := e.err
	e.err = nil
	return 0, err
}

// hand hands a deadline down, if it is another.
func (e *Ear) hand(t time.Time) {
	if e.have != t {
		e.have = t
		e.Conn.SetReadDeadline(t) //nolint:errcheck // the read tells
	}
}

// expect has the connection listened to, unless something is read within patience. A timer
// that runs from an earlier request is left alone: it looks again when it goes off.
// Requests that came in one piece follow each other without a read.
func (e *Ear) expect() {
	if e.closed || e.heard != nil || e.has || e.err != nil {
		return
	}
	e.since = time.Now()
	if !e.set {
		e.arm(patience)
	}
}

func (e *Ear) arm(d time.Duration) {
	e.set = true
	e.listener.Add(1)
	if e.timer == nil {
		e.timer = time.AfterFunc(d, e.listen)
		return
	}
	e.timer.Reset(d)
}

// listen reads a byte, or the end, when a request takes long.
func (e *Ear) listen() {
	defer e.listener.Done()
	e.mu.Lock()
	e.set = false
	left := patience - time.Since(e.since)
	if e.since.IsZero() || e.closed {
		e.mu.Unlock()
		return
	}
	if left > 0 {
		e.arm(left)
		e.mu.Unlock()
		return
	}
	e.since = time.Time{}
	e.heard = make(chan struct{})
	e.hand(time.Time{})
	e.mu.Unlock()
	n, err := e.Conn.Read(e.one[:])
	if e.hear(n, err) {
		e.gone()
	}
}

// hear keeps what listen has read, unless it was stopped, and reports whether it was
// the end.
func (e *Ear) hear(n int, err error) (end bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	close(e.heard)
	e.heard = nil
	if e.has = n == 1; e.has || errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	e.err = err
	return err != nil && !e.raw
}

// SetReadDeadline takes effect at once on a read that goes on.
func (e *Ear) SetReadDeadline(t time.Time) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.want = t; e.reading {
		e.hand(t)
	}
	return nil
}

// SetWriteDeadline is for who took the connection over.
func (e *Ear) SetWriteDeadline(t time.Time) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.raw {
		return nil
	}
	return e.Conn.SetWriteDeadline(t)
}

// SetDeadline sets both deadlines.
func (e *Ear) SetDeadline(t time.Time) error {
	return errors.Join(e.SetReadDeadline(t), e.SetWriteDeadline(t))
}

// Release is told when net/http has handed the connection over: from now on a read is
// a read.
func (e *Ear) Release() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.raw = true
	e.Conn.SetWriteDeadline(time.Time{}) //nolint:errcheck // the next write tells
}

// Close ends the connection, and what listens to it.
func (e *Ear) Close() error {
	e.mu.Lock()
	e.closed = true
	if e.set && e.timer.Stop() {
		e.set = false
		e.listener.Done()
	}
	e.mu.Unlock()
	return e.Conn.Close()
}

// Wait returns when nothing listens any more. Close comes before.
func (e *Ear) Wait() { e.listener.Wait() }

// CloseWrite ends one direction, where the connection can.
func (e *Ear) CloseWrite() error {
	if h, ok := e.Conn.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return nil
}
