package tailnet

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/internal/lab/control"
	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/netstack/trial"
	"sallyport.dev/sallyport/netstack/tun"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"tailscale.com/client/local"
	"tailscale.com/ipn"
	"tailscale.com/ipn/store/mem"
	"tailscale.com/net/netns"
	"tailscale.com/tsnet"
	"tailscale.com/types/key"
	"tailscale.com/types/logger"
)

// TestMain keeps the library's sockets to the ways that are there: without a
// default route it would mark them for one.
func TestMain(m *testing.M) {
	netns.SetEnabled(false)
	os.Exit(m.Run())
}

// patience is more than others have: the library waits for seconds before it tries again.
const patience = 2 * trial.Patience

// memory is an AgentStore, and the State of a node.
type memory struct {
	trial.Memory

	mu    sync.Mutex
	state []byte // guarded by mu
}

func (m *memory) Load() ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state, nil
}

func (m *memory) Save(_ context.Context, state []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state = state
	return nil
}

// lab is a tailnet on loopback: its control server, the gateway and agents.
type lab struct {
	t       testing.TB
	control *control.Server
	roster  *netstack.Roster
	server  *netstack.Server
	store   *memory
	cfg     Config
	node    *Node

	mu   sync.Mutex
	tags []string // whose nodes the rules know; guarded by mu
	auth string   // the auth key there is; guarded by mu
}

func (l *lab) authKey() (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.auth, nil
}

// newLab starts a tailnet with a gateway that is an exit node. Nodes with tag:ci
// have a role.
func newLab(t testing.TB, h netstack.Handler, change ...func(*Config, *netstack.Server)) *lab {
	t.Helper()
	l := &lab{t: t, store: &memory{}, tags: []string{"tag:ci"}, auth: "tskey-good"}
	var err error
	if l.control, err = control.Start(control.Options{AuthKey: "tskey-good", Tags: []string{"tag:sallyport", "tag:ci"}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.control.Close)
	l.cfg = Config{
		Hostname: "sallyport", ControlURL: l.control.URL(), AuthKey: l.authKey, Tags: []string{"tag:sallyport"},
		State: l.store, Dir: t.TempDir(), Enrolled: l.enrolled,
		Routes: append(Exit(), netip.MustParsePrefix(trial.Pool), netip.MustParsePrefix("10.99.0.0/16")),
	}
	l.server = &netstack.Server{Handler: h, Names: trial.Names{}, Resolver: trial.DNS{}, Log: slog.New(slog.DiscardHandler)}
	for _, c := range change {
		c(&l.cfg, l.server)
	}
	l.start()
	return l
}

func (l *lab) enrolled(p *action.Peer) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(p.Enrolled) > 0 || slices.ContainsFunc(p.Tags, func(t string) bool { return slices.Contains(l.tags, t) })
}

