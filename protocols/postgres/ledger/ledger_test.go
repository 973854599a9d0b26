package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"sallyport.dev/sallyport/action"
)

// A held remembers how it was closed.
type held struct {
	got []string
}

func (h *held) Check(context.Context) action.Decision { return action.Decision{} }

func (h *held) Done(r action.Result, _ error) {
	h.got = append(h.got, strings.TrimSpace(fmt.Sprintf("%s %s", r.Status, r.Err)))
}

func newTest() *Ledger {
	l := New(Settings{StandardStrings: true, UTF8: true})
	l.Flush = func() error { return nil }
	return l
}

func (l *Ledger) events(events string) {
	for _, e := range strings.Fields(events) {
		ev := Event{Type: e[0], Text: strings.TrimPrefix(e[1:], ":")}
		if ev.Type == 'Z' {
			ev.Status = e[2]
		}
		Deliver(l.Hear(ev, nil))
	}
}

func (l *Ledger) add(it Item) {
	_, out := l.Push(it)
	Deliver(out)
}

// pipeline pushes Parse, Bind and Execute of the unnamed statement.
func (l *Ledger) pipeline(h *held) {
	l.add(Item{Kind: Parse, Statement: &Statement{}})
	p := &Portal{Held: h}
	l.add(Item{Kind: Bind, Portal: p})
	l.add(Item{Kind: Execute, Portal: p})
}

func TestOutcomes(t *testing.T) {
	for name, c := range map[string]struct {
		events string
		want   []string // of three pipelines of one message each, a Sync behind the second, a query last
	}{
		"all well":           {"1 2 C:A 1 2 C:B Z:I 1 2 C:C Z:I C:Q Z:I", []string{"A", "B", "C", "Q"}},
		"the first fails":    {"1 2 E:22012 Z:I 1 2 C:C Z:I C:Q Z:I", []string{"22012", "skipped", "C", "Q"}},
		"at its bind":        {"1 E:22012 Z:I 1 2 C:C Z:I C:Q Z:I", []string{"22012", "skipped", "C", "Q"}},
		"at its parse":       {"E:42601 Z:I 1 2 C:C Z:I C:Q Z:I", []string{"skipped", "skipped", "C", "Q"}},
		"the sync fails":     {"1 2 C:A 1 2 C:B E:23505 Z:I 1 2 C:C Z:I C:Q Z:I", []string{"A", "B", "C", "Q"}},
		"the query fails":    {"1 2 C:A 1 2 C:B Z:I 1 2 C:C Z:I E:42P01 Z:I", []string{"A", "B", "C", "42P01"}},
		"many in one query":  {"1 2 C:A 1 2 C:B Z:I 1 2 C:C Z:I T C:Q1 C:Q2 Z:I", []string{"A", "B", "C", "Q2"}},
		"suspended, then on": {"1 2 s:suspended 1 2 C:B Z:T 1 2 C:C Z:I C:Q Z:I", []string{"suspended", "B", "C", "Q"}},
		"it ends before":     {"1 2 C:A", []string{"A", "the session ended first", "the session ended first", "the session ended first"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newTest()
			all := []*held{{}, {}, {}, {}}
			l.pipeline(all[0])
			l.pipeline(all[1])
			l.add(Item{Kind: Sync})
			l.pipeline(all[2])
			l.add(Item{Kind: Sync})
			l.add(Item{Kind: Query, Held: all[3]})
			l.events(c.events)
			Deliver(l.End())
			for i, h := range all {
				if len(h.got) != 1 || h.got[0] != c.want[i] {
					t.Errorf("action %d: %q, want %q", i, h.got, c.want[i])
				}
			}
		})
	}
}

func TestWhatFollowsAnErrorIsOverAtOnce(t *testing.T) {
	l := newTest()
	l.add(Item{Kind: Parse, Statement: &Statement{Name: "a"}})
	l.events("E:42P01")
	h, q := &held{}, &held{}
	l.pipeline(h)
	l.add(Item{Kind: Query, Held: q})
	if len(h.got) != 1 || len(q.got) != 1 {
		t.Errorf("%q, %q", h.got, q.got)
	}
	if _, busy := l.Busy(); busy {
		t.Error("the server owes an answer")
	}
	l.add(Item{Kind: Sync})
	l.events("Z:I")
	if st, err := l.Statement(t.Context(), "a"); st != nil || err != nil {
		t.Errorf("%v, %v", st, err)
	}
}

func TestNamesFollowWhatTheServerConfirms(t *testing.T) {
	old, young := &Statement{Name: "s", Summary: "old"}, &Statement{Name: "s", Summary: "young"}
	name := func(l *Ledger) string {
		st, err := l.Statement(t.Context(), "s")
		if err != nil {
			return err.Error()
		}
		if st == nil {
			return "none"
		}
		return st.Summary
	}
	for what, c := range map[string]struct {
		second Item
		events string
		before string // in the same pipeline, ahead of the answer
		after  string
	}{
		"a parse that works":      {Item{Kind: Parse, Statement: young}, "1 Z:I", "young", "young"},
		"a parse that fails":      {Item{Kind: Parse, Statement: young}, "E:42601 Z:I", "young", "old"},
		"a close that works":      {Item{Kind: Close, Statement: &Statement{Name: "s"}}, "3 Z:I", "none", "none"},
		"a close that is skipped": {Item{Kind: Close, Statement: &Statement{Name: "s"}}, "E:XX000 Z:I", "none", "old"},
	} {
		t.Run(what, func(t *testing.T) {
			l := newTest()
			l.add(Item{Kind: Parse, Statement: old})
			l.add(Item{Kind: Sync})
			l.events("1 Z:I")
			l.add(c.second)
			if got := name(l); got != c.before {
				t.Errorf("under way: %s, want %s", got, c.before)
			}
			l.add(Item{Kind: Sync})
			l.events(c.events)
			if got := name(l); got != c.after {
				t.Errorf("answered: %s, want %s", got, c.after)
			}
		})
	}
}

