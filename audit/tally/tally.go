// Package tally counts actions against the limits of rules, over any span of time
// and not by the clock on the wall. What it counts is on disk before the action is
// sent, so that neither concurrent actions nor a crash exceed a limit. It knows
// nothing of rules but their names.
package tally

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"sallyport.dev/sallyport/action"
)

// MaxWindow is the longest span that a limit may have; what is older is forgotten.
const MaxWindow = 7 * 24 * time.Hour

// An Entry is how many actions one rule has counted for one of those it counts
// for, at one moment. With N zero it is none any more.
type Entry struct {
	Rule, Of string
	At       time.Time
	N        int
}

// A Store keeps entries. Each is one by its rule, Of and At.
type Store interface {
	// SaveTally puts entries in place of what was there, all or none; it is on disk
	// when SaveTally returns.
	SaveTally(ctx context.Context, entries []Entry) error
	// LoadTally gives every entry, by time, and forgets those before oldest.
	LoadTally(ctx context.Context, oldest time.Time) ([]Entry, error)
}

// A Counter holds what was counted. Every Reserve is a commit of the store, shared
// by those that come at once; rules without a limit never come here.
type Counter struct {
	store Store
	now   func() time.Time
	begun time.Time // what moments are counted from: a clock that is set changes nothing

	mu     sync.Mutex
	series map[key]*series // guarded by mu
	next   *batch          // what the next commit takes; nil: nothing; guarded by mu

	writing sync.Mutex // one commit at a time
}

type key struct{ rule, of string }

// Open gives a counter that goes on where the last one on the store ended.
func Open(ctx context.Context, store Store, now func() time.Time) (*Counter, error) {
	c := &Counter{store: store, now: now, begun: now(), series: map[key]*series{}}
	entries, err := store.LoadTally(ctx, c.begun.Add(-MaxWindow))
	if err != nil {
		return nil, fmt.Errorf("open the counters: %w", err)
	}
	for _, e := range entries {
		// One of the future was written before the clock was put back; it counts from
		// now on, which is as long as it may.
		c.of(key{e.Rule, e.Of}).add(min(e.At.Sub(c.begun), 0), e.At, e.N)
	}
	return c, nil
}

// of gives a series; callers hold mu, or are alone.
func (c *Counter) of(k key) *series {
	s := c.series[k]
	if s == nil {
		s = &series{}
		c.series[k] = s
	}
	return s
}

// Reserve takes room for one action in every one of counts, or in none: then full
// names the rules that have none. The room is on disk when Reserve returns. back
// gives that of one rule back, for an action of which nothing was sent; it does not
// wait for the disk, so that after a crash the room may stay taken.
func (c *Counter) Reserve(ctx context.Context, counts []action.Count) (back func(rule string), full []string, err error) {
	c.mu.Lock()
	moment := c.now()
	now := moment.Sub(c.begun)
	var gone []Entry
	for _, n := range counts {
		for _, of := range n.Of {
			gone = append(gone, c.expire(key{n.Rule, of}, now-n.Window)...)
			if c.total(key{n.Rule, of}) >= n.Limit && !slices.Contains(full, n.Rule) {
				full = append(full, n.Rule)
			}
		}
	}
	if len(full) > 0 {
		c.enqueue(gone...)
		c.mu.Unlock()
		return nil, full, nil
	}
	taken := c.take(counts, moment)
	b := c.enqueue(append(gone, c.entries(taken)...)...)
	c.mu.Unlock()

	if err := c.commit(ctx, b); err != nil {
		c.giveBack(taken)
		return nil, nil, fmt.Errorf("count an action: %w", err)
	}
	return func(rule string) {
		rest := slices.DeleteFunc(slices.Clone(taken), func(p place) bool { return p.rule == rule })
		own := slices.DeleteFunc(taken, func(p place) bool { return p.rule != rule })
		taken = rest
		c.giveBack(own)
	}, nil, nil
}

// A place is one entry of a series that an action has taken room in.
type place struct {
	key
	at time.Duration
}

// take adds the action to every series.
func (c *Counter) take(counts []action.Count, now time.Time) []place {
	var taken []place
	for _, n := range counts {
		for _, of := range n.Of {
			k := key{n.Rule, of}
			at := c.of(k).put(now.Sub(c.begun), grain(n), now.Round(0))
			taken = append(taken, place{k, at})
		}
	}
	return taken
}

// entries gives what the store is to hold of places.
func (c *Counter) entries(places []place) []Entry {
	out := make([]Entry, 0, len(places))
	for _, p := range places {
		if e := c.series[p.key].find(p.at); e != nil {
			out = append(out, Entry{p.rule, p.of, e.wall, e.n})
		}
	}
	return out
}

// giveBack takes the action out again.
func (c *Counter) giveBack(taken []place) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range taken {
		s := c.series[p.key]
		if s == nil {
			continue
		}
		if e := s.find(p.at); e != nil && e.n > 0 { // else it has expired meanwhile
			e.n--
			s.total--
			c.enqueue(Entry{p.rule, p.of, e.wall, e.n})
		}
	}
}

// total is how many a series holds.
func (c *Counter) total(k key) int {
	if s := c.series[k]; s != nil {
		return s.total
	}
	return 0
}

// expire takes what stands at or before a moment out of a series, and gives it as
// the store is to know it.
func (c *Counter) expire(k key, until time.Duration) []Entry {
	s := c.series[k]
	if s == nil {
		return nil
	}
	var gone []Entry
	for _, e := range s.expire(until) {
		gone = append(gone, Entry{Rule: k.rule, Of: k.of, At: e.wall})
	}
	if len(s.entries) == 0 {
		delete(c.series, k)
	}
	return gone
}

// A batch is what one commit writes.
type batch struct {
	entries []Entry
	done    bool // guarded by writing
	err     error
}

// enqueue adds entries to the next commit; callers hold mu.
func (c *Counter) enqueue(entries ...Entry) *batch {
	if c.next == nil {
		c.next = &batch{}
	}
	c.next.entries = append(c.next.entries, entries...)
	return c.next
}

// commit returns once b is on disk. Whoever comes first writes for all that wait.
func (c *Counter) commit(ctx context.Context, b *batch) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if b.done {
		return b.err
	}
	c.mu.Lock()
	if c.next == b {
		c.next = nil
	}
	c.mu.Unlock()
	// One action that goes away must not spoil the commit of the others.
	b.done, b.err = true, c.store.SaveTally(context.WithoutCancel(ctx), b.entries)
	return b.err
}

// Close writes what was given back since the last commit.
func (c *Counter) Close() error {
	c.mu.Lock()
	b := c.next
	c.mu.Unlock()
	if b == nil || len(b.entries) == 0 {
		return nil
	}
	return c.commit(context.Background(), b)
}
