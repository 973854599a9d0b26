package netstack

import (
	"context"
	"crypto/ecdh"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var (
	subnet = netip.MustParsePrefix("10.77.0.0/16")
	ula    = netip.MustParsePrefix("fd5a:1:2:3::/64")
)

// shelf is an AgentStore that can be broken.
type shelf struct {
	agents map[string]Agent
	err    error
}

func (s *shelf) LoadAgents(context.Context) ([]Agent, error) {
	var list []Agent
	for _, a := range s.agents {
		list = append(list, a)
	}
	return list, s.err
}

func (s *shelf) SaveAgent(_ context.Context, a Agent) error {
	if s.err != nil {
		return s.err
	}
	if s.agents == nil {
		s.agents = make(map[string]Agent)
	}
	s.agents[a.ID] = a
	return nil
}

// clock is a hand-set time.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func newClock() *clock { return &clock{t: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func newRoster(t *testing.T, s *shelf, c *clock, net netip.Prefix) *Roster {
	t.Helper()
	r, err := NewRoster(t.Context(), s, net, ula, c.now)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func add(t *testing.T, r *Roster, name string, expires time.Time) Agent {
	t.Helper()
	a, _, err := r.Add(t.Context(), name, []string{"dev"}, expires)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestRosterLifeOfAnAgent(t *testing.T) {
	ctx := t.Context()
	s, c := &shelf{}, newClock()
	r := newRoster(t, s, c, subnet)
	a, private, err := r.Add(ctx, "ci", []string{"dev", "ops"}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	live := func(want bool, when string) {
		t.Helper()
		for _, addr := range []netip.Addr{a.Addr, r.Space().V6(a.Addr)} {
			p, ok := r.Lookup(addr)
			if ok != want || (ok && (p.ID != a.ID || p.Name != "ci" || !slices.Equal(p.Enrolled, []string{"dev", "ops"}))) {
				t.Errorf("%s: lookup %s: %+v, %v", when, addr, p, ok)
			}
		}
		if _, ok := r.Current(a.ID); ok != want {
			t.Errorf("%s: current: %v", when, ok)
		}
	}
	live(true, "added")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(r.Freeze(ctx, "ci"))
	live(false, "frozen")
	if got, ok := r.Get("ci"); !ok || !got.Frozen {
		t.Errorf("get: %+v, %v", got, ok)
	}
	must(r.Unfreeze(ctx, "ci"))
	live(true, "unfrozen")
	must(r.FreezeAll(ctx))
	live(false, "all frozen")
	must(r.UnfreezeAll(ctx))
	live(true, "all unfrozen")
	b, other, err := r.Rekey(ctx, "ci")
	must(err)
	if b.ID != a.ID || b.Addr != a.Addr || b.PublicKey == a.PublicKey || other == private {
		t.Errorf("rekeyed %+v into %+v", a, b)
	}
	live(true, "rekeyed")
	r = newRoster(t, s, c, subnet)
	live(true, "reloaded")
	must(r.Remove(ctx, "ci"))
	live(false, "removed")
	if err := r.Freeze(ctx, "ci"); !errors.Is(err, ErrNoAgent) {
		t.Errorf("freeze of the removed: %v", err)
	}
	if len(r.List()) != 0 {
		t.Errorf("list: %v", r.List())
	}
	r = newRoster(t, s, c, subnet)
	live(false, "removed and reloaded")
}

func TestRosterKeysFitAndAreNotKept(t *testing.T) {
	s := &shelf{}
	r := newRoster(t, s, newClock(), subnet)
	a, private, err := r.Add(t.Context(), "ci", nil, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(private)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdh.X25519().NewPrivateKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	if got := base64.StdEncoding.EncodeToString(key.PublicKey().Bytes()); got != a.PublicKey {
		t.Errorf("the private key belongs to %s, not %s", got, a.PublicKey)
	}
	if all := fmt.Sprintf("%+v %+v %+v", s.agents, r.agents, r.live.Load()); strings.Contains(all, private) {
		t.Error("the private key is kept")
	}
}

// A node is remembered as an agent whatever became of it, over a restart too.
func TestT47_TheRosterForgetsNoNode(t *testing.T) {
	shelf, clock := &shelf{}, newClock()
	r := newRoster(t, shelf, clock, netip.MustParsePrefix("10.77.0.0/16"))
	knew := func(when string, r *Roster, want bool) {
		t.Helper()
		if r.Knew("n1") != want || r.Knew("") || r.Knew("n2") {
			t.Errorf("%s: %v %v %v", when, r.Knew("n1"), r.Knew(""), r.Knew("n2"))
		}
	}
	knew("never met", r, false)
	add(t, r, "ci", time.Time{}) // has no node
	if _, err := r.Meet(t.Context(), "n1", "laptop"); err != nil {
		t.Fatal(err)
	}
	knew("waiting", r, true)
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"approved", func() error { return r.Approve(t.Context(), "laptop", []string{"dev"}) }},
		{"frozen", func() error { return r.Freeze(t.Context(), "laptop") }},
		{"removed", func() error { return r.Remove(t.Context(), "laptop") }},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		knew(step.name, r, true)
	}
	clock.pass(365 * 24 * time.Hour)
	knew("removed and started again", newRoster(t, shelf, clock, netip.MustParsePrefix("10.77.0.0/16")), true)
}

func TestRosterNames(t *testing.T) {
	for _, tc := range []struct {
		name  string
		roles []string
		ok    bool
	}{
		{"ci", nil, true},
		{"ci-2_a.b", []string{"dev", "ops"}, true},
		{"0", nil, true},
		{strings.Repeat("a", 63), nil, true},
		{"", nil, false},
		{strings.Repeat("a", 64), nil, false},
		{"CI", nil, false},
		{"-ci", nil, false},
		{".", nil, false},
		{"..", nil, false},
		{"a/b", nil, false},
		{"a b", nil, false},
		{"a\n", nil, false},
		{"ä", nil, false},
		{"ci", []string{"Dev"}, false},
		{"ci", []string{""}, false},
		{"ci", []string{"dev", "dev"}, false},
	} {
		r := newRoster(t, &shelf{}, newClock(), subnet)
		if _, _, err := r.Add(t.Context(), tc.name, tc.roles, time.Time{}); (err == nil) != tc.ok {
			t.Errorf("add %q %q: %v", tc.name, tc.roles, err)
		}
	}
	r := newRoster(t, &shelf{}, newClock(), subnet)
	add(t, r, "ci", time.Time{})
	if _, _, err := r.Add(t.Context(), "ci", nil, time.Time{}); err == nil {
		t.Error("a name was given twice")
	}
}

func TestRosterAddressesCoverTheSubnet(t *testing.T) {
	for _, tc := range []struct {
		net  string
		want int
	}{{"10.77.0.0/30", 1}, {"10.77.0.0/28", 13}, {"10.77.0.0/22", 1021}, {"10.77.3.9/24", 253}} {
		net := netip.MustParsePrefix(tc.net)
		r := newRoster(t, &shelf{}, newClock(), net)
		gateway, gateway6 := r.Space().Gateway()
		seen := map[netip.Addr]bool{gateway: true, gateway6: true}
		n := 0
		for ; ; n++ {
			a, _, err := r.Add(t.Context(), fmt.Sprintf("a%d", n), nil, time.Time{})
			if errors.Is(err, errFull) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			v6 := r.Space().V6(a.Addr)
			if seen[a.Addr] || seen[v6] || !net.Contains(a.Addr) || !ula.Contains(v6) {
				t.Fatalf("%s: agent %d has %s and %s", tc.net, n, a.Addr, v6)
			}
			seen[a.Addr], seen[v6] = true, true
		}
		if n != tc.want {
			t.Errorf("%s holds %d agents, want %d", tc.net, n, tc.want)
		}
	}
}

func TestSpaceCheck(t *testing.T) {
	for _, tc := range []struct {
		net, ula string
		ok       bool
	}{
		{"10.77.0.0/16", "fd5a::/64", true},
		{"10.0.0.0/8", "fd5a::/96", true},
		{"10.77.0.0/30", "", true},
		{"10.77.0.0/31", "", false},
		{"10.77.0.0/7", "", false},
		{"fd5a::/64", "", false},
		{"", "", false},
		{"10.77.0.0/16", "fd5a::/97", false},
		{"10.77.0.0/16", "10.0.0.0/8", false},
	} {
		var s Space
		if tc.net != "" {
			s.Subnet = netip.MustParsePrefix(tc.net)
		}
		if tc.ula != "" {
			s.ULA = netip.MustParsePrefix(tc.ula)
		}
		if err := s.Check(); (err == nil) != tc.ok {
			t.Errorf("%q %q: %v", tc.net, tc.ula, err)
		}
	}
}

// An address that meant one agent yesterday must not mean another today.
func TestT09_AddressOfTheRemovedRests(t *testing.T) {
	s, c := &shelf{}, newClock()
	r := newRoster(t, s, c, subnet)
	first := add(t, r, "ci", time.Time{})
	if err := r.Remove(t.Context(), "ci"); err != nil {
		t.Fatal(err)
	}
	c.pass(24*time.Hour - time.Second)
	r = newRoster(t, s, c, subnet) // a restart forgets nothing
	second := add(t, r, "ci", time.Time{})
	if second.Addr == first.Addr || second.ID == first.ID {
		t.Errorf("%+v follows %+v", second, first)
	}
	c.pass(2 * time.Second)
	if third := add(t, r, "next", time.Time{}); third.Addr != first.Addr {
		t.Errorf("after a day %s is not given again but %s", first.Addr, third.Addr)
	}
}

func TestRosterExpiry(t *testing.T) {
	c := newClock()
	r := newRoster(t, &shelf{}, c, subnet)
	old := add(t, r, "ci", c.now().Add(8*time.Hour))
	if _, _, err := r.Add(t.Context(), "late", nil, c.now()); err == nil {
		t.Error("an agent was added that had expired")
	}
	c.pass(8*time.Hour - time.Second)
	if _, ok := r.Lookup(old.Addr); !ok {
		t.Error("expired too early")
	}
	c.pass(time.Second)
	if _, ok := r.Lookup(old.Addr); ok {
		t.Error("an expired agent is live, though Run has not run")
	}
	if len(r.Keys()) != 0 {
		t.Error("an expired agent's key is in force")
	}
	if again := add(t, r, "ci", time.Time{}); again.ID == old.ID || again.Addr == old.Addr {
		t.Errorf("%+v took the place of %+v", again, old)
	}
}

func TestRosterRunTellsOfExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r, err := NewRoster(ctx, &shelf{}, subnet, ula, nil)
		if err != nil {
			t.Fatal(err)
		}
		told := make(chan struct{}, 16)
		r.Subscribe(func() { told <- struct{}{} })
		done := make(chan error)
		go func() { done <- r.Run(ctx) }()
		add(t, r, "ci", time.Now().Add(time.Hour))
		<-told
		begin := time.Now()
		<-told
		if late := time.Since(begin) - time.Hour; late < 0 || late > time.Second {
			t.Errorf("told %v after the expiry", late)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// What closes a door is in force though the store is lost; what opens one is not.
func TestRosterWithABrokenStore(t *testing.T) {
	s, c := &shelf{}, newClock()
	r := newRoster(t, s, c, subnet)
	a := add(t, r, "ci", time.Time{})
	frozen := add(t, r, "cold", time.Time{})
	if err := r.Freeze(t.Context(), "cold"); err != nil {
		t.Fatal(err)
	}
	s.err = errors.New("disk full")
	if _, _, err := r.Add(t.Context(), "new", nil, time.Time{}); err == nil {
		t.Error("added without a store")
	}
	if b, _, err := r.Rekey(t.Context(), "ci"); err == nil || r.agents[a.ID].PublicKey != a.PublicKey {
		t.Errorf("rekeyed without a store: %+v, %v", b, err)
	}
	if err := r.Unfreeze(t.Context(), "cold"); err == nil {
		t.Error("unfrozen without a store")
	}
	if _, ok := r.Lookup(frozen.Addr); ok {
		t.Error("an agent came back that could not be stored")
	}
	if err := r.Freeze(t.Context(), "ci"); err == nil {
		t.Error("nobody was told that the freeze is not stored")
	}
	if _, ok := r.Lookup(a.Addr); ok {
		t.Error("the frozen agent is live")
	}
	if _, err := NewRoster(t.Context(), s, subnet, ula, c.now); err == nil {
		t.Error("a roster without its agents")
	}
}

func TestRosterSubscriberMayRead(t *testing.T) {
	r := newRoster(t, &shelf{}, newClock(), subnet)
	var names []string
	r.Subscribe(func() {
		names = nil
		for _, a := range r.List() {
			names = append(names, a.Name)
		}
	})
	add(t, r, "b", time.Time{})
	add(t, r, "a", time.Time{})
	if !slices.Equal(names, []string{"a", "b"}) {
		t.Errorf("the subscriber saw %q", names)
	}
}
