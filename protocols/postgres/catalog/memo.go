package catalog

import (
	"sync"

	"sallyport.dev/sallyport/protocols/postgres/sql/known"
)

// maxMemo bounds how many names the expansions that a snapshot remembers hold.
const maxMemo = 1 << 19

// A memo remembers expansions, for as long as its snapshot is in use.
type memo struct {
	mu    sync.RWMutex
	old   map[memoKey]*Expansion // guarded by mu
	names int                    // in all of old; guarded by mu
}

// A memoKey is all that an expansion depends on beside the snapshot.
type memoKey struct {
	shape *known.Shape
	path  string
}

func (m *memo) get(k memoKey) *Expansion {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.old[k]
}

func (m *memo) put(k memoKey, e *Expansion) {
	n := 64 // what it takes without names, as if it were names
	for _, list := range e.Shape.Lists() {
		n += len(list)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.old == nil || m.names+n > maxMemo {
		m.old, m.names = make(map[memoKey]*Expansion), 0
	}
	m.old[k] = e
	m.names += n
}
