package sql

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// The first byte of a key says what follows it.
const (
	templateKey = 't'
	exactKey    = 'x'
)

// cacheShards keeps sessions from waiting for one lock.
const cacheShards = 16

// cache remembers entries by key, within a bound of bytes. It forgets by
// generations: when the young half of a shard is full it becomes the old half,
// and what the old half held and nobody asked for is gone.
type cache struct {
	seed   maphash.Seed
	half   int // bytes of one half of one shard
	shards [cacheShards]shard
}

type shard struct {
	mu    sync.RWMutex
	young map[string]*entry // guarded by mu
	old   map[string]*entry // guarded by mu
	size  int               // of young; guarded by mu

	templates, exacts atomic.Uint64 // hits
}

func newCache(maxBytes int) *cache {
	return &cache{seed: maphash.MakeSeed(), half: maxBytes / cacheShards / 2}
}

func (c *cache) shard(key []byte) *shard {
	return &c.shards[maphash.Bytes(c.seed, key)%cacheShards]
}

func (c *cache) get(key []byte) *entry {
	s := c.shard(key)
	s.mu.RLock()
	e, old := s.young[string(key)], false
	if e == nil {
		e, old = s.old[string(key)], true
	}
	s.mu.RUnlock()
	if e == nil {
		return nil
	}
	if old {
		c.put(key, e)
	}
	if key[0] == templateKey {
		s.templates.Add(1)
	} else {
		s.exacts.Add(1)
	}
	return e
}

// hits counts what was found since the beginning.
func (c *cache) hits() (templates, exacts uint64) {
	for i := range c.shards {
		templates += c.shards[i].templates.Load()
		exacts += c.shards[i].exacts.Load()
	}
	return templates, exacts
}

// put keeps a copy of key.
func (c *cache) put(key []byte, e *entry) {
	size := len(key) + e.size()
	if size > c.half {
		return
	}
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.young[string(key)]; ok {
		return
	}
	if s.young == nil || s.size+size > c.half {
		s.old, s.young, s.size = s.young, make(map[string]*entry), 0
	}
	s.young[string(key)] = e
	s.size += size
}

// Bytes that an entry and a statement take beside their strings, map overhead
// and slice headers included.
const (
	entryBytes     = 128
	statementBytes = 768
	nameBytes      = 16
)

func (e *entry) size() int {
	n := entryBytes
	for _, st := range e.stmts {
		n += statementBytes + len(st.shape.Normalized) + st.seal.Size()
		for _, list := range st.shape.Lists() {
			for _, name := range list {
				n += nameBytes + len(name)
			}
		}
	}
	return n
}
