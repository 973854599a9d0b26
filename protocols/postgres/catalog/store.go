package catalog

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"sallyport.dev/sallyport/protocols/postgres/sql/known"
)

const (
	// refreshAfter is the age at which a snapshot is replaced beside the traffic,
	// maxAge the one from which nothing is judged by it any more.
	refreshAfter = 15 * time.Second
	maxAge       = 60 * time.Second
	// restFactor leaves a server of a large catalog alone for longer.
	restFactor = 100
	// pace, and dutyFactor times what one takes, is the least time between two
	// look-ups, pause that after one that failed.
	pace       = 250 * time.Millisecond
	dutyFactor = 4
	pause      = 2 * time.Second
	// patience bounds how long a statement waits for a look-up, which goes on.
	patience = 5 * time.Second
	// maxEntries bounds how many catalogs are kept.
	maxEntries = 256
)

// A Key says whose catalog it is. Two accounts of one database see different
// schemas on their search_path.
type Key struct{ Service, Address, Account, Database string }

// A Store keeps the catalogs that sessions share.
type Store struct {
	functions *known.Functions

	mu      sync.Mutex
	entries map[Key]*entry       // guarded by mu
	places  map[[2]string]*place // by address and database, those of entries; guarded by mu
}

// A place is one database of one server: what a session changes there every
// account sees.
type place struct {
	changing atomic.Int32 // sessions with a change that the server may carry out at any time
}

// NewStore makes an empty store.
func NewStore() *Store {
	return &Store{functions: known.NewFunctions(), entries: make(map[Key]*entry), places: make(map[[2]string]*place)}
}

// entry gives the catalog of a key. When there are too many, the one that was read
// longest ago is forgotten; sessions that use it still do.
func (s *Store) entry(k Key) *entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[k]; e != nil {
		return e
	}
	e := &entry{place: s.place(k)}
	for len(s.entries) >= maxEntries {
		delete(s.entries, s.oldest())
	}
	s.entries[k] = e
	return e
}

// oldest gives the key of the catalog that was read longest ago, or never; mu is
// held.
func (s *Store) oldest() (oldest Key) {
	var at time.Time
	first := true
	for k, e := range s.entries {
		if began := e.lastBegan(); first || began.Before(at) {
			oldest, at, first = k, began, false
		}
	}
	return oldest
}

// place gives the place of a key; mu is held. Those that no entry has are forgotten
// when there are many.
func (s *Store) place(k Key) *place {
	at := [2]string{k.Address, k.Database}
	if p := s.places[at]; p != nil {
		return p
	}
	if len(s.places) >= 2*maxEntries {
		used := make(map[[2]string]*place)
		for k, e := range s.entries {
			used[[2]string{k.Address, k.Database}] = e.place
		}
		s.places = used
	}
	s.places[at] = &place{}
	return s.places[at]
}

// outdate says that a catalog changed at a time, whoever looks at it.
func (s *Store) outdate(k Key, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for other, e := range s.entries {
		if other.Address == k.Address && other.Database == k.Database {
			e.outdate(at)
		}
	}
}

// An entry is one catalog: its snapshot, swapped whole, and the look-up that makes
// the next one.
type entry struct {
	place *place
	snap  atomic.Pointer[Snapshot]
	floor atomic.Int64 // a snapshot that began before is out of date; Unix nanoseconds

	mu      sync.Mutex
	loading chan struct{} // closed when the look-up under way ends; guarded by mu
	began   time.Time     // of the last look-up; guarded by mu
	failed  time.Time     // when the last one ended badly; guarded by mu
}

func (e *entry) lastBegan() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.began
}

// outdate says that the catalog changed at a time.
func (e *entry) outdate(at time.Time) {
	for {
		old := e.floor.Load()
		if old >= at.UnixNano() || e.floor.CompareAndSwap(old, at.UnixNano()) {
			return
		}
	}
}

// current gives the snapshot if it began after a time and is good enough still,
// and whether it is time to replace it.
func (e *entry) current(now time.Time, since int64) (s *Snapshot, refresh bool) {
	s = e.snap.Load()
	if s == nil {
		return nil, true
	}
	age := now.Sub(s.Began)
	if began := s.Began.UnixNano(); age >= maxAge || began < since || began < e.floor.Load() {
		return nil, true
	}
	return s, age >= min(refreshAfter+restFactor*s.took, maxAge/2)
}

// get gives a snapshot that began after a time, and waits for a look-up if there
// is none, its own or that of another session. nil: it cannot be had now. start
// runs a look-up, which may take longer than ctx lasts; it reports false if it
// will not.
func (e *entry) get(ctx context.Context, since int64, start func(run func()) bool, look func() (*Snapshot, error)) *Snapshot {
	since = max(since, e.floor.Load())
	for ctx.Err() == nil {
		if s, _ := e.current(time.Now(), since); s != nil {
			return s
		}
		other, wait, ok := e.enter()
		switch {
		case other != nil:
			select {
			case <-other:
			case <-ctx.Done():
			}
		case !ok:
			return nil
		case wait > 0:
			sleep(ctx, wait)
		case !start(func() { e.look(look) }):
			e.leave(false)
			return nil
		}
	}
	return nil
}

// enter takes the one place of a look-up: other is one under way, wait how long
// to wait first; ok is false right after one that failed.
func (e *entry) enter() (other <-chan struct{}, wait time.Duration, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	switch {
	case e.loading != nil:
		return e.loading, 0, true
	case now.Sub(e.failed) < pause:
		return nil, 0, false
	case now.Sub(e.began) < e.rest():
		return nil, e.rest() - now.Sub(e.began), true
	}
	e.loading, e.began = make(chan struct{}), now
	return nil, 0, true
}

// look carries out the look-up that enter has made room for.
func (e *entry) look(look func() (*Snapshot, error)) {
	failed := true // until look has returned
	defer func() { e.leave(failed) }()
	s, err := look()
	failed = err != nil && !errors.Is(err, context.Canceled) // that its session ended is no failure of the server
	if err == nil {
		e.snap.Store(s)
	}
}

// leave gives the place of a look-up back.
func (e *entry) leave(failed bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if failed {
		e.failed = time.Now()
	}
	close(e.loading)
	e.loading = nil
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// busy reports whether a look-up is under way, or may not begin yet.
func (e *entry) busy() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	return e.loading != nil || now.Sub(e.failed) < pause || now.Sub(e.began) < e.rest()
}

// rest is the least time between two look-ups, so that names that mean nothing
// keep no server busy.
func (e *entry) rest() time.Duration {
	if s := e.snap.Load(); s != nil {
		return pace + dutyFactor*s.took
	}
	return pace
}
