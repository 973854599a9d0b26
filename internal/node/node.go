// Package node puts one gateway together: store, vault, rules, line, overlay and
// API, in the order in which they need each other, and takes it down again. What
// a build contains it is told; it judges nothing itself.
package node

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync/atomic"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval"
	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/audit/tally"
	"sallyport.dev/sallyport/dashboard"
	"sallyport.dev/sallyport/dashboard/connect"
	"sallyport.dev/sallyport/dashboard/door"
	"sallyport.dev/sallyport/dashboard/holding"
	"sallyport.dev/sallyport/dashboard/inside"
	"sallyport.dev/sallyport/dashboard/push"
	"sallyport.dev/sallyport/dashboard/spend"
	"sallyport.dev/sallyport/gateway"
	"sallyport.dev/sallyport/gateway/probe"
	"sallyport.dev/sallyport/internal/node/alert"
	"sallyport.dev/sallyport/internal/node/courier"
	"sallyport.dev/sallyport/internal/node/dummies"
	"sallyport.dev/sallyport/internal/node/gate"
	"sallyport.dev/sallyport/internal/node/outreach"
	"sallyport.dev/sallyport/internal/node/safe"
	"sallyport.dev/sallyport/internal/node/upkeep"
	"sallyport.dev/sallyport/internal/store"
	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/netstack/dns"
	"sallyport.dev/sallyport/netstack/tailnet"
	"sallyport.dev/sallyport/netstack/wireguard"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/vault"
	"sallyport.dev/sallyport/vault/ca"
	"sallyport.dev/sallyport/vault/keyring"
)

// virtualIPs is the pool that names are answered from (RFC 2544 benchmarking
// addresses: nobody's, and outside every private range that a tailnet leaves out).
const virtualIPs = "198.18.0.0/15"

// unusedSubnet is where agents would live if there were a WireGuard transport.
const unusedSubnet = "10.77.0.0/16"

// A Build is what this program contains.
type Build struct {
	Protocols []protocols.Protocol
	Policy    policy.Options
	Tries     map[string]probe.Try // of an operator, by protocol
	Docs      fs.FS                // the documentation; nil: none
	// Remote gives what fetches a secret, and what tells it from another place; nil
	// for one that is not fetched. Nil: no secret is.
	Remote func(*policy.SecretConfig) (r vault.Remote, spec string, err error)
}

// Options of one gateway.
type Options struct {
	Build   Build
	Version string
	Config  string            // path of the configuration
	State   string            // state directory, unless the configuration names one
	Log     *slog.Logger      //
	Errs    io.Writer         // configuration errors, with the source line
	Welcome func(link string) // is told the link of the first run before all is ready; nil: Errs is
	Reload  <-chan os.Signal  // read the configuration again; nil: only when it changes
	Dialer  *gateway.Dialer   // nil: as the configuration says
	Ask     keyring.Ask       // for the passphrase of the vault; nil: nobody can be asked
	HTTP    *http.Client      // for what the gateway itself asks of others; nil: it asks nobody
	Roots   *x509.CertPool    // that Slack and receivers of webhooks must prove themselves by; nil: the host's
}

// A Node is one gateway and all that it is made of. Start makes one, Run keeps
// it going, Close takes it down.
type Node struct {
	Dir     string // the state directory
	Rules   *Rulebook
	Vault   *vault.Vault
	CA      *ca.Authority
	Journal *audit.Log
	Limits  *tally.Counter
	Roster  *netstack.Roster
	Desk    *approval.Desk
	// Outreach is whom it asks and tells elsewhere.
	Outreach *outreach.Outreach
	Gateway  *gateway.Gateway
	Dummies  *dummies.Book   // what agents hold in place of keys
	WG       *wireguard.Node // nil: no such transport
	TS       *tailnet.Node   // nil: no such transport
	API      *dashboard.API

	o       Options
	closing context.CancelFunc        // ends the life of the desk
	people  atomic.Pointer[door.Door] // who the operators are; nil until the API is there
	started time.Time
	up      atomic.Bool
	store   *store.Store
	safe    *safe.Safe
	upkeep  *upkeep.Ledger // what the secrets need
	consent *connect.Desk  // connects OAuth accounts
	pools   []netip.Prefix // the virtual IPs
	meter   *spend.Meter   // of what models took
	holding holding.Page   // what the store has, and how long

	courier *courier.Courier // hands records on
	// Alerts watches what is wrong.
	Alerts *alert.Watch

	phone  *push.Phone                         // tells people's browsers; nil until the API is there
	gates  gate.Gates                          // where people come in
	inside atomic.Pointer[func() []netip.Addr] // where agents do; nil until the transports are known
}

// ErrConfig means that the configuration has errors, which Options.Errs was told.
var ErrConfig = errors.New("the configuration has errors")

