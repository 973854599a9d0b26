package judge

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval"
	"sallyport.dev/sallyport/protocols/llm"
)

var (
	blanks  = strings.Repeat(" \n", 2000)
	padding = strings.Repeat("lorem ipsum dolor sit amet ", 8000)
)

type facts struct{ method, path string }

func tables() []action.FactTable {
	return []action.FactTable{{Protocol: "http", Facts: []action.FactSpec{
		action.Str("http.method", "", 0, func(f *facts) (string, action.State) { return f.method, action.Known }),
		action.Str("http.path", "", 0, func(f *facts) (string, action.State) { return f.path, action.Known }),
	}}}
}

// deletion is an action that deletes every customer, with a text of the agent's in
// every place where it can put one.
func deletion(text string) *action.Action {
	sum := sha256.Sum256([]byte(text))
	var sample strings.Builder
	sample.WriteString("DELETE /customers\n")
	for _, line := range strings.Split(text, "\n") {
		sample.WriteString(action.SampleMargin + line + "\n")
	}
	return &action.Action{
		ID: "1", Kind: "request", Summary: "DELETE /customers " + text[:min(len(text), 200)], Host: "api.example.com", Dst: netip.MustParseAddrPort("192.0.2.1:443"),
		Peer: &action.Peer{ID: "a", Name: "robot", Enrolled: []string{"writer"}}, Service: &action.Service{Name: "crm", Protocol: "http"},
		Parts:  []action.Part{{Facts: &facts{"DELETE", "/customers?" + text}, Effects: action.EffectDestructive}},
		Digest: sum[:], Sample: []byte(sample.String()),
	}
}

// A model is a scripted server: what it is asked it hands to answer, which gives
// the words of the model, or a whole answer if it begins with "HTTP".
type model struct {
	*httptest.Server
	api    API
	calls  atomic.Int64
	mu     sync.Mutex
	asked  []string // system and user, as the model saw them; guarded by mu
	header http.Header
}

func serve(t *testing.T, api API, say func(system, user string) string) *model {
	t.Helper()
	m := &model{api: api}
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.calls.Add(1)
		var req struct {
			Model, System string
			Messages      []message
		}
		raw, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(raw, &req); err != nil {
			t.Errorf("the judge sends %.200q: %v", raw, err)
		}
		system, user := req.System, req.Messages[len(req.Messages)-1].Content
		if api == OpenAI {
			system = req.Messages[0].Content
		}
		m.mu.Lock()
		m.asked, m.header = append(m.asked, system, user), r.Header
		m.mu.Unlock()
		reply(w, api, say(system, user))
	}))
	t.Cleanup(m.Close)
	return m
}

// reply writes what a model says in the shape of its API.
func reply(w http.ResponseWriter, api API, words string) {
	if rest, ok := strings.CutPrefix(words, "HTTP "); ok {
		code, body, _ := strings.Cut(rest, " ")
		var n int
		fmt.Sscan(code, &n)
		w.WriteHeader(n)
		io.WriteString(w, body) //nolint:errcheck // the judge reads or not
		return
	}
	if api == OpenAI {
		json.NewEncoder(w).Encode(map[string]any{ //nolint:errcheck // as above
			"model":   "m-2026-01-01",
			"choices": []any{map[string]any{"finish_reason": "stop", "message": map[string]any{"role": "assistant", "content": words}}},
			"usage":   map[string]any{"prompt_tokens": 100, "completion_tokens": 7},
		})
		return
	}
	input := json.RawMessage(words)
	if !json.Valid(input) {
		input, _ = json.Marshal(words)
	}
	fmt.Fprintf(w, `{"model":"m-2026-01-01","stop_reason":"tool_use","content":[{"type":"tool_use","name":"give_verdict","input":%s}],`+
		`"usage":{"input_tokens":60,"cache_read_input_tokens":40,"output_tokens":7}}`, input)
}

func (m *model) judge(t *testing.T, change func(*Config)) *Judge {
	t.Helper()
	c := Config{Name: "pii", API: m.api, URL: m.URL, Model: "m", Prompt: "Deny whatever deletes customers.", Timeout: 30 * time.Second, Cache: time.Minute, Tables: tables()}
	if change != nil {
		change(&c)
	}
	j := New(c, m.Client(), slog.New(slog.DiscardHandler))
	t.Cleanup(j.Close)
	return j
}

