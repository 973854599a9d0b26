//go:build e2e

package conformance

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/audit/usage"
	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/internal/lab"
	"sallyport.dev/sallyport/internal/notrun"

	"github.com/andybalholm/brotli"
)

// thinking has a provider of models, and a model of one's own without an account.
const thinking = `
gateway {
  wireguard {
    listen = ":0"
  }
}

service "openai" {
  preset = "openai"
  hosts  = ["api.example.com"]
  auth   = bearer(secret.openai)
  tls    = { ca = file("upstreams.pem") }
}

service "own" {
  hosts = ["own.example.com"]
  tls   = { ca = file("upstreams.pem") }
  operation "chat" {
    match  = "POST /v1/chat/completions"
    effect = "read"
    as     = "llm"
  }
}

role "callers" {
  members = ["agent:caller-openai", "agent:caller-own"]
  use     = [service.openai, service.own]
}
`

const toldUsage = `{"prompt_tokens":1117,"completion_tokens":46,"total_tokens":1163,"prompt_tokens_details":{"cached_tokens":1024},"completion_tokens_details":{"reasoning_tokens":20}}`

// speak answers as OpenAI does: in one piece or in events, in the coding that the
// client names, and of the model "gpt-4o" half.
func speak(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Model   string
		Stream  bool
		Options struct {
			Usage bool `json:"include_usage"`
		} `json:"stream_options"`
	}
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	out, flush := coded(w, r.Header.Get("X-Coding"))
	if q.Stream {
		w.Header().Set("Content-Type", "text/event-stream")
	} else {
		w.Header().Set("Content-Type", "application/json")
	}
	responses := strings.HasSuffix(r.URL.Path, "/responses")
	response := func(status string) string {
		return fmt.Sprintf(`{"id":"r","object":"response","status":%q,"model":%q,"output":[],"usage":{"input_tokens":1117,"input_tokens_details":{"cached_tokens":1024},"output_tokens":46,"output_tokens_details":{"reasoning_tokens":20},"total_tokens":1163}}`, status, q.Model)
	}
	chunk := func(rest string) string {
		return fmt.Sprintf(`{"id":"c","object":"chat.completion.chunk","created":1,"model":%q,%s}`, q.Model, rest)
	}
	say := func(text string) string {
		return chunk(`"choices":[{"index":0,"delta":{"content":"` + text + `"},"finish_reason":null}]`)
	}
	var pieces []string
	switch {
	case responses && q.Stream:
		pieces = []string{`{"type":"response.output_text.delta","delta":"Hi"}`, `{"type":"response.completed","response":` + response("completed") + `}`}
	case responses:
		io.WriteString(out, response("completed"))
	case q.Stream:
		pieces = []string{say("Hello, "), say("world. ")}
		if q.Options.Usage {
			pieces = append(pieces, chunk(`"choices":[],"usage":`+toldUsage))
		}
		pieces = append(pieces, "[DONE]")
	default:
		fmt.Fprintf(out, `{"id":"c","object":"chat.completion","created":1,"model":%q,"choices":[{"index":0,"message":{"role":"assistant","content":"Hello, world. "},"finish_reason":"stop"}],"usage":%s}`, q.Model, toldUsage)
	}
	for i, p := range pieces {
		fmt.Fprintf(out, "data: %s\n\n", p)
		flush()
		if q.Model == "gpt-4o" && i == 1 {
			panic(http.ErrAbortHandler)
		}
	}
	if c, ok := out.(io.Closer); ok {
		c.Close()
	}
}

// coded gives what writes in a coding, and what sends all that was written.
func coded(w http.ResponseWriter, coding string) (out io.Writer, flush func()) {
	out, pack := w, func() error { return nil }
	switch coding {
	case "gzip":
		z := gzip.NewWriter(w)
		out, pack = z, z.Flush
	case "br":
		z := brotli.NewWriter(w)
		out, pack = z, z.Flush
	}
	if coding != "" {
		w.Header().Set("Content-Encoding", coding)
	}
	return out, func() {
		pack() //nolint:errcheck // the client may have gone
		w.(http.Flusher).Flush()
	}
}

