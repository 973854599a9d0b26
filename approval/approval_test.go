package approval

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sallyport.dev/sallyport/action"
)

// The people of these tests. ana and bo are on call, eve is nobody.
var (
	ana  = action.Person{Name: "ana@acme.dev", Groups: []string{"oncall"}, Via: "oidc"}
	bo   = action.Person{Name: "bo@acme.dev", Groups: []string{"oncall"}, Via: "oidc"}
	eve  = action.Person{Name: "eve@acme.dev", Via: "oidc"}
	root = action.Person{Name: "root", Via: HostDoor}
)

// A memory is a Store that a second desk may read after a crash of the first.
type memory struct {
	mu    sync.Mutex
	kept  map[string][]byte
	fails bool
}

func (m *memory) LoadAsks(context.Context) ([][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all [][]byte
	for _, b := range m.kept {
		all = append(all, b)
	}
	return all, nil
}

func (m *memory) SaveAsk(_ context.Context, id string, b []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fails {
		return errors.New("disk full")
	}
	if m.kept == nil {
		m.kept = make(map[string][]byte)
	}
	m.kept[id] = b
	return nil
}

func (m *memory) DeleteAsk(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.kept, id)
	return nil
}

// copied is what a crash at this moment leaves.
func (m *memory) copied() *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := &memory{kept: make(map[string][]byte)}
	for id, b := range m.kept {
		c.kept[id] = b
	}
	return c
}

// oncall asks the group on call; two is the same with two people.
var (
	oncall = Approver{Members: []string{"group:oncall"}}
	two    = Approver{Members: []string{"group:oncall"}, Require: 2}
)

func newDesk(store Store, declared map[string]Approver) *Desk {
	return &Desk{
		Now: time.Now, Log: slog.New(slog.DiscardHandler), Store: store, Key: []byte("key"),
		Approver: func(name string) (Approver, bool) { a, ok := declared[name]; return a, ok },
		Operator: func(p action.Person) bool { return p.Is("group:oncall") || p.Via == HostDoor },
	}
}

// loaded is a desk that has read its store.
func loaded(t *testing.T, store Store, declared map[string]Approver) *Desk {
	t.Helper()
	d := newDesk(store, declared)
	if err := d.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return d
}

// A deed is what an agent does; its body is what the digest is of.
type deed struct {
	id, agent, user, body, alike, host string
	dst                                netip.AddrPort
	asks                               []action.Asking
	effects, judged                    action.Effects // by the protocol, by the rules
}

func (e deed) action() (*action.Action, action.Decision) {
	if e.agent == "" {
		e.agent = "laptop"
	}
	if e.asks == nil {
		e.asks = []action.Asking{{Rule: "careful"}}
	}
	a := &action.Action{
		ID: e.id, Peer: &action.Peer{ID: e.agent, Name: e.agent, User: e.user}, Service: &action.Service{Name: "github"},
		Summary: "DELETE /repos/acme/site", Digest: []byte(e.body), Sample: []byte("{}"), Alike: e.alike, Host: e.host, Dst: e.dst,
		Parts: []action.Part{{Effects: e.effects}},
	}
	return a, action.Decision{Verdict: action.Ask, Rule: e.asks[0].Rule, Asks: e.asks, Effects: e.judged}
}

func asked(names ...string) []action.Asking {
	return []action.Asking{{Rule: "careful", Approvers: names}}
}

// file puts a deed on the desk and gives where its decision will arrive; the desk
// has taken it in when ask returns.
func file(ctx context.Context, d *Desk, e deed) <-chan action.Decision {
	got := make(chan action.Decision, 1)
	a, dec := e.action()
	go func() { got <- d.Settle(ctx, a, dec) }()
	synctest.Wait()
	return got
}

func answer(t *testing.T, d *Desk, id string, yes bool, who action.Person, scope Scope) Request {
	t.Helper()
	r, err := d.Answer(id, yes, who, "", scope)
	if err != nil {
		t.Fatalf("%s answers %s: %v", who.Name, id, err)
	}
	return r
}

func want(t *testing.T, d action.Decision, v action.Verdict, word string) {
	t.Helper()
	if d.Verdict != v || !strings.Contains(d.Reason, word) {
		t.Errorf("%v %q, want %v with %q", d.Verdict, d.Reason, v, word)
	}
}

func TestAnAnswerSettlesTheAsk(t *testing.T) {
	for _, c := range []struct {
		yes    bool
		want   action.Verdict
		reason string
	}{
		{true, action.Allow, "Approved by ana@acme.dev."},
		{false, action.Deny, "Denied by ana@acme.dev: not today"},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(nil, nil)
			got := file(t.Context(), d, deed{id: "1", body: "\x01\x02"})
			if list := d.List(); len(list) != 1 || list[0].Summary != "DELETE /repos/acme/site" || list[0].Digest != "0102" || list[0].Waiting != 1 {
				t.Fatalf("waiting: %+v", list)
			}
			if _, err := d.Answer("1", c.yes, ana, "not today", Scope{}); err != nil {
				t.Fatal(err)
			}
			if dec := <-got; dec.Verdict != c.want || dec.Reason != c.reason {
				t.Errorf("yes=%v gives %v %q", c.yes, dec.Verdict, dec.Reason)
			}
			if _, err := d.Answer("1", true, bo, "", Scope{}); !errors.Is(err, ErrAnswered) {
				t.Errorf("a second answer: %v", err)
			}
		})
	}
}

