// Package patience tells how long a client waits for an answer, so that it can be
// told to come back before it gives up.
package patience

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A client waits so long for the head of an answer unless its user says otherwise.
type client struct {
	product string // as User-Agent begins, or has it behind a blank
	waits   time.Duration
}

// clients are those whose limit is known; a second or more is left for the way back.
func clients() []client {
	return []client{
		{"python-httpx/", 4 * time.Second}, // read timeout 5 s
		{"hackney/", 4 * time.Second},      // recv_timeout 5 s
		{"okhttp/", 8 * time.Second},       // readTimeout 10 s
		{"Boto3/", 55 * time.Second},       // botocore's read_timeout 60 s
		{"Botocore/", 55 * time.Second},
		{"aws-cli/", 55 * time.Second},
		{"Ruby", 55 * time.Second}, // Net::HTTP's read_timeout 60 s
		{"Faraday ", 55 * time.Second},
		{"google-api-python-client/", 55 * time.Second}, // httplib2's timeout 60 s
	}
}

// Of is how long the client waits for an answer, as it says itself or as is
// known of it; ok is false if it is not known.
func Of(h http.Header) (waits time.Duration, ok bool) {
	if s, found := waitPreference(h["Prefer"]); found {
		return s, true
	}
	for _, name := range []string{"X-Stainless-Read-Timeout", "X-Stainless-Timeout"} {
		if s, err := strconv.ParseFloat(h.Get(name), 64); err == nil && s > 0 && s < 1e6 {
			return margin(time.Duration(s * float64(time.Second))), true
		}
	}
	agent := h.Get("User-Agent")
	for _, c := range clients() {
		if strings.HasPrefix(agent, c.product) || strings.Contains(agent, " "+c.product) {
			return c.waits, true
		}
	}
	return 0, false
}

// margin leaves time for the way back.
func margin(d time.Duration) time.Duration { return d - min(d/5, 2*time.Second) }

// waitPreference reads RFC 7240's respond-async, which waits for nothing unless it
// has a wait beside it, and wait=SECONDS.
func waitPreference(values []string) (waits time.Duration, ok bool) {
	for _, v := range values {
		for p := range strings.SplitSeq(v, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "respond-async":
				ok = true
			case "wait":
				if n, err := strconv.Atoi(strings.Trim(strings.TrimSpace(value), `"`)); err == nil && n >= 0 && n < 1e6 {
					return time.Duration(n) * time.Second, true
				}
			}
		}
	}
	return 0, ok
}
