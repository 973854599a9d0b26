package patience

import (
	"net/http"
	"testing"
	"time"
)

func TestHowLongClientsWait(t *testing.T) {
	const unknown = -1
	for _, c := range []struct {
		field, value string
		want         time.Duration
	}{
		{"Accept", "*/*", unknown},
		{"User-Agent", "curl/8.5.0", unknown},
		{"User-Agent", "python-httpx/0.28.1", 4 * time.Second},
		{"User-Agent", "acme python-httpx/0.28.1", 4 * time.Second},
		{"User-Agent", "not-python-httpx/0.28.1", unknown},
		{"User-Agent", "Ruby", 55 * time.Second},
		{"Prefer", "wait=10", 10 * time.Second},
		{"Prefer", `return=minimal, Wait="7"`, 7 * time.Second},
		{"Prefer", "respond-async", 0},
		{"Prefer", "respond-async, wait=3", 3 * time.Second},
		{"Prefer", "wait=-1", unknown},
		{"Prefer", "wait=soon", unknown},
		{"Prefer", "waiting=3", unknown},
		{"X-Stainless-Timeout", "600", 598 * time.Second},
		{"X-Stainless-Timeout", "5", 4 * time.Second},
		{"X-Stainless-Timeout", "NaN", unknown},
		{"X-Stainless-Timeout", "-5", unknown},
		{"X-Stainless-Timeout", "1e300", unknown},
	} {
		got, ok := Of(http.Header{c.field: {c.value}})
		if !ok {
			got = unknown
		}
		if got != c.want {
			t.Errorf("%s: %s waits %s, want %s", c.field, c.value, got, c.want)
		}
	}
}

func FuzzOf(f *testing.F) {
	f.Add("respond-async, wait=10", "600", "okhttp/4")
	f.Fuzz(func(t *testing.T, prefer, timeout, agent string) {
		got, ok := Of(http.Header{"Prefer": {prefer}, "X-Stainless-Timeout": {timeout}, "User-Agent": {agent}})
		if got < 0 || got > 1e6*time.Second || !ok && got != 0 {
			t.Errorf("waits %s, %v", got, ok)
		}
	})
}
