//go:build cgo

package sql

import (
	"slices"
	"sync"
)

// turns let a few through at a time. Those who wait come in turns by agent, so
// that an agent with much to do is nobody's queue but its own.
type turns struct {
	mu      sync.Mutex
	free    int                        // guarded by mu
	order   []string                   // agents that wait; guarded by mu
	waiting map[string][]chan struct{} // by agent, first come first; guarded by mu
}

func newTurns(n int) *turns { return &turns{free: n, waiting: make(map[string][]chan struct{})} }

// A caller is somebody who wants a turn, until done is closed.
type caller struct {
	agent string
	done  <-chan struct{} // nil: for ever
}

// enter blocks until it is the agent's turn. It reports false if the caller has
// given up.
func (t *turns) enter(c caller) bool {
	select {
	case <-c.done:
		return false
	default:
	}
	t.mu.Lock()
	if t.free > 0 {
		t.free--
		t.mu.Unlock()
		return true
	}
	if len(t.waiting[c.agent]) == 0 {
		t.order = append(t.order, c.agent)
	}
	turn := make(chan struct{})
	t.waiting[c.agent] = append(t.waiting[c.agent], turn)
	t.mu.Unlock()
	select {
	case <-turn:
		return true
	case <-c.done:
	}
	if !t.forget(c.agent, turn) { // it came after all
		t.leave()
	}
	return false
}

// forget takes out one who waits, and reports false if it is no longer there.
func (t *turns) forget(agent string, turn chan struct{}) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.Index(t.waiting[agent], turn)
	if i < 0 {
		return false
	}
	t.keep(agent, slices.Delete(t.waiting[agent], i, i+1))
	return true
}

// keep says who of an agent still waits, called with mu held.
func (t *turns) keep(agent string, rest []chan struct{}) {
	if len(rest) > 0 {
		t.waiting[agent] = rest
		return
	}
	delete(t.waiting, agent)
	if i := slices.Index(t.order, agent); i >= 0 {
		t.order = slices.Delete(t.order, i, i+1)
	}
}

// leave hands the turn to the next agent.
func (t *turns) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.order) == 0 {
		t.free++
		return
	}
	agent := t.order[0]
	next := t.waiting[agent][0]
	t.order = append(slices.Delete(t.order, 0, 1), agent)
	t.keep(agent, t.waiting[agent][1:])
	close(next)
}