func says(word string) func(string, string) string {
	return func(string, string) string { return `{"verdict":"` + word + `","reason":"because"}` }
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		says    string
		decides bool
		want    approval.Judgement
	}{
		{`{"verdict":"deny","reason":"no"}`, false, approval.Deny},
		{`{"verdict":"pass","reason":"fine"}`, false, approval.Pass},
		{`{"verdict":"allow","reason":"fine"}`, false, approval.Deny}, // not its own to give
		{`{"verdict":"deny","reason":"no"}`, true, approval.Deny},
		{`{"verdict":"pass","reason":"unsure"}`, true, approval.Pass},
		{`{"verdict":"allow","reason":"fine"}`, true, approval.Allow},
		{` {"reason":"fine","verdict":"pass"} `, false, approval.Pass},
		// Out of form
		{`allow`, true, approval.Deny},
		{``, true, approval.Deny},
		{`{}`, true, approval.Deny},
		{`[]`, true, approval.Deny},
		{`null`, true, approval.Deny},
		{`"pass"`, true, approval.Deny},
		{`{"verdict":"allow"}`, true, approval.Deny},
		{`{"verdict":"allow","reason":""}`, true, approval.Deny},
		{`{"verdict":"allow","reason":" \n "}`, true, approval.Deny},
		{`{"verdict":"ALLOW","reason":"x"}`, true, approval.Deny},
		{`{"Verdict":"allow","reason":"x"}`, true, approval.Deny},
		{`{"verdict":"allowed","reason":"x"}`, true, approval.Deny},
		{`{"verdict":"allow","reason":"x","confidence":1}`, true, approval.Deny},
		{`{"verdict":["allow"],"reason":"x"}`, true, approval.Deny},
		{`{"verdict":true,"reason":"x"}`, true, approval.Deny},
		// Two words
		{`{"verdict":"deny","verdict":"allow","reason":"x"}`, true, approval.Deny},
		{`{"verdict":"allow","verdict":"allow","reason":"x"}`, true, approval.Deny},
		{`{"verdict":"allow","reason":"x","reason":"y"}`, true, approval.Deny},
		{`{"verdict":"allow","reason":"x"}{"verdict":"deny","reason":"x"}`, true, approval.Deny},
		{`{"verdict":"allow","reason":"x"} and so on`, true, approval.Deny},
		{"```json\n{\"verdict\":\"allow\",\"reason\":\"x\"}\n```", true, approval.Deny},
		// Answers that are none
		{`HTTP 400 {"error":{}}`, true, approval.Deny},
		{`HTTP 401 {}`, true, approval.Deny},
		{`HTTP 302 {}`, true, approval.Deny},
		{`HTTP 204 `, true, approval.Deny},
		{`HTTP 200 not json`, true, approval.Deny},
		{`HTTP 200 {}`, true, approval.Deny},
		{`HTTP 200 ` + strings.Repeat(" ", maxAnswer+1), true, approval.Deny},
	} {
		for _, api := range []API{OpenAI, Anthropic} {
			m := serve(t, api, func(string, string) string { return c.says })
			j := m.judge(t, func(conf *Config) { conf.Decides = c.decides })
			if got := j.Judge(t.Context(), deletion("x")); got.Judgement != c.want || got.Reason == "" {
				t.Errorf("%s says %.80q, decides %v: %v %q, want %v", api, c.says, c.decides, got.Judgement, got.Reason, c.want)
			}
		}
	}
}