// start brings the gateway up with the state there is.
func (l *lab) start() {
	l.t.Helper()
	var err error
	l.roster, err = netstack.NewRoster(context.Background(), l.store, netip.MustParsePrefix("10.77.0.0/16"), netip.Prefix{}, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	l.server = &netstack.Server{
		Handler: l.server.Handler, Names: l.server.Names, Resolver: l.server.Resolver, Log: l.server.Log, Limits: l.server.Limits,
	}
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("SALLYPORT_TAILNET_LOG") != "" {
		log = slog.New(slog.NewTextHandler(l.t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	l.node = New(l.cfg, l.roster, log)
	l.node.every = time.Second // there is little to wait for here
	l.server.Peers = netstack.Table{l.roster, l.node}
	if err := l.node.Start(context.Background(), l.server); err != nil {
		l.t.Fatal(err)
	}
	node := l.node
	l.t.Cleanup(func() { node.Close() })
}

// up waits for the gateway and approves its routes.
func (l *lab) up() *lab {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := l.node.Up(ctx); err != nil {
		l.t.Fatal(err)
	}
	l.approve(l.cfg.Routes)
	return l
}

func (l *lab) approve(routes []netip.Prefix) {
	l.t.Helper()
	l.control.SetSubnetRoutes(l.key(l.node), routes)
}

func (l *lab) key(n *Node) key.NodePublic {
	l.t.Helper()
	s, err := n.client.StatusWithoutPeers(context.Background())
	if err != nil {
		l.t.Fatal(err)
	}
	return s.Self.PublicKey
}

// agent is another machine of the tailnet, with a stack of its own behind a
// stock node.
type agent struct {
	trial.Agent
	t   testing.TB
	ts  *tsnet.Server
	key key.NodePublic
}

// join adds a machine that uses the gateway as its exit node.
func (l *lab) join(name string, tags ...string) *agent {
	l.t.Helper()
	a := l.machine(name, tags...)
	a.exitBy(l)
	return a
}

// joinRoutes adds a machine that takes the gateway's routes, and no exit node.
func (l *lab) joinRoutes(name string, tags ...string) *agent {
	l.t.Helper()
	a := l.machine(name, tags...)
	client, err := a.ts.LocalClient()
	if err == nil {
		_, err = client.EditPrefs(context.Background(), &ipn.MaskedPrefs{Prefs: ipn.Prefs{RouteAll: true}, RouteAllSet: true})
	}
	if err != nil {
		l.t.Fatal(err)
	}
	gateway := l.key(l.node)
	trial.Eventually(l.t, patience, "the routes are known", func() bool {
		s, err := client.Status(context.Background())
		return err == nil && s.Peer[gateway] != nil && s.Peer[gateway].PrimaryRoutes != nil
	})
	return a
}

func (l *lab) machine(name string, tags ...string) *agent {
	l.t.Helper()
	t := l.t
	n, err := tun.New(tun.Options{MTU: mtu})
	if err != nil {
		t.Fatal(err)
	}
	a := &agent{t: t, Agent: trial.Agent{Net: n, Name: name}, ts: &tsnet.Server{
		Dir: t.TempDir(), Store: new(mem.Store), Ephemeral: true, Hostname: name, AuthKey: "tskey-good", AdvertiseTags: tags,
		ControlURL: l.control.URL(), Tun: newDevice(n.Device), Logf: logger.Discard, UserLogf: logger.Discard,
	}}
	client, err := a.ts.LocalClient()
	if err != nil {
		t.Fatal(err)
	}
	calls := &http.Transport{DialContext: client.Dial}
	client.Transport = calls
	t.Cleanup(func() {
		calls.CloseIdleConnections()
		a.ts.Close()
		n.Close()
	})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := a.ts.Up(ctx)
	if err != nil {
		t.Fatal(err)
	}
	a.key, a.Addr = s.Self.PublicKey, s.TailscaleIPs[0]
	// A handshake with a node that does not know us yet is tried again after 5 s only.
	trial.Eventually(t, patience, "the gateway knows of the machine", func() bool {
		s, err := l.node.client.Status(ctx)
		return err == nil && s.Peer[a.key] != nil
	})
	if len(tags) > 0 {
		a.Name += "@" + tags[0]
	}
	for _, ip := range s.TailscaleIPs {
		pa := tcpip.ProtocolAddress{Protocol: tun.Protocol(ip), AddressWithPrefix: tun.Address(ip).WithPrefix()}
		if terr := n.Stack.AddProtocolAddress(tun.NIC, pa, stack.AddressProperties{}); terr != nil {
			t.Fatal(terr)
		}
	}
	return a
}

// exitBy makes the gateway the exit node, once the tailnet has told of it.
func (a *agent) exitBy(l *lab) {
	a.t.Helper()
	client, err := a.ts.LocalClient()
	if err != nil {
		a.t.Fatal(err)
	}
	useExit(a.t, l, client)
}

func useExit(t testing.TB, l *lab, client *local.Client) {
	t.Helper()
	gateway := l.key(l.node)
	trial.Eventually(t, patience, "the exit node is in use", func() bool {
		s, err := client.Status(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		p := s.Peer[gateway]
		if p == nil || !p.ExitNodeOption {
			return false
		}
		if p.ExitNode {
			return true
		}
		_, err = client.EditPrefs(context.Background(), &ipn.MaskedPrefs{
			Prefs: ipn.Prefs{ExitNodeID: p.ID, RouteAll: true}, ExitNodeIDSet: true, RouteAllSet: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		return false
	})
}

func (a *agent) tryDial(addr string, within time.Duration) (net.Conn, error) {
	return a.TryDial(addr, within)
}

func (a *agent) dial(addr string) net.Conn {
	a.t.Helper()
	return a.Dial(a.t, addr)
}

// over puts a lab on trial.
func over(t testing.TB, h netstack.Handler, change func(*netstack.Server)) trial.Lab {
	t.Helper()
	l := newLab(t, h, func(_ *Config, s *netstack.Server) {
		if change != nil {
			change(s)
		}
	}).up()
	return trial.Lab{
		Agent:   func(name string) trial.Agent { return l.join(name, "tag:ci").Agent },
		Gateway: l.node.Gateway, Net: func() *tun.Net { return l.node.net },
	}
}
