package gateway

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols"
)

// counted is a Policy of rules with limits. The first has verdict and, once it is
// used up, otherwise; beside, if it is there, asks about everything.
type counted struct {
	*rules
	verdict, otherwise action.Verdict
	beside             bool
}

func (c *counted) Decide(a *action.Action) action.Decision {
	if slices.Contains(a.Spent, "limited") {
		return action.Decision{Verdict: c.otherwise, Rule: "limited", Reason: "used up"}
	}
	d := action.Decision{Verdict: c.verdict, Rule: "limited", Counts: []action.Count{{Rule: "limited", Limit: 2, Window: time.Hour, Of: []string{"all"}}}}
	if c.verdict == action.Ask {
		d.Asks = []action.Asking{{Rule: "limited"}}
	}
	if c.beside {
		d.Verdict, d.Asks = action.Ask, append(d.Asks, action.Asking{Rule: "beside"})
	}
	return d
}

func (c *counted) Trace(*action.Action) []byte { return []byte("why") }

// room2 has room for two actions.
type room2 struct {
	mu    sync.Mutex
	taken int
	err   error
}

func (r *room2) Reserve(_ context.Context, counts []action.Count) (func(string), []string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return nil, nil, r.err
	}
	if r.taken >= 2 {
		return nil, []string{counts[0].Rule}, nil
	}
	r.taken++
	return func(string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.taken--
	}, nil, nil
}

// limitedBench has rules with a limit in front of its upstream.
func limitedBench(t *testing.T, c counted) (*bench, *room2) {
	b, room := newBench(t, action.Allow), &room2{}
	c.rules = b.rules.Load()
	b.Gateway.Policy = func() Policy { return &c }
	b.Limits = room
	return b, room
}

// send sends one action on a flow of its own and says whether it was forwarded.
func (b *bench) send(t *testing.T, d *deed) bool {
	t.Helper()
	if err := b.flow(t, func(ctx context.Context, _ protocols.Flow, do protocols.Do) error { return do(ctx, d) }); err != nil {
		t.Error(err)
	}
	return d.refused == nil
}

func TestALimitIsTakenBeforeAnythingIsSent(t *testing.T) {
	b, room := limitedBench(t, counted{verdict: action.Allow, otherwise: action.Deny})
	for i := range 4 {
		d := &deed{}
		if sent := b.send(t, d); sent != (i < 2) {
			t.Errorf("action %d was sent: %v", i, sent)
		}
		if i >= 2 && (d.refused.Reason != "used up" || string(d.refused.Trace) != "why") {
			t.Errorf("action %d: %+v", i, d.refused)
		}
	}
	if room.taken != 2 || b.dials.Load() != 2 {
		t.Errorf("%d taken, %d dials", room.taken, b.dials.Load())
	}
}