var errNoTransport = errors.New("the configuration enables no transport; write `gateway { wireguard {} }`, or a tailnet block, or both")

// Start builds a gateway from its configuration; agents are served when it
// returns. What it opened is closed again when a later part fails.
func Start(ctx context.Context, o Options) (_ *Node, err error) {
	n := &Node{o: o, started: time.Now(), meter: spend.NewMeter(), gates: gate.Gates{Log: o.Log}}
	if n.Rules, err = loadRules(o); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			n.Close()
		}
	}()
	conf := n.Rules.Current().Gateway()
	if conf.Wireguard == nil && conf.Tailnet == nil {
		return nil, errNoTransport
	}
	if conf.Limits.Memory > 0 {
		debug.SetMemoryLimit(conf.Limits.Memory)
	}
	if err := n.keep(ctx, conf); err != nil {
		return nil, err
	}
	if err := n.openDesk(ctx); err != nil {
		return nil, err
	}
	if n.Dummies, err = dummies.Open(ctx, n.Vault); err != nil {
		return nil, err
	}
	if err := n.line(conf); err != nil {
		return nil, err
	}
	n.turnOut()
	// WireGuard's buffers, 24 MiB that are rarely touched, must not be cut from
	// what reading the configuration has left behind: pages that were written once
	// stay resident.
	debug.FreeOSMemory()
	if err := n.overlay(ctx, conf); err != nil {
		return nil, err
	}
	if n.API, err = n.newAPI(); err != nil {
		return nil, err
	}
	if err := n.openDoor(ctx); err != nil {
		return nil, err
	}
	n.people.Store(n.API.Door)
	n.Rules.prepare = n.prepare
	n.Rules.changed = func() {
		n.Gateway.Recheck()
		n.readvertise(ctx)
	}
	n.Roster.Subscribe(n.Gateway.Recheck)
	return n, nil
}

// keep opens everything that outlives the process: store, vault, CA, audit log.
func (n *Node) keep(ctx context.Context, conf policy.GatewayConfig) (err error) {
	if n.Dir = conf.StateDir; n.Dir == "" {
		n.Dir = n.o.State
	}
	if err := os.MkdirAll(n.Dir, 0o700); err != nil {
		return fmt.Errorf("make the state directory (state_dir in the gateway block names another): %w", err)
	}
	if n.store, err = store.Open(ctx, n.Dir, n.o.Log); err != nil {
		return err
	}
	n.safe, err = safe.Open(ctx, safe.Options{Dir: n.Dir, Store: n.store, Key: conf.Key, Ask: n.o.Ask, Client: n.o.HTTP, Log: n.o.Log})
	if err != nil {
		return err
	}
	n.Vault = n.safe.Vault
	places, err := n.sources(n.Rules.Current())
	if err != nil {
		return err
	}
	n.Vault.Declare(places)
	if n.upkeep, err = upkeep.Open(ctx, n.store, n.Vault, time.Now); err != nil {
		return err
	}
	if n.CA, err = ca.Open(ctx, n.Vault, conf.Name, n.Rules.Current().Names(), time.Now); err != nil {
		return fmt.Errorf("open the CA: %w", err)
	}
	if err := os.WriteFile(filepath.Join(n.Dir, "ca.pem"), n.CA.PEM(), 0o644); err != nil {
		return fmt.Errorf("write the CA: %w", err)
	}
	signer, err := n.Vault.Signer(ctx, "audit")
	if err != nil {
		return fmt.Errorf("key of the audit log: %w", err)
	}
	n.Journal, err = audit.New(ctx, n.store, n.o.Build.Policy.Tables, audit.Options{
		Strict: conf.Record.Strict, Keep: conf.Record.Keep, Signer: signer, Log: n.o.Log,
	})
	if err != nil {
		return err
	}
	n.holding = holding.Page{Store: n.store, Records: n.store, Keep: conf.Record.Keep, Strict: conf.Record.Strict, Stats: n.Journal.Stats}
	n.Limits, err = tally.Open(ctx, n.store, time.Now)
	return err
}

// line makes the gateway proper.
func (n *Node) line(conf policy.GatewayConfig) error {
	set, err := protocols.NewSet(n.o.Build.Protocols...)
	if err != nil {
		return err
	}
	n.Gateway = &gateway.Gateway{
		Policy:    func() gateway.Policy { return n.Rules.Current() },
		Protocols: set,
		Approvals: n.Desk, Limits: n.Limits, Journal: spend.Counted{Journal: n.Journal, Meter: n.meter}, Vault: n.Vault, Leaves: n.CA,
		Placeholders: n.Dummies,
		Dialer:       &gateway.Dialer{Resolve: gateway.ResolveAt(conf.Resolvers)}, Now: time.Now,
	}
	if n.o.Dialer != nil {
		*n.Gateway.Dialer = *n.o.Dialer
	}
	n.Gateway.Dialer.Self = n.self
	return nil
}

