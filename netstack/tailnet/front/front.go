// Package front is the listener of one port of a node's own addresses, for
// connections that no agent makes. It bounds how many are open, knows nobody and
// reads nothing.
package front

import (
	"errors"
	"net"
	"net/netip"
	"sync"

	"sallyport.dev/sallyport/netstack"
)

// How many connections may be open at a time.
const (
	maxVisits     = 256
	maxVisitsEach = 32
)

// A Front is the listener. Close ends it, and its owner closes the connections.
type Front struct {
	port uint16
	addr func() netip.Addr
	came chan net.Conn
	over chan struct{}
	once sync.Once

	mu   sync.Mutex
	open map[netip.Addr]int // connections of each node; guarded by mu
	all  int                // guarded by mu
}

var _ net.Listener = (*Front)(nil)

// New makes a listener; addr gives the address by which it is told.
func New(port uint16, addr func() netip.Addr) *Front {
	return &Front{port: port, addr: addr, came: make(chan net.Conn), over: make(chan struct{}), open: make(map[netip.Addr]int)}
}

// Take makes room for a connection from src and gives what is to be called once
// with it, or with nil if its handshake failed; nil: there is no room. That waits
// until somebody accepts the connection.
func (f *Front) Take(src netip.Addr) func(netstack.Conn) {
	if !f.enter(src) {
		return nil
	}
	return func(c netstack.Conn) {
		v := &visit{Conn: c, leave: func() { f.leave(src) }}
		if c == nil {
			v.once.Do(v.leave)
			return
		}
		select {
		case f.came <- v:
		case <-f.over:
			v.Close() //nolint:errcheck // nobody is left to tell
		}
	}
}

var errClosed = errors.New("the listener on the tailnet is closed")

// Accept gives the next connection.
func (f *Front) Accept() (net.Conn, error) {
	select {
	case c := <-f.came:
		return c, nil
	case <-f.over:
		return nil, errors.Join(errClosed, net.ErrClosed)
	}
}

// Close ends the listener. It may be called more than once.
func (f *Front) Close() error {
	f.once.Do(func() { close(f.over) })
	return nil
}

// Addr gives the address and port, which are zero until the node has joined.
func (f *Front) Addr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(f.addr(), f.port))
}

// enter counts a connection, unless there are too many.
func (f *Front) enter(src netip.Addr) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all >= maxVisits || f.open[src] >= maxVisitsEach {
		return false
	}
	f.all++
	f.open[src]++
	return true
}

func (f *Front) leave(src netip.Addr) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all--
	if f.open[src]--; f.open[src] == 0 {
		delete(f.open, src)
	}
}

// A visit is one connection.
type visit struct {
	netstack.Conn
	once  sync.Once
	leave func()
}

// Close ends the connection and makes room for another.
func (v *visit) Close() error {
	v.once.Do(v.leave)
	return v.Conn.Close()
}
