package gate

import (
	"net"
	"net/netip"
	"sync"
)

// maxFrom bounds the connections from one address, so that it leaves room for others.
const maxFrom = 64

// A crowd is a listener that takes so many connections from each address of another
// machine, and closes the rest at once.
type crowd struct {
	net.Listener

	mu   sync.Mutex
	from map[netip.Prefix]int // guarded by mu
}

// Accept gives the next connection that there is room for.
func (l *crowd) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		source, far := sourceOf(c.RemoteAddr())
		if !far {
			return c, nil
		}
		if l.enter(source) {
			return &guest{Conn: c, leave: func() { l.leave(source) }}, nil
		}
		c.Close() //nolint:errcheck // nothing was said
	}
}

// sourceOf gives whom a connection counts for: an address, or of IPv6 the network of one
// machine; far is false for this machine itself, where a proxy may stand.
func sourceOf(a net.Addr) (source netip.Prefix, far bool) {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}, false
	}
	addr := tcp.AddrPort().Addr().Unmap().WithZone("")
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	source, err := addr.Prefix(bits)
	return source, err == nil && !addr.IsLoopback()
}

func (l *crowd) enter(source netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.from[source] >= maxFrom {
		return false
	}
	if l.from == nil {
		l.from = make(map[netip.Prefix]int)
	}
	l.from[source]++
	return true
}

func (l *crowd) leave(source netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.from[source]--; l.from[source] == 0 {
		delete(l.from, source)
	}
}

// A guest is one connection.
type guest struct {
	net.Conn
	once  sync.Once
	leave func()
}

// Close ends the connection and makes room for another.
func (g *guest) Close() error {
	g.once.Do(g.leave)
	return g.Conn.Close()
}
