// Package control is what a tailnet consists of beside its nodes, in one process:
// Tailscale's own test control server, a DERP relay and STUN. Tests and the
// benchmark start one; it knows no gateway, and needs nothing beyond one address.
package control

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"

	"tailscale.com/derp/derpserver"
	"tailscale.com/net/stunserver"
	"tailscale.com/tailcfg"
	"tailscale.com/tstest/integration/testcontrol"
	"tailscale.com/types/dnstype"
	"tailscale.com/types/key"
	"tailscale.com/types/logger"
)

// Domain is that of the tailnet's names.
const Domain = "corp.ts.net"

// Options of a tailnet.
type Options struct {
	Host        string           // address to listen at; "": 127.0.0.1
	Certificate *tls.Certificate // nil: plain HTTP, which nodes speak with private addresses only
	AuthKey     string           // that every node must have
	Tags        []string         // that nodes may ask for
	Nameservers []*dnstype.Resolver
}

// A Server is a running tailnet. Close it.
type Server struct {
	*testcontrol.Server
	web    *httptest.Server
	polls  *line // to the control server
	derp   *derpserver.Server
	relay  *httptest.Server
	relays *line              // to the relay
	cancel context.CancelFunc // ends STUN
	stun   sync.WaitGroup
	closed sync.Once
	cut    sync.Once
}

// Start brings a tailnet up.
func Start(o Options) (*Server, error) {
	if o.Host == "" {
		o.Host = "127.0.0.1"
	}
	s := &Server{derp: derpserver.New(key.NewNode(), logger.Discard)}
	relays, err := s.startDERP(o.Host)
	if err != nil {
		return nil, fmt.Errorf("tailnet: %w", err)
	}
	owners := make(map[string][]string)
	for _, t := range o.Tags {
		owners[t] = nil
	}
	s.Server = &testcontrol.Server{
		DERPMap: relays, Logf: logger.Discard, MagicDNSDomain: Domain, RequireAuthKey: o.AuthKey, AllOnline: true, TagOwners: owners,
		DNSConfig: &tailcfg.DNSConfig{Proxied: true, Resolvers: o.Nameservers},
	}
	if s.web, s.polls, err = serve(s.Server, o.Host); err != nil {
		s.Close()
		return nil, fmt.Errorf("tailnet: %w", err)
	}
	s.HTTPTestServer = s.web
	if o.Certificate == nil {
		s.web.Start()
		return s, nil
	}
	s.web.TLS = &tls.Config{Certificates: []tls.Certificate{*o.Certificate}}
	s.web.StartTLS()
	return s, nil
}

// URL is where nodes find the control server.
func (s *Server) URL() string { return s.web.URL }

// A line is a listener that can hang up on everybody: nodes take their connections
// over from HTTP, whose server forgets them.
type line struct {
	net.Listener
	mu   sync.Mutex
	open []net.Conn // guarded by mu
}

func (l *line) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.open = append(l.open, c)
	}
	return c, err
}

func (l *line) hangUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.open {
		c.Close()
	}
}

// serve makes a server at an address that is not started yet.
func serve(h http.Handler, host string) (*httptest.Server, *line, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return nil, nil, err
	}
	srv := httptest.NewUnstartedServer(h)
	if err := srv.Listener.Close(); err != nil {
		return nil, nil, errors.Join(err, l.Close())
	}
	all := &line{Listener: l}
	srv.Listener = all
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	return srv, all, nil
}

// startDERP brings the relay up, with STUN, and gives the map that names it.
func (s *Server) startDERP(host string) (*tailcfg.DERPMap, error) {
	relay, all, err := serve(derpserver.Handler(s.derp), host)
	if err != nil {
		return nil, err
	}
	relay.Config.TLSNextProto = make(map[string]func(*http.Server, *tls.Conn, http.Handler))
	relay.StartTLS()
	s.relay, s.relays = relay, all
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	stun := stunserver.New(ctx)
	if err := stun.Listen(net.JoinHostPort(host, "0")); err != nil {
		s.CutDERP()
		return nil, err
	}
	s.stun.Go(func() { stun.Serve() }) //nolint:errcheck // it ends with ctx
	return &tailcfg.DERPMap{Regions: map[int]*tailcfg.DERPRegion{1: {
		RegionID: 1, RegionCode: "here",
		Nodes: []*tailcfg.DERPNode{{
			Name: "1", RegionID: 1, HostName: host, IPv4: host, IPv6: "none",
			STUNPort: stun.LocalAddr().(*net.UDPAddr).Port, STUNTestIP: host,
			DERPPort: relay.Listener.Addr().(*net.TCPAddr).Port, InsecureForTests: true,
		}},
	}}}, nil
}

// CutDERP takes the relay away, for good.
func (s *Server) CutDERP() {
	s.cut.Do(func() {
		s.relays.hangUp()
		s.relay.Close()
		s.derp.Close() //nolint:errcheck // nothing is left to lose
		s.cancel()
		s.stun.Wait()
	})
}

// Cut takes the control server away, for good.
func (s *Server) Cut() {
	s.closed.Do(func() {
		s.polls.hangUp()
		s.web.Close()
	})
}

// Close ends everything.
func (s *Server) Close() {
	if s.web != nil {
		s.Cut()
	}
	s.CutDERP()
}
