package gate

import (
	"io"
	"net"
	"net/netip"
	"testing"
)

// A queue is a listener of connections from addresses.
type queue struct {
	net.Listener
	from []string
}

func (q *queue) Accept() (net.Conn, error) {
	if len(q.from) == 0 {
		return nil, io.EOF
	}
	at := netip.AddrPortFrom(netip.MustParseAddr(q.from[0]), 1)
	q.from = q.from[1:]
	return caller{at: net.TCPAddrFromAddrPort(at)}, nil
}

// A caller is a connection of which nobody reads anything.
type caller struct {
	net.Conn
	at net.Addr
}

func (c caller) RemoteAddr() net.Addr { return c.at }
func (c caller) Close() error         { return nil }

// T10: one machine does not take every connection of the dashboard's listener.
func TestT10_OneAddressLeavesRoom(t *testing.T) {
	for _, tt := range []struct {
		name, first, next string
		second            bool // another machine
	}{
		{"IPv4", "192.0.2.1", "192.0.2.2", true},
		{"IPv4 as IPv6 writes it", "192.0.2.1", "::ffff:192.0.2.1", false},
		{"IPv6 of one network", "2001:db8::1", "2001:db8::2:3", false},
		{"IPv6 of two", "2001:db8::1", "2001:db8:0:1::1", true},
	} {
		q := &queue{}
		l := &crowd{Listener: q}
		for range maxFrom + 5 {
			q.from = append(q.from, tt.first)
		}
		var open []net.Conn
		take := func() (n int) {
			for {
				c, err := l.Accept()
				if err != nil {
					return n
				}
				open = append(open, c)
				n++
			}
		}
		if n := take(); n != maxFrom {
			t.Fatalf("%s: %d of one address", tt.name, n)
		}
		q.from = []string{tt.next}
		if n := take(); n == 1 != tt.second {
			t.Errorf("%s: %d of the other", tt.name, n)
		}
		open[0].Close()
		open[0].Close() // twice, as net/http may
		q.from = []string{tt.first, tt.first}
		if n := take(); n != 1 {
			t.Errorf("%s: %d for one that left", tt.name, n)
		}
		for _, c := range open {
			c.Close()
		}
		if len(l.from) != 0 {
			t.Errorf("%s: %v is remembered", tt.name, l.from)
		}
	}
	q := &queue{}
	for range 2 * maxFrom {
		q.from = append(q.from, "127.0.0.1")
	}
	l, n := &crowd{Listener: q}, 0
	for {
		if _, err := l.Accept(); err != nil {
			break
		}
		n++
	}
	if n != 2*maxFrom {
		t.Errorf("%d of this machine, where a proxy may stand", n)
	}
}

// Who made a connection is found once, and looked for again where nobody was.
func TestOnce(t *testing.T) {
	asked := 0
	user := once(func() (string, bool) {
		asked++
		return "1000", asked > 1
	})
	for i, want := range []bool{false, true, true} {
		if _, ok := user(); ok != want {
			t.Errorf("question %d: %v", i, ok)
		}
	}
	if asked != 2 {
		t.Errorf("asked %d times", asked)
	}
}
