// Package pending remembers what somebody has begun and must end in time, once: a
// login elsewhere, the answer of a passkey. It keeps so many for one peer and so
// many for all, so that nobody takes the room of others.
package pending

import (
	"errors"
	"sync"
	"time"
)

// ErrFull means that there is no room, whoever asks.
var ErrFull = errors.New("too many are under way")

// A Book holds what is under way. Its fields are set before it is used; it is safe
// for concurrent use.
type Book[T any] struct {
	Now  func() time.Time
	For  time.Duration // that each may take
	Each int           // at most, of one peer; the oldest makes room for one more
	All  int           // at most, of everybody

	mu   sync.Mutex
	open map[string]entry[T] // guarded by mu
}

type entry[T any] struct {
	peer  string
	until time.Time
	value T
}

// Keep remembers what peer has begun, under a key that nobody guesses.
func (b *Book[T]) Keep(key, peer string, value T) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.Now()
	if b.open == nil {
		b.open = make(map[string]entry[T])
	}
	own, oldest := 0, ""
	for k, e := range b.open {
		switch {
		case now.After(e.until):
			delete(b.open, k)
		case e.peer == peer:
			own++
			if oldest == "" || e.until.Before(b.open[oldest].until) {
				oldest = k
			}
		}
	}
	if own >= b.Each {
		delete(b.open, oldest)
	}
	if len(b.open) >= b.All {
		return ErrFull
	}
	b.open[key] = entry[T]{peer, now.Add(b.For), value}
	return nil
}

// Take gives what is under way, once, if it is in time.
func (b *Book[T]) Take(key string) (T, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.open[key]
	delete(b.open, key)
	if !ok || b.Now().After(e.until) {
		var none T
		return none, false
	}
	return e.value, true
}
