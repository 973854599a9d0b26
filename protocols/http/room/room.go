// Package room counts what the requests of each agent take, so that one agent
// leaves room for the others: bytes that are held, and requests at a time.
package room

import (
	"errors"
	"sync"
)

// MaxOpen bounds the requests of one agent at a time, on all its connections.
const MaxOpen = 512

const agentShare = 4 // one agent may fill this part of the room

// ErrNone means that there is no room.
var ErrNone = errors.New("too many requests are being held for approval")

// Holdings are the bytes that are held, of all agents and of each.
type Holdings struct {
	mu    sync.Mutex
	total int64            // guarded by mu
	agent map[string]int64 // by peer; guarded by mu
}

// Take reserves n bytes of limit or fails at once: to wait would hold up the very agents
// that could give some back.
func (h *Holdings) Take(peer string, n, limit int64) (release func(), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.total+n > limit || h.agent[peer]+n > limit/agentShare {
		return nil, ErrNone
	}
	if h.agent == nil {
		h.agent = make(map[string]int64)
	}
	h.total += n
	h.agent[peer] += n
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.total -= n
		if h.agent[peer] -= n; h.agent[peer] == 0 {
			delete(h.agent, peer)
		}
	}, nil
}

// Openings counts the requests of each agent that are being seen through.
type Openings struct {
	mu    sync.Mutex
	agent map[string]int // by peer; guarded by mu
}

// Enter counts one more, unless it would be one too many. Every Enter that is
// true is followed by one Leave.
func (o *Openings) Enter(peer string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.agent[peer] >= MaxOpen {
		return false
	}
	if o.agent == nil {
		o.agent = make(map[string]int)
	}
	o.agent[peer]++
	return true
}

// Leave counts one less.
func (o *Openings) Leave(peer string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.agent[peer]--; o.agent[peer] == 0 {
		delete(o.agent, peer)
	}
}

// Held gives the bytes of all agents, and those of one.
func (h *Holdings) Held(peer string) (total, own int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.total, h.agent[peer]
}

// Open counts the requests of one agent.
func (o *Openings) Open(peer string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.agent[peer]
}
