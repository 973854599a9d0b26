// Package lab is a whole overlay in one process, for tests: a real gateway with
// its store in a temporary folder, agents that reach it through real WireGuard
// tunnels in user space, and upstreams on loopback under any name. It needs no
// privilege, no network but loopback, and is linked into tests only.
package lab

import (
	"context"
	"log/slog"
	nethttp "net/http"
	"os"
	"path/filepath"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/docs"
	"sallyport.dev/sallyport/gateway"
	"sallyport.dev/sallyport/gateway/probe"
	"sallyport.dev/sallyport/internal/node"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/protocols/http"
	httpprobe "sallyport.dev/sallyport/protocols/http/probe"
	"sallyport.dev/sallyport/protocols/postgres"
	pgprobe "sallyport.dev/sallyport/protocols/postgres/probe"
	"sallyport.dev/sallyport/protocols/tcp"
	"sallyport.dev/sallyport/vault"
)

// A Lab is a running gateway. New makes one; the end of the test closes it. What
// it promotes are the gateway's own parts.
type Lab struct {
	*node.Node
	Logs *Buffer            // all that was logged, debug lines too
	SQL  *postgres.Protocol // what serves PostgreSQL

	t     testing.TB
	conf  string // path of the configuration
	world *world
}

// New runs a gateway with a configuration, in which file("upstreams.pem") is the
// CA of the lab's upstreams. Its WireGuard listens on a free port.
func New(t testing.TB, hcl string) *Lab { return NewWith(t, hcl, func(*node.Options) {}) }

// NewWith runs a gateway with other options than usual.
func NewWith(t testing.TB, hcl string, change func(*node.Options)) *Lab {
	t.Helper()
	dir := t.TempDir()
	l := &Lab{t: t, conf: filepath.Join(dir, "lab.hcl"), Logs: &Buffer{}, SQL: postgres.New(), world: newWorld(t)}
	must(t, os.WriteFile(filepath.Join(dir, "upstreams.pem"), l.world.ca.PEM(), 0o600))
	must(t, os.WriteFile(l.conf, []byte(hcl), 0o600))
	ctx, stop := context.WithCancel(context.Background())
	var err error
	o := node.Options{
		Build: build(l.SQL), Config: l.conf, State: filepath.Join(dir, "state"), Errs: l.Logs, Log: l.log(),
		Dialer: &gateway.Dialer{Resolve: l.world.resolve, Connect: l.world.connect}, HTTP: &nethttp.Client{Transport: l.world.transport()}, Roots: l.world.roots(),
	}
	change(&o)
	l.Node, err = node.Start(ctx, o)
	if err != nil {
		stop()
		t.Fatalf("start the lab: %v\n%s", err, l.Logs)
	}
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- l.Run(ctx, func() { close(ready) }) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("the lab ended with %v", err)
		}
		l.Close()
	})
	select {
	case <-ready:
	case err := <-done:
		done <- err
		t.Fatalf("run the lab: %v\n%s", err, l.Logs)
	}
	return l
}

// build contains every protocol.
func build(pg *postgres.Protocol) node.Build {
	return node.Build{
		Protocols: []protocols.Protocol{http.New(), pg, tcp.New()},
		Docs:      docs.Files(),
		Tries:     map[string]probe.Try{"http": httpprobe.Try, "postgres": pgprobe.Try},
		Policy: policy.Options{
			Tables: []action.FactTable{http.Facts(), postgres.Facts(), tcp.Facts()},
			Trials: map[string]func(*action.Service, action.Trial) (*action.Action, error){
				"http": http.Trial, "postgres": postgres.Trial, "tcp": tcp.Trial,
			},
		},
	}
}

// Reload puts another configuration in force.
func (l *Lab) Reload(hcl string) {
	l.t.Helper()
	before := l.Rules.Current()
	must(l.t, os.WriteFile(l.conf+".new", []byte(hcl), 0o600))
	must(l.t, os.Rename(l.conf+".new", l.conf)) // at once: the gateway watches the file
	l.Rules.Reload(l.t.Context())
	if l.Rules.Current() == before {
		l.t.Fatalf("the configuration was not taken:\n%s", l.Logs)
	}
}

// Secret gives a secret its value.
func (l *Lab) Secret(name, value string) {
	l.t.Helper()
	must(l.t, l.Vault.Put(l.t.Context(), name, vault.NewSecret([]byte(value)), ""))
	l.Gateway.Recheck()
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
