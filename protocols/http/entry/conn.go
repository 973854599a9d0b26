package entry

import (
	"net"
	"net/http"
	"sync"
)

// A Single is a listener that has one connection to give.
type Single struct {
	conn net.Conn
	ear  *Ear // the same; nil for HTTP/2
	mu   sync.Mutex
	gave bool // guarded by mu
	once sync.Once
	done chan struct{}
}

// NewSingle makes a listener of what Watch gave. gone is called once the agent has hung
// up on HTTP/1.1; it must not wait. End it.
func NewSingle(conn net.Conn, gone func()) *Single {
	l := &Single{conn: conn, done: make(chan struct{})}
	if f, ok := conn.(*Framing); ok {
		l.ear = NewEar(f, gone)
		l.conn = l.ear
	}
	return l
}

// Follow is told by net/http how the connection is, and ends the listener when that
// serves it no more.
func (l *Single) Follow(_ net.Conn, state http.ConnState) {
	if state == http.StateHijacked && l.ear != nil {
		l.ear.Release()
	}
	if state == http.StateClosed || state == http.StateHijacked {
		l.Close()
	}
}

// End ends the connection, and waits for what listens to it.
func (l *Single) End() {
	l.Close()
	l.conn.Close()
	if l.ear != nil {
		l.ear.Wait()
	}
}

// Accept gives the connection once, and then waits for Close.
func (l *Single) Accept() (net.Conn, error) {
	l.mu.Lock()
	gave := l.gave
	l.gave = true
	l.mu.Unlock()
	if !gave {
		return l.conn, nil
	}
	<-l.done
	return nil, net.ErrClosed
}

// Close ends the listener; the connection stays.
func (l *Single) Close() error { l.once.Do(func() { close(l.done) }); return nil }

// Addr is the near end of the connection.
func (l *Single) Addr() net.Addr { return l.conn.LocalAddr() }

// A peeked connection gives its first byte twice.
type peeked struct {
	net.Conn
	first [1]byte
	have  bool
}

func (c *peeked) peek() (byte, error) {
	n, err := c.Conn.Read(c.first[:])
	if n == 1 {
		c.have = true
		return c.first[0], nil
	}
	return 0, err
}

func (c *peeked) Read(b []byte) (int, error) {
	if c.have && len(b) > 0 {
		c.have = false
		return copy(b, c.first[:]), nil
	}
	return c.Conn.Read(b)
}

// CloseWrite ends one direction, where the connection can.
func (c *peeked) CloseWrite() error {
	if h, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return nil
}
