package session

import (
	"maps"
	"slices"
	"sync"
)

// An Audience knows which operators have a session open in this moment. The zero
// Audience is empty, and nil never has anybody. It is safe for use by several
// goroutines.
type Audience struct {
	mu  sync.Mutex
	all map[string]map[string]int // streams, by session and by name; guarded by mu
}

// Join notes that somebody looks at a session until leave is called.
func (a *Audience) Join(session, name string) (leave func()) {
	if a == nil || session == "" || name == "" {
		return func() {}
	}
	a.add(session, name, 1)
	return sync.OnceFunc(func() { a.add(session, name, -1) })
}

func (a *Audience) add(session, name string, n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.all == nil {
		a.all = map[string]map[string]int{}
	}
	if a.all[session] == nil {
		a.all[session] = map[string]int{}
	}
	if a.all[session][name] += n; a.all[session][name] == 0 {
		delete(a.all[session], name)
	}
	if len(a.all[session]) == 0 {
		delete(a.all, session)
	}
}

// Of names those who look at a session beside whoever asks.
func (a *Audience) Of(session, beside string) []string {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	names := slices.Sorted(maps.Keys(a.all[session]))
	return slices.DeleteFunc(names, func(name string) bool { return name == beside })
}
