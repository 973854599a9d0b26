package judge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"
)

const (
	anthropicVersion = "2023-06-01"
	maxTokens        = 1024 // of an answer: a verdict and one sentence
	maxThought       = 4096 // the same where what a model thinks counts, too
	maxAttempts      = 3
	toolName         = "give_verdict"
)

// An answer is what a model said.
type answer struct {
	verdict verdict
	model   string // as the answer names it: the version behind an alias
}

// A message of either API.
type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// body makes the request of an API.
func (a API) body(c *Config, system, user string) ([]byte, error) {
	if a == Anthropic {
		return json.Marshal(map[string]any{
			"model": c.Model, "max_tokens": maxTokens, "system": system,
			"messages":    []message{{"user", user}},
			"tools":       []any{map[string]any{"name": toolName, "description": "Gives the verdict about the action.", "input_schema": schema(c.Decides)}},
			"tool_choice": map[string]any{"type": "tool", "name": toolName, "disable_parallel_tool_use": true},
		})
	}
	return json.Marshal(map[string]any{
		"model": c.Model, "messages": []message{{"system", system}, {"user", user}}, "max_completion_tokens": maxThought,
		"response_format": map[string]any{"type": "json_schema", "json_schema": map[string]any{
			"name": toolName, "strict": true, "schema": schema(c.Decides),
		}},
	})
}

// A status is an answer that is none.
type status struct {
	code  int
	after time.Duration // what the server asks to wait
}

func (s status) Error() string { return fmt.Sprintf("the model's server answers %d", s.code) }

// passing reports whether the same call may work a moment later.
func (s status) passing() bool {
	switch s.code {
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, 529: // Anthropic: overloaded
		return true
	}
	return false
}

// post sends a question, a few times if the server is busy, while ctx lasts.
func (j *Judge) post(ctx context.Context, q question) ([]byte, error) {
	system, user := q.prompts()
	body, err := j.conf.API.body(&j.conf, system, user)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	pause := 200 * time.Millisecond
	for attempt := 1; ; attempt++ {
		raw, err := j.once(ctx, body)
		var s status
		if err == nil || !errors.As(err, &s) || !s.passing() || attempt == maxAttempts {
			return raw, err
		}
		wait := time.NewTimer(max(s.after, pause/2+rand.N(pause)))
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return nil, fmt.Errorf("%w; then: %w", err, ctx.Err())
		}
		pause *= 3
	}
}

func (j *Judge) once(ctx context.Context, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, j.conf.URL, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "sallyport-judge")
	if j.conf.API == Anthropic {
		req.Header.Set("anthropic-version", anthropicVersion)
	}
	resp, err := j.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the model: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		s := status{code: resp.StatusCode}
		if secs, err := time.ParseDuration(resp.Header.Get("Retry-After") + "s"); err == nil {
			s.after = secs
		}
		return nil, s
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("read the model's answer: %w", err)
	}
	if len(raw) > maxAnswer {
		return nil, fmt.Errorf("%w: the answer is larger than %d bytes", errForm, maxAnswer)
	}
	return raw, nil
}

// read takes the verdict out of an answer.
func (a API) read(raw []byte) (answer, error) {
	if a == Anthropic {
		return readAnthropic(raw)
	}
	return readOpenAI(raw)
}

func readOpenAI(raw []byte) (answer, error) {
	var r struct {
		Model   string
		Choices []struct {
			Message struct {
				Content   *string
				Refusal   *string
				ToolCalls []json.RawMessage `json:"tool_calls"`
			}
			FinishReason string `json:"finish_reason"`
		}
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return answer{}, fmt.Errorf("%w: %w", errForm, err)
	}
	out := answer{model: r.Model}
	if len(r.Choices) != 1 {
		return out, fmt.Errorf("%w: %d answers instead of one", errForm, len(r.Choices))
	}
	c := r.Choices[0]
	if c.Message.Refusal != nil && *c.Message.Refusal != "" {
		return out, fmt.Errorf("%w: the model refuses to judge", errForm)
	}
	if c.FinishReason != "stop" || c.Message.Content == nil || len(c.Message.ToolCalls) > 0 {
		return out, fmt.Errorf("%w: it ends with %q", errForm, c.FinishReason)
	}
	var err error
	out.verdict, err = parse([]byte(*c.Message.Content))
	return out, err
}

func readAnthropic(raw []byte) (answer, error) {
	var r struct {
		Model   string
		Content []struct {
			Type  string
			Name  string
			Input json.RawMessage
		}
		StopReason string `json:"stop_reason"`
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return answer{}, fmt.Errorf("%w: %w", errForm, err)
	}
	out := answer{model: r.Model}
	var call json.RawMessage
	for _, c := range r.Content {
		if c.Type != "tool_use" {
			continue // a model may think aloud; only the call is a verdict
		}
		if call != nil || c.Name != toolName {
			return out, fmt.Errorf("%w: it calls a tool that is not there, or one twice", errForm)
		}
		call = c.Input
	}
	if call == nil || r.StopReason != "tool_use" {
		return out, fmt.Errorf("%w: it ends with %q", errForm, r.StopReason)
	}
	var err error
	out.verdict, err = parse(call)
	return out, err
}
