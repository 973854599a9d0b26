// Package tailnet is the transport by which the gateway is a node of a tailnet:
// whatever the agents' nodes send through it ends in our own stack, with an
// identity that is the tailnet's word for the sender. It advertises routes and
// says how the node stands; it relays no packet and dials no upstream.
package tailnet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/netstack/capture"
	"sallyport.dev/sallyport/netstack/tailnet/front"
	"sallyport.dev/sallyport/netstack/tailnet/leaf"
	"sallyport.dev/sallyport/netstack/tun"

	"tailscale.com/client/local"
	"tailscale.com/envknob"
	"tailscale.com/ipn"
	"tailscale.com/net/tsaddr"
	"tailscale.com/tsnet"
)

// mtu is that of every node of a tailnet.
const mtu = 1280

// Config says what the node is.
type Config struct {
	Hostname   string
	ControlURL string // "": Tailscale's own
	// AuthKey gives an auth key, or the secret of an OAuth client that mints one;
	// "": a person logs the node in. It is used only while the node has no
	// identity, so that a restart mints none.
	AuthKey func() (string, error)
	HTTP    *http.Client // to mint one by; nil: none is minted
	Tags    []string
	Dir     string // where the library may write what is no state
	State   State
	Routes  []netip.Prefix
	// Enrolled reports whether the rules give the agent anything to do.
	Enrolled func(*action.Peer) bool
	// Changed is called after agents may have become others; nil: nobody cares.
	Changed func()
}

// Node is the gateway as a node of a tailnet.
type Node struct {
	cfg    Config
	roster *netstack.Roster
	server *netstack.Server
	log    *slog.Logger
	ts     *tsnet.Server
	client *local.Client
	calls  *http.Transport // client's
	net    *tun.Net
	leaves *leaf.Keeper
	who    *directory
	cancel context.CancelFunc
	joined sync.WaitGroup
	own    atomic.Pointer[[]netip.Addr]
	api    atomic.Pointer[[]netip.AddrPort] // where nodes think that the peer API is
	keySet chan struct{}                    // the auth key may be another one
	up     chan struct{}                    // closed when the node runs for the first time
	begin  sync.Once                        // guards up
	every  time.Duration                    // between two looks at what nobody tells of
	fronts map[uint16]*front.Front          // by port; not changed once the node has started

	mu      sync.Mutex
	key     string         // the auth key that is not to be tried again; guarded by mu
	keyless error          // why there is no auth key; guarded by mu
	pause   time.Time      // no key is made with the same secret before; guarded by mu
	left    bool           // an operator logged the node out; guarded by mu
	routes  []netip.Prefix // guarded by mu
	login   string         // where a person would log the node in; guarded by mu
	trouble []string       // what the library complains of; guarded by mu
	lost    error          // why the node does not hear of changes; guarded by mu
	deaf    bool           // its control server was silent at the last look; guarded by mu
	around  neighbourhood  // guarded by mu
}

var _ netstack.Source = (*Node)(nil)

// New makes a node that is in no tailnet yet and knows nobody. Start it.
func New(cfg Config, roster *netstack.Roster, log *slog.Logger) *Node {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	n := &Node{cfg: cfg, roster: roster, log: log, up: make(chan struct{}), keySet: make(chan struct{}, 1), every: freshFor, routes: cfg.Routes}
	n.own.Store(new([]netip.Addr))
	n.api.Store(new([]netip.AddrPort))
	n.who = newDirectory(n.whois, roster, cfg.Enrolled, log)
	return n
}

// Start brings the node up, once. It does not wait for the control server: a node
// that cannot join serves nobody, says why in Status, and goes on trying. Close
// ends it, and so does the end of ctx.
func (n *Node) Start(ctx context.Context, srv *netstack.Server) (err error) {
	n.server = srv
	if n.net, err = tun.New(tun.Options{MTU: mtu, Any: true, Admit: n.admit}); err != nil {
		return fmt.Errorf("tailnet: %w", err)
	}
	if err := n.join(); err != nil {
		n.net.Close()
		return fmt.Errorf("tailnet: %w", err)
	}
	ctx, n.cancel = context.WithCancel(ctx)
	inbound := capture.Capture{Net: n.net, Server: srv, Own: n.isOwn, Local: n.local, Log: n.log}
	inbound.Begin(ctx)
	n.roster.Subscribe(n.who.rosterChanged)
	n.joined.Go(func() { n.follow(ctx) })
	n.joined.Go(func() { n.leaves.Run(ctx) })
	return nil
}

