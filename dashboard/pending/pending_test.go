package pending

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestABook(t *testing.T) {
	now := time.Unix(1000, 0)
	b := &Book[int]{Now: func() time.Time { return now }, For: time.Minute, Each: 2, All: 5}
	keep := func(key, peer string) {
		t.Helper()
		now = now.Add(time.Second)
		if err := b.Keep(key, peer, len(key)); err != nil {
			t.Fatal(err)
		}
	}
	keep("a", "eve")
	if v, ok := b.Take("a"); !ok || v != 1 {
		t.Errorf("what was begun: %d, %v", v, ok)
	}
	if _, ok := b.Take("a"); ok {
		t.Error("it is taken twice")
	}
	keep("late", "ana")
	now = now.Add(time.Minute + 1)
	if _, ok := b.Take("late"); ok {
		t.Error("it is taken too late")
	}
}

// One peer that begins without end takes no other's room, and keeps its last ones.
func TestOnePeerTakesNobodysRoom(t *testing.T) {
	now := time.Unix(1000, 0)
	b := &Book[int]{Now: func() time.Time { return now }, For: time.Minute, Each: 2, All: 5}
	if err := b.Keep("ana's", "ana", 7); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		now = now.Add(time.Millisecond)
		if err := b.Keep(fmt.Sprint(i), "eve", i); err != nil {
			t.Fatalf("eve's %d: %v", i, err)
		}
	}
	for key, want := range map[string]bool{"ana's": true, "97": false, "98": true, "99": true} {
		if _, ok := b.Take(key); ok != want {
			t.Errorf("%s: %v, want %v", key, ok, want)
		}
	}
}

func TestEverybodyTogetherIsBounded(t *testing.T) {
	now := time.Unix(1000, 0)
	b := &Book[int]{Now: func() time.Time { return now }, For: time.Minute, Each: 2, All: 5}
	for i := range 5 {
		if err := b.Keep(fmt.Sprint(i), fmt.Sprint(i), i); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Keep("x", "another", 1); !errors.Is(err, ErrFull) {
		t.Errorf("one more: %v", err)
	}
	now = now.Add(time.Hour)
	if err := b.Keep("x", "another", 1); err != nil {
		t.Errorf("after the others have ended: %v", err)
	}
}
