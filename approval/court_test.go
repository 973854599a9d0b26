package approval

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval/attention"
)

// A slow judge answers when it is let.
type slow struct {
	calls *atomic.Int64
	let   chan struct{}
}

func (j slow) Judge(context.Context, *action.Action) Opinion {
	j.calls.Add(1)
	<-j.let
	return Opinion{Deny, "no"}
}

// TestT42_JudgesHearOnlyWhatPeopleCouldBeAsked proves that an agent whom nobody
// answers any more, and one that asks a thousand things at once, is no bill either.
func TestT42_JudgesHearOnlyWhatPeopleCouldBeAsked(t *testing.T) {
	judged := func(id string) deed { return deed{id: id, body: id, asks: asked("judge.pass")} }
	t.Run("in a cool-down", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(nil, nil)
			n := 0
			d.Judge = func(string) (Judge, bool) { return scripted{Opinion{Pass, ""}, &n}, true }
			for i := range attention.MaxDenials {
				got := file(t.Context(), d, judged(fmt.Sprint(i)))
				answer(t, d, fmt.Sprint(i), false, ana, Scope{})
				<-got
			}
			if want(t, again(t, d, judged("x")), action.Deny, "were denied"); n != attention.MaxDenials {
				t.Errorf("judges were asked %d times, want %d", n, attention.MaxDenials)
			}
		})
	})
	t.Run("with as many that wait", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			d := newDesk(nil, nil)
			n := 0
			d.Judge = func(string) (Judge, bool) { return scripted{Opinion{Pass, ""}, &n}, true }
			for i := range attention.MaxPending {
				file(ctx, d, judged(fmt.Sprint(i)))
			}
			if want(t, again(t, d, judged("x")), action.Deny, "waiting already"); n != attention.MaxPending {
				t.Errorf("judges were asked %d times, want %d", n, attention.MaxPending)
			}
			stop()
			synctest.Wait()
		})
	})
	t.Run("at the same time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(nil, nil)
			j := slow{new(atomic.Int64), make(chan struct{})}
			d.Judge = func(string) (Judge, bool) { return j, true }
			var all sync.WaitGroup
			var turned atomic.Int64
			for i := range 1000 {
				all.Go(func() {
					a, dec := judged(fmt.Sprint(i)).action()
					if out := d.Settle(t.Context(), a, dec); strings.Contains(out.Reason, "waiting already") {
						turned.Add(1)
					}
				})
			}
			synctest.Wait()
			if n := j.calls.Load(); n != attention.MaxPending {
				t.Errorf("judges hear %d at once, want %d", n, attention.MaxPending)
			}
			close(j.let)
			all.Wait()
			if n := turned.Load(); n != 1000-attention.MaxPending {
				t.Errorf("%d were turned away", n)
			}
			if out := again(t, d, judged("later")); !strings.Contains(out.Reason, "no") || j.calls.Load() != attention.MaxPending+1 {
				t.Errorf("the judges are not free again: %+v", out)
			}
		})
	})
}
