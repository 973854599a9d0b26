package tailnet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/pulse"
	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/netstack/trial"

	"tailscale.com/tailcfg"
)

// cutWithin is how soon whoever lost what he had must feel it.
const cutWithin = 5 * time.Second

// waiting gives the only agent there is.
func (l *lab) only() netstack.Agent {
	l.t.Helper()
	list := l.roster.List()
	if len(list) != 1 {
		l.t.Fatalf("%d agents, want one", len(list))
	}
	return list[0]
}

func TestT08_AnUnknownNodeGetsNothingUntilItIsApproved(t *testing.T) {
	l := newLab(t, trial.Handler(trial.Echo)).up()
	c := l.join("laptop")
	if _, err := c.tryDial("1.2.3.4:80", patience); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("a stranger's dial gave %v", err)
	}
	conn, err := c.Net.DialUDP(addrPort("8.8.8.8:53"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(500 * time.Millisecond))
	fmt.Fprint(conn, "q")
	if n, err := conn.Read(make([]byte, 100)); err == nil {
		t.Errorf("a stranger's question got %d bytes", n)
	}
	got := l.only()
	if got.Name != "laptop" || got.Node == "" || got.Approved || len(got.Roles) > 0 {
		t.Errorf("remembered as %+v", got)
	}
	if kept := l.store.Get(got.ID); kept.Node != got.Node {
		t.Errorf("stored %+v", kept)
	}
	if _, enrolled := l.node.Seen(got.ID); enrolled {
		t.Error("it may do something")
	}
	if err := l.roster.Approve(t.Context(), "laptop", []string{"dev"}); err != nil {
		t.Fatal(err)
	}
	if got := trial.Line(t, c.dial("1.2.3.4:80")); got != "laptop 1.2.3.4:80 " {
		t.Errorf("came in as %q", got)
	}
	if err := l.roster.Freeze(t.Context(), "laptop"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.tryDial("1.2.3.4:80", patience); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a frozen node's dial gave %v", err)
	}
}

// ended reports whether a connection that nobody closes has ended in time.
func ended(t *testing.T, c io.Reader, clock *pulse.Clock, begin time.Time, why string) {
	t.Helper()
	if _, err := io.ReadAll(c); err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("%s: %v", why, err)
	}
	if took := clock.Since(begin); took > cutWithin {
		t.Errorf("%s: the connection lived on for %v", why, took)
	}
}

func TestT08_TagChangeCutsAccess(t *testing.T) {
	l := newLab(t, trial.Handler(trial.Echo)).up()
	c := l.join("ci-1", "tag:ci")
	conn := c.dial("1.2.3.4:80")
	trial.Line(t, conn)
	node := l.control.Node(c.key)
	node.Tags = []string{"tag:other"}
	clock := pulse.Start()
	defer clock.Stop()
	begin := time.Now()
	l.control.UpdateNode(node)
	ended(t, conn, clock, begin, "tag change")
	trial.Eventually(t, patience, "a new connection is refused", func() bool {
		_, err := c.tryDial("1.2.3.4:80", patience)
		return errors.Is(err, syscall.ECONNREFUSED)
	})
}

func TestT09_NodeRemovalCutsAccess(t *testing.T) {
	over := make(chan struct{})
	l := newLab(t, trial.Handler(func(ctx context.Context, f netstack.Flow) error {
		defer close(over)
		return trial.Echo(ctx, f)
	})).up()
	c := l.join("ci-1", "tag:ci")
	conn := c.dial("1.2.3.4:80")
	trial.Line(t, conn)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := l.control.AwaitNodeInMapRequest(ctx, l.key(l.node)); err != nil {
		t.Fatal(err)
	}
	id := l.only().ID
	clock := pulse.Start()
	defer clock.Stop()
	begin := time.Now()
	if !l.control.AddRawMapResponse(l.key(l.node), &tailcfg.MapResponse{PeersRemoved: []tailcfg.NodeID{l.control.Node(c.key).ID}}) {
		t.Fatal("the gateway does not listen to its control server")
	}
	trial.Eventually(t, patience, "the node is nobody", func() bool {
		_, ok := l.node.Current(id)
		return !ok
	})
	if _, ok := l.node.Lookup(c.Addr); ok {
		t.Error("its address is still somebody's")
	}
	select {
	case <-over:
	case <-time.After(patience):
		t.Error("its flow lives on")
	}
	if took := clock.Since(begin); took > cutWithin {
		t.Errorf("it took %v", took)
	}
}

// The owner of a node chooses its name; no choice makes it another agent.
func TestT08_ANodeCannotTakeAnAgentsName(t *testing.T) {
	l := newLab(t, trial.Handler(trial.Echo)).up()
	if _, _, err := l.roster.Add(t.Context(), "laptop-7", []string{"admin"}, time.Time{}); err != nil {
		t.Fatal(err)
	}
	c := l.join("laptop-7", "tag:ci")
	if got, _, _ := strings.Cut(trial.Line(t, c.dial("1.2.3.4:80")), " "); got != "laptop-7-2@tag:ci" {
		t.Errorf("came in as %q", got)
	}
}

func TestIdentityIsTagsBeforeUserAndGrants(t *testing.T) {
	l := newLab(t, trial.Handler(trial.Echo)).up()
	l.control.SetGlobalAppCaps(tailcfg.PeerCapMap{
		capability: {`{"role":"admin"}`, `{"roles":["viewer","admin"]}`, `[]`, `"x"`},
	})
	tagged, person := l.join("ci-1", "tag:ci"), l.join("laptop")
	for _, tc := range []struct {
		name string
		c    *agent
		tags []string
		user bool
	}{
		{"tagged", tagged, []string{"tag:ci"}, false},
		{"a person's", person, nil, true},
	} {
		l.node.who.heard()
		f, err := l.node.whois(tc.c.Addr)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(f.tags, tc.tags) || (f.user != "") != tc.user {
			t.Errorf("%s: tags %v, user %q", tc.name, f.tags, f.user)
		}
		trial.Eventually(t, patience, tc.name+": the grant is known", func() bool {
			f, err := l.node.whois(tc.c.Addr)
			return err == nil && slices.Equal(f.grants, []string{"admin", "viewer"})
		})
	}
	if _, err := l.node.whois(addrPort("100.99.99.99:1").Addr()); !errors.Is(err, errNobody) {
		t.Errorf("an address of nobody: %v", err)
	}
}

// A node that uses another as its exit node asks that one's peer API for names.
// Ours must not answer: it would ask the host's resolvers, past every rule.
func TestT04_ThePeerAPIAnswersNoDNS(t *testing.T) {
	l := newLab(t, trial.Handler(trial.Echo)).up()
	c := l.join("ci-1", "tag:ci")
	client, err := c.ts.LocalClient()
	if err != nil {
		t.Fatal(err)
	}
	var api []string
	trial.Eventually(t, patience, "the peer API is announced", func() bool {
		s, err := client.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if p := s.Peer[l.key(l.node)]; p != nil {
			api = p.PeerAPIURL
		}
		return len(api) > 0
	})
	for _, at := range api {
		at = strings.TrimPrefix(at, "http://")
		conn := c.dial(at)
		if got, want := trial.Line(t, conn), "ci-1@tag:ci "+at+" sallyport.internal"; got != want {
			t.Errorf("%s: announced %q, want %q", at, got, want)
		}
	}
}
