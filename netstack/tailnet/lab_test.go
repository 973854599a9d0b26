package tailnet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/netstack/tun"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"tailscale.com/client/local"
	"tailscale.com/ipn"
	"tailscale.com/ipn/store/mem"
	"tailscale.com/net/netns"
	"tailscale.com/tailcfg"
	"tailscale.com/tsnet"
	"tailscale.com/tstest/integration"
	"tailscale.com/tstest/integration/testcontrol"
	"tailscale.com/types/key"
	"tailscale.com/types/logger"
)

// TestMain keeps the library's sockets to the ways that are there: without a
// default route it would mark them for one.
func TestMain(m *testing.M) {
	netns.SetEnabled(false)
	os.Exit(m.Run())
}

const patience = 30 * time.Second

var (
	vipKnown = netip.MustParseAddr("198.18.0.7")
	vipStale = netip.MustParseAddr("198.18.0.8")
	vipPool  = netip.MustParsePrefix("198.18.0.0/15")
)

// memory is an AgentStore, and the State of a node.
type memory struct {
	mu     sync.Mutex
	agents map[string]netstack.Agent
	state  []byte
}

func (m *memory) LoadAgents(context.Context) ([]netstack.Agent, error) { return nil, nil }

func (m *memory) SaveAgent(_ context.Context, a netstack.Agent) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.agents == nil {
		m.agents = make(map[string]netstack.Agent)
	}
	m.agents[a.ID] = a
	return nil
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

// names knows one virtual IP.
type names struct{}

func (names) Lookup(a netip.Addr) (string, bool) {
	if a == vipKnown {
		return "api.example.com", true
	}
	return "", vipPool.Contains(a)
}

// echoDNS answers a question with "re:" and the question, over UDP "u", TCP "t".
type echoDNS struct{}

func (echoDNS) Answer(p *action.Peer, q []byte, stream bool) []byte {
	how := "u"
	if stream {
		how = "t"
	}
	return fmt.Appendf(nil, "%s:%s:%s", how, p.Name, q)
}

// handlerFunc is a Handler.
type handlerFunc func(context.Context, netstack.Flow) error

func (h handlerFunc) ServeFlow(ctx context.Context, f netstack.Flow) error { return h(ctx, f) }

// echo accepts every flow and sends back what comes, after a line that says how
// the flow was announced. Port 9 is refused.
func echo(_ context.Context, f netstack.Flow) error {
	if f.Dst.Port() == 9 {
		return errors.New("discard is not served")
	}
	c, err := f.Accept()
	if err != nil {
		return err
	}
	fmt.Fprintf(c, "%s %s %s\n", f.Peer.Name, f.Dst, f.Host)
	_, err = io.Copy(c, c)
	return err
}

// lab is a tailnet on loopback: its control server, the gateway and agents.
type lab struct {
	t       testing.TB
	control *testcontrol.Server
	web     *httptest.Server
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
	return newLabAt(t, "127.0.0.1", h, change...)
}

// newLabAt is newLab with the control server and DERP at an address of the host.
func newLabAt(t testing.TB, host string, h netstack.Handler, change ...func(*Config, *netstack.Server)) *lab {
	t.Helper()
	l := &lab{t: t, store: &memory{}, tags: []string{"tag:ci"}, auth: "tskey-good"}
	l.control = &testcontrol.Server{
		DERPMap:   integration.RunDERPAndSTUN(t, logger.Discard, host),
		DNSConfig: &tailcfg.DNSConfig{Proxied: true}, MagicDNSDomain: "corp.ts.net", Logf: logger.Discard,
		RequireAuthKey: "tskey-good", AllOnline: true,
		TagOwners: map[string][]string{"tag:sallyport": nil, "tag:ci": nil},
	}
	l.web = httptest.NewUnstartedServer(l.control)
	l.control.HTTPTestServer = l.web
	ln, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	l.web.Listener.Close()
	l.web.Listener = ln
	l.web.Start()
	t.Cleanup(func() { l.web.CloseClientConnections(); l.web.Close() })

	l.cfg = Config{
		Hostname: "sallyport", ControlURL: l.web.URL, AuthKey: l.authKey, Tags: []string{"tag:sallyport"},
		State: l.store, Dir: t.TempDir(), Enrolled: l.enrolled,
		Routes: append(Exit(), vipPool, netip.MustParsePrefix("10.99.0.0/16")),
	}
	l.server = &netstack.Server{Handler: h, Names: names{}, Resolver: echoDNS{}, Log: slog.New(slog.DiscardHandler)}
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
	t   testing.TB
	ts  *tsnet.Server
	net *tun.Net
	key key.NodePublic
	v4  netip.Addr
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
	eventually(l.t, patience, "the routes are known", func() bool {
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
	a := &agent{t: t, net: n, ts: &tsnet.Server{
		Dir: t.TempDir(), Store: new(mem.Store), Ephemeral: true, Hostname: name, AuthKey: "tskey-good", AdvertiseTags: tags,
		ControlURL: l.web.URL, Tun: newDevice(n.Device), Logf: logger.Discard, UserLogf: logger.Discard,
	}}
	t.Cleanup(func() { a.ts.Close(); n.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := a.ts.Up(ctx)
	if err != nil {
		t.Fatal(err)
	}
	a.key, a.v4 = s.Self.PublicKey, s.TailscaleIPs[0]
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
	eventually(t, patience, "the exit node is in use", func() bool {
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
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	c, err := a.net.DialTCP(ctx, netip.AddrPort{}, netip.MustParseAddrPort(addr))
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (a *agent) dial(addr string) net.Conn {
	a.t.Helper()
	c, err := a.tryDial(addr, patience)
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		a.t.Fatal(err)
	}
	return c
}

// line reads up to a newline, byte by byte so that the rest stays.
func line(t testing.TB, r io.Reader) string {
	t.Helper()
	var b strings.Builder
	for {
		var one [1]byte
		if _, err := io.ReadFull(r, one[:]); err != nil {
			t.Fatalf("after %q: %v", b.String(), err)
		}
		if one[0] == '\n' {
			return b.String()
		}
		b.WriteByte(one[0])
	}
}

// eventually polls until ok or the time is up.
func eventually(t testing.TB, within time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}