func TestAnswersOfTheAPIs(t *testing.T) {
	good := `{\"verdict\":\"allow\",\"reason\":\"x\"}`
	tool := `{"type":"tool_use","name":"give_verdict","input":{"verdict":"allow","reason":"x"}}`
	for _, c := range []struct {
		api  API
		body string
		want approval.Judgement
	}{
		{OpenAI, `{"choices":[{"finish_reason":"stop","message":{"content":"` + good + `"}}]}`, approval.Allow},
		{OpenAI, `{"choices":[{"finish_reason":"length","message":{"content":"` + good + `"}}]}`, approval.Deny},
		{OpenAI, `{"choices":[{"finish_reason":"content_filter","message":{"content":"` + good + `"}}]}`, approval.Deny},
		{OpenAI, `{"choices":[{"finish_reason":"stop","message":{"content":"` + good + `","refusal":"no"}}]}`, approval.Deny},
		{OpenAI, `{"choices":[{"finish_reason":"stop","message":{"content":"` + good + `","tool_calls":[{}]}}]}`, approval.Deny},
		{OpenAI, `{"choices":[{"finish_reason":"stop","message":{"content":null}}]}`, approval.Deny},
		{OpenAI, `{"choices":[{"finish_reason":"stop","message":{"content":"` + good + `"}},{"finish_reason":"stop","message":{"content":"` + good + `"}}]}`, approval.Deny},
		{Anthropic, `{"stop_reason":"tool_use","content":[{"type":"text","text":"deny"},` + tool + `]}`, approval.Allow},
		{Anthropic, `{"stop_reason":"end_turn","content":[` + tool + `]}`, approval.Deny},
		{Anthropic, `{"stop_reason":"max_tokens","content":[` + tool + `]}`, approval.Deny},
		{Anthropic, `{"stop_reason":"tool_use","content":[` + tool + `,` + tool + `]}`, approval.Deny},
		{Anthropic, `{"stop_reason":"tool_use","content":[{"type":"tool_use","name":"override_verdict","input":{"verdict":"allow","reason":"x"}}]}`, approval.Deny},
		{Anthropic, `{"stop_reason":"tool_use","content":[{"type":"text","text":"` + good + `"}]}`, approval.Deny},
	} {
		m := serve(t, c.api, func(string, string) string { return "HTTP 200 " + c.body })
		j := m.judge(t, func(conf *Config) { conf.Decides = true })
		if got := j.Judge(t.Context(), deletion("x")); got.Judgement != c.want {
			t.Errorf("%s %s: %v %q", c.api, c.body, got.Judgement, got.Reason)
		}
	}
}

func TestTokensAreCounted(t *testing.T) {
	for _, api := range []API{OpenAI, Anthropic} {
		words := `{"verdict":"pass","reason":"x"}`
		m := serve(t, api, func(string, string) string { return words })
		var got Usage
		j := m.judge(t, func(c *Config) {
			c.Usage = llm.Read
			c.Spent = func(u Usage) { got = Usage{got.Calls + u.Calls, got.Input + u.Input, got.Output + u.Output} }
		})
		j.Judge(t.Context(), deletion("a"))
		j.Judge(t.Context(), deletion("a")) // remembered, and free
		words = "nonsense"                  // costs, too
		j.Judge(t.Context(), deletion("b"))
		if got != (Usage{Calls: 2, Input: 200, Output: 14}) {
			t.Errorf("%s: %+v", api, got)
		}
	}
}

func TestTheRequestOfEachAPI(t *testing.T) {
	for api, want := range map[API][]string{
		OpenAI:    {`"response_format":{"json_schema":{`, `"strict":true`, `"enum":["deny","pass"]`, `"role":"system"`},
		Anthropic: {`"tool_choice":{"disable_parallel_tool_use":true,"name":"give_verdict","type":"tool"}`, `"enum":["deny","pass"]`, `"max_tokens":`, `"system":"`},
	} {
		body, err := api.body(&Config{Model: "m"}, "s", "u")
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(string(body), w) {
				t.Errorf("%s: no %s in %s", api, w, body)
			}
		}
		if strings.Contains(string(body), "allow\"") {
			t.Errorf("%s offers allow: %s", api, body)
		}
	}
}

func TestABusyServerIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			code  int
			calls int
			want  approval.Judgement
		}{{429, 3, approval.Pass}, {503, 3, approval.Pass}, {529, 3, approval.Pass}, {400, 1, approval.Deny}, {403, 1, approval.Deny}} {
			var calls int
			j := New(Config{Name: "pii", API: OpenAI, URL: "https://m.example.com/", Timeout: time.Minute}, &http.Client{Transport: tripper(func(*http.Request) *http.Response {
				w := httptest.NewRecorder()
				if calls++; calls < 3 {
					w.Header().Set("Retry-After", "2")
					w.WriteHeader(c.code)
				} else {
					reply(w, OpenAI, `{"verdict":"pass","reason":"x"}`)
				}
				return w.Result()
			})}, slog.New(slog.DiscardHandler))
			if got := j.Judge(t.Context(), deletion("x")); got.Judgement != c.want || calls != c.calls {
				t.Errorf("%d: %v after %d calls", c.code, got, calls)
			}
			j.Close()
		}
	})
}

type tripper func(*http.Request) *http.Response

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) {
	if resp := f(r); resp != nil {
		return resp, nil
	}
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestASilentModelIsANo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := New(Config{Name: "pii", API: OpenAI, URL: "https://m.example.com/", Timeout: 20 * time.Second, Decides: true},
			&http.Client{Transport: tripper(func(*http.Request) *http.Response { return nil })}, slog.New(slog.DiscardHandler))
		defer j.Close()
		start := time.Now()
		got := j.Judge(t.Context(), deletion("x"))
		if got.Judgement != approval.Deny || !strings.Contains(got.Reason, "too long") || time.Since(start) != 20*time.Second {
			t.Errorf("%+v after %v", got, time.Since(start))
		}
	})
}

// TestOneCallForManyAsks proves that equal questions share a call, that one who
// gives up takes it from nobody else, and that the last one ends it.
func TestOneCallForManyAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		ended := make(chan error, 8)
		release := make(chan struct{})
		j := New(Config{Name: "pii", API: OpenAI, URL: "https://m.example.com/", Timeout: time.Hour}, &http.Client{Transport: tripper(func(r *http.Request) *http.Response {
			calls.Add(1)
			select {
			case <-release:
			case <-r.Context().Done():
				ended <- r.Context().Err()
				return nil
			}
			w := httptest.NewRecorder()
			reply(w, OpenAI, `{"verdict":"pass","reason":"x"}`)
			return w.Result()
		})}, slog.New(slog.DiscardHandler))
		defer j.Close()
		first, leave := context.WithCancel(t.Context())
		got := make(chan approval.Opinion, 8)
		for _, ctx := range []context.Context{first, t.Context(), t.Context()} {
			go func() { got <- j.Judge(ctx, deletion("x")) }()
		}
		synctest.Wait()
		leave()
		if o := <-got; o.Judgement != approval.Deny {
			t.Errorf("who left is told %+v", o)
		}
		close(release)
		if a, b := <-got, <-got; a.Judgement != approval.Pass || b.Judgement != approval.Pass || calls.Load() != 1 {
			t.Errorf("%+v %+v, %d calls", a, b, calls.Load())
		}
		release = make(chan struct{})
		alone, leave := context.WithCancel(t.Context())
		go func() { got <- j.Judge(alone, deletion("y")) }()
		synctest.Wait()
		leave()
		<-got
		if err := <-ended; err == nil {
			t.Error("the call of nobody goes on")
		}
	})
}

// A crowd counts who is there at once, and the most that ever were.
type crowd struct {
	mu        sync.Mutex
	now, most int
}

func (c *crowd) enter() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now++
	c.most = max(c.most, c.now)
}

func (c *crowd) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now--
}

func TestCallsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running crowd
		j := New(Config{Name: "pii", API: OpenAI, URL: "https://m.example.com/", Timeout: time.Hour}, &http.Client{Transport: tripper(func(*http.Request) *http.Response {
			running.enter()
			time.Sleep(time.Second)
			running.leave()
			w := httptest.NewRecorder()
			reply(w, OpenAI, `{"verdict":"pass","reason":"x"}`)
			return w.Result()
		})}, slog.New(slog.DiscardHandler))
		defer j.Close()
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				a := deletion(fmt.Sprint(i))
				a.Peer = &action.Peer{ID: fmt.Sprint(i), Name: "robot"}
				if o := j.Judge(t.Context(), a); o.Judgement != approval.Pass {
					t.Errorf("%+v", o)
				}
			})
		}
		all.Wait()
		if running.most != maxCalls {
			t.Errorf("%d calls at once, want %d", running.most, maxCalls)
		}
	})
}

