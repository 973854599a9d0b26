package store

import (
	"log/slog"
	"testing"
	"time"

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