// Many at once do not exceed what the counter gives.
func TestALimitHoldsForConcurrentActions(t *testing.T) {
	b, _ := limitedBench(t, counted{verdict: action.Allow, otherwise: action.Deny})
	err := b.flow(t, func(ctx context.Context, _ protocols.Flow, do protocols.Do) error {
		var wg sync.WaitGroup
		defer wg.Wait()
		for range 20 {
			wg.Go(func() {
				if err := do(ctx, &deed{}); err != nil {
					t.Error(err)
				}
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := b.dials.Load(); n != 2 {
		t.Errorf("%d were sent", n)
	}
	b.records(t, 20)
}

// What is not sent takes no room, unless the rule itself had somebody asked who
// said no.
func TestRoomThatIsNotUsedIsGivenBack(t *testing.T) {
	no := func(context.Context, action.Decision) action.Decision { return action.Decision{} }
	yes := func(context.Context, action.Decision) action.Decision { return action.Decision{Verdict: action.Allow} }
	later := func(context.Context, action.Decision) action.Decision { return action.Decision{Verdict: action.Ask} }
	for _, c := range []struct {
		name   string
		rules  counted
		answer func(context.Context, action.Decision) action.Decision
		taken  int
	}{
		{"its own ask, yes", counted{verdict: action.Ask}, yes, 1},
		{"its own ask, no", counted{verdict: action.Ask}, no, 1},
		{"its own ask, not answered yet", counted{verdict: action.Ask}, later, 0},
		{"another's ask, yes", counted{verdict: action.Allow, beside: true}, yes, 1},
		{"another's ask, no", counted{verdict: action.Allow, beside: true}, no, 0},
	} {
		b, room := limitedBench(t, c.rules)
		b.answer = c.answer
		b.send(t, &deed{})
		if room.taken != c.taken {
			t.Errorf("%s: %d taken, want %d", c.name, room.taken, c.taken)
		}
	}
	b, room := limitedBench(t, counted{verdict: action.Allow})
	b.beginErr = errors.New("disk full")
	if b.send(t, &deed{}); room.taken != 0 {
		t.Error("what could not be recorded took room")
	}
}

func TestWhatCannotBeCountedIsRefused(t *testing.T) {
	b, room := limitedBench(t, counted{verdict: action.Allow, otherwise: action.Allow})
	room.err = errors.New("disk full")
	if b.send(t, &deed{}) {
		t.Error("it was sent uncounted")
	}
	b.Limits = nil
	if b.send(t, &deed{}) {
		t.Error("it was sent where nothing counts")
	}
}

// A prelude is judged and not counted: what follows it is.
func TestAPreludeIsNotCounted(t *testing.T) {
	b, room := limitedBench(t, counted{verdict: action.Allow})
	if b.send(t, &deed{act: action.Action{Prelude: true}}); room.taken != 0 {
		t.Errorf("%d taken", room.taken)
	}
}

// A portal that is executed again after an edit counts under the new rules, once.
func TestAHeldActionIsCountedByNewRules(t *testing.T) {
	for _, full := range []bool{false, true} {
		b, room := newBench(t, action.Allow), &room2{}
		if b.Limits = room; full {
			room.taken = 2
		}
		was := b.rules.Load()
		now := Policy(was)
		b.Gateway.Policy = func() Policy { return now }
		var held protocols.Held
		d := &deed{forward: func(_ context.Context, up protocols.Upstream) (action.Result, error) {
			held = up.Hold(func() {})
			return action.Result{}, nil
		}}
		err := b.flow(t, func(ctx context.Context, _ protocols.Flow, do protocols.Do) error {
			if err := do(ctx, d); err != nil {
				return err
			}
			now = &counted{rules: was, verdict: action.Allow, otherwise: action.Deny}
			for range 3 {
				if got := held.Check(ctx); (got.Verdict == action.Allow) == full {
					t.Errorf("full %v: %+v", full, got)
				}
			}
			held.Done(action.Result{}, nil)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if want := map[bool]int{false: 1, true: 2}[full]; room.taken != want {
			t.Errorf("full %v: %d taken, want %d", full, room.taken, want)
		}
	}
}

// waiting needs what only the action behind a prelude has, and before that a fact.
type waiting struct {
	*rules
	need []action.Need
}

func (w *waiting) Decide(*action.Action) action.Decision {
	if len(w.need) == 0 {
		return action.Decision{Verdict: action.Allow}
	}
	d := action.Decision{Need: w.need[0]}
	if len(w.need) > 1 {
		w.need = w.need[1:]
	}
	return d
}

// What only the action behind a prelude can tell is left to that action, and never
// to chance where nothing is behind it.
func TestWhatIsToldLaterIsLeftToWhatFollows(t *testing.T) {
	for _, c := range []struct {
		name    string
		prelude bool
		need    []action.Need
		passes  bool
	}{
		{"a prelude", true, []action.Need{action.Later}, true},
		{"a prelude, once it is read", true, []action.Need{1 | action.Later, action.Later}, true},
		{"a prelude with a fact that stays pending", true, []action.Need{1 | action.Later}, false},
		{"no prelude", false, []action.Need{action.Later}, false},
		{"no prelude, once it is read", false, []action.Need{1 | action.Later, action.Later}, false},
	} {
		b := newBench(t, action.Allow)
		p := &waiting{rules: b.rules.Load(), need: c.need}
		b.Gateway.Policy = func() Policy { return p }
		if got := b.send(t, &deed{act: action.Action{Prelude: c.prelude}}); got != c.passes {
			t.Errorf("%s passes: %v", c.name, got)
		}
	}
}
