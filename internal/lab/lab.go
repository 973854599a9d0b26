// Package lab is a whole overlay in one process, for tests: a real gateway with
// its store in a temporary folder, agents that reach it through real WireGuard
// tunnels in user space, and upstreams on loopback under any name. It needs no
// privilege, no network but loopback, and is linked into tests only.
package lab

import (
	"context"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval"
	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/dashboard"
	"sallyport.dev/sallyport/gateway"
	"sallyport.dev/sallyport/internal/store"
	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/netstack/dns"
	"sallyport.dev/sallyport/netstack/wireguard"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/protocols/http"
	"sallyport.dev/sallyport/protocols/postgres"
	"sallyport.dev/sallyport/protocols/tcp"
	"sallyport.dev/sallyport/vault"
)

// A Lab is a running gateway. New makes one; the end of the test closes it.
type Lab struct {
	Gateway *gateway.Gateway
	Desk    *approval.Desk
	Vault   *vault.Vault
	Roster  *netstack.Roster
	Journal *audit.Log
	Dir     string  // state; what a thief of the disk would see
	Logs    *Buffer // all that was logged, debug lines too

	t     testing.TB
	conf  string // folder of the configuration
	live  policy.Live
	store *store.Store
	ca    *vault.CA
	node  *wireguard.Node
	world *world
}

// New runs a gateway with a configuration, in which file("upstreams.pem") is the
// CA of the lab's upstreams.
func New(t testing.TB, hcl string) *Lab {
	t.Helper()
	l := &Lab{t: t, Dir: filepath.Join(t.TempDir(), "state"), conf: t.TempDir(), Logs: &Buffer{}, world: newWorld(t)}
	must(t, os.WriteFile(filepath.Join(l.conf, "upstreams.pem"), l.world.ca.PEM(), 0o600))
	l.live.Swap(l.load(hcl))
	l.keep()
	l.line()
	l.overlay()
	l.Roster.Subscribe(l.Gateway.Recheck)
	return l
}

// Reload puts another configuration in force.
func (l *Lab) Reload(hcl string) {
	l.t.Helper()
	p := l.load(hcl)
	l.live.Swap(p)
	must(l.t, l.ca.Constrain(l.t.Context(), p.Names()))
	l.Gateway.Recheck()
}

// Rules is the policy in force.
func (l *Lab) Rules() *policy.Policy { return l.live.Current() }

// Secret gives a secret its value.
func (l *Lab) Secret(name, value string) {
	l.t.Helper()
	must(l.t, l.Vault.Put(l.t.Context(), name, vault.NewSecret([]byte(value))))
	l.Gateway.Recheck()
}

func (l *Lab) load(hcl string) *policy.Policy {
	l.t.Helper()
	path := filepath.Join(l.conf, "lab.hcl")
	must(l.t, os.WriteFile(path, []byte(hcl), 0o600))
	p, files, diags := policy.Load(path, policy.Options{
		Tables: tables(),
		Trials: map[string]func(*action.Service, action.Trial) (*action.Action, error){
			"http": http.Trial, "postgres": postgres.Trial, "tcp": tcp.Trial,
		},
	})
	if p == nil {
		var text strings.Builder
		policy.WriteDiagnostics(&text, files, diags, false)
		l.t.Fatalf("the configuration of the lab:\n%s", text.String())
	}
	return p
}

func tables() []action.FactTable {
	return []action.FactTable{http.Facts(), postgres.Facts(), tcp.Facts()}
}

// keep opens store, vault, CA and audit log.
func (l *Lab) keep() {
	ctx := l.t.Context()
	must(l.t, os.MkdirAll(l.Dir, 0o700))
	var err error
	l.store, err = store.Open(ctx, l.Dir, l.log())
	must(l.t, err)
	l.t.Cleanup(func() { l.store.Close() }) //nolint:errcheck // the folder goes with it
	key, err := vault.LoadOrCreateKey(filepath.Join(l.Dir, "key"))
	must(l.t, err)
	l.Vault, err = vault.Open(ctx, l.store, key)
	must(l.t, err)
	l.ca, err = vault.OpenCA(ctx, l.Vault, "lab", l.Rules().Names(), time.Now)
	must(l.t, err)
	signer, err := l.Vault.Signer(ctx, "audit")
	must(l.t, err)
	strict := l.Rules().Gateway().Record.Strict
	l.Journal, err = audit.New(ctx, l.store, tables(), audit.Options{Strict: strict, Signer: signer, Log: l.log()})
	must(l.t, err)
	l.t.Cleanup(func() { l.Journal.Close() }) //nolint:errcheck // likewise
}

// line makes the gateway proper.
func (l *Lab) line() {
	set, err := protocols.NewSet(http.New(), postgres.New(), tcp.New())
	must(l.t, err)
	l.Desk = &approval.Desk{Now: time.Now, Log: l.log()}
	l.Gateway = &gateway.Gateway{
		Policy:    func() gateway.Policy { return l.Rules() },
		Protocols: set, Approvals: l.Desk, Journal: l.Journal, Vault: l.Vault, Leaves: l.ca, Now: time.Now,
		Dialer: &gateway.Dialer{Resolve: l.world.resolve, Connect: l.world.connect},
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.Gateway.Run(ctx) //nolint:errcheck // it fails in no way
	}()
	l.t.Cleanup(func() { stop(); <-done })
}

// overlay brings the WireGuard node up on a free port of loopback.
func (l *Lab) overlay() {
	ctx := l.t.Context()
	subnet, ula := netip.MustParsePrefix("10.77.0.0/16"), netip.MustParsePrefix("fd77:1::/64")
	var err error
	l.Roster, err = netstack.NewRoster(ctx, l.store, subnet, ula, time.Now)
	must(l.t, err)
	l.Gateway.Peers = l.Roster
	pool, err := dns.NewPool(ctx, l.store, netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("fd77:2::/64"), time.Now)
	must(l.t, err)
	v4, v6 := l.Roster.Space().Gateway()
	manifest := func(p *action.Peer) (string, any) {
		m := l.Rules().Manifest(p)
		return m.Markdown(), m
	}
	private, _, err := netstack.NewKey()
	must(l.t, err)
	l.node, err = wireguard.Start(context.Background(), wireguard.Config{Listen: ":0", PrivateKey: private, Subnet: subnet, ULA: ula}, l.Roster,
		&netstack.Server{
			Handler: &dashboard.Inside{
				Next: l.Gateway, CA: l.ca.PEM, Manifest: manifest, Logger: l.log(),
				Roles: func(p *action.Peer) []string { return l.Rules().Roles(p) },
			},
			Peers: l.Roster, Names: pool, Log: l.log(),
			Resolver: &dns.Server{
				Pool: pool, Gateway: [2]netip.Addr{v4, v6}, Log: l.log(),
				Declared: func(p *action.Peer, name string) (bool, bool) { return l.Rules().Declares(p, name) },
			},
		}, l.log())
	must(l.t, err)
	l.t.Cleanup(func() { l.node.Close() }) //nolint:errcheck // the test is over
}

func (l *Lab) log() *slog.Logger {
	return slog.New(slog.NewTextHandler(l.Logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
