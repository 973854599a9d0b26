package approval

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval/attention"
)

// comeBack files a deed and waits until its agent is told to come back.
func comeBack(t *testing.T, d *Desk, e deed) {
	t.Helper()
	if dec := <-file(t.Context(), d, e); dec.Verdict != action.Ask || dec.Approval == "" {
		t.Fatalf("not told to come back: %+v", dec)
	}
}

// again sends a deed once more and gives what it gets within a second; Ask is
// what still waits then.
func again(t *testing.T, d *Desk, e deed) action.Decision {
	t.Helper()
	return <-file(action.WithPatience(t.Context(), time.Now().Add(time.Second)), d, e)
}

func TestAnIdenticalRetryUsesTheAnswerOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(nil, nil)
		began := time.Now()
		comeBack(t, d, deed{id: "1", body: "pay 5"})
		if time.Since(began) != DefaultHold {
			t.Errorf("held for %s", time.Since(began))
		}
		dec := again(t, d, deed{id: "2", body: "pay 5"})
		if dec.Verdict != action.Ask || dec.Approval != "1" {
			t.Fatalf("the same ask is not the same: %+v", dec)
		}
		answer(t, d, "1", true, ana, Scope{})
		dec = again(t, d, deed{id: "3", body: "pay 5"})
		if want(t, dec, action.Allow, "ana"); dec.Approval != "1" {
			t.Errorf("%+v", dec)
		}
		if r, _ := d.Get("1"); r.UsedBy != "3" {
			t.Errorf("used by %q", r.UsedBy)
		}
		if dec := again(t, d, deed{id: "4", body: "pay 5"}); dec.Verdict != action.Ask || dec.Approval != "4" {
			t.Errorf("used twice: %+v", dec)
		}
	})
}

func TestT40_AnAnswerIsForTheVeryBytesAgentAndRules(t *testing.T) {
	first := deed{id: "1", agent: "laptop", body: "pay 5", asks: []action.Asking{{Rule: "careful", Approvers: []string{"approver.oncall"}, Terms: "1 of oncall"}}}
	for _, c := range []struct {
		name   string
		change func(*deed)
		same   bool
	}{
		{"nothing", func(*deed) {}, true},
		{"the body", func(e *deed) { e.body = "pay 500" }, false},
		{"the agent", func(e *deed) { e.agent = "desktop" }, false},
		{"the rule", func(e *deed) { e.asks[0].Rule = "other" }, false},
		{"the reason", func(e *deed) { e.asks[0].Reason = "because" }, false},
		{"who is asked", func(e *deed) { e.asks[0].Approvers = []string{"approver.board"} }, false},
		{"how many are asked", func(e *deed) { e.asks[0].Terms = "2 of oncall" }, false},
		{"another rule", func(e *deed) { e.asks = append(e.asks, action.Asking{Rule: "more"}) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(nil, map[string]Approver{"approver.oncall": oncall, "approver.board": oncall})
				comeBack(t, d, first)
				answer(t, d, "1", true, ana, Scope{})
				next := first
				next.id, next.asks = "2", slices.Clone(first.asks)
				c.change(&next)
				if got := again(t, d, next).Verdict == action.Allow; got != c.same {
					t.Errorf("passes: %v", got)
				}
			})
		})
	}
}

func TestT40_WhatHasNoDigestIsItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(nil, nil)
		comeBack(t, d, deed{id: "1"})
		answer(t, d, "1", true, ana, Scope{})
		if dec := again(t, d, deed{id: "2"}); dec.Verdict == action.Allow {
			t.Errorf("%+v", dec)
		}
	})
}

func TestADenialStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(nil, nil)
		comeBack(t, d, deed{id: "1", body: "pay 5"})
		answer(t, d, "1", false, ana, Scope{})
		for i := range 3 {
			want(t, again(t, d, deed{id: fmt.Sprint("r", i), body: "pay 5"}), action.Deny, "ana")
		}
		if len(d.List()) != 0 {
			t.Error("somebody is asked again")
		}
	})
}

func TestAnAnswerStandsAMinuteAtLeast(t *testing.T) {
	for after, ok := range map[time.Duration]bool{59 * time.Second: true, 61 * time.Second: false} {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(nil, nil)
			comeBack(t, d, deed{id: "1", body: "x"})
			time.Sleep(DefaultTimeout - DefaultHold - time.Second)
			answer(t, d, "1", true, ana, Scope{})
			time.Sleep(after)
			if got := again(t, d, deed{id: "2", body: "x"}).Verdict == action.Allow; got != ok {
				t.Errorf("after %s: %v", after, got)
			}
		})
	}
}

func TestT44_AHangUpCancels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(nil, nil)
		ctx, hangUp := context.WithCancel(t.Context())
		got := file(ctx, d, deed{id: "1", body: "x"})
		hung := time.Now()
		hangUp()
		if dec := <-got; dec.Verdict != action.Deny || time.Now() != hung {
			t.Errorf("after %v: %+v", time.Since(hung), dec)
		}
		if _, err := d.Answer("1", true, ana, "", Scope{}); !errors.Is(err, ErrAnswered) {
			t.Errorf("an answer to nobody: %v", err)
		}
	})
}

func TestAHangUpAfterComingBackCancelsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(nil, nil)
		comeBack(t, d, deed{id: "1", body: "x"})
		ctx, hangUp := context.WithCancel(t.Context())
		got := file(ctx, d, deed{id: "2", body: "x"})
		hangUp()
		<-got
		answer(t, d, "1", true, ana, Scope{})
		want(t, again(t, d, deed{id: "3", body: "x"}), action.Allow, "ana")
	})
}

func TestT42_IdenticalAsksAreOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(nil, nil)
		var got []<-chan action.Decision
		for i := range 5 {
			got = append(got, file(t.Context(), d, deed{id: fmt.Sprint(i), body: "x"}))
		}
		if list := d.List(); len(list) != 1 || list[0].Waiting != 5 {
			t.Fatalf("%+v", list)
		}
		answer(t, d, "0", true, ana, Scope{})
		synctest.Wait()
		passed := 0
		for _, c := range got {
			select {
			case dec := <-c:
				want(t, dec, action.Allow, "ana")
				passed++
			default:
			}
		}
		if r, _ := d.Get("0"); r.State != Approved || r.UsedBy == "" {
			t.Errorf("what was answered is gone: %+v", r)
		}
		list := d.List()
		if passed != 1 || len(list) != 1 || list[0].Waiting != 4 {
			t.Fatalf("one yes let %d pass; now %+v", passed, list)
		}
		answer(t, d, list[0].ID, false, ana, Scope{})
	})
}

func TestT42_OneAgentCannotFillTheDesk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(nil, nil)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var refused int
		var wg sync.WaitGroup
		var mu sync.Mutex
		for i := range 1000 {
			wg.Go(func() {
				a, dec := deed{id: fmt.Sprint("n", i), body: fmt.Sprint(i)}.action()
				if out := d.Settle(ctx, a, dec); strings.Contains(out.Reason, "waiting already") {
					mu.Lock()
					defer mu.Unlock()
					refused++
				}
			})
		}
		synctest.Wait()
		if n := len(d.List()); n != attention.MaxPending || d.Pending() != attention.MaxPending {
			t.Errorf("%d wait, %d counted", n, d.Pending())
		}
		other := file(ctx, d, deed{id: "o", agent: "desktop", body: "x"})
		if _, ok := d.Get("o"); !ok {
			t.Errorf("another agent cannot ask: %+v", <-other)
		}
		stop()
		wg.Wait()
		if refused != 1000-attention.MaxPending {
			t.Errorf("%d refused", refused)
		}
	})
}

func TestT42_DenialsCoolAnAgentDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(memory)
		d := loaded(t, store, nil)
		for i := range attention.MaxDenials {
			got := file(t.Context(), d, deed{id: fmt.Sprint(i), body: fmt.Sprint(i)})
			answer(t, d, fmt.Sprint(i), false, ana, Scope{})
			<-got
		}
		want(t, again(t, d, deed{id: "x", body: "x"}), action.Deny, "were denied")
		d = loaded(t, store.copied(), nil)
		want(t, again(t, d, deed{id: "y", body: "y"}), action.Deny, "were denied")
		if dec := again(t, d, deed{id: "z", agent: "desktop", body: "z"}); dec.Verdict != action.Ask {
			t.Errorf("another agent: %+v", dec)
		}
		time.Sleep(attention.CoolDown)
		if dec := again(t, d, deed{id: "w", body: "w"}); dec.Verdict != action.Ask {
			t.Errorf("for ever: %+v", dec)
		}
	})
}

func TestT42_WhoKeepsHangingUpIsHeardNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(nil, nil)
		for i := range 1000 {
			ctx, hangUp := context.WithCancel(t.Context())
			got := file(ctx, d, deed{id: fmt.Sprint(i), body: fmt.Sprint(i)})
			hangUp()
			<-got
		}
		if n := len(d.Past(1000)); n != attention.MaxWithdrawn {
			t.Errorf("people were asked %d times", n)
		}
	})
}

func TestTwoApproversRace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(memory)
		d := loaded(t, store, nil)
		for i := range 50 {
			id := fmt.Sprint(i)
			got := file(t.Context(), d, deed{id: id, agent: id, body: "x"})
			var wg sync.WaitGroup
			errs := make([]error, 2)
			wg.Go(func() { _, errs[0] = d.Answer(id, true, ana, "", Scope{}) })
			wg.Go(func() { _, errs[1] = d.Answer(id, false, bo, "", Scope{}) })
			wg.Wait()
			dec := <-got
			r, _ := d.Get(id)
			if (errs[0] == nil) == (errs[1] == nil) || (dec.Verdict == action.Allow) != (errs[0] == nil) || (r.State == Approved) != (errs[0] == nil) {
				t.Fatalf("%v: %+v, %+v", errs, dec, r)
			}
		}
	})
}

