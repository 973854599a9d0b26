package tally

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
)

// memory is a store that can fail, and be read after a crash.
type memory struct {
	mu      sync.Mutex
	rows    map[Entry]int // by Rule, Of and At
	commits int
	err     error
}

func (m *memory) SaveTally(_ context.Context, entries []Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	m.commits++
	if m.rows == nil {
		m.rows = map[Entry]int{}
	}
	for _, e := range entries {
		k := Entry{Rule: e.Rule, Of: e.Of, At: e.At}
		if m.rows[k] = e.N; e.N == 0 {
			delete(m.rows, k)
		}
	}
	return nil
}

func (m *memory) LoadTally(_ context.Context, oldest time.Time) ([]Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Entry
	for k, n := range m.rows {
		if k.N = n; !k.At.Before(oldest) {
			all = append(all, k)
		}
	}
	slices.SortFunc(all, func(a, b Entry) int { return a.At.Compare(b.At) })
	return all, m.err
}

// A clock is set by the test.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func noon() time.Time { return time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC) }

func open(t *testing.T, m *memory, now func() time.Time) *Counter {
	t.Helper()
	c, err := Open(t.Context(), m, now)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// reserve takes one and reports whether there was room.
func reserve(t *testing.T, c *Counter, n action.Count) (back func(rule string), ok bool) {
	t.Helper()
	back, full, err := c.Reserve(t.Context(), []action.Count{n})
	if err != nil {
		t.Fatal(err)
	}
	return back, len(full) == 0
}

func of(limit int, window time.Duration, who ...string) action.Count {
	return action.Count{Rule: "r", Limit: limit, Window: window, Of: who}
}

// A limit holds in any span of its length, not from full hour to full hour.
func TestAnySpan(t *testing.T) {
	at := &clock{noon()}
	c := open(t, &memory{}, at.now)
	n := of(3, time.Hour, "all")
	for _, step := range []struct {
		after time.Duration
		ok    bool
	}{
		{0, true},
		{59 * time.Minute, true},
		{30 * time.Second, true},
		{29 * time.Second, false},
		{time.Second, true},                     // an hour after the first
		{time.Second, false},                    // the other three are younger
		{58*time.Minute + 59*time.Second, true}, // an hour after the second
		{29 * time.Second, false},
		{time.Second, true},
	} {
		at.t = at.t.Add(step.after)
		if _, ok := reserve(t, c, n); ok != step.ok {
			t.Errorf("at %v there is room: %v", at.t.Sub(noon()), ok)
		}
	}
}

// However actions come, no span of the window holds more than the limit, nor is
// there room for none for longer than the window.
func TestNoSpanHoldsMore(t *testing.T) {
	for _, limit := range []int{1, 7, 3000} {
		rnd := rand.New(rand.NewPCG(uint64(limit), 1))
		at := &clock{noon()}
		c := open(t, &memory{}, at.now)
		n := of(limit, time.Minute, "all")
		var taken []time.Time
		for range 20 * limit {
			at.t = at.t.Add(time.Duration(rnd.Int64N(int64(2 * time.Minute / time.Duration(limit) / 3))))
			if _, ok := reserve(t, c, n); ok {
				taken = append(taken, at.t)
			}
		}
		for i := limit; i < len(taken); i++ {
			if span := taken[i].Sub(taken[i-limit]); span < time.Minute {
				t.Fatalf("%d/minute: %d within %v", limit, limit+1, span)
			}
		}
		if len(taken) < 4*limit {
			t.Errorf("%d/minute: only %d were taken in %v", limit, len(taken), at.t.Sub(noon()))
		}
	}
}

func TestEachIsCountedAlone(t *testing.T) {
	c := open(t, &memory{}, noon)
	for _, who := range []string{"agent a", "agent b"} {
		if _, ok := reserve(t, c, of(1, time.Hour, who)); !ok {
			t.Errorf("no room for %s", who)
		}
	}
	if _, ok := reserve(t, c, of(1, time.Hour, "agent a")); ok {
		t.Error("room for a second one")
	}
	// Who is in two roles needs room in both, and takes it in none where one has none.
	if _, ok := reserve(t, c, of(1, time.Hour, "role x", "agent a")); ok {
		t.Error("room where one has none")
	}
	if _, ok := reserve(t, c, of(1, time.Hour, "role x")); !ok {
		t.Error("what was refused took room")
	}
}

func TestRoomIsGivenBack(t *testing.T) {
	m := &memory{}
	c := open(t, m, noon)
	back, _ := reserve(t, c, of(1, time.Hour, "all"))
	back("other")
	if _, ok := reserve(t, c, of(1, time.Hour, "all")); ok {
		t.Error("what another rule gives back is there")
	}
	back("r")
	back("r")
	if _, ok := reserve(t, c, of(1, time.Hour, "all")); !ok {
		t.Error("what was given back is not there")
	}
	if _, ok := reserve(t, c, of(1, time.Hour, "all")); ok {
		t.Error("it was given back twice")
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if got := open(t, m, noon).total(key{"r", "all"}); got != 1 {
		t.Errorf("after a restart %d are counted", got)
	}
}

// What was reserved is on disk when Reserve returns: a gateway that dies forgets
// nothing of it. What was given back after the last commit stays taken.
func TestACrashForgetsNothing(t *testing.T) {
	m := &memory{}
	at := &clock{noon()}
	c := open(t, m, at.now)
	for range 3 {
		at.t = at.t.Add(time.Second)
		reserve(t, c, of(5, time.Hour, "all"))
	}
	back, _ := reserve(t, c, of(5, time.Hour, "all"))
	back("r")
	c = open(t, m, at.now) // without Close
	for want := range 2 {
		_, ok := reserve(t, c, of(5, time.Hour, "all"))
		if ok != (want == 0) {
			t.Errorf("try %d after a crash has room: %v", want, ok)
		}
	}
	at.t = at.t.Add(time.Hour)
	if _, ok := reserve(t, open(t, m, at.now), of(1, time.Hour, "all")); !ok {
		t.Error("what is past still counts")
	}
}

// A clock that was put back while the gateway was down makes a limit last longer,
// but no longer than its window.
func TestT54_AClockPutBackFreesNothing(t *testing.T) {
	m := &memory{}
	at := &clock{noon()}
	reserve(t, open(t, m, at.now), of(1, time.Hour, "all"))
	at.t = noon().Add(-12 * time.Hour)
	c := open(t, m, at.now)
	if _, ok := reserve(t, c, of(1, time.Hour, "all")); ok {
		t.Error("there is room")
	}
	at.t = at.t.Add(time.Hour)
	if _, ok := reserve(t, c, of(1, time.Hour, "all")); !ok {
		t.Error("there is none after the window")
	}
}

// A store that takes nothing lets nothing through, and what failed takes no room.
func TestAStoreThatFails(t *testing.T) {
	m := &memory{}
	c := open(t, m, noon)
	m.err = errors.New("disk full")
	if _, _, err := c.Reserve(t.Context(), []action.Count{of(1, time.Hour, "all")}); !errors.Is(err, m.err) {
		t.Errorf("%v", err)
	}
	m.err = nil
	if _, ok := reserve(t, c, of(1, time.Hour, "all")); !ok {
		t.Error("what failed took room")
	}
	m.err = errors.New("broken")
	if _, err := Open(t.Context(), m, noon); err == nil {
		t.Error("it opens without its past")
	}
}

// Concurrent actions do not exceed a limit, and share commits.
func TestConcurrentActionsDoNotExceed(t *testing.T) {
	m := &memory{}
	c := open(t, m, time.Now)
	var wg sync.WaitGroup
	var mu sync.Mutex
	taken := 0
	for i := range 64 {
		wg.Go(func() {
			for range 4 {
				_, full, err := c.Reserve(t.Context(), []action.Count{of(50, time.Hour, "all"), {Rule: "s", Limit: 1000, Window: time.Hour, Of: []string{fmt.Sprint("agent ", i%3)}}})
				if err == nil && len(full) == 0 {
					mu.Lock()
					taken++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	rows := 0
	for k, n := range m.rows {
		if k.Rule == "r" {
			rows += n
		}
	}
	if taken != 50 || rows != 50 {
		t.Errorf("%d were taken and %d are kept", taken, rows)
	}
}
