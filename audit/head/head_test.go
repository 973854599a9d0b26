package head

import (
	"crypto/ed25519"
	"slices"
	"testing"
	"time"

	"sallyport.dev/sallyport/audit/record"
)

// TestAHeadIsGoodForWhatItSays: whatever is changed in it, or said of it, its
// signature is wrong.
func TestAHeadIsGoodForWhatItSays(t *testing.T) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	public := key.Public().(ed25519.PublicKey)
	for name, signed := range map[string]Head{
		"of the chain": {Seq: 7, Hash: record.Hash{1}, Time: time.Unix(1, 0)},
		"of a gap":     {Seq: 7, Hash: record.Hash{1}, Time: time.Unix(1, 0), Before: record.Hash{2}, Unproven: 3},
	} {
		signed.Key, signed.Signature = public, ed25519.Sign(key, signed.Message("latest"))
		if wrong := signed.Verify("latest", public); wrong != "" {
			t.Errorf("%s: %s", name, wrong)
		}
		if signed.Verify("dropped 2026-01", public) == "" {
			t.Errorf("%s is good under another name", name)
		}
		for field, change := range map[string]func(*Head){
			"seq": func(h *Head) { h.Seq++ }, "hash": func(h *Head) { h.Hash[3]++ }, "time": func(h *Head) { h.Time = time.Unix(2, 0) },
			"before": func(h *Head) { h.Before[3]++ }, "unproven": func(h *Head) { h.Unproven++ }, "key": func(h *Head) { h.Key = make([]byte, 32) },
		} {
			changed := signed
			change(&changed)
			if changed.Verify("latest", public) == "" {
				t.Errorf("%s: another %s is taken", name, field)
			}
		}
	}
}

// TestSlots: what a head leaves behind is bounded but for one a day, and never
// nothing where a minute, an hour or a day has ended.
func TestSlots(t *testing.T) {
	at := time.Date(2026, 11, 26, 1, 23, 40, 0, time.UTC)
	for later, want := range map[time.Duration][]string{
		10 * time.Second:    nil,
		time.Minute:         {"23m"},
		time.Hour:           {"26T01h"}, // the minute has the same name
		24 * time.Hour:      {"26T01h", "2026-11-26"},
		30 * 24 * time.Hour: {"2026-11-26"}, // and the hour, too
		31 * 24 * time.Hour: {"26T01h", "2026-11-26"},
	} {
		if got := Slots(at, at.Add(later)); !slices.Equal(got, want) {
			t.Errorf("%s later: %q, want %q", later, got, want)
		}
	}
}
