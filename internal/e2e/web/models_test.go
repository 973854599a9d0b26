//go:build e2e

package web

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"sallyport.dev/sallyport/internal/lab"
)

// models gives the agents a provider of language models.
const models = `
service "openai" {
  preset = "openai"
  hosts  = ["models.example.com"]
  auth   = bearer(secret.openai)
  tls    = { ca = file("upstreams.pem") }
}

role "thinkers" {
  members = ["agent:laptop", "agent:ci-runner-1"]
  use     = [service.openai]
}
`

// think has both agents ask models, of which one has no price, and one a name that
// is no name.
func (s *site) think(laptop, ci *lab.Agent) {
	s.t.Helper()
	s.Secret("openai", "a-key-of-a-provider-of-models")
	s.HTTPS("models.example.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, model, _ := strings.Cut(string(body), `"model":`)
		model, _, _ = strings.Cut(model, ",")
		usage := fmt.Sprintf(`"usage":{"prompt_tokens":%d,"completion_tokens":%d,"prompt_tokens_details":{"cached_tokens":%d},"completion_tokens_details":{"reasoning_tokens":40}}`, 900*len(model), 31*len(model), 400*len(model))
		if !strings.Contains(string(body), `"stream":true`) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"object":"chat.completion","model":%s,"choices":[{"message":{"role":"assistant","content":"Done."},"finish_reason":"stop"}],%s}`, model, usage)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintf(w, "data: {\"object\":\"chat.completion.chunk\",\"model\":%s,\"choices\":[{\"delta\":{\"content\":\"Half of\"}}]}\n\ndata: [DONE]\n\n", model)
	}))
	for i, model := range []string{"gpt-5", "gpt-5-mini", "gpt-4.1", "acme-7b", `<img src=x onerror=alert(1)>\u202e\u0000`, "gpt-5", "gpt-4o-mini", "o3", "gpt-4.1-nano"} {
		for j, a := range []*lab.Agent{laptop, ci} {
			body := fmt.Sprintf(`{"model":"%s","messages":[{"role":"user","content":"?"}],"stream":%v}`, model, i%4 == 1 && j == 0)
			s.request(s.t.Context(), a.HTTP(), "POST", "https://models.example.com/v1/chat/completions", body, "Content-Type", "application/json")
		}
	}
}

// sameNumbers compares the page in sight with the records themselves.
func (s *site) sameNumbers(b *browser) {
	s.t.Helper()
	var requests, prompt, output, cost int64
	for _, r := range s.Records("service:openai limit:10000", 21) {
		requests, prompt, output, cost = requests+1, prompt+r.Usage.Prompt(), output+r.Usage.Output, cost+r.Usage.Cost
	}
	comma := func(n int64) string {
		if n < 1000 {
			return fmt.Sprint(n)
		}
		return fmt.Sprintf("%d,%03d", n/1000, n%1000) // none has a million
	}
	want := fmt.Sprintf("$%.4f %s %s %s in, %s out", float64(cost)/1e9, comma(requests), comma(prompt+output), comma(prompt), comma(output))
	tile := func(n int, part string) string { return b.text(fmt.Sprintf(".tile:nth-child(%d) .tile-%s", n, part)) }
	if got := strings.Join([]string{tile(1, "value"), tile(2, "value"), tile(3, "value"), tile(3, "note")}, " "); got != want {
		s.t.Errorf("the page says %q, the records %q", got, want)
	}
}