// overlay brings the nodes up, with one roster and one table of names.
func (n *Node) overlay(ctx context.Context, conf policy.GatewayConfig) error {
	secret, err := n.Vault.Internal(ctx, "wireguard", func() (vault.Secret, error) {
		private, _, err := netstack.NewKey()
		return vault.NewSecret([]byte(private)), err
	})
	if err != nil {
		return fmt.Errorf("WireGuard key: %w", err)
	}
	private := string(secret.Reveal())
	agents, names, err := netstack.Own(private)
	if err != nil {
		return err
	}
	subnet := netip.MustParsePrefix(unusedSubnet)
	if conf.Wireguard != nil {
		subnet = conf.Wireguard.Subnet
	}
	n.Dummies.Services = func() []*action.Service { return n.Rules.Current().Services() }
	if n.Roster, err = netstack.NewRoster(ctx, n.store, subnet, agents, time.Now); err != nil {
		return err
	}
	n.Dummies.Agents = n.Roster.List
	pool, err := dns.NewPool(ctx, n.store, netip.MustParsePrefix(virtualIPs), names, time.Now)
	if err != nil {
		return fmt.Errorf("virtual IPs: %w", err)
	}
	n.pools = []netip.Prefix{netip.MustParsePrefix(virtualIPs), names}
	srv := n.server(conf, pool)
	n.turnInside(conf.Wireguard != nil)
	if conf.Wireguard != nil {
		n.WG, err = wireguard.Start(ctx, wireguard.Config{
			Listen: conf.Wireguard.Listen, PrivateKey: private, Subnet: subnet, ULA: agents,
			MTU: conf.Wireguard.MTU, State: filepath.Join(n.Dir, "wireguard.state"),
		}, n.Roster, srv, n.o.Log)
	}
	if err == nil && n.TS != nil {
		err = n.TS.Start(ctx, srv)
	}
	return err
}

// server makes what stands between the transports and the line.
func (n *Node) server(conf policy.GatewayConfig, pool *dns.Pool) *netstack.Server {
	peers := netstack.Table{n.Roster}
	v4, v6 := n.Roster.Space().Gateway()
	resolver := &dns.Server{Pool: pool, Gateway: [2]netip.Addr{v4, v6}, Declared: n.Rules.declares, Log: n.o.Log}
	pages := &inside.Pages{
		Next: n.Gateway, CA: n.CA.PEM, Roles: n.Rules.RolesOf, Logger: n.o.Log,
		Manifest: func(p *action.Peer) (markdown, shell string, data any) {
			return n.Dummies.Page(n.Rules.Current().Manifest(p), p.ID)
		},
		Desk: n.Desk, Serves: n.Rules.serves,
	}
	if conf.Tailnet != nil {
		n.TS = n.newTailnet(conf)
		peers = append(peers, n.TS)
		resolver.Tailnet = n.TS.Gateway
		pages.Asks, pages.Resolver = n.TS.Asks, resolver
	}
	n.Gateway.Peers = append(peers[:len(peers):len(peers)], n.Outreach)
	return &netstack.Server{
		Handler: pages, Peers: peers, Names: pool, Log: n.o.Log, Resolver: resolver,
		Limits: netstack.Limits{Flows: conf.Limits.ConnectionsPerAgent},
	}
}

// prepare makes certificates and secrets of the new rules possible before any
// agent is judged by them.
func (n *Node) prepare(ctx context.Context, p *policy.Policy) error {
	if p.Gateway().Wireguard == nil && p.Gateway().Tailnet == nil {
		return errNoTransport
	}
	if err := n.CA.Constrain(ctx, p.Names()); err != nil {
		return fmt.Errorf("the CA cannot take the names of the services: %w", err)
	}
	places, err := n.sources(p)
	if err != nil {
		return err
	}
	n.Vault.Declare(places)
	n.Outreach.Take(p)
	n.courier.Take(p)
	return nil
}

// Close ends what Start opened, the way in first.
func (n *Node) Close() {
	if n.closing != nil {
		n.closing()
	}
	var errs []error
	if n.TS != nil {
		errs = append(errs, n.TS.Close())
	}
	if n.WG != nil {
		errs = append(errs, n.WG.Close())
	}
	if n.Outreach != nil {
		n.Outreach.Close()
	}
	if n.courier != nil {
		n.courier.Close()
	}
	if n.Journal != nil {
		errs = append(errs, n.Journal.Close())
	}
	if n.Limits != nil {
		errs = append(errs, n.Limits.Close())
	}
	if n.store != nil {
		errs = append(errs, n.store.Close())
	}
	if err := errors.Join(errs...); err != nil {
		n.o.Log.Error("closing", "err", err)
	}
}
