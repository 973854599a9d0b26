// Package pair keeps edits of the configuration that wait for a second person: who
// wrote each, on what ground, and what it touches. It takes none itself, and says
// only who may.
package pair

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"sallyport.dev/sallyport/action"
)

const (
	bucket = "proposals"
	most   = 100
	// holdsFor is how long a proposal waits; by then what it was for is something else.
	holdsFor = 30 * 24 * time.Hour
)

var (
	// ErrNone means that no proposal of that id waits.
	ErrNone = errors.New("no proposal of that id waits")
	// ErrFull means that too many wait.
	ErrFull = fmt.Errorf("%d proposals wait already; apply or reject some", most)
	// ErrSame means that the second person would be the first one.
	ErrSame = errors.New("a second person applies it: you wrote it yourself")
	// ErrBusy means that somebody applies it at this moment.
	ErrBusy = errors.New("somebody applies that proposal right now")
	// ErrStale means that what a proposal touches has changed since it was made.
	ErrStale = errors.New("what it touches was changed since it was made; propose it again")
)

// A Store keeps values by bucket and key.
type Store interface {
	Put(ctx context.Context, bucket, key string, value []byte) error
	Delete(ctx context.Context, bucket, key string) error
	Each(ctx context.Context, bucket string, f func(key string, value []byte) error) error
}

// A Proposal is an edit that waits.
type Proposal struct {
	ID      string           `json:"id"`
	Time    time.Time        `json:"time"`
	By      action.Person    `json:"by"`
	Note    string           `json:"note,omitempty"`
	Base    string           `json:"base"` // the revision that it was made for
	Diff    string           `json:"diff"` // as it was then
	Guarded []action.Guarded `json:"guarded,omitempty"`
	Tests   int              `json:"tests"`
	Draft   action.Draft     `json:"draft"`
	// Touches is what the blocks and files it changes were, by what they are called.
	Touches map[string]string `json:"touches,omitempty"`
	// Granted: the author may edit by what only their visit showed, which cannot be
	// looked up later.
	Granted bool `json:"granted,omitempty"`
}

// A Shelf is where proposals wait. It is safe for use by several goroutines.
type Shelf struct {
	store Store
	now   func() time.Time

	mu  sync.Mutex
	all map[string]Proposal // guarded by mu
	// busy are those that somebody has taken to apply; guarded by mu
	busy map[string]bool
}

// Open reads what store has.
func Open(ctx context.Context, store Store, now func() time.Time) (*Shelf, error) {
	s := &Shelf{store: store, now: now, all: map[string]Proposal{}, busy: map[string]bool{}}
	err := store.Each(ctx, bucket, func(_ string, value []byte) error {
		var p Proposal
		if err := json.Unmarshal(value, &p); err != nil {
			return fmt.Errorf("read the proposals: %w", err)
		}
		s.all[p.ID] = p
		return nil
	})
	return s, err
}

// Add keeps a proposal and gives it its id and time.
func (s *Shelf) Add(ctx context.Context, p Proposal) (Proposal, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, old := range s.all {
		if s.holds(old) || s.busy[id] {
			continue
		}
		if err := s.drop(ctx, id); err != nil {
			return p, err
		}
	}
	if len(s.all) >= most {
		return p, ErrFull
	}
	p.ID, p.Time = strings.ToLower(rand.Text()[:8]), s.now().UTC()
	raw, err := json.Marshal(p)
	if err != nil {
		return p, fmt.Errorf("keep a proposal: %w", err)
	}
	if err := s.store.Put(ctx, bucket, p.ID, raw); err != nil {
		return p, err
	}
	s.all[p.ID] = p
	return p, nil
}

func (s *Shelf) holds(p Proposal) bool { return s.now().Sub(p.Time) < holdsFor }

// drop forgets one; the caller holds mu.
func (s *Shelf) drop(ctx context.Context, id string) error {
	if err := s.store.Delete(ctx, bucket, id); err != nil {
		return err
	}
	delete(s.all, id)
	return nil
}

// Drop takes a proposal away that nobody applies.
func (s *Shelf) Drop(ctx context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.free(id); err != nil {
		return err
	}
	return s.drop(ctx, id)
}

// Take keeps a proposal for whoever applies it: until they give it back nobody else
// applies it or takes it away. Applied, it is gone.
func (s *Shelf) Take(id string) (back func(ctx context.Context, applied bool) error, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.free(id); err != nil {
		return nil, err
	}
	s.busy[id] = true
	return func(ctx context.Context, applied bool) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.busy, id)
		if !applied {
			return nil
		}
		return s.drop(ctx, id)
	}, nil
}

// free says why nobody may have a proposal; the caller holds mu.
func (s *Shelf) free(id string) error {
	switch _, ok := s.all[id]; {
	case !ok:
		return ErrNone
	case s.busy[id]:
		return ErrBusy
	}
	return nil
}

// Get gives one that waits.
func (s *Shelf) Get(id string) (Proposal, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.all[id]
	if !ok || !s.holds(p) {
		return Proposal{}, ErrNone
	}
	return p, nil
}

// List gives those that wait, oldest first.
func (s *Shelf) List() []Proposal {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Proposal, 0, len(s.all))
	for _, p := range s.all {
		if s.holds(p) {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b Proposal) int { return a.Time.Compare(b.Time) })
	return list
}

// Second says why somebody is no second person for the proposal; nil if they are.
// One person has one name, whichever way they came in.
func (p Proposal) Second(who action.Person) error {
	if strings.EqualFold(strings.TrimSpace(who.Name), strings.TrimSpace(p.By.Name)) {
		return ErrSame
	}
	return nil
}

// Fits says whether what the proposal touches stands as it did: what two people
// approved must not undo what a third has done since.
func (p Proposal) Fits(t action.SourceText) error {
	if t.Revision == p.Base {
		return nil
	}
	now := Touched(t, p.Draft)
	for name, was := range p.Touches {
		if text, ok := now[name]; !ok || text != was {
			return fmt.Errorf("%w (%s)", ErrStale, name)
		}
	}
	return nil
}

// Touched gives what a draft changes as it stands in a text, by what it is called.
// What is not there is "".
func Touched(t action.SourceText, d action.Draft) map[string]string {
	list := map[string]string{}
	for _, e := range d.Edits {
		name := e.Kind + " " + e.Name
		list[name] = ""
		for _, b := range t.Blocks {
			if b.Kind == e.Kind && b.Name == e.Name {
				list[name] = b.HCL
			}
		}
	}
	for file := range d.Files {
		name := "file " + file
		list[name] = ""
		for _, f := range t.Files {
			if f.Name == file {
				list[name] = f.Text
			}
		}
	}
	if d.Rollback != 0 {
		list["everything"] = t.Revision
	}
	return list
}
