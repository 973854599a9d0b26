// Package keys keeps what crosses the connections of PostgreSQL agents: which
// session a cancel request names, how often an agent may send one, and how many
// sessions it has. It cancels nothing itself.
package keys

import (
	"crypto/subtle"
	"sync"

	"golang.org/x/time/rate"
)

// Cancel requests of one agent to one service: a burst, then one every 100 ms.
const (
	perSecond = 10
	Burst     = 20
)

// A Seat is one agent's place at one service.
type Seat struct{ Agent, Service string }

// A Key is what a session is cancelled by. The process id is the server's own, so
// several servers may share one; the secret is ours.
type Key struct {
	Seat   Seat
	PID    uint32
	Secret []byte
}

// A Ring knows the open sessions. The zero Ring is empty.
type Ring[S any] struct {
	mu    sync.Mutex
	open  map[uint32][]held[S] // by process id; guarded by mu
	paces map[Seat]*pace       // guarded by mu
}

type held[S any] struct {
	key     Key
	session S
}

// A pace limits the requests of one seat for as long as it has sessions.
type pace struct {
	limit    *rate.Limiter
	sessions int
}

// Add makes a session known.
func (r *Ring[S]) Add(k Key, session S) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open == nil {
		r.open = make(map[uint32][]held[S])
		r.paces = make(map[Seat]*pace)
	}
	r.open[k.PID] = append(r.open[k.PID], held[S]{k, session})
	p := r.paces[k.Seat]
	if p == nil {
		p = &pace{limit: rate.NewLimiter(perSecond, Burst)}
		r.paces[k.Seat] = p
	}
	p.sessions++
}

// Remove forgets the session of a key.
func (r *Ring[S]) Remove(k Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.open[k.PID]
	for i := range list {
		if list[i].key.same(k) {
			list[i] = list[len(list)-1]
			list = list[:len(list)-1]
			break
		}
	}
	if r.open[k.PID] = list; len(list) == 0 {
		delete(r.open, k.PID)
	}
	if p := r.paces[k.Seat]; p != nil {
		if p.sessions--; p.sessions == 0 {
			delete(r.paces, k.Seat)
		}
	}
}

// Find gives the session of a key, if the seat is its own and does not ask too
// often.
func (r *Ring[S]) Find(k Key) (session S, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.paces[k.Seat]
	if p == nil || !p.limit.Allow() {
		return session, false
	}
	for _, h := range r.open[k.PID] {
		if h.key.same(k) {
			return h.session, true
		}
	}
	return session, false
}

// Len gives the number of open sessions.
func (r *Ring[S]) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, p := range r.paces {
		n += p.sessions
	}
	return n
}

func (k Key) same(o Key) bool {
	return k.Seat == o.Seat && k.PID == o.PID && subtle.ConstantTimeCompare(k.Secret, o.Secret) == 1
}

// Seats counts the sessions of each seat. The zero Seats is empty.
type Seats struct {
	mu    sync.Mutex
	taken map[Seat]int // guarded by mu
}

// Take takes a place unless limit are taken; 0 is no limit.
func (c *Seats) Take(s Seat, limit int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if limit > 0 && c.taken[s] >= limit {
		return false
	}
	if c.taken == nil {
		c.taken = make(map[Seat]int)
	}
	c.taken[s]++
	return true
}

// Leave gives a place back.
func (c *Seats) Leave(s Seat) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.taken[s]--; c.taken[s] <= 0 {
		delete(c.taken, s)
	}
}
