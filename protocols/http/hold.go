package http

import (
	"errors"
	"sync"
)

const (
	maxOpen     = 512 // requests of one agent at a time, on all its connections
	defaultHold = 256 << 10
	maxHold     = 8 << 20
	holdMemory  = 256 << 20
	agentShare  = 4 // one agent may fill this part of the memory
)

var errNoRoom = errors.New("too many requests are being held for approval")

// holdings is the memory of held bodies, of all agents and of each.
type holdings struct {
	mu    sync.Mutex
	total int64            // guarded by mu
	agent map[string]int64 // by peer; guarded by mu
}

// take reserves n bytes of limit or fails at once: to wait would hold up the very agents
// that could give some back.
func (h *holdings) take(peer string, n, limit int64) (release func(), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.total+n > limit || h.agent[peer]+n > limit/agentShare {
		return nil, errNoRoom
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

// openings counts the requests of each agent that are being seen through.
type openings struct {
	mu    sync.Mutex
	agent map[string]int // by peer; guarded by mu
}

// enter counts one more, unless it would be one too many. Every enter that is
// true is followed by one leave.
func (o *openings) enter(peer string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.agent[peer] >= maxOpen {
		return false
	}
	if o.agent == nil {
		o.agent = make(map[string]int)
	}
	o.agent[peer]++
	return true
}

func (o *openings) leave(peer string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.agent[peer]--; o.agent[peer] == 0 {
		delete(o.agent, peer)
	}
}