func TestAnAnswerToNothing(t *testing.T) {
	if _, err := newDesk(nil, nil).Answer("none", true, ana, "", Scope{}); !errors.Is(err, ErrUnknown) {
		t.Errorf("got %v", err)
	}
}

func TestSilenceDenies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(nil, map[string]Approver{"approver.short": {Hold: time.Hour, Timeout: 2 * time.Minute}})
		began := time.Now()
		dec := <-file(t.Context(), d, deed{id: "1", asks: asked("approver.short")})
		want(t, dec, action.Deny, "in time")
		if r, _ := d.Get("1"); r.State != TimedOut || time.Since(began) != 2*time.Minute {
			t.Errorf("state %q after %s", r.State, time.Since(began))
		}
	})
}

func TestWhoMayAnswer(t *testing.T) {
	declared := map[string]Approver{"approver.oncall": oncall, "approver.ana": {Members: []string{"ana@acme.dev"}}}
	for _, c := range []struct {
		name string
		deed deed
		who  action.Person
		err  error
	}{
		{"a member", deed{asks: asked("approver.oncall")}, ana, nil},
		{"nobody", deed{asks: asked("approver.oncall")}, eve, ErrNotYours},
		{"a member of another", deed{asks: asked("approver.ana")}, bo, ErrNotYours},
		{"an operator, by default", deed{}, bo, nil},
		{"nobody, by default", deed{}, eve, ErrNotYours},
		{"the agent's own user", deed{user: "Ana@acme.dev", asks: asked("approver.oncall")}, ana, ErrNotYours},
		{"the agent's own user, by default", deed{user: "ana@acme.dev"}, ana, ErrNotYours},
		{"an approver that is gone", deed{asks: asked("approver.gone")}, ana, ErrNotYours},
		{"somebody without a name", deed{}, action.Person{Via: HostDoor}, ErrNotYours},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(nil, declared)
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				c.deed.id = "1"
				file(ctx, d, c.deed)
				for _, yes := range []bool{true, false} {
					if _, err := d.Answer("1", yes, c.who, "", Scope{}); !errors.Is(err, c.err) {
						t.Errorf("yes=%v: %v, want %v", yes, err, c.err)
					}
					if c.err == nil {
						return
					}
				}
			})
		})
	}
}

func TestDistinctPeople(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(nil, map[string]Approver{"approver.two": two})
		got := file(t.Context(), d, deed{id: "1", asks: asked("approver.two")})
		for range 3 { // by whatever door
			shouting := ana
			shouting.Name, shouting.Via = strings.ToUpper(ana.Name), "slack"
			answer(t, d, "1", true, ana, Scope{})
			if r := answer(t, d, "1", true, shouting, Scope{}); r.State != Pending {
				t.Fatalf("one person is two: %+v", r)
			}
		}
		if r := answer(t, d, "1", true, bo, Scope{}); r.State != Approved || len(r.Needs[0].Have) != 2 {
			t.Fatalf("%+v", r)
		}
		want(t, <-got, action.Allow, "bo@acme.dev")
	})
}

func TestAYesCountsForEveryApproverOfAPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(nil, map[string]Approver{
			"approver.oncall": oncall, "approver.ana": {Members: []string{"ana@acme.dev"}}, "approver.bo": {Members: []string{"bo@acme.dev"}},
		})
		got := file(t.Context(), d, deed{id: "1", asks: []action.Asking{
			{Rule: "a", Approvers: []string{"approver.oncall", "approver.ana"}}, {Rule: "b", Approvers: []string{"approver.bo"}},
		}})
		if r := answer(t, d, "1", true, ana, Scope{}); r.State != Pending || len(r.Needs) != 3 {
			t.Fatalf("each rule needs its answer: %+v", r)
		}
		if r := answer(t, d, "1", true, bo, Scope{}); r.State != Approved {
			t.Fatalf("%+v", r)
		}
		want(t, <-got, action.Allow, "ana@acme.dev, bo@acme.dev")
	})
}

func TestANoAfterAYesDenies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(nil, map[string]Approver{"approver.two": two})
		got := file(t.Context(), d, deed{id: "1", asks: asked("approver.two")})
		answer(t, d, "1", true, ana, Scope{})
		answer(t, d, "1", false, ana, Scope{})
		want(t, <-got, action.Deny, "ana")
	})
}

