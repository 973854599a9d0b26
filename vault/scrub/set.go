package scrub

import (
	"sync"
	"sync/atomic"
)

// keptVersions is how many values of one name are looked for: the one in use and
// those that an upstream may still remember.
const keptVersions = 3

// A Set grows by every value that was used, so that answers are searched for all
// of them. Its zero value is empty. It is safe for concurrent use.
type Set struct {
	current atomic.Pointer[used]
	mu      sync.Mutex // held to grow
}

// used is one state of a Set. It never changes.
type used struct {
	matcher *Matcher
	ids     map[uint64]bool
	values  []version
}

// A version is one value of a name.
type version struct {
	name  string
	id    uint64
	value []byte
}

// With adds the value that has this name and id, unless it is there already, and
// gives a Matcher of all of them. The value is copied. Only the first call for an
// id takes a lock.
func (s *Set) With(name string, id uint64, value []byte) *Matcher {
	if now := s.current.Load(); now != nil && now.ids[id] {
		return now.matcher
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	next := &used{ids: map[uint64]bool{id: true}}
	if now := s.current.Load(); now != nil {
		if now.ids[id] {
			return now.matcher
		}
		next.values = now.without(name)
	}
	next.values = append(next.values, version{name, id, append([]byte(nil), value...)})
	all := make([][]byte, len(next.values))
	for i, v := range next.values {
		all[i] = v.value
		next.ids[v.id] = true
	}
	next.matcher = New(all...)
	s.current.Store(next)
	return next.matcher
}

// Current finds all values that were used so far; nil if none was, or s is nil.
func (s *Set) Current() *Matcher {
	if s == nil {
		return nil
	}
	if now := s.current.Load(); now != nil {
		return now.matcher
	}
	return nil
}

// without copies the values, but for the oldest of name where it has enough.
func (u *used) without(name string) []version {
	n := 0
	for _, v := range u.values {
		if v.name == name {
			n++
		}
	}
	var out []version
	for _, v := range u.values {
		if v.name == name && n >= keptVersions {
			n--
			continue
		}
		out = append(out, v)
	}
	return out
}