// TestUsageIsWhatTheSDKSees: whatever the SDK is told a call took stands in its
// record and in the sums; what it is not told is an estimate and says so.
func TestUsageIsWhatTheSDKSees(t *testing.T) {
	modules, err := filepath.Abs("../../.cache/npm/openai")
	must(t, err)
	if _, err := os.Stat(filepath.Join(modules, "done")); err != nil {
		notrun.Skip(t, "the npm package openai is not installed; run contrib/dev/ensure test")
	}
	s := &site{Lab: lab.New(t, thinking), t: t}
	s.Secret("openai", "a-key-that-stays-here")
	s.HTTPS("api.example.com", http.HandlerFunc(speak))
	s.HTTPS("own.example.com", http.HandlerFunc(speak))
	for _, tt := range []struct {
		host, service, responses string
		calls                    int
	}{{"api.example.com", "openai", "yes", 13}, {"own.example.com", "own", "", 11}} {
		_, port, err := net.SplitHostPort(s.Plug("caller-"+tt.service, tt.host, 443))
		must(t, err)
		out, err := s.run([]string{"MODULES=" + modules, "PORT=" + port, "CA=" + s.ca(), "HOST=" + tt.host, "RESPONSES=" + tt.responses}, "node", "testdata/openai/usage.mjs")
		must(t, err)
		lines := strings.Split(out, "\n")
		records := s.Records("service:"+tt.service, tt.calls)
		slices.SortFunc(records, func(a, b audit.Record) int { return a.Time.Compare(b.Time) }) // who hangs up ends later
		if len(lines) != tt.calls || len(records) != tt.calls {
			t.Fatalf("%d calls, %d records:\n%s", len(lines), len(records), out)
		}
		var sum usage.Sum
		for i, line := range lines {
			u := records[i].Usage
			if u == nil {
				t.Errorf("%s: nothing is recorded", line)
				continue
			}
			checkUsage(t, tt.service, line, u)
			sum.Add(usage.Sum{Requests: 1, Input: u.Input, CacheRead: u.CacheRead, Output: u.Output, Reasoning: u.Reasoning, Cost: u.Cost})
		}
		s.checkSum(tt.service, sum)
	}
}

// checkUsage compares a record with what the SDK said of the call.
func checkUsage(t *testing.T, service, line string, u *action.Usage) {
	t.Helper()
	name, numbers, _ := strings.Cut(line, " ")
	got := fmt.Sprintf("%d %d %d %d", u.Prompt(), u.CacheRead, u.Output, u.Reasoning)
	priced := u.Price != "" && u.Cost > 0
	switch {
	case priced != (service == "openai"):
		t.Errorf("%s: %+v", line, u)
	case name == "left" || name == "cut" || strings.HasPrefix(name, "silent"):
		if !u.Estimated || u.Output < 1 || u.Output > 4 || u.Input < 10 || name == "cut" != (u.Model == "gpt-4o") {
			t.Errorf("%s: %+v", line, u)
		}
	case numbers != got || numbers != "1117 1024 46 20" || u.Estimated || u.Model != "gpt-4.1":
		t.Errorf("%s: the record says %s, %+v", line, got, u)
	}
}

// checkSum compares the sum of a service with that of its records.
func (s *site) checkSum(service string, want usage.Sum) {
	s.t.Helper()
	r := httptest.NewRequest("GET", "/api/v1/usage?since=1h&by=service", nil)
	r = r.WithContext(route.WithCaller(r.Context(), route.Caller{Rights: route.RightsOf(route.Viewer)}))
	w := httptest.NewRecorder()
	s.API.Handler().ServeHTTP(w, r)
	var report usage.Report
	if err := json.Unmarshal(w.Body.Bytes(), &report); err != nil || w.Code != http.StatusOK {
		s.t.Fatalf("%d %v: %s", w.Code, err, w.Body)
	}
	var got usage.Sum
	for _, g := range report.Groups {
		if g.Key[0] == service {
			got = g.Sum
		}
	}
	if got.Estimated, got.Unpriced = 0, 0; got != want {
		s.t.Errorf("%s: the sum is %+v, that of the records %+v", service, got, want)
	}
}
