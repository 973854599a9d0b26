package node_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/internal/lab"
	"sallyport.dev/sallyport/internal/node"
	"sallyport.dev/sallyport/internal/pulse"
	"sallyport.dev/sallyport/internal/store"
	"sallyport.dev/sallyport/policy/manifest"
)

// patience bounds what must happen, be the machine ever so slow.
const patience = 60 * time.Second

// rules makes a configuration of n services, each with n rules; whoever sees
// other numbers sees no whole configuration.
func rules(n int) string {
	var b strings.Builder
	b.WriteString("gateway {\n  wireguard {\n    listen = \":0\"\n  }\n}\n")
	var use []string
	for i := range n {
		use = append(use, fmt.Sprintf("service.s%d", i))
		fmt.Fprintf(&b, "\nservice \"s%d\" {\n  hosts = [\"s%[1]d.example.com\"]\n}\n", i)
		for j := range n {
			fmt.Fprintf(&b, "\nrule \"r%d-%d\" {\n  on      = [service.s%[1]d]\n  effects = [\"admin\"]\n  reason  = \"%[2]d\"\n  verdict = \"deny\"\n}\n", i, j)
		}
	}
	fmt.Fprintf(&b, "\nrole \"r\" {\n  use = [%s]\n}\n", strings.Join(use, ", "))
	return b.String()
}

func options(t *testing.T, hcl string) (node.Options, *lab.Buffer) {
	t.Helper()
	dir := t.TempDir()
	conf := filepath.Join(dir, "conf.hcl")
	put(t, conf, hcl)
	logs := &lab.Buffer{}
	return node.Options{
		Config: conf, State: filepath.Join(dir, "state"), Errs: logs, Log: slog.New(slog.NewTextHandler(logs, nil)),
	}, logs
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Error(err)
	}
}

// start runs a node until the test ends.
func start(t *testing.T, o node.Options) *node.Node {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	n, err := node.Start(ctx, o)
	if err != nil {
		stop()
		t.Fatal(err)
	}
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- n.Run(ctx, func() { close(ready) }) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("it ended with %v", err)
		}
		n.Close()
	})
	select {
	case <-ready:
	case err := <-done:
		done <- err // for the end
		t.Fatalf("it ended before it was ready: %v", err)
	}
	return n
}

func TestAChangedFileIsTakenAndABadOneIsNot(t *testing.T) {
	o, logs := options(t, rules(1))
	n := start(t, o)
	put(t, o.Config, rules(2))
	until(t, logs, func() bool { return len(n.Rules.Current().Services()) == 2 })
	put(t, o.Config, "nonsense")
	// Before that it may find the file emptied, which is another error.
	until(t, logs, func() bool { return strings.Contains(n.API.Status().ConfigError, "conf.hcl:1:1") })
	if s := n.API.Status(); s.Services != 2 {
		t.Errorf("status after a bad edit: %+v", s)
	}
	put(t, o.Config, rules(3))
	until(t, logs, func() bool { return n.API.Status().ConfigError == "" && len(n.Rules.Current().Services()) == 3 })
}

func TestATransportStaysWhenAnEditTakesItOut(t *testing.T) {
	o, _ := options(t, rules(1))
	n := start(t, o)
	for _, text := range []string{"", "service \"s\" {\n  hosts = [\"s.example.com\"]\n}\n", "gateway {}\n"} {
		put(t, o.Config, text)
		n.Rules.Reload(t.Context())
		s := n.API.Status() // reads the tunnel's settings
		if s.Services != 1 || !strings.Contains(s.ConfigError, "no transport") {
			t.Errorf("after %q: %+v", text, s)
		}
	}
}

