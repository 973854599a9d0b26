package tailnet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/internal/pulse"
	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/netstack/trial"

	"tailscale.com/client/local"
	"tailscale.com/tailcfg"
	"tailscale.com/types/key"
)

// says waits until the node's status complains in these words.
func (l *lab) says(words string) {
	l.t.Helper()
	var last Status
	l.t.Cleanup(func() {
		if l.t.Failed() {
			l.t.Logf("looked for %q; the status was %+v", words, last)
		}
	})
	trial.Eventually(l.t, time.Minute, "the status says "+words, func() bool {
		last = l.node.Status(l.t.Context())
		return strings.Contains(strings.Join(last.Problems, "\n"), words)
	})
}

// While nobody tells of changes, what holds goes on and nobody new comes in.
func TestControlServerGone(t *testing.T) {
	l := newLab(t, trial.Handler(trial.Echo)).up()
	c := l.join("ci-1", "tag:ci")
	trial.Line(t, c.dial("1.2.3.4:80"))
	l.control.Cut()
	if got := trial.Line(t, c.dial("1.2.3.5:80")); !strings.HasPrefix(got, "ci-1@tag:ci ") {
		t.Errorf("came in as %q", got)
	}
	if _, ok := l.node.Lookup(netip.MustParseAddr("100.99.99.99")); ok {
		t.Error("a stranger is somebody")
	}
	l.says("control server is silent")
	if got := trial.Line(t, c.dial("1.2.3.6:80")); !strings.HasPrefix(got, "ci-1@tag:ci ") {
		t.Errorf("came in as %q", got)
	}
}

// direct waits until a node has found a direct way to another.
func direct(t *testing.T, from *local.Client, to key.NodePublic) {
	t.Helper()
	trial.Eventually(t, patience, "there is a direct way", func() bool {
		s, err := from.Status(t.Context())
		return err == nil && s.Peer[to] != nil && s.Peer[to].CurAddr != ""
	})
}

// Connections that found a direct way need no relay.
func TestDERPGone(t *testing.T) {
	l := newLab(t, trial.Handler(trial.Echo)).up()
	c := l.join("ci-1", "tag:ci")
	conn := c.dial("1.2.3.4:80")
	trial.Line(t, conn)
	client, err := c.ts.LocalClient()
	if err != nil {
		t.Fatal(err)
	}
	direct(t, client, l.key(l.node))
	direct(t, l.node.client, c.key)
	l.control.CutDERP()
	fmt.Fprint(conn, "still here\n")
	if got := trial.Line(t, conn); got != "still here" {
		t.Errorf("the open connection gave %q", got)
	}
	if got := trial.Line(t, c.dial("1.2.3.5:80")); !strings.HasPrefix(got, "ci-1@tag:ci ") {
		t.Errorf("came in as %q", got)
	}
	l.says("relay")
}

// A netmap without nodes: nobody is anybody, and what was open ends.
func TestEmptyNetmap(t *testing.T) {
	var open atomic.Int64
	l := newLab(t, trial.Handler(func(ctx context.Context, f netstack.Flow) error {
		open.Add(1)
		defer open.Add(-1)
		return trial.Echo(ctx, f)
	})).up()
	c := l.join("ci-1", "tag:ci")
	trial.Line(t, c.dial("1.2.3.4:80"))
	if got := strings.Join(l.node.Status(t.Context()).Problems, "\n"); strings.Contains(got, "no other node") || open.Load() != 1 {
		t.Fatalf("%d are open, and the status says %s", open.Load(), got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := l.control.AwaitNodeInMapRequest(ctx, l.key(l.node)); err != nil {
		t.Fatal(err)
	}
	var all []tailcfg.NodeID
	for _, n := range l.control.AllNodes() {
		if n.Key != l.key(l.node) {
			all = append(all, n.ID)
		}
	}
	clock := pulse.Start()
	defer clock.Stop()
	begin := time.Now()
	if !l.control.AddRawMapResponse(l.key(l.node), &tailcfg.MapResponse{PeersRemoved: all}) {
		t.Fatal("the gateway does not listen to its control server")
	}
	trial.Eventually(t, patience, "nobody is left", func() bool {
		_, ok := l.node.Lookup(c.Addr)
		return !ok
	})
	trial.Eventually(t, patience, "what was open has ended", func() bool { return open.Load() == 0 })
	if took := clock.Since(begin); took > cutWithin {
		t.Errorf("it took %v", took)
	}
	l.says("no other node")
}

// mint is Tailscale's API that makes auth keys; made counts them.
func mint(t *testing.T, made *atomic.Int64) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v2/oauth/token" {
			fmt.Fprint(w, `{"access_token":"t"}`)
			return
		}
		var asked struct {
			Capabilities struct {
				Devices struct{ Create struct{ Tags []string } }
			}
		}
		if json.NewDecoder(r.Body).Decode(&asked) != nil || !slices.Equal(asked.Capabilities.Devices.Create.Tags, []string{"tag:sallyport"}) {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		made.Add(1)
		fmt.Fprint(w, `{"key":"tskey-good"}`)
	}))
	t.Cleanup(srv.Close)
	return srv
}

