package hold

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func never() bool { return false }

func TestAWaitThatChangesNothingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		w := Wait{Tell: func() error { return nil }, Open: never, Moot: func() bool { return time.Since(start) > 5*time.Second }, Most: time.Minute}
		if err := w.Run(t.Context()); !errors.Is(err, ErrMoot) || time.Since(start) > 7*time.Second {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
	})
}

func TestAnAgentIsToldSoonAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var told atomic.Int64
		w := Wait{Tell: func() error { told.Add(1); return nil }, Open: never, Moot: never, Most: time.Minute}
		done := make(chan error, 1)
		go func() { done <- w.Run(ctx) }()
		synctest.Wait()
		if told.Load() != 0 {
			t.Error("told of an answer that may be there already")
		}
		time.Sleep(Grace)
		for i := range 4 {
			synctest.Wait()
			if told.Load() != int64(i+1) {
				t.Errorf("after %s: %d", time.Duration(i)*Reminder, told.Load())
			}
			time.Sleep(Reminder)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// On a slow machine the answer and the time to tell come at once: the answer counts.
func TestAnAgentIsNotToldOfAWaitThatIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 50 {
			ctx, stop := context.WithCancel(t.Context())
			w := Wait{Moot: never, Most: time.Minute, Tell: func() error { t.Error("told of a wait that was over"); return nil }}
			w.Open = func() bool { // nothing runs for a while, and then everything is due
				time.Sleep(2 * Grace)
				stop()
				return false
			}
			if err := w.Run(ctx); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestATransactionStaysOpenOnlySoLong(t *testing.T) {
	for _, c := range []struct {
		name string
		open func(after time.Duration) bool
		want time.Duration // 0: the wait goes on
	}{
		{"never open", func(time.Duration) bool { return false }, 0},
		{"open from the start", func(time.Duration) bool { return true }, 10 * time.Second},
		{"opened later", func(after time.Duration) bool { return after > 5*time.Second }, 16 * time.Second},
		{"ended in time", func(after time.Duration) bool { return after < 9*time.Second }, 0},
		{"ended and opened again", func(after time.Duration) bool { return after/(8*time.Second)%2 == 0 }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				ctx, stop := context.WithTimeout(t.Context(), time.Minute)
				defer stop()
				w := Wait{Tell: func() error { return nil }, Open: func() bool { return c.open(time.Since(start)) }, Moot: never, Most: 10 * time.Second}
				err := w.Run(ctx)
				took := time.Since(start)
				if c.want == 0 && err != nil || c.want != 0 && (!errors.Is(err, ErrTooLong) || took < c.want || took > c.want+2*time.Second) {
					t.Errorf("after %s: %v", took, err)
				}
			})
		})
	}
}

func TestAnAgentThatCannotBeToldHasHungUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var gone atomic.Bool
		w := Wait{Open: never, Moot: never, Most: time.Minute, Tell: func() error {
			if gone.Load() {
				return net.ErrClosed
			}
			return nil
		}}
		done := make(chan error, 1)
		go func() { done <- w.Run(t.Context()) }()
		synctest.Wait()
		gone.Store(true)
		if err := <-done; !errors.Is(err, net.ErrClosed) || !strings.Contains(err.Error(), "hung up") {
			t.Error(err)
		}
	})
}
