package tailnet

import (
	"bytes"
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/netstack/trial"
)

func addrPort(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func TestRestartKeepsTheIdentity(t *testing.T) {
	var asked atomic.Int64
	l := newLab(t, trial.Handler(trial.Echo), func(c *Config, _ *netstack.Server) {
		c.AuthKey = func() (string, error) { asked.Add(1); return "tskey-good", nil }
	})
	l.up()
	l.control.RequireAuthKey = "" // it would ask for it at every start, which no other control server does
	before := l.key(l.node)
	v4, _ := l.node.Gateway()
	l.node.Close()
	asked.Store(0)
	l.start()
	l.up()
	if n := asked.Load(); n != 0 {
		t.Errorf("the auth key was taken %d times", n)
	}
	if again, _ := l.node.Gateway(); l.key(l.node) != before || again != v4 {
		t.Errorf("came back as %s at %s, was %s at %s", l.key(l.node), again, before, v4)
	}
	if n := l.control.NumNodes(); n != 1 {
		t.Errorf("the tailnet has %d nodes", n)
	}
}

func TestLogoutMakesANewNode(t *testing.T) {
	l := newLab(t, trial.Handler(trial.Echo)).up()
	before := l.key(l.node)
	if err := l.node.Logout(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Which of its states the library rests in is its own matter.
	var last []string
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the status said %q", last)
		}
	})
	trial.Eventually(t, patience, "the status says so", func() bool {
		last = l.node.Status(t.Context()).Problems
		return strings.Contains(strings.Join(last, "\n"), "the node is not ")
	})
	l.node.Close()
	l.start()
	l.up()
	if l.key(l.node) == before {
		t.Error("the same node came back")
	}
}

func TestAWrongAuthKeyIsToldAndAnotherOneHelps(t *testing.T) {
	l := newLab(t, trial.Handler(trial.Echo), func(c *Config, _ *netstack.Server) {})
	l.node.Close()
	l.store.state = nil
	l.mu.Lock()
	l.auth = "tskey-bad"
	l.mu.Unlock()
	l.start()
	trial.Eventually(t, patience, "the status tells of the login", func() bool {
		return strings.Contains(strings.Join(l.node.Status(t.Context()).Problems, "\n"), "not logged in")
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if l.node.Up(ctx) == nil {
		t.Fatal("it came up")
	}
	l.mu.Lock()
	l.auth = "tskey-good"
	l.mu.Unlock()
	l.node.KeySet()
	l.up()
}

func TestRoutesFollowTheServices(t *testing.T) {
	l := newLab(t, trial.Handler(trial.Echo)).up()
	more := append(slices.Clone(l.cfg.Routes), netip.MustParsePrefix("10.40.0.0/16"))
	if err := l.node.Advertise(t.Context(), more); err != nil {
		t.Fatal(err)
	}
	refused := func() []netip.Prefix { return l.node.Status(t.Context()).Refused }
	trial.Eventually(t, patience, "the new route waits", func() bool {
		return slices.Equal(refused(), []netip.Prefix{netip.MustParsePrefix("10.40.0.0/16")})
	})
	trial.Eventually(t, patience, "the tailnet is told", func() bool {
		return slices.Contains(l.control.Node(l.key(l.node)).Hostinfo.RoutableIPs().AsSlice(), netip.MustParsePrefix("10.40.0.0/16"))
	})
	l.approve(more)
	trial.Eventually(t, patience, "it is approved", func() bool { return len(refused()) == 0 })
}

func TestExpiryIsWarnedOf(t *testing.T) {
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		left time.Duration
		warn bool
	}{{13 * 24 * time.Hour, true}, {15 * 24 * time.Hour, false}} {
		s := Status{Expiry: now.Add(tc.left), Tags: []string{"tag:sallyport"}}
		s.complain([]string{"tag:sallyport"}, now)
		if (len(s.Problems) == 1) != tc.warn {
			t.Errorf("%v left: %q", tc.left, s.Problems)
		}
	}
	s := Status{}
	s.complain([]string{"tag:sallyport"}, now)
	if len(s.Problems) != 1 || !strings.Contains(s.Problems[0], "tag:sallyport") {
		t.Errorf("a node without its tag: %q", s.Problems)
	}
}

func TestServicesOnlyLeaveTheRestAlone(t *testing.T) {
	l := newLab(t, trial.Handler(trial.Echo), func(c *Config, _ *netstack.Server) { c.Routes = []netip.Prefix{netip.MustParsePrefix(trial.Pool)} })
	l.up()
	c := l.joinRoutes("ci-1", "tag:ci")
	if got := trial.Line(t, c.dial("198.18.0.7:443")); got != "ci-1@tag:ci 198.18.0.7:443 api.example.com" {
		t.Errorf("announced as %q", got)
	}
	var last Status
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the status was %+v", last)
		}
	})
	trial.Eventually(t, patience, "all is well", func() bool { // the library complains of what is slow
		last = l.node.Status(t.Context())
		return len(last.Refused) == 0 && last.State == "Running" && len(last.Problems) == 0
	})
	if _, err := c.tryDial("1.2.3.4:80", 300*time.Millisecond); err == nil {
		t.Error("other traffic came here, too")
	}
}

func TestStateIsOneValue(t *testing.T) {
	kept := &memory{}
	s, err := newStore(kept)
	if err != nil {
		t.Fatal(err)
	}
	if s.hasIdentity() {
		t.Error("an empty store has an identity")
	}
	if err := s.WriteState("_current-profile", []byte("p")); err != nil {
		t.Fatal(err)
	}
	again, err := newStore(kept)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := again.ReadState("_current-profile"); err != nil || !bytes.Equal(v, []byte("p")) || !again.hasIdentity() {
		t.Errorf("read %q, %v", v, err)
	}
	if err := again.WriteState("_current-profile", nil); err != nil || again.hasIdentity() {
		t.Errorf("forgotten: %v", err)
	}
	kept.state = []byte("{")
	if _, err := newStore(kept); err == nil || strings.Contains(err.Error(), "{") {
		t.Errorf("a damaged state: %v", err)
	}
}
