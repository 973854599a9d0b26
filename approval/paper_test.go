package approval

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sallyport.dev/sallyport/action"
)

// A scroll is all that an action would send; kept counts who holds it.
type scroll struct {
	text string
	kept atomic.Int32
	none bool // there is no room to keep it
}

func (s *scroll) WriteTo(w io.Writer) (int64, error) {
	n, err := io.WriteString(w, s.text)
	return int64(n), err
}

func (s *scroll) Keep() (func(), bool) {
	if s.none {
		return nil, false
	}
	s.kept.Add(1)
	return func() { s.kept.Add(-1) }, true
}

// settle has an agent ask with all of what it sends.
func settle(ctx context.Context, d *Desk, e deed, whole action.Transcript) <-chan action.Decision {
	got := make(chan action.Decision, 1)
	a, dec := e.action()
	a.Transcript, a.Hidden = whole, 7
	go func() { got <- d.Settle(ctx, a, dec) }()
	synctest.Wait()
	return got
}

func read(d *Desk, id string) (string, error) {
	var b strings.Builder
	err := d.Transcript(id, &b)
	return b.String(), err
}

// What people may read in full is there until the answer, also when the agent was told
// to come back, and comes back with it after a restart. Nobody holds it any more then.
func TestT40_AllOfItIsThereUntilTheAnswer(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *Desk){
		"a yes":        func(t *testing.T, d *Desk) { answer(t, d, "1", true, ana, Scope{}) },
		"a no":         func(t *testing.T, d *Desk) { answer(t, d, "1", false, ana, Scope{}) },
		"the deadline": func(_ *testing.T, d *Desk) { time.Sleep(DefaultTimeout); d.sweep() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := new(memory)
				d := loaded(t, store, nil)
				first := &scroll{text: "all of it"}
				got := settle(t.Context(), d, deed{id: "1", body: "x"}, first)
				time.Sleep(DefaultHold)
				if out := <-got; out.Verdict != action.Ask {
					t.Fatalf("%+v", out)
				}
				if text, err := read(d, "1"); text != "all of it" || err != nil || first.kept.Load() != 1 {
					t.Errorf("%q %v, kept by %d", text, err, first.kept.Load())
				}
				if r, _ := d.Get("1"); !r.Whole {
					t.Error("nobody is told that it can be read")
				}
				d = loaded(t, store.copied(), nil) // the machine is lost
				if _, err := read(d, "1"); !errors.Is(err, ErrGone) {
					t.Errorf("after the restart: %v", err)
				}
				again := &scroll{text: "all of it"}
				got = settle(t.Context(), d, deed{id: "2", body: "x"}, again)
				if text, err := read(d, "1"); text != "all of it" || err != nil {
					t.Errorf("sent again: %q %v", text, err)
				}
				end(t, d)
				<-got
				if _, err := read(d, "1"); !errors.Is(err, ErrGone) || again.kept.Load() != 0 {
					t.Errorf("after the answer: %v, kept by %d", err, again.kept.Load())
				}
			})
		})
	}
}

func TestWhatHasNoRoomToStayIsSaidToBeGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(nil, nil)
		got := settle(t.Context(), d, deed{id: "1", body: "x"}, &scroll{none: true})
		if r, _ := d.Get("1"); r.Whole {
			t.Error("it is told to be there")
		}
		if _, err := read(d, "1"); !errors.Is(err, ErrGone) {
			t.Error(err)
		}
		answer(t, d, "1", false, ana, Scope{})
		<-got
	})
}

