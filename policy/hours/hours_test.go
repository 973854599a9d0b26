package hours

import (
	"strings"
	"testing"
	"time"
)

func at(t testing.TB, text string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// 2026-11-22 is a Sunday.
func TestContains(t *testing.T) {
	tests := []struct {
		hours   string
		in, out []string
	}{
		{"mon-fri 09:00-18:00", []string{"2026-11-23T09:00:00Z", "2026-11-27T17:59:59Z"}, []string{"2026-11-23T08:59:59Z", "2026-11-23T18:00:00Z", "2026-11-22T10:00:00Z"}},
		{"mon-fri 09:00-18:00 Europe/Berlin", []string{"2026-11-23T08:00:00Z", "2026-07-20T07:00:00Z"}, []string{"2026-11-23T17:00:00Z", "2026-07-20T16:00:00Z"}},
		{"fri 22:00-06:00", []string{"2026-11-27T22:00:00Z", "2026-11-28T05:59:00Z"}, []string{"2026-11-27T05:00:00Z", "2026-11-28T22:00:00Z", "2026-11-28T06:00:00Z"}},
		{"sat-mon", []string{"2026-11-22T00:00:00Z", "2026-11-21T12:00:00Z", "2026-11-23T23:59:59Z"}, []string{"2026-11-24T00:00:00Z"}},
		{"sat,sun 00:00-24:00", []string{"2026-11-22T23:59:59Z"}, []string{"2026-11-23T00:00:00Z"}},
		{"09:00-12:00,13:00-18:00", []string{"2026-11-22T09:00:00Z", "2026-11-22T13:00:00Z"}, []string{"2026-11-22T12:30:00Z"}},
		{"sun Asia/Tokyo", []string{"2026-11-21T15:00:00Z"}, []string{"2026-11-22T15:00:00Z"}},
		{"22:00-02:00 UTC", []string{"2026-11-22T01:00:00Z", "2026-11-22T23:00:00Z"}, []string{"2026-11-22T02:00:00Z"}},
	}
	for _, tt := range tests {
		h, err := Parse(tt.hours)
		if err != nil {
			t.Errorf("%q: %v", tt.hours, err)
			continue
		}
		if h.String() != tt.hours {
			t.Errorf("%q is spelt %q", tt.hours, h)
		}
		for _, s := range tt.in {
			if !h.Contains(at(t, s)) {
				t.Errorf("%q does not contain %s", tt.hours, s)
			}
		}
		for _, s := range tt.out {
			if h.Contains(at(t, s)) {
				t.Errorf("%q contains %s", tt.hours, s)
			}
		}
	}
	if (Hours{}).Contains(at(t, "2026-11-22T00:00:00Z")) || !(Hours{}).Next(at(t, "2026-11-22T00:00:00Z")).IsZero() {
		t.Error("the zero Hours contain something")
	}
}

func TestRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "empty",
		"mon-fry":                        "mon-fry",
		"mon 9-18":                       "9-18",
		"mon 09:00-18:00 Europe/Berlinn": "Europe/Berlinn",
		"09:00-25:00":                    "09:00-25:00",
		"09:00-09:00":                    "00:00-24:00",
		"24:00-01:00":                    "24:00-01:00",
		"09:60-10:00":                    "09:60-10:00",
		"+9:00-10:00":                    "+9:00-10:00",
		"mon Local":                      "Local",
		"mon 09:00-10:00 UTC x":          "UTC",
		"mon 09:00-10:00, 11:00-12:00":   "no span",
		"../etc/passwd":                  "time zone",
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q says %v, want %q", text, err, want)
		}
	}
}

// TestNext walks minute by minute over weeks in which the clocks change, and
// holds Next against what it sees.
func TestNext(t *testing.T) {
	for _, text := range []string{
		"mon-fri 09:00-18:00 Europe/Berlin", "sun 02:30-04:00 Europe/Berlin", "sun 01:00-02:30 Europe/Berlin",
		"22:00-02:30 America/New_York", "sat 22:00-06:00 Australia/Lord_Howe", "sat-sun UTC", "02:00-03:00 Europe/Berlin",
	} {
		h, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, start := range []string{"2026-03-26T11:00:00Z", "2026-10-22T11:00:00Z", "2026-10-30T00:00:00Z", "2026-04-03T00:00:00Z"} {
			from := at(t, start)
			for range 6 {
				want := from.Truncate(time.Minute).Add(time.Minute)
				for h.Contains(want) == h.Contains(from) {
					want = want.Add(time.Minute)
				}
				got := h.Next(from)
				if !got.Equal(want) {
					t.Errorf("%q: after %s comes %s, want %s", text, from, got, want)
					break
				}
				from = got
			}
		}
	}
	always, err := Parse("mon-sun 00:00-24:00")
	if err != nil || !always.Next(at(t, "2026-11-22T00:00:00Z")).IsZero() {
		t.Errorf("always changes: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("mon-fri 09:00-18:00 Europe/Berlin", int64(1795312800))
	f.Add("sat,sun 22:00-06:00,07:00-08:00", int64(0))
	f.Fuzz(func(t *testing.T, text string, unix int64) {
		h, err := Parse(text)
		if err != nil {
			return
		}
		now := time.Unix(unix%(1<<40), 0)
		next := h.Next(now)
		if next.IsZero() {
			return
		}
		if !next.After(now) || h.Contains(next) == h.Contains(now) {
			t.Errorf("%q: after %s comes %s", text, now, next)
		}
	})
}

func BenchmarkContains(b *testing.B) {
	h, err := Parse("mon-fri 09:00-18:00 Europe/Berlin")
	if err != nil {
		b.Fatal(err)
	}
	now := at(b, "2026-11-23T10:00:00Z")
	b.ReportAllocs()
	for b.Loop() {
		h.Contains(now)
	}
}
