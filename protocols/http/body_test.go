package http

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/http/ask"
)

// reader decides like a rule that reads http.args.amount: it learns the body, and
// allows nothing but "5".
type reader struct {
	value string
	state action.State
}

func (r *reader) decide(a *action.Action) action.Decision {
	f := a.Parts[0].Facts
	for _, spec := range ask.Table().Facts {
		if spec.Name == "http.args" {
			r.value, r.state = spec.Key(f, "amount")
		}
	}
	switch {
	case r.state == action.Pending:
		return action.Decision{Need: ask.BodyFacts}
	case r.state == action.Known && r.value == "5":
		return action.Decision{Verdict: action.Allow}
	}
	return action.Decision{Reason: "No."}
}

// A body that a rule has read is sent on as it came.
func TestBodyFacts(t *testing.T) {
	bothVersions(t, func(t *testing.T, h2 bool) {
		b := newBench(t, http.HandlerFunc(echo))
		var r reader
		b.decide = r.decide
		c := b.client(h2)
		for _, tt := range []struct {
			method, query, typ, body string
			status                   int
			state                    action.State
		}{
			{"POST", "", "application/json", `{"amount": 5}`, 200, action.Known},
			{"DELETE", "", "application/json", `{"amount": 5}`, 200, action.Known},
			{"POST", "", "application/x-www-form-urlencoded", "amount=5", 200, action.Known},
			{"POST", "", "application/json", `{"amount": 50}`, 403, action.Known},
			{"POST", "", "application/json", `{"amount": 5, "amount": 50}`, 403, action.Unknown},
			{"POST", "?amount=5", "application/json", `{}`, 200, action.Known},
			{"POST", "?amount=5", "application/json", `{"amount": 50}`, 403, action.Unknown},
			{"POST", "?amount=5", "text/plain", "x", 403, action.Unknown},
			{"GET", "?amount=5", "", "", 200, action.Known},
			{"GET", "", "", "", 403, action.Absent},
		} {
			for _, chunked := range []bool{false, true} {
				var src io.Reader = strings.NewReader(tt.body)
				if chunked {
					src = io.MultiReader(src)
				}
				if tt.body == "" {
					src = nil
				}
				req, err := http.NewRequest(tt.method, "https://api.example/p"+tt.query, src)
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Content-Type", tt.typ)
				resp, err := c.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				got := body(t, resp)
				if resp.StatusCode != tt.status || r.state != tt.state {
					t.Errorf("%s %s %s: %s, %q %v", tt.method, tt.query, tt.body, resp.Status, r.value, r.state)
				}
				if tt.status == 200 && !strings.Contains(got, "body="+quote(tt.body)) {
					t.Errorf("%s: the origin got %s", tt.body, got)
				}
			}
		}
	})
}

func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `\"`) + `"` }

// A body that is too large tells nothing, whatever its method, and still passes as
// a whole where a rule allows that.
func TestT25_BodyAboveTheLimit(t *testing.T) {
	bothVersions(t, func(t *testing.T, h2 bool) {
		var got []byte
		b := newBench(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got, _ = io.ReadAll(r.Body) }))
		b.svc.BodyInspectLimit = 1000
		var r reader
		b.decide = func(a *action.Action) action.Decision {
			if d := r.decide(a); d.Need != 0 || r.state == action.Known {
				return d
			}
			return action.Decision{Verdict: action.Allow}
		}
		for _, size := range []int{1000, 1001, 5000, 300_000} {
			text := `{"amount": 5, "pad": "`
			text += strings.Repeat("x", size-len(text)-2) + `"}`
			for _, method := range []string{"POST", "GET", "DELETE", "QUERY"} {
				for _, src := range []io.Reader{strings.NewReader(text), io.MultiReader(strings.NewReader(text))} {
					req, err := http.NewRequest(method, "https://api.example/p", src)
					if err != nil {
						t.Fatal(err)
					}
					req.Header.Set("Content-Type", "application/json")
					resp, err := b.client(h2).Do(req)
					if err != nil {
						t.Fatal(err)
					}
					body(t, resp)
					want := action.Known
					if size > 1000 {
						want = action.Unknown
					}
					if r.state != want || !bytes.Equal(got, []byte(text)) {
						t.Errorf("%s of %d bytes: %v, and the origin got %d", method, size, r.state, len(got))
					}
				}
			}
		}
		if left, _ := b.p.held.Held(""); left != 0 {
			t.Errorf("%d bytes are still reserved", left)
		}
	})
}

// A body that was read for its facts can be approved afterwards, as it is sent.
func TestBodyFactsThenApproval(t *testing.T) {
	b := newBench(t, http.HandlerFunc(echo))
	var r reader
	b.decide = func(a *action.Action) action.Decision {
		if d := r.decide(a); d.Need != 0 {
			return d
		}
		return action.Decision{Verdict: action.Ask, Rule: "look"}
	}
	var sample string
	b.settle = func(_ context.Context, a *action.Action, _ action.Decision) action.Decision {
		sample = string(a.Sample)
		return action.Decision{Verdict: action.Allow}
	}
	resp, err := b.client(false).Post("https://api.example/p", "application/json", strings.NewReader(`{"amount": 7}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := body(t, resp); resp.StatusCode != 200 || !strings.Contains(sample, `"amount": 7`) || !strings.Contains(got, `amount`) {
		t.Errorf("%s %s, approved was %s", resp.Status, got, sample)
	}
}

// An agent that does not finish its body is refused, and holds no memory.
func TestBodyThatNeverEnds(t *testing.T) {
	b := newBench(t, http.HandlerFunc(echo))
	var r reader
	b.decide = r.decide
	in, out := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "POST", "https://api.example/p", in)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	c, answered := b.client(false), make(chan int, 1)
	go func() {
		code := 0
		if resp, err := c.Do(req); err == nil {
			code = resp.StatusCode
			resp.Body.Close()
		}
		answered <- code
	}()
	if _, err := out.Write([]byte(`{"amount": 5`)); err != nil {
		t.Fatal(err)
	}
	cancel()
	out.CloseWithError(context.Canceled) // the client may wait for its own body before it says that it gave up
	// What it closes first is TLS: it may still read that it is refused.
	if code := <-answered; code != 0 && code != http.StatusForbidden {
		t.Errorf("it was answered: %d", code)
	}
	if got := b.waitRecords(1)[0]; got.d.Verdict != action.Deny || b.dials != 0 {
		t.Errorf("%+v, %d dials", got.d, b.dials)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		left, _ := b.p.held.Held("")
		if left == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d bytes are still reserved", left)
		}
	}
}