// An ask outlives the loss of everybody who may answer it: it waits for its own time,
// the host can break the glass, and when somebody is named again they may answer.
func TestAnAskOutlivesItsApprovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		declared := map[string]Approver{"approver.oncall": {Members: []string{"group:oncall"}, Timeout: time.Hour}}
		store := new(memory)
		d := loaded(t, store, declared)
		for _, id := range []string{"back", "glass", "late"} {
			got := file(t.Context(), d, deed{id: id, body: id, asks: asked("approver.oncall")})
			time.Sleep(DefaultHold)
			<-got
		}
		delete(declared, "approver.oncall") // a reload that names nobody
		d = loaded(t, store.copied(), declared)
		for _, id := range []string{"back", "glass", "late"} {
			if _, err := d.Answer(id, true, ana, "", Scope{}); !errors.Is(err, ErrNotYours) {
				t.Errorf("%s: %v", id, err)
			}
		}
		if n := len(d.List()); n != 3 {
			t.Fatalf("%d wait", n)
		}
		if r := answer(t, d, "glass", true, root, Scope{}); !r.BreakGlass || r.State != Approved {
			t.Errorf("%+v", r)
		}
		declared["approver.oncall"] = Approver{Members: []string{"bo@acme.dev"}, Timeout: time.Hour}
		if _, err := d.Answer("back", true, ana, "", Scope{}); !errors.Is(err, ErrNotYours) {
			t.Errorf("by the old terms: %v", err)
		}
		answer(t, d, "back", true, bo, Scope{})
		a, dec := deed{id: "again", body: "back", asks: asked("approver.oncall")}.action()
		want(t, d.Settle(t.Context(), a, dec), action.Allow, "bo@acme.dev")
		time.Sleep(time.Hour)
		d.sweep()
		if r, _ := d.Get("late"); r.State != TimedOut {
			t.Errorf("%+v", r)
		}
	})
}

// A proposal is done when the rules give the agent what it asked for, whatever anybody
// said before; a no stays a no.
func TestAProposalIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(memory)
		served := map[string]bool{}
		set := func(d *Desk) *Desk {
			d.Paper = func(a *action.Action, _ action.Decision) []byte { return []byte(a.Peer.Name) }
			d.Serves = func(paper []byte, host string) bool { return string(paper) == "laptop" && served[host] }
			return d
		}
		d := set(loaded(t, store, nil))
		p := &action.Peer{ID: "1", Name: "laptop"}
		ids := map[string]string{}
		for _, host := range []string{"a.example", "b.example", "c.example"} {
			r, err := d.Propose(t.Context(), p, host, "please", "service {}\n")
			if err != nil {
				t.Fatal(err)
			}
			ids[host] = r.ID
		}
		answer(t, d, ids["b.example"], true, ana, Scope{})
		answer(t, d, ids["c.example"], false, ana, Scope{})
		d.Fulfil()
		if r, _ := d.Get(ids["a.example"]); r.State != Pending || !r.Fulfilled.IsZero() {
			t.Errorf("too early: %+v", r)
		}
		served["a.example"], served["b.example"], served["c.example"] = true, true, true
		d = set(loaded(t, store.copied(), nil))
		d.Fulfil()
		for host, want := range map[string]struct {
			state State
			by    string
			done  bool
		}{"a.example": {Approved, "the rules", true}, "b.example": {Approved, "ana@acme.dev", true}, "c.example": {Denied, "ana@acme.dev", false}} {
			if r, _ := d.Get(ids[host]); r.State != want.state || r.By != want.by || r.Fulfilled.IsZero() == want.done {
				t.Errorf("%s: %s by %s, %s", host, r.State, r.By, r.Fulfilled)
			}
		}
	})
}

// Proposals are answered while others are looked through.
func TestProposalsAreLookedThroughBesideAnswers(t *testing.T) {
	d := newDesk(nil, nil)
	d.Paper = func(a *action.Action, _ action.Decision) []byte { return []byte(a.Peer.Name) }
	d.Serves = func(_ []byte, host string) bool { return host != "example.com" }
	var ids []string
	for i := range 50 {
		r, err := d.Propose(t.Context(), &action.Peer{ID: fmt.Sprint(i), Name: "laptop"}, "example.com", "please", "service {}\n")
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, r.ID)
	}
	var g sync.WaitGroup
	g.Go(func() {
		for range 50 {
			d.Fulfil()
		}
	})
	for _, id := range ids {
		if _, err := d.Answer(id, true, ana, "", Scope{}); err != nil {
			t.Error(err)
		}
	}
	g.Wait()
	for _, id := range ids {
		if r, _ := d.Get(id); r.State != Approved || !r.Fulfilled.IsZero() {
			t.Errorf("%+v", r)
		}
	}
}
