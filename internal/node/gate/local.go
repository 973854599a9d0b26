package gate

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"sallyport.dev/sallyport/dashboard/door"

	"golang.org/x/net/netutil"
)

// maxOpen bounds the connections of one listener of this machine.
const maxOpen = 256

// Open listens where the configuration says: with a certificate and its key by
// TLS, else on localhost.
func (g *Gates) Open(listen, cert, key string) (err error) {
	host, port, err := net.SplitHostPort(listen)
	if err == nil && cert != "" {
		g.local, err = secure(listen, host, &pair{cert: cert, key: key})
	} else if err == nil {
		g.local, err = g.localhost(port)
	}
	if err != nil {
		return fmt.Errorf("dashboard: %w", err)
	}
	var here []netip.AddrPort
	for _, at := range g.local {
		if tcp, ok := at.Listener.Addr().(*net.TCPAddr); ok {
			a := tcp.AddrPort()
			here = append(here, netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port()))
		}
	}
	g.here.Store(&here)
	return nil
}

// Close ends what Open opened, if it was not served.
func (g *Gates) Close() error {
	var errs []error
	for _, at := range g.local {
		errs = append(errs, at.Listener.Close())
	}
	return errors.Join(errs...)
}

func secure(listen, host string, p *pair) ([]gate, error) {
	if err := p.load(); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, err
	}
	url := "https://" + net.JoinHostPort(p.name(host), portOf(l))
	l = tls.NewListener(netutil.LimitListener(&crowd{Listener: l}, maxOpen), config(p.get))
	return []gate{{l, &door.Entrance{URL: url, Secure: true, Hosts: p.hosts}, nil}}, nil
}

// portTries is how often "whichever port is free" is looked for: what is free for one
// family may be somebody's for the other.
const portTries = 10

// localhost listens by both families, so that nobody else of this machine takes
// the other one.
func (g *Gates) localhost(port string) ([]gate, error) {
	listeners, err := g.families(port)
	for try := 1; port == "0" && errors.Is(err, syscall.EADDRINUSE) && try < portTries; try++ {
		listeners, err = g.families(port)
	}
	if err != nil {
		return nil, err
	}
	hosts := func() []string { return []string{"localhost", "127.0.0.1", "::1"} }
	e := &door.Entrance{URL: "http://localhost:" + portOf(listeners[0]), Hosts: hosts}
	var list []gate
	for _, l := range listeners {
		list = append(list, gate{netutil.LimitListener(l, maxOpen), e, nil})
	}
	return list, nil
}

// families listens on one port of 127.0.0.1 and, where there is IPv6, of ::1.
func (g *Gates) families(port string) ([]net.Listener, error) {
	first, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return nil, err
	}
	second, err := net.Listen("tcp6", net.JoinHostPort("::1", portOf(first)))
	switch {
	case err == nil:
		return []net.Listener{first, second}, nil
	case errors.Is(err, syscall.EADDRINUSE):
		first.Close()
		return nil, err
	}
	g.Log.Debug("the dashboard is on IPv4 only", "err", err) // this machine has no IPv6
	return []net.Listener{first}, nil
}

func portOf(l net.Listener) string {
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return ""
	}
	return port
}
