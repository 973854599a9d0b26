package dns

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"
)

func assign(t *testing.T, p *Pool, name, agent string) string {
	t.Helper()
	v4, v6, err := p.Assign(name, agent)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []netip.Addr{v4, v6} {
		if got, known := p.Lookup(a); got != name || !known {
			t.Errorf("%s stands for %q, %v; want %q", a, got, known, name)
		}
	}
	return v4.String()
}

func TestPoolIsStableOverRestarts(t *testing.T) {
	store, c := &memStore{}, &clock{start}
	p := newPool(t, store, pool4, c)
	first, second := assign(t, p, "a.test", ""), assign(t, p, "b.test", "")
	if first == second {
		t.Fatalf("two names share %s", first)
	}
	p = newPool(t, store, pool4, c)
	if got := assign(t, p, "b.test", ""); got != second {
		t.Errorf("b.test moved from %s to %s", second, got)
	}
	if got := assign(t, p, "c.test", ""); got == first || got == second {
		t.Errorf("c.test got %s, which is taken", got)
	}
}

func TestPoolLookup(t *testing.T) {
	p := newPool(t, &memStore{}, pool4, &clock{start})
	assign(t, p, "a.test", "")
	tests := []struct {
		addr, name string
		known      bool
	}{
		{"198.18.0.1", "a.test", true},
		{"::ffff:198.18.0.1", "a.test", true},
		{"fd66:1::1", "a.test", true},
		{"fd66:1::1%eth0", "a.test", true},
		{"198.18.0.0", "", true},
		{"198.18.0.2", "", true},
		{"198.19.255.255", "", true},
		{"fd66:1::", "", true},
		{"fd66:1::1:0:0:1", "", true}, // the same lower half is not the same address
		{"fd66:1::ffff:ffff", "", true},
		{"198.20.0.1", "", false},
		{"fd66:2::1", "", false},
		{"10.0.0.1", "", false},
	}
	for _, tt := range tests {
		if name, known := p.Lookup(netip.MustParseAddr(tt.addr)); name != tt.name || known != tt.known {
			t.Errorf("%s: got %q, %v; want %q, %v", tt.addr, name, known, tt.name, tt.known)
		}
	}
	if name, known := p.Lookup(netip.Addr{}); name != "" || known {
		t.Errorf("no address: got %q, %v", name, known)
	}
}

// small has six ids.
var small = netip.MustParsePrefix("198.18.0.0/29")

func TestPoolRestsIDsForADay(t *testing.T) {
	store, c := &memStore{}, &clock{start}
	p := newPool(t, store, small, c)
	for i := range 6 {
		assign(t, p, fmt.Sprintf("n%d.test", i), "")
		c.t = c.t.Add(time.Minute)
	}
	assign(t, p, "n0.test", "") // now n1 is the oldest
	c.t = c.t.Add(24 * time.Hour)
	if _, _, err := p.Assign("new.test", ""); !errors.Is(err, errFull) {
		t.Fatalf("an id was reused within a day: %v", err)
	}
	if name, _ := p.Lookup(netip.MustParseAddr("198.18.0.3")); name != "n2.test" {
		t.Fatalf("198.18.0.3 is %q", name)
	}
	c.t = c.t.Add(touchEvery)
	if got := assign(t, p, "new.test", ""); got != "198.18.0.2" {
		t.Errorf("new.test got %s, want what rested longest", got)
	}
	if got := assign(t, p, "newer.test", ""); got != "198.18.0.4" {
		t.Errorf("newer.test got %s: the connection to n2.test did not count as use", got)
	}
	p = newPool(t, store, small, c)
	if name, _ := p.Lookup(netip.MustParseAddr("198.18.0.2")); name != "new.test" {
		t.Errorf("after a restart 198.18.0.2 is %q", name)
	}
	c.t = c.t.Add(24 * time.Hour)
	if _, _, err := p.Assign("newest.test", ""); !errors.Is(err, errFull) {
		t.Errorf("an id was reused within a day of a restart: %v", err)
	}
}

func TestT14_WildcardsLeaveRoom(t *testing.T) {
	p := newPool(t, &memStore{}, small, &clock{start})
	for i := range 6 {
		_, _, err := p.Assign(fmt.Sprintf("n%d.wild.test", i), "a1")
		if full := i >= 3; full != errors.Is(err, errQuota) {
			t.Errorf("name %d: %v", i, err)
		}
	}
	assign(t, p, "db.corp", "")
}

