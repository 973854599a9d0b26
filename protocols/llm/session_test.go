package llm

import (
	"bytes"
	"encoding/json"
	"testing"

	"sallyport.dev/sallyport/action"
)

// Over one WebSocket a model answers several times (OpenAI, "WebSocket mode" and
// "Realtime"): all of it counts, each answer at its own price.
func TestASession(t *testing.T) {
	responses := []string{
		`{"type":"response.created","response":{"id":"resp_1","model":"gpt-4o-2024-08-06","usage":null}}`,
		`{"type":"response.output_text.delta","delta":"Hello"}`,
		`{"type":"response.completed","response":{"id":"resp_1","model":"gpt-4o-2024-08-06","usage":{"input_tokens":100,"input_tokens_details":{"cached_tokens":40},"output_tokens":10,"output_tokens_details":{"reasoning_tokens":4},"total_tokens":110}}}`,
		`{"type":"response.completed","response":{"id":"resp_2","model":"gpt-4o-2024-08-06","usage":{"input_tokens":200,"output_tokens":20,"total_tokens":220}}}`,
	}
	realtime := []string{
		`{"type":"session.created","session":{"model":"gpt-realtime","instructions":"be kind"}}`,
		`{"type":"response.output_audio_transcript.delta","delta":"Hi"}`,
		`{"type":"response.done","response":{"id":"resp_1","status":"completed","usage":{"total_tokens":253,"input_tokens":132,"output_tokens":121,"input_token_details":{"text_tokens":119,"audio_tokens":13,"cached_tokens":64},"output_token_details":{"text_tokens":30,"audio_tokens":91}}}}`,
	}
	for _, tt := range []struct {
		name     string
		messages []string
		want     string
		charged  int
	}{
		{"nothing", nil, `null`, 0},
		{"two answers", responses, `{"provider":"openai","model":"gpt-4o-2024-08-06","input":260,"cache_read":40,"output":30,"reasoning":4,"cost_nano":2,"price":"p"}`, 2},
		{"one that breaks off", append(responses[:3:3], `{"type":"response.output_text.delta","delta":"Hello, all"}`), `{"provider":"openai","model":"gpt-4o-2024-08-06","input":60,"cache_read":40,"output":13,"reasoning":4,"estimated":true,"cost_nano":2,"price":"p"}`, 2},
		{"speech", realtime, `{"provider":"openai","model":"gpt-realtime","input":68,"cache_read":64,"output":121,"audio":104,"cost_nano":1,"price":"p"}`, 1},
	} {
		for cut := range 3 {
			charged := 0
			s := NewSession(End{Provider: "openai"}, func(u *action.Usage) { u.Cost, u.Price, charged = 1, "p", charged+1 })
			for _, m := range tt.messages {
				pieces := [][]byte{[]byte(m)}
				if cut > 0 {
					pieces = bytes.SplitAfter([]byte(m), []byte([]string{"", ","}[cut-1]))
				}
				for _, p := range pieces {
					s.Write(p)
				}
				s.Next()
			}
			b, err := json.Marshal(s.End())
			if err != nil || string(b) != tt.want || charged != tt.charged {
				t.Errorf("%s, cut %d: %s, %d times, want %s", tt.name, cut, b, charged, tt.want)
			}
		}
	}
}

// One answer without a price leaves all without.
func TestASessionWithoutAPrice(t *testing.T) {
	n := 0
	s := NewSession(End{}, func(u *action.Usage) {
		if n++; n != 2 {
			u.Cost, u.Price = 5, "p"
		}
	})
	for range 3 {
		s.Write([]byte(`{"response":{"usage":{"input_tokens":1,"output_tokens":1}}}`))
		s.Next()
	}
	if u := s.End(); u.Price != "" || u.Cost != 0 || u.Output != 3 {
		t.Errorf("%+v", u)
	}
}
