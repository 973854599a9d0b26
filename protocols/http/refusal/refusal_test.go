package refusal_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/http/refusal"
)

// answer is what a client gets.
func answer(p *refusal.Problem, s refusal.Shape) (media string, doc map[string]any) {
	w := httptest.NewRecorder()
	p.Shape = s
	p.Write(w, http.MethodPost)
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		panic(err)
	}
	return w.Header().Get("Content-Type"), doc
}

// Whatever the shape, a program finds the same fields.
func TestARefusalInEveryShape(t *testing.T) {
	d := action.Decision{Rule: "careful", Reason: "Not today.", Approval: "A1"}
	for _, c := range []struct {
		shape refusal.Shape
		p     *refusal.Problem
		media string
		typ   string            // of the document
		err   map[string]any    // in its error
		top   map[string]string // beside it
	}{
		{refusal.Plain, refusal.Denied(d, "I"), "application/problem+json", "https://sallyport.dev/problems/denied", nil, nil},
		{refusal.OpenAI, refusal.Denied(d, "I"), "application/problem+json", "https://sallyport.dev/problems/denied", map[string]any{"type": "request_forbidden", "code": "denied", "param": nil}, nil},
		{refusal.OpenAI, refusal.Pending(d, "I", false), "application/problem+json", "https://sallyport.dev/problems/approval-pending", map[string]any{"type": "invalid_request_error", "code": "approval_pending"}, map[string]string{"approval_id": "A1", "approval_url": "http://sallyport.internal/approvals/A1"}},
		{refusal.Anthropic, refusal.Denied(d, "I"), "application/json", "error", map[string]any{"type": "permission_error"}, map[string]string{"problem": "https://sallyport.dev/problems/denied"}},
		{refusal.Anthropic, refusal.Pending(d, "I", false), "application/json", "error", map[string]any{"type": "invalid_request_error"}, map[string]string{"problem": "https://sallyport.dev/problems/approval-pending"}},
		{refusal.Anthropic, refusal.Crowded(), "application/json", "error", map[string]any{"type": "rate_limit_error"}, nil},
		{refusal.Google, refusal.Denied(d, "I"), "application/problem+json", "https://sallyport.dev/problems/denied", map[string]any{"code": 403.0, "status": "PERMISSION_DENIED"}, nil},
		{refusal.Google, refusal.Unreachable("I", ""), "application/problem+json", "https://sallyport.dev/problems/upstream-failed", map[string]any{"code": 502.0, "status": "UNAVAILABLE"}, nil},
	} {
		media, doc := answer(c.p, c.shape)
		if media != c.media || doc["type"] != c.typ || doc["reason"] != c.p.Reason || doc["detail"] != c.p.Reason+" "+c.p.Next || c.p.Next == "" || doc["status"] != float64(c.p.Status) {
			t.Errorf("shape %d: %s %v", c.shape, media, doc)
		}
		for name, want := range c.top {
			if doc[name] != want {
				t.Errorf("shape %d: %s is %v", c.shape, name, doc[name])
			}
		}
		err, has := doc["error"].(map[string]any)
		if has != (c.err != nil) {
			t.Errorf("shape %d: the error is %v", c.shape, doc["error"])
			continue
		}
		for name, want := range c.err {
			if err[name] != want {
				t.Errorf("shape %d: %s is %v", c.shape, name, err[name])
			}
		}
		if text, _ := err["message"].(string); has && (!strings.Contains(text, c.p.Reason) || !strings.Contains(text, c.p.Next)) {
			t.Errorf("shape %d says %q", c.shape, text)
		}
	}
}

func TestWhoseErrorsAClientReads(t *testing.T) {
	for _, c := range []struct {
		path, version string
		want          refusal.Shape
	}{
		{"/v1/chat/completions", "", refusal.OpenAI},
		{"/v1/responses", "", refusal.OpenAI},
		{"/v1/threads/t/messages", "", refusal.OpenAI},
		{"/v1/messages", "2023-06-01", refusal.Anthropic},
		{"/v1/messages/count_tokens", "2023-06-01", refusal.Anthropic},
		{"/v1/messages", "", refusal.Plain}, // curl
		{"/v1beta/models/gemini-2:streamGenerateContent", "", refusal.Google},
	} {
		h := http.Header{}
		if c.version != "" {
			h.Set("Anthropic-Version", c.version)
		}
		if got := refusal.Of(c.path, h); got != c.want {
			t.Errorf("%s %q: %d", c.path, c.version, got)
		}
	}
}
