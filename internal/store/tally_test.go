package store

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit/tally"
)

// What was counted is there again when the directory is opened next, without what
// was given back and what is too old.
func TestTallyIsKept(t *testing.T) {
	dir := t.TempDir() + "/state"
	s, err := Open(t.Context(), dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 25, 12, 0, 0, 123456789, time.UTC)
	for _, batch := range [][]tally.Entry{
		{{Rule: "r", Of: "agent a", At: now, N: 1}, {Rule: "r", Of: "all", At: now.Add(-time.Hour), N: 2}},
		{{Rule: "r", Of: "agent a", At: now, N: 5}, {Rule: "r", Of: "all", At: now.Add(-time.Hour)}, {Rule: "s", Of: "all", At: now.AddDate(0, 0, -8), N: 1}},
		{{Rule: "s", Of: "role x", At: now.Add(-time.Minute), N: 1}},
		nil,
	} {
		if err := s.SaveTally(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(t.Context(), dir, nil); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got, err := s.LoadTally(t.Context(), now.Add(-tally.MaxWindow))
	want := []tally.Entry{{Rule: "s", Of: "role x", At: now.Add(-time.Minute), N: 1}, {Rule: "r", Of: "agent a", At: now, N: 5}}
	if err != nil || len(got) != len(want) || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

const counters = 8

// countUntilKilled tells its parent of every action whose Reserve has returned.
func countUntilKilled(dir string) error {
	s, err := Open(context.Background(), dir, nil)
	if err != nil {
		return err
	}
	c, err := tally.Open(context.Background(), s, time.Now)
	if err != nil {
		return err
	}
	var acked atomic.Int64
	failed := make(chan error)
	for n := range counters {
		go func() {
			limits := []action.Count{{Rule: "r", Limit: 100_000, Window: time.Hour, Of: []string{fmt.Sprint("agent ", n%3)}}}
			for {
				if _, full, err := c.Reserve(context.Background(), limits); err != nil || len(full) > 0 {
					failed <- fmt.Errorf("%v %w", full, err)
					return
				}
				fmt.Printf("%024d\n", acked.Add(1))
			}
		}()
	}
	return <-failed
}

// A gateway that is killed with -9 in the middle of its work has forgotten nothing
// that it has counted, and counts nothing twice.
func TestKillForgetsNoCount(t *testing.T) {
	t.Setenv(crashEnv+"_TALLY", "1")
	dir := stateDir(t)
	acked, rounds := 0, 3
	for round := range rounds {
		acked += len(runAndKill(t, dir, false, 50*(round+1)))
	}
	entries, err := openStore(t, dir).LoadTally(t.Context(), time.Now().Add(-tally.MaxWindow))
	must(t, err)
	kept := 0
	for _, e := range entries {
		kept += e.N
	}
	if kept < acked || kept > acked+rounds*counters {
		t.Errorf("%d were counted and %d are kept", acked, kept)
	}
}