func TestACrashAtEveryStep(t *testing.T) {
	e := deed{id: "1", body: "pay 5"}
	for _, c := range []struct {
		name   string
		before func(*testing.T, *Desk)
		want   action.Verdict // of the same action, sent after the restart and a yes where one is missing
	}{
		{"asked", func(*testing.T, *Desk) {}, action.Allow},
		{"one of two has said yes", func(t *testing.T, d *Desk) { answer(t, d, "1", true, ana, Scope{}) }, action.Allow},
		{"approved", func(t *testing.T, d *Desk) {
			answer(t, d, "1", true, ana, Scope{})
			answer(t, d, "1", true, bo, Scope{})
		}, action.Allow},
		{"denied", func(t *testing.T, d *Desk) { answer(t, d, "1", false, ana, Scope{}) }, action.Deny},
		{"used", func(t *testing.T, d *Desk) {
			answer(t, d, "1", true, ana, Scope{})
			answer(t, d, "1", true, bo, Scope{})
			want(t, again(t, d, deed{id: "2", body: "pay 5", asks: asked("approver.two")}), action.Allow, "ana")
		}, action.Ask},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e.asks = asked("approver.two")
				declared := map[string]Approver{"approver.two": two}
				store := new(memory)
				d := loaded(t, store, declared)
				comeBack(t, d, e)
				c.before(t, d)
				d = loaded(t, store.copied(), declared)
				if r, ok := d.Get("1"); ok && r.State == Pending {
					r = answer(t, d, "1", true, ana, Scope{})
					if r = answer(t, d, "1", true, bo, Scope{}); r.State != Approved {
						t.Fatalf("%+v", r)
					}
				}
				next := e
				next.id = "3"
				if dec := again(t, d, next); dec.Verdict != c.want {
					t.Errorf("%+v", dec)
				}
			})
		})
	}
}

func TestAGatewayThatStopsCancelsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(memory)
		d := newDesk(store, nil)
		life, stop := context.WithCancel(t.Context())
		if err := d.Load(life); err != nil {
			t.Fatal(err)
		}
		got := file(life, d, deed{id: "1", body: "x"})
		stop()
		<-got
		d = loaded(t, store, nil)
		answer(t, d, "1", true, ana, Scope{})
		want(t, again(t, d, deed{id: "2", body: "x"}), action.Allow, "ana")
	})
}

func TestWhatCannotBeKeptOpensNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(memory)
		d := loaded(t, store, nil)
		store.fails = true
		want(t, again(t, d, deed{id: "1", body: "x"}), action.Deny, "written down")
		store.fails = false
		comeBack(t, d, deed{id: "2", body: "y"})
		store.fails = true
		if _, err := d.Answer("2", true, ana, "", Scope{}); err == nil {
			t.Error("an answer that is not kept is taken")
		}
		store.fails = false
		answer(t, d, "2", true, ana, Scope{})
		store.fails = true
		want(t, again(t, d, deed{id: "3", body: "y"}), action.Deny, "written down")
	})
}

func TestSettledAsksAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(memory)
		d := loaded(t, store, nil)
		for i := range keepPast + 50 {
			id := fmt.Sprint(i)
			got := file(t.Context(), d, deed{id: id, agent: id, body: "x", alike: "y"})
			scope := Scope{}
			if i == 0 {
				scope = Scope{Kind: Similar, For: time.Hour}
			}
			answer(t, d, id, true, ana, scope)
			<-got
		}
		if n := len(store.copied().kept); n != keepPast {
			t.Errorf("%d are kept, want %d", n, keepPast)
		}
		if _, ok := d.Get("0"); !ok || len(d.Grants()) != 1 {
			t.Error("one that counts was forgotten")
		}
	})
}

func TestAsksEndThatNobodyWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(memory)
		d := loaded(t, store, nil)
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { d.Run(ctx) }) //nolint:errcheck // it ends with ctx
		comeBack(t, d, deed{id: "1", body: "x"})
		time.Sleep(DefaultTimeout)
		if r, _ := d.Get("1"); r.State != TimedOut {
			t.Errorf("%+v", r)
		}
		stop()
		wg.Wait()
	})
}

func TestAnActionThatAsksAgainIsAnotherAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(nil, nil)
		comeBack(t, d, deed{id: "1", body: "x"})
		answer(t, d, "1", true, ana, Scope{})
		want(t, again(t, d, deed{id: "2", body: "x"}), action.Allow, "ana")
		if dec := again(t, d, deed{id: "1", body: "x"}); dec.Verdict != action.Ask || dec.Approval == "1" {
			t.Errorf("%+v", dec)
		}
		if r, _ := d.Get("1"); r.State != Approved || r.UsedBy != "2" {
			t.Errorf("what was answered is gone: %+v", r)
		}
	})
}