// join starts the library's node, which connects by itself.
func (n *Node) join() error {
	// The library sends its log to its maker unless it is told not to.
	envknob.SetNoLogsNoSupport()
	state, err := newStore(n.cfg.State)
	if err != nil {
		return err
	}
	key := ""
	if !state.hasIdentity() {
		key = n.firstKey()
	}
	n.ts = &tsnet.Server{
		Dir: n.cfg.Dir, Store: state, Hostname: n.cfg.Hostname, AuthKey: key, AdvertiseTags: n.cfg.Tags,
		ControlURL: n.cfg.ControlURL, Tun: newDevice(n.net.Device),
		Logf:     func(format string, args ...any) { n.log.Debug("tailscale", "text", fmt.Sprintf(format, args...)) },
		UserLogf: func(format string, args ...any) { n.log.Debug("tailscale", "text", fmt.Sprintf(format, args...)) },
	}
	if n.ts.ControlURL == "" {
		n.ts.ControlURL = ipn.DefaultControlURL
	}
	if err := n.ts.Start(); err != nil {
		return err
	}
	takeInbound(n.ts)
	n.client, err = n.ts.LocalClient()
	if err == nil {
		n.calls = &http.Transport{DialContext: n.client.Dial}
		n.client.Transport = n.calls
		n.leaves = &leaf.Keeper{Ask: n.client.CertPair, State: state, Dir: filepath.Join(n.cfg.Dir, "certs"), Now: time.Now, Log: n.log}
		err = n.advertise(context.Background())
	}
	if err != nil {
		n.ts.Close() //nolint:errcheck // the first error is the one to tell
		return err
	}
	return nil
}

// admit lets in what comes from an address of the tailnet: one that stands for a
// node, never one that lies behind it.
func (n *Node) admit(p tun.Packet) bool {
	return tsaddr.IsTailscaleIP(p.Src) && capture.Admit(p, n.isOwn)
}

func (n *Node) isOwn(a netip.Addr) bool { return slices.Contains(*n.own.Load(), a) }

// Asks reports whether it is there that nodes which use this one as their exit node
// ask for names, by DNS over HTTP. The library's own server for that is cut off,
// because it asks the host's resolvers (see takeInbound).
func (n *Node) Asks(at netip.AddrPort) bool { return slices.Contains(*n.api.Load(), at) }

// Lookup tells which agent an address of the tailnet belongs to.
func (n *Node) Lookup(addr netip.Addr) (*action.Peer, bool) {
	if !tsaddr.IsTailscaleIP(addr) {
		return nil, false
	}
	return n.who.lookup(addr)
}

// Seen tells who an agent was when it was last seen, and whether it may do
// anything now.
func (n *Node) Seen(id string) (p *action.Peer, enrolled bool) { return n.who.seen(id) }

// Current gives the agent of an id as it stands now.
func (n *Node) Current(id string) (*action.Peer, bool) { return n.who.current(id) }

// Gateway is the node's own addresses; they are zero until it has joined.
func (n *Node) Gateway() (v4, v6 netip.Addr) {
	for _, a := range *n.own.Load() {
		if a.Is4() {
			v4 = a
		} else {
			v6 = a
		}
	}
	return v4, v6
}

// Up waits until the node has joined for the first time.
func (n *Node) Up(ctx context.Context) error {
	select {
	case <-n.up:
		return nil
	case <-ctx.Done():
		return errors.Join(append([]error{fmt.Errorf("tailnet: %w", ctx.Err())}, n.problems()...)...)
	}
}

// Close takes the node down, with every flow of the server, and waits for it.
func (n *Node) Close() error {
	if n.cancel != nil {
		n.cancel()
	}
	n.joined.Wait()
	return nil
}

// down ends every flow and frees everything.
func (n *Node) down() {
	for _, f := range n.fronts {
		f.Close()
	}
	n.server.Stop()
	n.net.Farewell()
	n.calls.CloseIdleConnections() // the library waits 5 s for one that was never used
	if err := n.ts.Close(); err != nil {
		n.log.Warn("the tailnet node did not close", "err", err)
	}
	n.net.Close()
}
