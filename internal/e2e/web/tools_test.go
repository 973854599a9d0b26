//go:build e2e

package web

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"sallyport.dev/sallyport/internal/lab"
)

// tools gives an agent a server of tools (MCP).
const tools = `
service "tracker" {
  hosts = ["mcp.example.com"]
  auth  = bearer(secret.tracker)
  tls   = { ca = file("upstreams.pem") }
  operation "mcp" {
    match = "POST /mcp"
    as    = "mcp"
  }
}

role "callers" {
  members = ["agent:laptop"]
  use     = [service.tracker]
}

rule "searching is fine" {
  on      = [service.tracker]
  tools   = ["search_*"]
  verdict = "allow"
}

rule "nothing is dropped" {
  on      = [service.tracker]
  tools   = ["drop_*"]
  verdict = "deny"
}
`

// call has an agent call tools, of which one is denied.
func (s *site) call(agent *lab.Agent) {
	s.t.Helper()
	s.Secret("tracker", "a-token-of-the-tracker")
	s.HTTPS("mcp.example.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) //nolint:errcheck // every call is answered alike
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"jsonrpc":"2.0","id":1,"result":{"content":[]}}`)
	}))
	for tool, want := range map[string]int{"search_issues": http.StatusOK, "drop_project": http.StatusForbidden} {
		body := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":%q,"arguments":{"q":"coupon"}}}`, tool)
		if got := s.request(s.t.Context(), agent.HTTP(), "POST", "https://mcp.example.com/mcp", body, "Content-Type", "application/json"); got != want {
			s.t.Errorf("%s: %d, want %d", tool, got, want)
		}
	}
}

// onlyTools looks at a timeline that shows nothing but the calls of tools.
func (s *site) onlyTools(b *browser) {
	s.t.Helper()
	b.see(".moment.deny", "drop_project")
	b.see(".chip[aria-pressed=true]", "Tool 2")
	if n := b.count(".moment"); n != 2 {
		s.t.Errorf("%d moments are shown, of 2 calls", n)
	}
	if text := b.text(".moment .moment-kind"); !strings.Contains(text, "Tool") {
		s.t.Errorf("a call of a tool is told as %q", text)
	}
}
