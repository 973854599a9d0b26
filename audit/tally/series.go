package tally

import (
	"slices"
	"time"

	"sallyport.dev/sallyport/action"
)

// exact is how many moments a series tells apart. A limit that is larger counts
// by grains of time: what is in one stays until the whole grain is past, so that
// the limit holds in every span all the same.
const exact = 1024

// grain is how long moments of a limit are taken for one.
func grain(n action.Count) time.Duration {
	if n.Limit <= exact {
		return 0
	}
	return n.Window / exact
}

// A series is what one rule has counted for one of those it counts for, by time.
type series struct {
	entries []entry
	total   int
}

// An entry is the actions of one moment, or of one grain that ends then.
type entry struct {
	at   time.Duration // since the counter began
	wall time.Time     // the same for the store, which knows it by that
	n    int
}

// put counts one action at a moment, which is also a time on the wall, and gives
// the moment it is filed under, which is no earlier.
func (s *series) put(now, grain time.Duration, wall time.Time) time.Duration {
	at := now
	if grain > 0 {
		at = now.Truncate(grain)
		if at < now {
			at += grain
		}
	}
	if last := len(s.entries) - 1; last >= 0 && s.entries[last].at >= at {
		s.entries[last].n++
		s.total++
		return s.entries[last].at
	}
	s.add(at, wall.Add(at-now), 1)
	return at
}

// add files entries in the order of time.
func (s *series) add(at time.Duration, wall time.Time, n int) {
	s.total += n
	if last := len(s.entries) - 1; last >= 0 && s.entries[last].wall.Equal(wall) {
		s.entries[last].n += n
		return
	}
	s.entries = append(s.entries, entry{at, wall, n})
}

func (s *series) find(at time.Duration) *entry {
	if s == nil {
		return nil
	}
	for i := len(s.entries) - 1; i >= 0; i-- {
		if s.entries[i].at == at {
			return &s.entries[i]
		}
	}
	return nil
}

// expire takes out, and gives, what stands at or before a moment.
func (s *series) expire(until time.Duration) []entry {
	i := 0
	for i < len(s.entries) && s.entries[i].at <= until {
		s.total -= s.entries[i].n
		i++
	}
	gone := slices.Clone(s.entries[:i])
	s.entries = slices.Delete(s.entries, 0, i)
	return gone
}