// TestT42_OneAgentCannotTakeEveryCall proves that another agent is judged while one
// asks as much as it can of a model that does not answer.
func TestT42_OneAgentCannotTakeEveryCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var flood crowd
		j := New(Config{Name: "pii", API: OpenAI, URL: "https://m.example.com/", Timeout: time.Minute}, &http.Client{Transport: tripper(func(r *http.Request) *http.Response {
			raw, _ := io.ReadAll(r.Body)
			if !strings.Contains(string(raw), "honest") {
				flood.enter()
				<-r.Context().Done()
				flood.leave()
				return nil
			}
			w := httptest.NewRecorder()
			reply(w, OpenAI, `{"verdict":"pass","reason":"x"}`)
			return w.Result()
		})}, slog.New(slog.DiscardHandler))
		defer j.Close()
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() { j.Judge(t.Context(), deletion(fmt.Sprint("flood ", i))) })
		}
		synctest.Wait()
		other := deletion("honest")
		other.Peer = &action.Peer{ID: "b", Name: "other"}
		soon, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if o := j.Judge(soon, other); o.Judgement != approval.Pass {
			t.Errorf("another agent hears %+v", o)
		}
		all.Wait()
		if flood.most != maxAgentCalls {
			t.Errorf("one agent has %d calls at once, want %d", flood.most, maxAgentCalls)
		}
		j.mu.Lock()
		defer j.mu.Unlock()
		if len(j.turns) != 0 {
			t.Errorf("%d agents are remembered after their calls", len(j.turns))
		}
	})
}

func TestVerdictsAreRemembered(t *testing.T) {
	m := serve(t, OpenAI, says("pass"))
	j := m.judge(t, nil)
	now := time.Now()
	j.now = func() time.Time { return now }
	ask := func(a *action.Action, want int64) {
		t.Helper()
		j.Judge(t.Context(), a)
		if got := m.calls.Load(); got != want {
			t.Fatalf("%d calls, want %d", got, want)
		}
	}
	ask(deletion("x"), 1)
	ask(deletion("x"), 1)
	ask(deletion("y"), 2) // another action
	other := deletion("x")
	other.Peer = &action.Peer{ID: "b", Name: "other"}
	ask(other, 3) // another agent
	same := deletion("x")
	same.Digest = []byte("the bytes behind what is shown differ")
	ask(same, 4)
	now = now.Add(2 * time.Minute)
	ask(deletion("x"), 5) // too old
	j.conf.Prompt = "Deny everything."
	ask(deletion("x"), 6) // another policy
}

func TestFailuresAreNotRemembered(t *testing.T) {
	words := "nonsense"
	m := serve(t, OpenAI, func(string, string) string { return words })
	j := m.judge(t, nil)
	if o := j.Judge(t.Context(), deletion("x")); o.Judgement != approval.Deny {
		t.Fatalf("%+v", o)
	}
	words = `{"verdict":"pass","reason":"fine"}`
	if o := j.Judge(t.Context(), deletion("x")); o.Judgement != approval.Pass {
		t.Errorf("%+v", o)
	}
}

func TestAnotherVersionOfTheModelForgets(t *testing.T) {
	version := "v1"
	m := serve(t, OpenAI, func(string, string) string {
		return `HTTP 200 {"model":"` + version + `","choices":[{"finish_reason":"stop","message":{"content":"{\"verdict\":\"pass\",\"reason\":\"x\"}"}}]}`
	})
	j := m.judge(t, nil)
	j.Judge(t.Context(), deletion("x"))
	version = "v2"
	j.Judge(t.Context(), deletion("y"))
	j.Judge(t.Context(), deletion("x"))
	if got := m.calls.Load(); got != 3 {
		t.Errorf("%d calls: the old version's verdict still stands", got)
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	var c cache
	now := time.Now()
	for i := range maxCached + 100 {
		c.put(question{text: fmt.Sprint(i), digest: []byte{1}}, "v", approval.Opinion{}, now.Add(time.Duration(i)), time.Minute)
	}
	if len(c.known) > maxCached {
		t.Errorf("%d verdicts are kept", len(c.known))
	}
}