func TestWhatWaitsForARestartIsSaid(t *testing.T) {
	base := rules(1)
	o, _ := options(t, base)
	n := start(t, o)
	for _, tt := range []struct{ old, new, want string }{
		{"", "", ""},
		{"listen = \":0\"", "listen = \":0\"\n    mtu = 1400", ""}, // taken at once
		{"gateway {", "gateway {\n  record {\n    strict = true\n    keep = \"10d\"\n  }", "record.keep, record.strict"},
		{"gateway {", "gateway {\n  tailnet {}\n  dashboard {}", "tailnet, dashboard"},
		{"gateway {", "gateway {\n  limits {\n    connections_per_agent = 3\n  }", "limits.connections_per_agent"},
		{"\":0\"", "\":1\"", "wireguard"},
		{"", "", ""},
	} {
		put(t, o.Config, strings.Replace(base, tt.old, tt.new, 1))
		n.Rules.Reload(t.Context())
		s := n.API.Status()
		said := strings.Join(s.Warnings, "\n")
		if s.ConfigError != "" || strings.Contains(said, "restart") != (tt.want != "") || !strings.Contains(said, tt.want) {
			t.Errorf("after %q: %q, %s", tt.new, said, s.ConfigError)
		}
	}
}

func TestASignalReadsTheConfigurationAgain(t *testing.T) {
	o, logs := options(t, rules(1))
	hup := make(chan os.Signal)
	o.Reload = hup
	start(t, o)
	hup <- os.Interrupt
	until(t, logs, func() bool { return strings.Contains(logs.String(), "configuration taken") })
}

func until(t *testing.T, logs *lab.Buffer, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it does not come; the log:\n%s", logs)
		}
	}
}

// limits.memory is the soft limit of the runtime.
func TestMemoryIsLimited(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	o, _ := options(t, strings.Replace(rules(1), "gateway {", "gateway {\n  limits {\n    memory = \"300MiB\"\n  }", 1))
	start(t, o)
	if got := debug.SetMemoryLimit(-1); got != 300<<20 {
		t.Errorf("the limit is %d", got)
	}
}

func TestWhatKeepsAGatewayFromStarting(t *testing.T) {
	for _, tt := range []struct{ name, hcl, want string }{
		{"bad configuration", "nonsense", "the configuration has errors"},
		{"no transport", "service \"s\" {\n  hosts = [\"s.example.com\"]\n}", "wireguard {}"},
		{"no key", "gateway {\n  key = env(\"SALLYPORT_NO_SUCH_KEY\")\n  wireguard {}\n}", "$SALLYPORT_NO_SUCH_KEY: a vault key is 32 bytes"},
		{"no key file", "gateway {\n  key = file(\"nowhere\")\n  wireguard {}\n}", "nowhere is not there"},
		{"a port that is no port of ours", "gateway {\n  wireguard {\n    listen = \"192.0.2.1:1\"\n  }\n}", "the configuration has errors"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o, _ := options(t, tt.hcl)
			if n, err := node.Start(t.Context(), o); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, %v; want %q", n, err, tt.want)
			}
			put(t, o.Config, rules(1)) // nothing of the failed start holds the state
			start(t, o)
		})
	}
}

