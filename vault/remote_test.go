package vault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// place is a Remote that a test steers.
type place struct {
	mu    sync.Mutex
	value string
	life  time.Duration
	err   error
	asked int
	slow  time.Duration
}

func (p *place) String() string { return "a place" }

func (p *place) Fetch(ctx context.Context) (Fetched, error) {
	p.mu.Lock()
	p.asked++
	p.mu.Unlock()
	if p.slow > 0 {
		select {
		case <-time.After(p.slow):
		case <-ctx.Done():
			return Fetched{}, ctx.Err()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return Fetched{Value: []byte(p.value), Life: p.life}, p.err
}

func (p *place) times() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

func (p *place) set(value string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.value, p.err = value, err
}

// fetching runs a vault that fetches from p, on a clock of its own.
func fetching(t *testing.T, p *place, refresh time.Duration, play func(v *Vault, show func() string)) {
	synctest.Test(t, func(t *testing.T) {
		v := open(t, newMemory())
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { v.Run(ctx); close(done) }()
		v.Declare([]Source{{Name: "s", Remote: p, Spec: "1", Refresh: refresh}})
		play(v, func() string {
			value, err := v.Value("s")
			if err != nil {
				return err.Error()
			}
			return string(value.Reveal())
		})
		stop()
		<-done
	})
}

func TestARemoteSecretIsFetchedInTime(t *testing.T) {
	p := &place{value: "one", slow: time.Second} // of a clock that stands still while anybody runs
	fetching(t, p, time.Hour, func(v *Vault, show func() string) {
		if got := show(); !strings.Contains(got, "not fetched yet") {
			t.Errorf("before it was fetched: %s", got)
		}
		time.Sleep(2 * time.Second)
		if got := show(); got != "one" {
			t.Fatalf("got %s", got)
		}
		before := v.Generation(auth("s"))
		p.set("two", nil)
		time.Sleep(30 * time.Minute)
		if got := show(); got != "one" || p.times() != 1 {
			t.Errorf("fetched again too early: %s, asked %d times", got, p.times())
		}
		time.Sleep(31 * time.Minute)
		if got := show(); got != "two" || v.Generation(auth("s")) == before {
			t.Errorf("not fetched in time: %s", got)
		}
		same := v.Generation(auth("s"))
		time.Sleep(time.Hour)
		if v.Generation(auth("s")) != same || p.times() < 3 {
			t.Error("the same value has another generation")
		}
		v.Declare([]Source{{Name: "s", Remote: p, Spec: "1", Refresh: time.Hour}})
		if got := show(); got != "two" || v.Generation(auth("s")) != same {
			t.Errorf("a reload lost the value: %s", got)
		}
		v.Declare([]Source{{Name: "s", Remote: &place{value: "elsewhere"}, Spec: "2"}})
		synctest.Wait()
		if got := show(); got != "elsewhere" {
			t.Errorf("another place, and still %s", got)
		}
	})
}

// A place that is down does not take the value away at once, nor leave it for ever.
func TestAStaleValueIsUsedForAWhile(t *testing.T) {
	p := &place{value: "one"}
	fetching(t, p, 10*time.Minute, func(v *Vault, show func() string) {
		synctest.Wait()
		p.set("", errors.New("the place is down"))
		time.Sleep(50 * time.Minute)
		if got := show(); got != "one" {
			t.Fatalf("given up early: %s", got)
		}
		if info := v.List()[0]; !strings.Contains(info.Problem, "the place is down; the value of") {
			t.Errorf("nobody is told: %+v", info)
		}
		time.Sleep(20 * time.Minute)
		if got := show(); !strings.Contains(got, "the place is down") {
			t.Errorf("an old value is still used: %s", got)
		}
		p.set("three", nil)
		time.Sleep(11 * time.Minute)
		if got := show(); got != "three" || v.List()[0].Problem != "" {
			t.Errorf("not back: %s, %+v", got, v.List()[0])
		}
	})
}

// A lease ends when it says, whatever the configuration says.
func TestALeaseIsNotOutlived(t *testing.T) {
	p := &place{value: "leased", life: 4 * time.Minute}
	fetching(t, p, time.Hour, func(v *Vault, show func() string) {
		time.Sleep(time.Minute)
		p.set("", errors.New("down"))
		time.Sleep(4 * time.Minute)
		if got := show(); got != `secret "s": down` {
			t.Errorf("a lease that is over is used: %s", got)
		}
	})
}

func TestAFetchIsBounded(t *testing.T) {
	for _, p := range []*place{{value: "x", slow: time.Hour}, {value: ""}, {value: strings.Repeat("x", maxSecret+1)}} {
		fetching(t, p, time.Minute, func(v *Vault, show func() string) {
			time.Sleep(fetchTimeout + time.Second)
			if _, err := v.Value("s"); err == nil {
				t.Errorf("%v: has a value", fmt.Sprint(p))
			}
		})
	}
}
