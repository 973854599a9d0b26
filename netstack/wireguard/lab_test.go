package wireguard

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/netstack"
)

var (
	testSubnet = netip.MustParsePrefix("10.77.0.0/16")
	testULA    = netip.MustParsePrefix("fd5a:1:2:3::/64")
	vipKnown   = netip.MustParseAddr("198.18.0.7")
	vipStale   = netip.MustParseAddr("198.18.0.8")
	vipPool    = netip.MustParsePrefix("198.18.0.0/15")
)

// memory is an AgentStore.
type memory struct {
	mu     sync.Mutex
	agents map[string]netstack.Agent
}

func (m *memory) LoadAgents(context.Context) ([]netstack.Agent, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []netstack.Agent
	for _, a := range m.agents {
		list = append(list, a)
	}
	return list, nil
}

func (m *memory) SaveAgent(_ context.Context, a netstack.Agent) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.agents == nil {
		m.agents = make(map[string]netstack.Agent)
	}
	m.agents[a.ID] = a
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
type echoDNS struct{ block chan struct{} }

func (e echoDNS) Answer(p *action.Peer, q []byte, stream bool) []byte {
	if e.block != nil {
		<-e.block
	}
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

// lab is a gateway with agents, over UDP on loopback.
type lab struct {
	t      testing.TB
	roster *netstack.Roster
	server *netstack.Server
	node   *Node
	cfg    Config
	store  *memory
}

func newLab(t testing.TB, h netstack.Handler, change ...func(*Config, *netstack.Server)) *lab {
	t.Helper()
	private, _, err := netstack.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, store: &memory{}, cfg: Config{Listen: ":0", PrivateKey: private, Subnet: testSubnet, ULA: testULA}}
	l.server = &netstack.Server{Handler: h, Names: names{}, Resolver: echoDNS{}, Log: slog.New(slog.DiscardHandler)}
	for _, c := range change {
		c(&l.cfg, l.server)
	}
	l.start()
	return l
}

func (l *lab) start() {
	l.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var err error
	if l.roster, err = netstack.NewRoster(ctx, l.store, l.cfg.Subnet, l.cfg.ULA, nil); err != nil {
		l.t.Fatal(err)
	}
	l.server = &netstack.Server{
		Handler: l.server.Handler, Names: l.server.Names, Resolver: l.server.Resolver,
		Log: l.server.Log, Limits: l.server.Limits, Peers: l.roster,
	}
	if l.node, err = Start(ctx, l.cfg, l.roster, l.server, slog.New(slog.DiscardHandler)); err != nil {
		l.t.Fatal(err)
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
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func tryDial(c *Client, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return c.DialContext(ctx, network, addr)
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
	for end := time.Now().Add(within); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

// pattern is n bytes that tell where they stand.
func pattern(n int) []byte {
	b := make([]byte, n+8)
	for i := 0; i < n; i += 8 {
		binary.LittleEndian.PutUint64(b[i:], uint64(i)*0x9e3779b97f4a7c15)
	}
	return b[:n]
}
