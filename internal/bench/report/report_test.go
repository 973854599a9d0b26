package report

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	r := New()
	r.Ratio("http", "rate", 90, 100, "req/s", "proxy", AtLeast(1, "×"))
	r.Ratio("http", "time", 90, 100, "CPU s", "proxy", AtMost(1, "×"))
	r.Value("idle", "memory", 41, "MiB", AtMost(40, "MiB"))
	r.Value("idle", "nothing measured", math.NaN(), "MiB", AtMost(40, "MiB"))
	r.Missing("pg", errors.New("no server\nat all"))
	r.Note("a note about %s", "pgb")
	var b strings.Builder
	r.Print(&b, true)
	for _, want := range []string{
		"| http | rate | 90.0 req/s | 100 (proxy) | 0.9× | ≥ 1 × | **not met** |",
		"| http | time | 90.0 CPU s | 100 (proxy) | 0.9× | ≤ 1 × | met |",
		"| idle | memory | 41.0 MiB |  |  | ≤ 40.0 MiB | **not met** |",
		"| idle | nothing measured | NaN MiB |  |  | ≤ 40.0 MiB | ? |",
		"**not measured**: no server; at all",
		"-quick",
		"\na note about pgb\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, &b)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		list []float64
		want float64
	}{
		{[]float64{3}, 3}, {[]float64{9, 1}, 5}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 9, 2}, 3},
	} {
		s := make(Samples)
		for _, v := range c.list {
			s.Add("a", "x", v)
			s.Add("b", "x", -v)
		}
		if got := s.Median("a", "x"); got != c.want {
			t.Errorf("%v: %v, want %v", c.list, got, c.want)
		}
	}
	if s := make(Samples); !math.IsNaN(s.Median("a", "x")) || s.Has("a", "x") {
		t.Error("nothing has a median")
	}
}