// The gateway's own key ends: nothing passes. An OAuth client makes it a node
// again, with its tags, and never while it is one.
func TestOwnKeyEnds(t *testing.T) {
	var made atomic.Int64
	api := mint(t, &made)
	l := newLab(t, trial.Handler(trial.Echo), func(c *Config, _ *netstack.Server) {
		c.HTTP = api.Client()
		c.AuthKey = func() (string, error) { return "tskey-client-secret?baseURL=" + api.URL, nil }
	}).up()
	if n := made.Load(); n != 1 {
		t.Errorf("%d keys were made to join", n)
	}
	c := l.join("ci-1", "tag:ci")
	trial.Line(t, c.dial("1.2.3.4:80"))
	l.node.note(func() { l.node.pause = time.Now().Add(time.Hour) }) // no new one yet
	l.control.SetExpireAllNodes(true)
	l.says("not logged in")
	if conn, err := c.tryDial("1.2.3.5:80", 300*time.Millisecond); err == nil {
		t.Errorf("came in as %q", trial.Line(t, conn))
	}
	l.node.note(func() { l.node.pause = time.Time{} })
	l.node.KeySet()
	trial.Eventually(t, patience, "a key is made", func() bool { return made.Load() == 2 })
	l.control.SetExpireAllNodes(false)
	trial.Eventually(t, patience, "it is a node again", func() bool {
		s := l.node.Status(t.Context())
		return s.State == "Running" && slices.Equal(s.Tags, []string{"tag:sallyport"})
	})
	if err := l.node.Logout(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.node.note(func() { l.node.pause = time.Time{} })
	l.says("the node is not ") // which of its states the library rests in is its own matter
	l.node.relogin(t.Context())
	if n := made.Load(); n != 2 {
		t.Errorf("a node that was logged out makes itself keys: %d", n)
	}
}

// world is a directory over what the tailnet says now, and who of it may do
// something.
func world(t *testing.T, says map[netip.Addr]facts, failing *error) *directory {
	t.Helper()
	roster, err := netstack.NewRoster(t.Context(), &trial.Memory{}, netip.MustParsePrefix("10.77.0.0/16"), netip.Prefix{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(a netip.Addr) (facts, error) {
		if *failing != nil {
			return facts{}, *failing
		}
		f, ok := says[a]
		if !ok {
			return facts{}, errNobody
		}
		return f, nil
	}
	may := func(p *action.Peer) bool { return len(p.Enrolled) > 0 || slices.Contains(p.Tags, "tag:ci") }
	return newDirectory(ask, roster, may, slog.New(slog.DiscardHandler))
}

func node(id, name string, a netip.Addr, tags ...string) facts {
	return facts{node: id, name: name, tags: tags, addrs: []netip.Addr{a}}
}

// The tailnet does not say who somebody is: he is nobody, also if he was known, and
// the status has the reason.
func TestWhoIsFails(t *testing.T) {
	at := netip.MustParseAddr("100.64.0.7")
	var failing error
	d := world(t, map[netip.Addr]facts{at: node("n1", "ci-1", at, "tag:ci")}, &failing)
	if p, ok := d.lookup(at); !ok || p.Name != "ci-1@tag:ci" {
		t.Fatalf("it is %v", p)
	}
	failing = errors.New("the library does not answer")
	d.heard()
	if p, ok := d.lookup(at); ok {
		t.Errorf("it is %s", p.Name)
	}
	n := &Node{who: d}
	if got := errors.Join(n.problems()...); got == nil || !strings.Contains(got.Error(), "does not answer") {
		t.Errorf("the status says %v", got)
	}
	if over := d.review(); len(over) != 1 {
		t.Errorf("%d agents end, want one", len(over))
	}
	failing = nil
	d.heard()
	if _, ok := d.lookup(at); !ok || d.failure() != nil {
		t.Errorf("it is nobody: %v", d.failure())
	}
}

// The tailnet gives the address of a node that was removed to another one: that one
// is itself, and neither has nor gets what the first had.
func TestT09_AnAddressIsNoIdentity(t *testing.T) {
	at := netip.MustParseAddr("100.64.0.7")
	var failing error
	says := map[netip.Addr]facts{at: node("n1", "laptop", at)}
	d := world(t, says, &failing)
	d.lookup(at)
	if err := d.roster.Approve(t.Context(), "laptop", []string{"admin"}); err != nil {
		t.Fatal(err)
	}
	d.rosterChanged()
	first, ok := d.lookup(at)
	if !ok || first.Name != "laptop" {
		t.Fatalf("it is %v", first)
	}
	delete(says, at)
	d.heard()
	if over := d.review(); !slices.Equal(over, []string{first.ID}) {
		t.Errorf("removed: %v end", over)
	}
	says[at] = node("n2", "laptop", at) // the same name, too
	d.heard()
	if p, ok := d.lookup(at); ok {
		t.Errorf("the next one at the address is %s, with %v", p.Name, p.Enrolled)
	}
	if _, ok := d.current(first.ID); ok {
		t.Error("the first one is still somebody")
	}
	// Without a gap between, the tailnet tells of it in one breath.
	says[at] = node("n1", "laptop", at)
	d.heard()
	d.lookup(at)
	says[at] = node("n3", "laptop", at, "tag:ci")
	d.heard()
	if over := d.review(); !slices.Contains(over, first.ID) {
		t.Errorf("replaced: %v end", over)
	}
	if p, ok := d.lookup(at); !ok || p.ID == first.ID || len(p.Enrolled) > 0 {
		t.Errorf("the next one is %+v", p)
	}
}

// An agent's key ends while the tailnet is silent.
func TestAnAgentsKeyEnds(t *testing.T) {
	at := netip.MustParseAddr("100.64.0.7")
	now := time.Now()
	f := node("n1", "ci-1", at, "tag:ci")
	f.until = now.Add(time.Hour)
	var failing error
	d := world(t, map[netip.Addr]facts{at: f}, &failing)
	d.now = func() time.Time { return now }
	if _, ok := d.lookup(at); !ok {
		t.Fatal("it is nobody")
	}
	now = now.Add(time.Hour)
	if _, ok := d.lookup(at); ok {
		t.Error("its key has ended")
	}
}

// Whether the tailnet's policy lets agents go past the gateway is seen in what it
// lets them do to it.
func TestWideGrantsAreSeen(t *testing.T) {
	l := newLab(t, trial.Handler(trial.Echo)).up()
	l.join("ci-1", "tag:ci")
	trial.Eventually(t, patience, "everybody reaches everything", func() bool {
		return slices.Equal(l.node.Status(t.Context()).Wide, []string{"ci-1"})
	})
	narrow := []tailcfg.FilterRule{{SrcIPs: []string{"*"}, DstPorts: []tailcfg.NetPortRange{
		{IP: "100.64.0.1", Ports: tailcfg.PortRange{First: 53, Last: 53}}, {IP: "198.18.0.0/15", Ports: tailcfg.PortRangeAny},
	}}}
	if !l.control.AddRawMapResponse(l.key(l.node), &tailcfg.MapResponse{PacketFilter: narrow}) {
		t.Fatal("the gateway does not listen to its control server")
	}
	trial.Eventually(t, patience, "nobody does", func() bool { return len(l.node.Status(t.Context()).Wide) == 0 })
}

func TestSourcesOfAFilter(t *testing.T) {
	at := netip.MustParseAddr("100.64.0.7")
	for src, want := range map[string]bool{
		"*": true, "100.64.0.7": true, "100.64.0.0/24": true, "100.64.0.1-100.64.0.9": true,
		"100.64.0.8": false, "100.65.0.0/16": false, "100.64.0.8-100.64.0.9": false, "fd7a::-fd7b::": false,
		"cap:x": false, "": false, "-": false, "100.64.0.1-": false,
	} {
		if covers(src, at) != want {
			t.Errorf("%q: %v, want %v", src, !want, want)
		}
	}
}

func FuzzSourcesOfAFilter(f *testing.F) {
	f.Add("100.64.0.1-100.64.0.9")
	f.Add("::/0")
	f.Fuzz(func(_ *testing.T, src string) { covers(src, netip.MustParseAddr("100.64.0.7")) })
}
