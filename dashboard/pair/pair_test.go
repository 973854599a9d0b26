package pair

import (
	"context"
	"errors"
	"testing"
	"time"
)

type memory map[string][]byte

func (m memory) Put(_ context.Context, _, key string, value []byte) error {
	m[key] = value
	return nil
}

func (m memory) Delete(_ context.Context, _, key string) error {
	delete(m, key)
	return nil
}

func (m memory) Each(_ context.Context, _ string, f func(string, []byte) error) error {
	for k, v := range m {
		if err := f(k, v); err != nil {
			return err
		}
	}
	return nil
}

// One of those who apply a proposal and those who reject it gets it, and the others
// hear that.
func TestAProposalIsHadOnce(t *testing.T) {
	ctx, kept := t.Context(), memory{}
	s, err := Open(ctx, kept, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Add(ctx, Proposal{})
	if err != nil {
		t.Fatal(err)
	}
	back, err := s.Take(p.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Drop(ctx, p.ID); !errors.Is(err, ErrBusy) {
		t.Errorf("rejected while it is applied: %v", err)
	}
	if _, err := s.Take(p.ID); !errors.Is(err, ErrBusy) {
		t.Errorf("applied twice at once: %v", err)
	}
	if err := back(ctx, false); err != nil {
		t.Fatal(err)
	}
	if back, err = s.Take(p.ID); err != nil {
		t.Fatalf("after one that failed: %v", err)
	}
	if err := back(ctx, true); err != nil || len(kept) > 0 {
		t.Fatalf("%v, %d kept", err, len(kept))
	}
	if err := s.Drop(ctx, p.ID); !errors.Is(err, ErrNone) {
		t.Errorf("rejected once it was applied: %v", err)
	}
	if _, err := s.Take(p.ID); !errors.Is(err, ErrNone) {
		t.Errorf("applied again: %v", err)
	}
}
