package lab

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"sallyport.dev/sallyport/netstack"
)

// Plug enrols an agent and gives an address on this machine: whatever program
// dials it is that agent on its way to host. There is no tunnel; all that stands
// behind one is as ever.
func (l *Lab) Plug(agent, host string, port uint16) string {
	l.t.Helper()
	a, _, err := l.Roster.Add(l.t.Context(), agent, l.Rules.Roles(), time.Time{})
	must(l.t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(l.t, err)
	p := &plug{
		src: netip.AddrPortFrom(a.Addr, 40000), dst: netip.AddrPortFrom(netip.MustParseAddr("198.18.0.1"), port),
		server: &netstack.Server{Handler: l.Gateway, Peers: l.Roster, Names: plugged(host), Log: l.log()},
	}
	ctx, stop := context.WithCancel(context.Background())
	p.all.Go(func() { p.accept(ctx, ln) })
	l.t.Cleanup(func() { ln.Close(); stop(); p.all.Wait() })
	return ln.Addr().String()
}

// A plug makes offers of the connections to a listener.
type plug struct {
	src, dst netip.AddrPort
	server   *netstack.Server
	all      sync.WaitGroup
}

func (p *plug) accept(ctx context.Context, ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		conn := socket{c.(*net.TCPConn)}
		p.all.Go(func() {
			p.server.Serve(ctx, netstack.Offer{
				Src: p.src, Dst: p.dst, Refuse: conn.Abort,
				Accept: func(context.Context) (netstack.Conn, error) { return conn, nil },
			})
		})
	}
}

// plugged is the name that every address of a plug stands for.
type plugged string

// Lookup gives the name.
func (p plugged) Lookup(netip.Addr) (string, bool) { return string(p), true }

// A socket is a connection of the kernel in the place of one of ours.
type socket struct{ *net.TCPConn }

// Abort resets the connection.
func (s socket) Abort() {
	s.SetLinger(0) //nolint:errcheck // it may be closed
	s.Close()      //nolint:errcheck // likewise
}

// Gone leaves the rest to the kernel.
func (s socket) Gone(time.Duration) bool { return true }
