package entry

import (
	"net"
	"sync"
)

// A Single is a listener that has one connection to give.
type Single struct {
	conn net.Conn
	mu   sync.Mutex
	gave bool // guarded by mu
	once sync.Once
	done chan struct{}
}

// NewSingle makes a listener of conn.
func NewSingle(conn net.Conn) *Single { return &Single{conn: conn, done: make(chan struct{})} }

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
