package judge

import (
	"crypto/sha256"
	"time"

	"sallyport.dev/sallyport/approval"
)

// maxCached bounds the verdicts that a judge remembers.
const maxCached = 4096

// A key tells one question to one version of a model from every other: all that
// the model is shown counts, and the digest of the whole action.
type key [sha256.Size]byte

// A cache holds verdicts for a while. Its zero value is ready; callers lock.
type cache struct {
	version string // of the model that answered last
	known   map[key]cached
}

type cached struct {
	opinion approval.Opinion
	until   time.Time
}

func (c *cache) get(k key, now time.Time) (approval.Opinion, bool) {
	got, ok := c.known[k]
	if !ok || !now.Before(got.until) {
		return approval.Opinion{}, false
	}
	return got.opinion, true
}

// put remembers a verdict under the version of the model that gave it. Another
// version than the last one makes all the others worthless.
func (c *cache) put(q question, version string, o approval.Opinion, now time.Time, ttl time.Duration) {
	if ttl <= 0 || len(q.digest) == 0 {
		return
	}
	if version != c.version || c.known == nil {
		c.version, c.known = version, make(map[key]cached)
	}
	if len(c.known) >= maxCached {
		c.evict(now)
	}
	c.known[q.key(version)] = cached{o, now.Add(ttl)}
}

// evict drops what has ended, and the oldest if nothing has.
func (c *cache) evict(now time.Time) {
	var oldest key
	var at time.Time
	for k, v := range c.known {
		if !now.Before(v.until) {
			delete(c.known, k)
			continue
		}
		if at.IsZero() || v.until.Before(at) {
			oldest, at = k, v.until
		}
	}
	if len(c.known) >= maxCached {
		delete(c.known, oldest)
	}
}
