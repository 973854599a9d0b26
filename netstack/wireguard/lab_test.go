package wireguard

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/netstack/trial"
	"sallyport.dev/sallyport/netstack/tun"
)

var (
	testSubnet = netip.MustParsePrefix("10.77.0.0/16")
	testULA    = netip.MustParsePrefix("fd5a:1:2:3::/64")
)

// lab is a gateway with agents, over UDP on loopback.
type lab struct {
	t      testing.TB
	roster *netstack.Roster
	server *netstack.Server
	node   *Node
	cfg    Config
	store  *trial.Memory
}

func newLab(t testing.TB, h netstack.Handler, change ...func(*Config, *netstack.Server)) *lab {
	t.Helper()
	private, _, err := netstack.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, store: &trial.Memory{}, cfg: Config{Listen: ":0", PrivateKey: private, Subnet: testSubnet, ULA: testULA}}
	l.server = &netstack.Server{Handler: h, Names: trial.Names{}, Resolver: trial.DNS{}, Log: slog.New(slog.DiscardHandler)}
	for _, c := range change {
		c(&l.cfg, l.server)
	}
	if err := l.start(); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *lab) start() error {
	l.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var err error
	if l.roster, err = netstack.NewRoster(ctx, l.store, l.cfg.Subnet, l.cfg.ULA, nil); err != nil {
		cancel()
		return err
	}
	l.server = &netstack.Server{
		Handler: l.server.Handler, Names: l.server.Names, Resolver: l.server.Resolver,
		Log: l.server.Log, Limits: l.server.Limits, Peers: l.roster,
	}
	if l.node, err = Start(ctx, l.cfg, l.roster, l.server, slog.New(slog.DiscardHandler)); err != nil {
		cancel()
		return err
	}
	node, roster, done := l.node, l.roster, make(chan struct{})
	go func() {
		defer close(done)
		roster.Run(ctx) //nolint:errcheck // nil
	}()
	l.t.Cleanup(func() {
		cancel()
		node.Close()
		<-done
	})
	return nil
}

// over puts a lab on trial.
func over(t testing.TB, h netstack.Handler, change func(*netstack.Server)) trial.Lab {
	t.Helper()
	l := newLab(t, h, func(_ *Config, s *netstack.Server) {
		if change != nil {
			change(s)
		}
	})
	return trial.Lab{
		Agent: func(name string) trial.Agent {
			c := l.agent(name)
			return trial.Agent{Name: name, Addr: c.Addr(), Net: c.Net()}
		},
		Gateway: l.node.Gateway, Net: func() *tun.Net { return l.node.net },
	}
}

// enrol adds an agent and gives its configuration.
func (l *lab) enrol(name string) string {
	l.t.Helper()
	a, private, err := l.roster.Add(context.Background(), name, []string{"dev"}, time.Time{})
	if err != nil {
		l.t.Fatal(err)
	}
	return l.config(a, private)
}

func (l *lab) config(a netstack.Agent, private string) string {
	endpoint := fmt.Sprintf("127.0.0.1:%d", l.node.Port())
	return ClientConfig(NewSettings(l.roster.Space(), a, private, l.node.PublicKey(), endpoint, l.cfg.MTU))
}

// agent enrols and starts a client.
func (l *lab) agent(name string) *Client {
	l.t.Helper()
	return l.client(l.enrol(name))
}

func (l *lab) client(config string) *Client {
	l.t.Helper()
	c, err := NewClient(config, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { c.Close() })
	return c
}

func dial(t testing.TB, c *Client, network, addr string) net.Conn {
	t.Helper()
	conn, err := tryDial(c, network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(2 * trial.Patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func tryDial(c *Client, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), trial.Patience)
	defer cancel()
	return c.DialContext(ctx, network, addr)
}
