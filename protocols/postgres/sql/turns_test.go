//go:build cgo

package sql

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestTurnsGoRoundByAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turn := newTurns(1)
		turn.enter(caller{})
		var mu sync.Mutex
		var got []string
		for _, agent := range []string{"a", "a", "a", "b", "c", "b"} {
			go func() {
				turn.enter(caller{agent: agent})
				mu.Lock()
				got = append(got, agent)
				mu.Unlock()
				turn.leave()
			}()
			synctest.Wait()
		}
		gone := make(chan struct{})
		left := make(chan bool)
		go func() { left <- turn.enter(caller{"d", gone}) }()
		synctest.Wait()
		close(gone)
		if <-left {
			t.Error("who has given up got a turn")
		}
		turn.leave()
		synctest.Wait()
		if want := []string{"a", "b", "c", "a", "b", "a"}; !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
		if turn.free != 1 || len(turn.order) != 0 || len(turn.waiting) != 0 {
			t.Errorf("left behind: %d free, %v, %v", turn.free, turn.order, turn.waiting)
		}
	})
}

// TestT53_LargeTextsLeaveRoom: two agents send nothing but large texts, from many
// sessions; the small statement of a third waits for at most one of them, and most
// often for none.
func TestT53_LargeTextsLeaveRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const hold = 100 * time.Millisecond
		g := newGate()
		stop := make(chan struct{})
		var all sync.WaitGroup
		for i := range 40 {
			agent := []string{"a", "b"}[i%2]
			all.Go(func() {
				for g.pass(caller{agent, stop}, largeTokens+1, func() { time.Sleep(hold) }, func() { time.Sleep(hold) }) {
				}
			})
		}
		var worst, sum time.Duration
		const n = 200
		for range n {
			time.Sleep(37 * time.Millisecond)
			start := time.Now()
			g.pass(caller{agent: "c"}, 10, func() {}, func() {})
			took := time.Since(start)
			worst, sum = max(worst, took), sum+took
		}
		close(stop)
		all.Wait()
		time.Sleep(maxRest)
		if worst > hold || sum/n > 15*time.Millisecond {
			t.Errorf("at worst %v, %v on average", worst, sum/n)
		}
	})
}

// TestT53_SmallTextsTakeTurns: many sessions of one agent with small texts delay
// another agent by no more than what is being read.
func TestT53_SmallTextsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const hold = 10 * time.Millisecond
		g := newGate()
		stop := make(chan struct{})
		var all sync.WaitGroup
		for range 200 {
			all.Go(func() {
				for g.pass(caller{"a", stop}, largeTokens, func() { time.Sleep(hold) }, func() {}) {
				}
			})
		}
		time.Sleep(hold / 2)
		start := time.Now()
		g.pass(caller{agent: "c"}, 10, func() {}, func() {})
		if took := time.Since(start); took > 50*time.Millisecond {
			t.Errorf("it waited %v", took)
		}
		close(stop)
		all.Wait()
	})
}

func TestWhoLeavesGetsNoAnswer(t *testing.T) {
	grammar.grammar.enter(caller{})
	gone := make(chan struct{})
	close(gone)
	s := confirmed()
	s.Done = gone
	_, err := New(0).Parse("SELECT 1", s)
	grammar.grammar.leave()
	if err == nil || !strings.Contains(err.Error(), "ended") {
		t.Error(err)
	}
}