func TestARestartKeepsWhatAgentsKnow(t *testing.T) {
	o, _ := options(t, rules(1))
	ctx := t.Context()
	first, err := node.Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	agent, _, err := first.Roster.Add(ctx, "laptop", []string{"r"}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	key, ca := first.WG.PublicKey(), string(first.CA.PEM())
	v4, v6 := first.WG.Gateway()
	first.Close()

	clock := pulse.Start()
	defer clock.Stop()
	began := time.Now()
	second := start(t, o)
	if took := clock.Since(began); took > 10*time.Second { // with the race detector, beside other tests; without them the e2e tests hold it to 2 s
		t.Errorf("ready after %v", took)
	}
	w4, w6 := second.WG.Gateway()
	if second.WG.PublicKey() != key || string(second.CA.PEM()) != ca || v4 != w4 || v6 != w6 {
		t.Error("a restart changed the gateway's keys or addresses")
	}
	if again, ok := second.Roster.Get("laptop"); !ok || again.Addr != agent.Addr || again.PublicKey != agent.PublicKey {
		t.Errorf("the agent after a restart: %+v", again)
	}
	if v4 != netip.MustParseAddr("10.77.0.1") || !v6.Is6() {
		t.Errorf("the gateway stands at %v and %v", v4, v6)
	}
}

func TestTheEndpointIsStatedOrGuessed(t *testing.T) {
	o, _ := options(t, rules(1))
	n := start(t, o)
	if n.API.Notice() == "" {
		t.Error("nothing is said of a guessed endpoint")
	}
	if _, err := netip.ParseAddrPort(n.Endpoint()); err != nil {
		t.Errorf("guessed endpoint: %v", err)
	}
	put(t, o.Config, strings.Replace(rules(1), "listen = ", "endpoint = \"gw.example.com:51820\"\n    listen = ", 1))
	n.Rules.Reload(t.Context())
	if n.Endpoint() != "gw.example.com:51820" || n.API.Notice() != "" {
		t.Errorf("stated endpoint: %s, %q", n.Endpoint(), n.API.Notice())
	}
}

func TestRolesAndManifestFollowTheRules(t *testing.T) {
	o, _ := options(t, rules(1))
	n := start(t, o)
	peer := &action.Peer{ID: "x", Name: "laptop", Enrolled: []string{"r"}}
	if got := n.Rules.RolesOf(peer); len(got) != 1 || got[0] != "r" {
		t.Errorf("roles %v", got)
	}
	md, data := n.Rules.Manifest(peer)
	if !strings.Contains(md, "s0.example.com") || data.(manifest.Page).Agent != "laptop" {
		t.Errorf("manifest %+v:\n%s", data, md)
	}
}

// What a limit has counted is counted after a restart.
func TestARestartForgetsNoCount(t *testing.T) {
	o, _ := options(t, rules(1))
	counts := []action.Count{{Rule: "r", Limit: 1, Window: time.Hour, Of: []string{"agent x"}}}
	first, err := node.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if _, full, err := first.Limits.Reserve(t.Context(), counts); err != nil || len(full) > 0 {
		t.Errorf("%v, %v", full, err)
	}
	first.Close()
	second := start(t, o)
	if _, full, err := second.Limits.Reserve(t.Context(), counts); err != nil || len(full) != 1 {
		t.Errorf("%v, %v", full, err)
	}
}

// A gateway that finds records without a signature of its own says so while it runs, in
// what status, doctor and alerts are made of; the next one finds its own.
func TestUnsignedRecordsAreToldOf(t *testing.T) {
	o, logs := options(t, rules(1))
	unsigned := func(n *node.Node) []string {
		var list []string
		for _, w := range n.API.Status().Warnings {
			if strings.Contains(w, "audit log") {
				list = append(list, w)
			}
		}
		return list
	}
	first, err := node.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		a := &action.Action{ID: action.NewID(time.Now()), Kind: "connect", Peer: &action.Peer{ID: "x", Name: "laptop"}}
		if err := first.Journal.Begin(t.Context(), a, action.Decision{Verdict: action.Deny}); err != nil {
			t.Fatal(err)
		}
		first.Journal.End(a, action.Decision{Verdict: action.Deny}, action.Result{})
	}
	if list := unsigned(first); len(list) > 0 {
		t.Errorf("of a new store: %q", list)
	}
	first.Close()

	st, err := store.Open(t.Context(), o.State, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.SaveHead(t.Context(), "latest", audit.Head{Seq: 2}); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := node.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if list := unsigned(second); len(list) != 1 || !strings.Contains(list[0], "from number 3 on") || !strings.Contains(logs.String(), "vouched_from=3") {
		t.Errorf("of records that nobody signed: %q", list)
	}
	second.Close()
	third := start(t, o)
	if list := unsigned(third); len(list) > 0 {
		t.Errorf("of what it signed itself: %q", list)
	}
}