// An agent that keeps asking for every name it ever made up holds its share and no
// more, however long it goes on.
func TestT14_OneAgentHoldsItsShare(t *testing.T) {
	c := &clock{start}
	p := newPool(t, &memStore{}, netip.MustParsePrefix("198.18.0.0/21"), c)
	share := int(p.size / agentShare)
	name := func(i int) string { return fmt.Sprintf("n%d.wild.test", i) }
	for i := range share {
		assign(t, p, name(i), "a1")
	}
	for day := range 3 {
		for i := range share {
			assign(t, p, name(i), "a1")
		}
		if _, _, err := p.Assign("one-more.wild.test", "a1"); !errors.Is(err, errQuota) {
			t.Fatalf("day %d: beyond the share: %v", day, err)
		}
		c.t = c.t.Add(24 * time.Hour)
	}
	assign(t, p, "n0.wild.test", "b1")
	assign(t, p, "other.wild.test", "b1")
	assign(t, p, "db.corp", "")

	rests := assign(t, p, name(1), "a1")
	c.t = c.t.Add(2 * time.Hour)
	for i := range share {
		if i != 1 {
			assign(t, p, name(i), "a1")
		}
	}
	c.t = c.t.Add(24 * time.Hour)
	if got := assign(t, p, "new.wild.test", "a1"); got != rests {
		t.Errorf("the new name stands at %s, not at %s, which its agent left alone", got, rests)
	}
}

func TestPoolWritesOncePerHour(t *testing.T) {
	store, c := &memStore{}, &clock{start}
	p := newPool(t, store, pool4, c)
	for range 240 {
		assign(t, p, "a.test", "")
		c.t = c.t.Add(time.Minute)
	}
	if store.saves != 4 {
		t.Errorf("%d writes in four hours, want 4", store.saves)
	}
}

func TestPoolAllowanceComesBack(t *testing.T) {
	c := &clock{start}
	p := newPool(t, &memStore{}, pool4, c)
	for i := range newNames {
		assign(t, p, fmt.Sprintf("n%d.test", i), "a1")
	}
	if _, _, err := p.Assign("one-more.test", "a1"); !errors.Is(err, errQuota) {
		t.Fatalf("beyond the allowance: %v", err)
	}
	c.t = c.t.Add(newNamesEvery)
	assign(t, p, "one-more.test", "a1")
	c.t = c.t.Add(newNames * newNamesEvery)
	assign(t, p, "bob.test", "b1")
	if len(p.agents) != 1 {
		t.Errorf("%d agents remembered, want 1", len(p.agents))
	}
}

func TestPoolLoadsWhatAnOlderStoreLeft(t *testing.T) {
	store := &memStore{names: map[uint32]Name{
		1: {"a.test", 1, start.Add(-time.Hour)},
		2: {"a.test", 2, start.Add(-2 * time.Hour)}, // the host's former id
		9: {"far.test", 9, start},                   // of a larger prefix
		0: {"zero.test", 0, start},
	}}
	p := newPool(t, store, small, &clock{start})
	if got := assign(t, p, "a.test", ""); got != "198.18.0.1" {
		t.Errorf("a.test is %s", got)
	}
	if got := assign(t, p, "far.test", ""); got != "198.18.0.3" {
		t.Errorf("far.test is %s", got)
	}
}

func TestNewPoolRefuses(t *testing.T) {
	c := &clock{start}
	for _, tt := range []struct{ v4, v6 string }{
		{"fd00::/15", "fd66::/64"},
		{"198.18.0.0/31", "fd66::/64"},
		{"0.0.0.0/0", "fd66::/64"},
		{"198.18.0.0/15", "10.0.0.0/8"},
		{"198.18.0.0/15", "fd66::/112"},
		{"198.18.0.0/15", "::ffff:10.0.0.0/96"},
	} {
		if _, err := NewPool(t.Context(), &memStore{}, netip.MustParsePrefix(tt.v4), netip.MustParsePrefix(tt.v6), c.now); err == nil {
			t.Errorf("%s and %s were taken", tt.v4, tt.v6)
		}
	}
	if _, err := NewPool(t.Context(), &memStore{err: errors.New("torn")}, pool4, pool6, c.now); err == nil {
		t.Error("a store that cannot load was taken")
	}
}

func TestPoolAtOnce(t *testing.T) {
	p := newPool(t, &memStore{}, pool4, &clock{start})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 200 {
				v4, _, err := p.Assign(fmt.Sprintf("n%d.test", i), fmt.Sprint(g))
				if err != nil {
					t.Error(err)
				}
				p.Lookup(v4)
			}
		})
	}
	wg.Wait()
	if n := p.order.Len(); n != 200 {
		t.Errorf("%d names, want 200", n)
	}
}
