package vault

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"sallyport.dev/sallyport/vault/expiry"
	"sallyport.dev/sallyport/vault/file"
)

// sourceEvery is how often a file is looked at; a stat costs 1 µs.
const sourceEvery = time.Second

// A Source says where the configuration keeps a secret outside of the vault.
// Exactly one of Env, File and Remote is set.
type Source struct {
	Name    string
	Env     string        // a variable of the gateway's environment
	File    string        // read again when it changes
	Remote  Remote        // fetched again
	Spec    string        // tells one Remote from another: what the configuration says of it
	Refresh time.Duration // of a Remote, unless it says less; 0: ten minutes
}

func (s Source) String() string {
	switch {
	case s.Remote != nil:
		return s.Remote.String()
	case s.Env != "":
		return "env " + s.Env
	}
	return "file " + s.File
}

// same reports whether the configuration says the same of both.
func (s Source) same(t Source) bool {
	return s.Name == t.Name && s.Env == t.Env && s.File == t.File && s.Spec == t.Spec && s.Refresh == t.Refresh
}

// A source is a declared Source and what was read of it.
type source struct {
	Source
	entry entry
	stamp file.Stamp
	used  *atomic.Int64

	// Of a Remote.
	fetching bool
	failures int
	next     time.Time // when it is fetched again
	taken    time.Time // when the value came
	stale    time.Time // when the value is too old
}

// Declare replaces the sources of the configuration, and reads them. A secret
// whose source cannot be read has no value, and List says why.
func (v *Vault) Declare(sources []Source) {
	v.mu.Lock()
	defer v.mu.Unlock()
	old := v.declared
	v.declared = make(map[string]*source, len(sources))
	for _, s := range sources {
		if s.Remote != nil && s.Refresh <= 0 {
			s.Refresh = defaultRefresh
		}
		src, ok := old[s.Name]
		if !ok || !src.same(s) { // an unchanged value keeps its turn: links stay in use
			src = &source{Source: s, used: new(atomic.Int64)}
		}
		v.declared[s.Name] = src
		if s.Remote == nil {
			v.readLocked(src)
		} else if src.entry.turn == 0 {
			src.fail(errNotFetched, v.now(), &v.turn)
		}
	}
	v.publishLocked()
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

// Recall tells when secrets last went out, before this process.
func (v *Vault) Recall(uses map[string]time.Time) {
	for name, e := range v.current.Load().entries {
		if at, ok := uses[name]; ok && at.Unix() > e.used.Load() {
			e.used.Store(at.Unix())
		}
	}
}

// Run looks at declared files once a second, fetches remote secrets in time, and
// takes over what changed. It returns when ctx is done and nothing is fetched any
// more.
func (v *Vault) Run(ctx context.Context) error {
	tick := time.NewTicker(sourceEvery)
	defer tick.Stop()
	var fetches sync.WaitGroup
	defer fetches.Wait()
	for {
		v.second.Store(v.now().Unix())
		v.fetchDue(ctx, &fetches)
		select {
		case <-ctx.Done():
			return nil
		case <-v.wake:
		case <-tick.C:
			v.Refresh()
			v.settle(ctx)
		}
	}
}

// Refresh reads every declared file that changed.
func (v *Vault) Refresh() {
	v.mu.Lock()
	defer v.mu.Unlock()
	changed := false
	for _, src := range v.declared {
		if src.File != "" && v.readLocked(src) {
			changed = true
		}
	}
	if changed {
		v.publishLocked()
	}
}

// readLocked reads src if it changed and reports whether its entry did.
func (v *Vault) readLocked(src *source) bool {
	value, stamp, err := src.read()
	if err == nil && value == nil {
		return false
	}
	if err != nil && src.entry.err != nil && err.Error() == src.entry.err.Error() {
		return false
	}
	if err == nil && src.entry.err == nil && bytes.Equal(value, src.entry.value.Reveal()) {
		src.stamp = stamp
		return false
	}
	v.turn++
	e := entry{turn: v.turn, label: src.Name, used: src.used, err: err, info: Info{Name: src.Name, Created: v.now().UTC(), Source: src.String()}}
	if err != nil {
		e.info.Problem = err.Error()
	} else {
		e.value, e.info.Expires = NewSecret(value), expiry.Of(value)
	}
	src.entry, src.stamp = e, stamp
	return true
}

// read gives the value of s, or nil if the file is as it was.
func (s *source) read() ([]byte, file.Stamp, error) {
	if s.Env != "" {
		value := file.Line([]byte(os.Getenv(s.Env)))
		if len(value) == 0 {
			return nil, file.Stamp{}, fmt.Errorf("the environment has no %s", s.Env)
		}
		return value, file.Stamp{}, checkSize(len(value))
	}
	last := s.stamp
	if s.entry.turn == 0 || s.entry.err != nil {
		last = file.Stamp{}
	}
	value, now, err := file.Read(s.File, maxSecret, last)
	if err == nil {
		err = checkSize(len(value))
	}
	return value, now, err
}

func checkSize(n int) error {
	if n > maxSecret {
		return fmt.Errorf("a secret has at most %d bytes", maxSecret)
	}
	return nil
}
