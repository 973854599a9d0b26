package approval

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sallyport.dev/sallyport/action"
)

var (
	ana = action.Person{Name: "ana"}
	bo  = action.Person{Name: "bo"}
)

func newDesk() *Desk {
	return &Desk{Now: time.Now, Log: slog.New(slog.DiscardHandler)}
}

func deed(id string) (*action.Action, action.Decision) {
	a := &action.Action{
		ID: id, Peer: &action.Peer{ID: "a1", Name: "laptop"}, Service: &action.Service{Name: "github"},
		Summary: "DELETE /repos/acme/site", Digest: []byte{1, 2}, Sample: []byte("{}"),
	}
	return a, action.Decision{Verdict: action.Ask, Rule: "careful", Asks: []action.Asking{{Rule: "careful"}}}
}

// ask puts an ask on the desk and gives where its decision will arrive.
func ask(ctx context.Context, d *Desk, id string) <-chan action.Decision {
	got := make(chan action.Decision, 1)
	a, dec := deed(id)
	go func() { got <- d.Settle(ctx, a, dec) }()
	return got
}

func TestAnAnswerSettlesTheAsk(t *testing.T) {
	for _, c := range []struct {
		yes    bool
		want   action.Verdict
		reason string
	}{
		{true, action.Allow, "Approved by ana."},
		{false, action.Deny, "Denied by ana: not today"},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk()
			got := ask(t.Context(), d, "1")
			synctest.Wait()
			if list := d.List(); len(list) != 1 || list[0].Summary != "DELETE /repos/acme/site" || list[0].Digest != "0102" {
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

func TestSilenceDenies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		began := time.Now()
		dec := <-ask(t.Context(), d, "1")
		if dec.Verdict != action.Deny || time.Since(began) != DefaultTimeout {
			t.Errorf("after %v: %+v", time.Since(began), dec)
		}
		if r, _ := d.Get("1"); r.State != TimedOut {
			t.Errorf("state %q", r.State)
		}
	})
}

func TestT44_AHangUpDenies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		ctx, hangUp := context.WithCancel(t.Context())
		got := ask(ctx, d, "1")
		synctest.Wait()
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

func TestOneAgentCannotFillTheDesk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		for i := range maxPending {
			ask(ctx, d, fmt.Sprint("n", i))
		}
		synctest.Wait()
		if dec := <-ask(ctx, d, "more"); dec.Verdict != action.Deny || !strings.Contains(dec.Reason, "waiting already") {
			t.Errorf("%+v", dec)
		}
		if n := len(d.List()); n != maxPending {
			t.Errorf("%d waiting", n)
		}
	})
}

func TestAnAnswerToNothing(t *testing.T) {
	if _, err := newDesk().Answer("none", true, ana, "", Scope{}); !errors.Is(err, ErrUnknown) {
		t.Errorf("got %v", err)
	}
}
