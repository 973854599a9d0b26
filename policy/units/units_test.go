package units

import (
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30s": 30 * time.Second, "10m": 10 * time.Minute, "8h": 8 * time.Hour, "90d": 90 * 24 * time.Hour, "1h30m": 90 * time.Minute, "250ms": 250 * time.Millisecond,
	} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("%q is %s %v", text, got, err)
		}
	}
	for _, text := range []string{"", "5", "0s", "-1m", "d", "0d", "-3d", "1.5d", "99999d", "soon", "1 m", "9999999h"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q is %s", text, got)
		}
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"1B": 1, "16KiB": 16 << 10, "64MiB": 64 << 20, "1GiB": 1 << 30, "1 GiB": 1 << 30, "10kB": 10_000, "5MB": 5_000_000, "2GB": 2_000_000_000,
	} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("%q is %d %v", text, got, err)
		}
	}
	for _, text := range []string{"", "5", "KiB", "0B", "-1KiB", "1.5MiB", "1kib", "9999999999GiB", "99999999999999999999B", "1TiB"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("64MiB")
	f.Add("90d")
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := ParseSize(s); err == nil && n <= 0 {
			t.Errorf("size %q is %d", s, n)
		}
		if d, err := ParseDuration(s); err == nil && d <= 0 {
			t.Errorf("duration %q is %s", s, d)
		}
	})
}

func TestParseRate(t *testing.T) {
	for text, want := range map[string]struct {
		n int
		d time.Duration
	}{"20/hour": {20, time.Hour}, "1/second": {1, time.Second}, "5/minute": {5, time.Minute}, "1000000/week": {1_000_000, 7 * 24 * time.Hour}, "3/day": {3, 24 * time.Hour}} {
		if n, d, err := ParseRate(text); n != want.n || d != want.d || err != nil {
			t.Errorf("%q: %d, %v, %v", text, n, d, err)
		}
	}
	for _, bad := range []string{"", "20", "/hour", "0/hour", "-1/hour", "+1/hour", "01/hour", "1.5/hour", "1000001/day", "20/h", "20/hours", "20 / hour", "20/hour/hour", "$25/day", "9999999999999999999/day"} {
		if n, d, err := ParseRate(bad); err == nil {
			t.Errorf("%q: %d, %v", bad, n, d)
		}
	}
}
