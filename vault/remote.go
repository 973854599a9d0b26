package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"sallyport.dev/sallyport/vault/expiry"
)

// How remote secrets are fetched.
const (
	fetchTimeout   = 20 * time.Second
	fetchAgain     = 5 * time.Second // after a failure, doubled with each
	fetchAtLeast   = time.Second     // between two of one secret
	defaultRefresh = 10 * time.Minute
	staleFactor    = 3 // a value outlives its refresh by this much while it cannot be fetched
	staleAtLeast   = time.Hour
)

var errNotFetched = errors.New("it is not fetched yet")

// A Remote is a place that a secret is fetched from. String tells people where.
type Remote interface {
	Fetch(ctx context.Context) (Fetched, error)
	fmt.Stringer
}

// A Fetched is what a Remote gave. The caller takes Value over.
type Fetched struct {
	Value []byte
	Life  time.Duration // it must be fetched again before that is over; 0: as the Source says
}

// due lists the remote sources whose time has come, and marks them as being
// fetched.
func (v *Vault) due() []*source {
	v.mu.Lock()
	defer v.mu.Unlock()
	var list []*source
	for _, src := range v.declared {
		if src.Remote != nil && !src.fetching && !v.now().Before(src.next) {
			src.fetching = true
			list = append(list, src)
		}
	}
	return list
}

// fetchDue fetches what is due, each in a goroutine of wg.
func (v *Vault) fetchDue(ctx context.Context, wg *sync.WaitGroup) {
	for _, src := range v.due() {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
			defer cancel()
			got, err := src.Remote.Fetch(ctx)
			if err == nil {
				err = checkFetched(got.Value)
			}
			v.fetched(src, got, err)
		})
	}
}

func checkFetched(value []byte) error {
	if len(value) == 0 {
		return errors.New("it is empty")
	}
	return checkSize(len(value))
}

// fetched takes the outcome over. A failure leaves the last value in use until it
// is too old; either way List tells what went wrong.
func (v *Vault) fetched(src *source, got Fetched, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	src.fetching = false
	if v.declared[src.Name] != src {
		return // the configuration has changed meanwhile
	}
	now := v.now()
	if err != nil {
		src.failures++
		src.next = now.Add(min(fetchAgain<<min(src.failures-1, 10), src.Refresh))
		src.fail(err, now, &v.turn)
		v.publishLocked()
		return
	}
	life := src.Refresh
	if got.Life > 0 {
		life = min(life, got.Life)
	}
	src.failures, src.taken = 0, now
	src.next = now.Add(max(fetchAtLeast, soon(life)))
	if got.Life > 0 {
		src.stale = now.Add(got.Life)
	} else {
		src.stale = now.Add(max(staleAtLeast, staleFactor*src.Refresh))
	}
	e := src.entry
	if e.err != nil || !bytes.Equal(e.value.Reveal(), got.Value) {
		v.turn++
		e = entry{turn: v.turn, label: src.Name, used: src.used, value: NewSecret(got.Value), info: Info{Name: src.Name, Created: now.UTC(), Source: src.String(), Expires: expiry.Of(got.Value)}}
	}
	e.info.Problem = ""
	src.entry = e
	v.publishLocked()
}

// fail notes why a fetch failed; a value that is too old is given up.
func (s *source) fail(err error, now time.Time, turn *uint64) {
	s.entry.info.Problem = err.Error()
	if s.entry.err == nil && now.Before(s.stale) {
		s.entry.info.Problem = fmt.Sprintf("%v; the value of %s stays in use until %s", err, s.taken.UTC().Format(time.RFC3339), s.stale.UTC().Format(time.RFC3339))
		return
	}
	*turn++
	s.entry = entry{turn: *turn, used: s.used, err: err, info: Info{Name: s.Name, Created: now.UTC(), Source: s.String(), Problem: err.Error()}}
}

// soon is a moment before d is over, another for each call, so that many secrets
// are not fetched at once.
func soon(d time.Duration) time.Duration {
	return d*3/4 + rand.N(max(d/8, 1))
}
