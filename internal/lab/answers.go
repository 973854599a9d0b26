package lab

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"sallyport.dev/sallyport/approval/webhook"
	"sallyport.dev/sallyport/internal/lab/chat"
)

// A Model is a scripted model server that speaks both APIs: /v1/messages as
// Anthropic's, everything else as OpenAI's.
type Model struct {
	mu    sync.Mutex
	words string
	asked []*http.Request
	texts []string
}

// Model serves a model under a name; it answers with these words until Says.
func (l *Lab) Model(name, words string) *Model {
	l.t.Helper()
	m := &Model{words: words}
	l.HTTPS(name, m)
	return m
}

// Says has the model say something else from now on.
func (m *Model) Says(words string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.words = words
}

// Asked gives what the model was asked so far, and each request.
func (m *Model) Asked() ([]string, []*http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.texts...), append([]*http.Request(nil), m.asked...)
}

func (m *Model) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	m.mu.Lock()
	words := m.words
	m.texts, m.asked = append(m.texts, string(body)), append(m.asked, r)
	m.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path != "/v1/messages" {
		json.NewEncoder(w).Encode(map[string]any{ //nolint:errcheck // the judge reads or not
			"model": "lab-1", "usage": map[string]any{"prompt_tokens": 100, "completion_tokens": 7},
			"choices": []any{map[string]any{"finish_reason": "stop", "message": map[string]any{"content": words}}},
		})
		return
	}
	input := json.RawMessage(words)
	if !json.Valid(input) {
		input = json.RawMessage(`{}`)
	}
	fmt.Fprintf(w, `{"model":"lab-1","stop_reason":"tool_use","usage":{"input_tokens":100,"output_tokens":7},`+
		`"content":[{"type":"tool_use","name":"give_verdict","input":%s}]}`, input)
}

// A Receiver takes webhooks, and refuses those that are not signed with its key.
type Receiver struct {
	key []byte

	mu  sync.Mutex
	got []webhook.Message
	bad []error
	c   chan struct{}
}

// Receiver serves a receiver of webhooks under a name.
func (l *Lab) Receiver(name, key string) *Receiver {
	l.t.Helper()
	r := &Receiver{key: []byte(key), c: make(chan struct{}, 1)}
	l.HTTPS(name, r)
	return r
}

func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err == nil {
		_, err = webhook.Verify(req.Header, r.key, time.Now(), body)
	}
	var m webhook.Message
	if err == nil {
		err = json.Unmarshal(body, &m)
	}
	r.mu.Lock()
	if err != nil {
		r.bad = append(r.bad, err)
		w.WriteHeader(http.StatusUnauthorized)
	} else {
		r.got = append(r.got, m)
	}
	r.mu.Unlock()
	select {
	case r.c <- struct{}{}:
	default:
	}
}

// All gives every message so far.
func (r *Receiver) All() []webhook.Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]webhook.Message(nil), r.got...)
}

// Wait gives the first n messages, once they are there.
func (l *Lab) Wait(r *Receiver, n int) []webhook.Message {
	l.t.Helper()
	deadline := time.After(patience)
	for {
		r.mu.Lock()
		got, bad := r.got, r.bad
		r.mu.Unlock()
		if len(bad) > 0 {
			l.t.Fatalf("the receiver refuses: %v", bad)
		}
		if len(got) >= n {
			return got[:n]
		}
		select {
		case <-r.c:
		case <-deadline:
			l.t.Fatalf("%d of %d webhooks: %+v\n%s", len(got), n, got, l.Logs)
		}
	}
}

// Slack serves a workspace where Slack would be.
func (l *Lab) Slack(people ...chat.User) *chat.Slack {
	l.t.Helper()
	s := chat.New(people...)
	l.HTTPS("slack.com", s)
	l.t.Cleanup(s.Close)
	return s
}
