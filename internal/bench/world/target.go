package world

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"sallyport.dev/sallyport/internal/bench/agent"
	"sallyport.dev/sallyport/internal/bench/reference"
	"sallyport.dev/sallyport/internal/bench/roles"
	"sallyport.dev/sallyport/internal/pki"

	"golang.org/x/net/proxy"
)

// A Target is one variant as the load generator sees it.
type Target struct {
	Name    string
	pids    []int // of the processes that are the variant
	Roots   *x509.CertPool
	agent   *agent.Client // nil: no tunnel
	At      map[string]netip.AddrPort
	socks   proxy.ContextDialer // of the tailnet's agent; nil: it is in none
	socket  string              // of a gateway's admin API; "": it has none
	process *Process            // the gateway; nil: a reference
}

// services are the places that every variant offers, and their ports in a tunnel.
func services() map[string]uint16 {
	return map[string]uint16{APIName: 443, PlainName: 80, DBName: 5432}
}

// direct reaches the upstreams without anything between.
func (w *World) direct() (*Target, error) {
	t := &Target{Name: "direct", At: make(map[string]netip.AddrPort)}
	for name, addr := range map[string]string{APIName: w.upstream.HTTPS, PlainName: w.upstream.HTTP, DBName: w.pg.Address()} {
		at, err := netip.ParseAddrPort(addr)
		if err != nil {
			return nil, err
		}
		t.At[name] = at
	}
	var err error
	t.Roots, err = pool(w.ca)
	return t, err
}

// splice is a byte copy to the database, without a tunnel.
func (w *World) splice() (*Target, error) {
	var ready roles.SpliceReady
	p, err := w.Spawn("splice", "splice", roles.SpliceConfig{Upstream: w.pg.Address()}, &ready)
	if err != nil {
		return nil, err
	}
	return w.beside("splice", ready.At, p)
}

// beside is a process that stands before the database, without a tunnel.
func (w *World) beside(name, at string, p *Process) (*Target, error) {
	t := &Target{Name: name, pids: []int{p.pid()}, At: make(map[string]netip.AddrPort)}
	var err error
	t.At[DBName], err = netip.ParseAddrPort(at)
	return t, err
}

// forward starts a reference in a process of its own.
func (w *World) forward(name string, o reference.Options, ca *pki.Authority) (*Target, error) {
	var ready roles.ForwardReady
	p, err := w.Spawn(name, "forward", o, &ready)
	if err != nil {
		return nil, err
	}
	roots, err := pool(ca)
	if err != nil {
		return nil, err
	}
	t, err := w.tunnel(name, ready.Config, roots, p.pid())
	if err != nil {
		return nil, err
	}
	for service, port := range services() {
		t.At[service] = netip.AddrPortFrom(netip.MustParseAddr("10.66.1.1"), port)
	}
	return t, nil
}

func pool(ca *pki.Authority) (*x509.CertPool, error) {
	p := x509.NewCertPool()
	if !p.AppendCertsFromPEM(ca.PEM()) {
		return nil, errors.New("a CA without a certificate")
	}
	return p, nil
}

// tunnel brings up the agent of a variant.
func (w *World) tunnel(name, config string, roots *x509.CertPool, pid int) (*Target, error) {
	a, err := agent.New(config)
	if err != nil {
		return nil, err
	}
	w.agents = append(w.agents, a)
	return &Target{Name: name, pids: []int{pid}, Roots: roots, agent: a, At: make(map[string]netip.AddrPort)}, nil
}

// resolve asks the tunnel's own DNS where the services are.
func (t *Target) resolve(ctx context.Context) error {
	for service, port := range services() {
		ip, err := t.agent.Resolve(ctx, service)
		if err != nil {
			return fmt.Errorf("resolve %s: %w", service, err)
		}
		t.At[service] = netip.AddrPortFrom(ip, port)
	}
	return nil
}

// Dial connects to a service by its name.
func (t *Target) Dial(ctx context.Context, service string) (net.Conn, error) {
	at, ok := t.At[service]
	if !ok {
		return nil, fmt.Errorf("%s does not offer %s", t.Name, service)
	}
	if t.agent != nil {
		return t.agent.Dial(ctx, at)
	}
	if t.socks != nil {
		return t.socks.DialContext(ctx, "tcp", at.String())
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", at.String())
}

// Open connects to an HTTP service, with TLS where it has it.
func (t *Target) Open(ctx context.Context, service string) (net.Conn, error) {
	c, err := t.Dial(ctx, service)
	if err != nil || service == PlainName {
		return c, err
	}
	s := tls.Client(c, &tls.Config{ServerName: service, RootCAs: t.Roots, NextProtos: []string{"http/1.1"}})
	if err := s.HandshakeContext(ctx); err != nil {
		c.Close()
		return nil, fmt.Errorf("TLS with %s by %s: %w", service, t.Name, err)
	}
	return s, nil
}

// Counters are zero without a tunnel.
func (t *Target) Counters() agent.Counters {
	if t.agent == nil {
		return agent.Counters{}
	}
	return t.agent.Counters()
}

func freePort() (int, error) {
	c, err := net.ListenUDP("udp", &net.UDPAddr{})
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).Port, nil
}

// awaitTCP waits until something listens.
func awaitTCP(at string, patience time.Duration) error {
	deadline := time.Now().Add(patience)
	for {
		c, err := net.Dial("tcp", at)
		if err == nil {
			return c.Close()
		}
		if time.Now().After(deadline) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Ask lets the agent ask the tunnel's DNS once.
func (t *Target) Ask(ctx context.Context) error {
	_, err := t.agent.Resolve(ctx, APIName)
	return err
}
