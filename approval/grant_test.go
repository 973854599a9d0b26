package approval

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval/scope"
)

// granted gives a desk on which ana has said yes to the deed for longer.
func granted(t *testing.T, store Store, declared map[string]Approver, e deed, s Scope) *Desk {
	t.Helper()
	d := loaded(t, store, declared)
	got := file(t.Context(), d, e)
	answer(t, d, e.id, true, ana, s)
	want(t, <-got, action.Allow, "ana")
	return d
}

func TestAYesForLonger(t *testing.T) {
	first := deed{id: "1", body: "set a", alike: "update users"}
	for _, c := range []struct {
		name  string
		scope Scope
		next  deed
		after time.Duration
		want  bool
	}{
		{"once", Scope{}, first, 0, false},
		{"exactly this", Scope{Kind: Exact, For: time.Minute}, first, 59 * time.Second, true},
		{"exactly this, too late", Scope{Kind: Exact, For: time.Minute}, first, 61 * time.Second, false},
		{"something else than exactly this", Scope{Kind: Exact, For: time.Minute}, deed{body: "set b", alike: "update users"}, 0, false},
		{"something similar", Scope{Kind: Similar, For: time.Minute}, deed{body: "set b", alike: "update users"}, 59 * time.Second, true},
		{"something similar, too late", Scope{Kind: Similar, For: time.Minute}, deed{body: "set b", alike: "update users"}, 61 * time.Second, false},
		{"something else", Scope{Kind: Similar, For: time.Minute}, deed{body: "set b", alike: "update payments"}, 0, false},
		{"nobody knows what", Scope{Kind: Similar, For: time.Minute}, deed{body: "set b"}, 0, false},
		{"another host", Scope{Kind: Similar, For: time.Minute}, deed{body: "set b", alike: "update users", host: "prod.internal"}, 0, false},
		{"another address", Scope{Kind: Similar, For: time.Minute}, deed{body: "set b", alike: "update users", dst: netip.MustParseAddrPort("10.0.0.9:5432")}, 0, false},
		{"another agent", Scope{Kind: Similar, For: time.Minute}, deed{agent: "desktop", body: "set b", alike: "update users"}, 0, false},
		{"another rule asks", Scope{Kind: Similar, For: time.Minute}, deed{body: "set b", alike: "update users", asks: []action.Asking{{Rule: "more"}}}, 0, false},
		{"one more rule asks", Scope{Kind: Similar, For: time.Minute}, deed{body: "set b", alike: "update users", asks: []action.Asking{{Rule: "careful"}, {Rule: "more"}}}, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := new(memory)
				d := granted(t, store, nil, first, c.scope)
				time.Sleep(c.after)
				c.next.id = "2"
				for range 2 {
					if got := again(t, d, c.next).Verdict == action.Allow; got != c.want {
						t.Errorf("passes: %v", got)
					}
					d = loaded(t, store, nil) // and after a restart
				}
			})
		})
	}
}

func TestAYesForSoManyTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(memory)
		d := granted(t, store, nil, deed{id: "0", body: "0", alike: "update users"}, Scope{Kind: Similar, For: time.Hour, Times: 3})
		passed := 1
		for i := 1; i < 6; i++ {
			if again(t, d, deed{id: fmt.Sprint(i), body: fmt.Sprint(i), alike: "update users"}).Verdict == action.Allow {
				passed++
			}
			d = loaded(t, store, nil)
		}
		if passed != 3 || len(d.Grants()) != 0 {
			t.Errorf("%d passed, %d grants", passed, len(d.Grants()))
		}
	})
}

// A yes for longer is used, and counted, by many actions at once.
func TestAYesIsUsedFromManySides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := granted(t, nil, nil, deed{id: "0", body: "0", alike: "update users"}, Scope{Kind: Similar, For: time.Hour, Times: 81})
		var g sync.WaitGroup
		for i := range 8 {
			g.Go(func() {
				for n := range 10 {
					a, dec := deed{id: fmt.Sprint(i, n), body: fmt.Sprint(i, n), alike: "update users"}.action()
					if out := d.Settle(t.Context(), a, dec); out.Verdict != action.Allow || out.Approval != "0" {
						t.Errorf("%+v", out)
					}
				}
			})
		}
		g.Wait()
		if left := d.Grants(); len(left) != 0 {
			t.Errorf("%+v", left)
		}
	})
}

func TestAGrantIsNoWiderThanItsGivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		declared := map[string]Approver{"approver.oncall": oncall}
		e := deed{id: "1", body: "a", alike: "update users", asks: asked("approver.oncall")}
		d := granted(t, nil, declared, e, Scope{Kind: Similar, For: time.Hour})
		e.id, e.body = "2", "b"
		want(t, again(t, d, e), action.Allow, "ana")
		declared["approver.oncall"] = Approver{Members: []string{"bo@acme.dev"}} // ana has left
		e.id, e.body = "3", "c"
		if dec := again(t, d, e); dec.Verdict != action.Ask {
			t.Errorf("her yes goes on without her: %+v", dec)
		}
	})
}

func TestTheNarrowestScopeStands(t *testing.T) {
	for _, c := range []struct{ a, b, want Scope }{
		{Scope{}, Scope{Kind: Similar, For: time.Hour}, Scope{}},
		{Scope{Kind: Exact, For: time.Hour}, Scope{Kind: Similar, For: time.Minute, Times: 3}, Scope{Kind: Exact, For: time.Minute, Times: 3}},
		{Scope{Kind: Similar, For: time.Hour, Times: 5}, Scope{Kind: Similar, For: 2 * time.Hour, Times: 9}, Scope{Kind: Similar, For: time.Hour, Times: 5}},
	} {
		if got := c.a.Narrow(c.b); got != c.want {
			t.Errorf("%+v and %+v: %+v", c.a, c.b, got)
		}
		if got := c.b.Narrow(c.a); got != c.want {
			t.Errorf("%+v and %+v: %+v", c.b, c.a, got)
		}
	}
}

func TestAGrantIsRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(memory)
		e := deed{id: "1", body: "a", alike: "update users"}
		d := granted(t, store, nil, e, Scope{Kind: Similar, For: time.Hour})
		if list := d.Grants(); len(list) != 1 || list[0].ID != "1" {
			t.Fatalf("%+v", list)
		}
		if _, err := d.Revoke("1", eve); !errors.Is(err, ErrNotYours) {
			t.Errorf("eve revokes: %v", err)
		}
		if _, err := d.Revoke("1", bo); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if e.id = "2"; again(t, d, e).Verdict == action.Allow || len(d.Grants()) != 0 {
				t.Error("it goes on")
			}
			d = loaded(t, store.copied(), nil)
		}
		if _, err := d.Revoke("1", bo); !errors.Is(err, ErrUnknown) {
			t.Errorf("twice: %v", err)
		}
	})
}

func TestScopesThatCannotBeGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(nil, nil)
		comeBack(t, d, deed{id: "1", body: "x"})
		for _, s := range []Scope{
			{Kind: "always"},
			{Kind: Once, For: time.Minute},
			{Kind: Exact},
			{Kind: Exact, For: 25 * time.Hour},
			{Kind: Exact, For: time.Minute, Times: -1},
			{Kind: Similar, For: time.Minute, Times: scope.MaxTimes + 1},
			{Kind: Similar, For: time.Minute}, // nobody knows what is similar to this
		} {
			if _, err := d.Answer("1", true, ana, "", s); !errors.Is(err, ErrScope) {
				t.Errorf("%+v: %v", s, err)
			}
		}
		if r, _ := d.Get("1"); r.State != Pending || len(r.Votes) != 0 {
			t.Errorf("%+v", r)
		}
	})
}

func TestAnAgentProposesAService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := loaded(t, new(memory), nil)
		p := &action.Peer{ID: "a1", Name: "laptop", User: "ana@acme.dev"}
		r, err := d.Propose(t.Context(), p, "api.example.com", "to read \u202ethe weather\nplease", "service \"x\" {}\n")
		if err != nil || r.Sample != "| to read <U+202E>the weather\n| please\nservice \"x\" {}\n" {
			t.Fatalf("%+v, %v", r, err)
		}
		if same, err := d.Propose(t.Context(), p, "api.example.com", "", ""); err != nil || same.ID != r.ID {
			t.Errorf("asked twice: %+v, %v", same, err)
		}
		for i := range maxProposals {
			_, err = d.Propose(t.Context(), p, fmt.Sprint(i, ".example.com"), "", "")
		}
		if err == nil || len(d.List()) != maxProposals {
			t.Errorf("%d proposals, %v", len(d.List()), err)
		}
		if _, err := d.Answer(r.ID, true, ana, "", Scope{}); !errors.Is(err, ErrNotYours) {
			t.Errorf("her own agent's: %v", err)
		}
		answer(t, d, r.ID, true, bo, Scope{})
		if got, ok := d.Of("a1", r.ID); !ok || got.State != Approved {
			t.Errorf("%+v", got)
		}
		if _, ok := d.Of("a2", r.ID); ok {
			t.Error("another agent sees it")
		}
	})
}