func TestABindWaitsForAParseBehindASync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTest()
		flushed := false
		l.Flush = func() error { flushed = true; return nil }
		l.add(Item{Kind: Parse, Statement: &Statement{Name: "s", Summary: "it"}})
		l.add(Item{Kind: Sync})
		got := make(chan *Statement)
		go func() {
			st, _ := l.Statement(t.Context(), "s")
			got <- st
		}()
		synctest.Wait()
		select {
		case <-got:
			t.Error("it did not wait")
		default:
		}
		if !flushed {
			t.Error("the server was not given what it must answer")
		}
		l.events("1 Z:I")
		if st := <-got; st == nil || st.Summary != "it" {
			t.Errorf("%+v", st)
		}
	})
}

func TestAWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTest()
		l.add(Item{Kind: Query, Held: &held{}})
		ctx, cancel := context.WithCancelCause(t.Context())
		gone := errors.New("gone")
		got := make(chan error)
		go func() {
			_, err := l.Confirmed(ctx)
			got <- err
		}()
		synctest.Wait()
		cancel(gone)
		if err := <-got; !errors.Is(err, gone) {
			t.Error(err)
		}
	})
}

func TestSettingsCountAtAQuietPoint(t *testing.T) {
	l := newTest()
	l.add(Item{Kind: Query, Held: &held{}})
	l.Report("standard_conforming_strings", "off")
	l.add(Item{Kind: Execute, Portal: &Portal{Held: &held{}}})
	if s, _ := l.Confirmed(t.Context()); s.StandardStrings || s.UTF8 {
		t.Error("confirmed although something runs")
	}
	l.events("C:SET Z:I")
	if s, _ := l.Confirmed(t.Context()); s.UTF8 {
		t.Error("confirmed although an execute is under way")
	}
	l.events("C:X")
	l.add(Item{Kind: Sync})
	l.events("Z:I")
	if s, _ := l.Confirmed(t.Context()); s.StandardStrings || !s.UTF8 {
		t.Errorf("%+v", s)
	}
}

func TestPortalsEndWithTheirTransaction(t *testing.T) {
	l := newTest()
	a, b := &held{}, &held{}
	pa, pb := &Portal{Name: "p", Held: a}, &Portal{Name: "p", Held: b}
	l.add(Item{Kind: Bind, Portal: pa})
	l.add(Item{Kind: Sync})
	l.events("2 Z:T")
	if len(a.got) != 0 {
		t.Errorf("%q within its transaction", a.got)
	}
	l.add(Item{Kind: Bind, Portal: pb})
	l.events("E:42P03")
	if p, _ := l.Portal(t.Context(), "p"); p != pa {
		t.Error("a bind that failed took the name")
	}
	l.add(Item{Kind: Sync})
	l.events("Z:E")
	l.add(Item{Kind: Sync})
	l.events("Z:I")
	if len(a.got) != 1 || len(b.got) != 1 || b.got[0] != "42P03" {
		t.Errorf("%q, %q", a.got, b.got)
	}
	if p, _ := l.Portal(t.Context(), "p"); p != nil {
		t.Error("a portal outlives its transaction")
	}
}

func TestDeallocateForgetsOnlyWhatCameBefore(t *testing.T) {
	l := newTest()
	one, two := []action.Part{{Effects: action.EffectRead}}, []action.Part{{Effects: action.EffectWrite}}
	l.Prepare("s", one)
	l.add(Item{Kind: Query, Held: &held{}})
	l.events("C:PREPARE Z:I")
	l.add(Item{Kind: Query, Held: &held{}, Forgets: "s"})
	l.Prepare("s", two)
	l.add(Item{Kind: Query, Held: &held{}})
	if n := len(l.Named("s")); n != 2 {
		t.Errorf("%d may be meant, want both", n)
	}
	l.events("C:DEALLOCATE Z:I")
	if got := l.Named("s"); len(got) != 1 || got[0].Effects != action.EffectWrite {
		t.Errorf("%+v", got)
	}
	l.events("C:PREPARE Z:I")
	l.add(Item{Kind: Query, Held: &held{}, Forgets: "*"})
	l.events("C:DISCARD_ALL Z:I")
	if len(l.Named("s")) != 1 {
		t.Error("forgotten by another tag")
	}
	l.add(Item{Kind: Query, Held: &held{}, Forgets: "*"})
	Deliver(l.Hear(Event{Type: 'C', Text: "DISCARD ALL"}, nil))
	if len(l.Named("s")) != 0 || l.names != 0 {
		t.Errorf("%d names", l.names)
	}
}
