package netstack

import (
	"context"
	"io"
	"net"
	"sync"
	"time"
)

// flow is one offer under way.
type flow struct {
	offer  Offer
	slot   *agent
	cancel context.CancelCauseFunc

	deciding sync.Mutex // held through Accept's handshake
	decided  bool       // guarded by deciding: accepted, refused or over

	mu   sync.Mutex
	conn *tracked // guarded by mu
	dead bool     // guarded by mu: cut
}

// tracked remembers whether the Handler has closed the connection itself.
type tracked struct {
	Conn
	once   sync.Once
	closed chan struct{}
}

// Close ends the connection as the Handler's own wish.
func (t *tracked) Close() error {
	t.once.Do(func() { close(t.closed) })
	return t.Conn.Close()
}

// accept is Flow.Accept.
func (f *flow) accept(ctx context.Context) (net.Conn, error) {
	f.deciding.Lock()
	defer f.deciding.Unlock()
	if f.decided {
		return nil, errTaken
	}
	f.decided = true
	conn, err := f.offer.Accept(ctx)
	f.slot.accepted(f)
	if err != nil {
		return nil, err
	}
	t := &tracked{Conn: conn, closed: make(chan struct{})}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dead {
		conn.Abort()
		return nil, errOver
	}
	f.conn = t
	return t, nil
}

// cut ends the flow; it may be called at any time and does not wait.
func (f *flow) cut(cause error) {
	f.cancel(cause)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dead = true
	if f.conn != nil {
		f.conn.Abort()
	}
}

// finish refuses what nobody accepted, and sees what was accepted to its end.
func (f *flow) finish(ctx context.Context) {
	defer f.cancel(errOver)
	f.deciding.Lock()
	defer f.deciding.Unlock()
	if !f.decided {
		f.decided = true
		f.offer.Refuse()
		return
	}
	f.mu.Lock()
	conn := f.conn
	f.mu.Unlock()
	if conn == nil {
		return
	}
	stop := context.AfterFunc(ctx, conn.Abort)
	defer stop()
	conn.linger()
	conn.Conn.Close() //nolint:errcheck // nobody is left to tell
	if !conn.Gone(goneTime) {
		conn.Abort()
	}
}

// linger reads on for a moment after our last byte, unless the Handler has
// closed the connection.
func (t *tracked) linger() {
	select {
	case <-t.closed:
		return
	default:
	}
	if t.CloseWrite() != nil || t.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
		return
	}
	io.CopyN(io.Discard, t.Conn, lingerBytes) //nolint:errcheck // whatever comes is thrown away
}