func TestBreakingTheGlass(t *testing.T) {
	for _, c := range []struct {
		name string
		asks []action.Asking
		says int // times that root says yes
		want bool
	}{
		{"everybody is gone", asked("approver.gone"), 1, true},
		{"somebody else is asked", asked("approver.two"), 1, true},
		{"an operator is asked", nil, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := new(memory)
				d := loaded(t, store, map[string]Approver{"approver.two": two})
				got := file(t.Context(), d, deed{id: "1", asks: c.asks})
				var r Request
				for range c.says {
					r = answer(t, d, "1", true, root, Scope{})
				}
				if r.State != Approved || r.BreakGlass != c.want {
					t.Errorf("%+v", r)
				}
				dec := <-got
				want(t, dec, action.Allow, "root")
				if c.want != strings.Contains(dec.Reason, "broke the glass") {
					t.Errorf("recorded as %q", dec.Reason)
				}
				if again, _ := loaded(t, store, nil).Get("1"); again.BreakGlass != c.want {
					t.Errorf("after a restart: %+v", again)
				}
			})
		})
	}
}

func TestAGlassIsBrokenForOnceOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(nil, nil)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		file(ctx, d, deed{id: "1", alike: "x", asks: asked("approver.gone")})
		if _, err := d.Answer("1", true, root, "", Scope{Kind: Similar, For: time.Minute}); !errors.Is(err, ErrScope) {
			t.Errorf("got %v", err)
		}
	})
}

// A scripted judge says the same to everything.
type scripted struct {
	Opinion
	asked *int
}

func (j scripted) Judge(context.Context, *action.Action) Opinion {
	*j.asked++
	return j.Opinion
}

func TestJudgesComeFirst(t *testing.T) {
	for _, c := range []struct {
		name string
		asks []action.Asking
		want action.Verdict // Ask: people are asked
		why  string
	}{
		{"a no denies", asked("judge.no", "approver.oncall"), action.Deny, "no personal data"},
		{"a yes settles its rule", asked("judge.yes"), action.Allow, "judge"},
		{"a yes does not settle another rule", append(asked("judge.yes"), action.Asking{Rule: "other", Approvers: []string{"approver.oncall"}}), action.Ask, ""},
		{"a pass goes to the approvers", asked("judge.pass", "approver.oncall"), action.Ask, ""},
		{"a pass without approvers goes to the operators", asked("judge.pass"), action.Ask, ""},
		{"each is heard until one decides", asked("judge.pass", "judge.no", "judge.yes"), action.Deny, "no personal data"},
		{"one that is gone denies", asked("judge.gone", "approver.oncall"), action.Deny, "judge.gone"},
		{"one that says nothing denies", asked("judge.silent"), action.Deny, "judge"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(nil, map[string]Approver{"approver.oncall": oncall})
				asked := 0
				d.Judge = func(name string) (Judge, bool) {
					o, ok := map[string]Opinion{
						"judge.no": {Deny, "no personal data"}, "judge.yes": {Allow, "fine"}, "judge.pass": {Pass, "unsure"}, "judge.silent": {},
					}[name]
					return scripted{o, &asked}, ok
				}
				got := file(t.Context(), d, deed{id: "1", asks: c.asks})
				if list := d.List(); (len(list) == 1) != (c.want == action.Ask) {
					t.Fatalf("people are asked: %+v", list)
				}
				if c.want == action.Ask {
					if r, _ := d.Get("1"); len(r.Judges) != 1 || len(r.Needs) != 1 {
						t.Errorf("%+v", r)
					}
					answer(t, d, "1", true, ana, Scope{})
					want(t, <-got, action.Allow, "ana")
					return
				}
				want(t, <-got, c.want, c.why)
			})
		})
	}
}

// A told channel keeps what it heard.
type told struct{ events []string }

func (c *told) Tell(_ context.Context, e Event) {
	c.events = append(c.events, fmt.Sprint(e.Kind, " ", e.Request.State))
}

func TestT41_ChannelsComeFromTheConfiguration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := new(told), new(told)
		d := newDesk(nil, map[string]Approver{
			"approver.oncall": {Members: []string{"group:oncall"}, Require: 2, Notify: []Channel{ours}},
			"approver.evil":   {Notify: []Channel{theirs}},
		})
		got := file(t.Context(), d, deed{id: "1", agent: "approver.evil", body: "approver.evil", alike: "approver.evil", asks: asked("approver.oncall")})
		answer(t, d, "1", true, ana, Scope{})
		answer(t, d, "1", true, bo, Scope{})
		<-got
		ctx, hangUp := context.WithCancel(t.Context())
		got = file(ctx, d, deed{id: "2", asks: asked("approver.oncall")})
		hangUp()
		<-got
		if want := "asked pending,voted pending,answered approved,asked pending,expired cancelled"; strings.Join(ours.events, ",") != want {
			t.Errorf("told %q, want %q", ours.events, want)
		}
		if len(theirs.events) > 0 {
			t.Errorf("somebody that no rule names was told: %q", theirs.events)
		}
	})
}
