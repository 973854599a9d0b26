package http

import (
	"encoding/json"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/http/ask"
)

// effectsOf tries a request and says what its body does, read in one way.
func effectsOf(t *testing.T, a *action.Action, reading string) string {
	t.Helper()
	for _, r := range ask.Table().Readings {
		if r.Name != reading {
			continue
		}
		switch e, _, s := r.Effects(a.Parts[0].Facts); s {
		case action.Known:
			return e.String()
		case action.Pending:
			return "pending"
		}
		return "unknown"
	}
	t.Fatalf("no reading %q", reading)
	return ""
}

// A GraphQL server may take a parameter of the URL before that of the body, and
// looks for either by several names.
func TestT27_GraphQLInTheURL(t *testing.T) {
	const two = `{"query": "query A { a } mutation B { b }", "operationName": "A"}`
	for _, tt := range []struct {
		method, target, body string
		want                 string
	}{
		{"POST", "/graphql", two, "read"},
		{"POST", "/graphql?page=1", two, "read"},
		{"POST", "/graphql?query=mutation{b}", two, "unknown"},
		{"POST", "/graphql?operationName=B", two, "unknown"},
		{"POST", "/graphql?operation_name=B", two, "unknown"},
		{"POST", "/graphql?documentId=b", two, "unknown"},
		{"POST", "/graphql?extensions={}", two, "unknown"},
		{"POST", "/graphql?x=1;operationName=B", two, "unknown"},
		{"GET", "/graphql?query={a}", "", "read"},
		{"GET", "/graphql?query=mutation{a}", "", "write"},
		{"GET", "/graphql?query=query+A{a}mutation+B{b}&operationName=B", "", "write"},
		{"GET", "/graphql?query={a}&query=mutation{b}", "", "unknown"},
		{"GET", "/graphql?query={a}&+query=mutation{b}", "", "unknown"},
		{"GET", "/graphql?query={a}&Query=mutation{b}", "", "unknown"},
		{"GET", "/graphql?query={a}&query[]=mutation{b}", "", "unknown"},
		{"GET", "/graphql?query={a}&id=b", "", "unknown"},
		{"GET", "/graphql?query={a}&extensions=x", "", "unknown"},
		{"GET", "/graphql", "", "unknown"},
		{"GET", "/graphql?query={a}", two, "unknown"},
	} {
		a, err := Trial(&action.Service{Name: "api", Readings: []string{"graphql"}}, action.Trial{
			Method: tt.method, URL: tt.target, Headers: map[string]string{"Content-Type": "application/json"}, Body: []byte(tt.body),
		})
		if err != nil {
			t.Errorf("%s: %v", tt.target, err)
			continue
		}
		if got := effectsOf(t, a, "graphql"); got != tt.want {
			t.Errorf("%s %s %s: %s, want %s", tt.method, tt.target, tt.body, got, tt.want)
		}
	}
}

// What a WebSocket will carry is unknown, whatever its handshake asks in passing.
func TestT27_AHandshakeAsksNothing(t *testing.T) {
	a, err := Trial(&action.Service{Name: "api", Readings: []string{"graphql", "llm"}}, action.Trial{
		URL: "/graphql?query={a}", Headers: map[string]string{"Connection": "Upgrade", "Upgrade": "websocket"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, reading := range []string{"graphql", "llm"} {
		if got := effectsOf(t, a, reading); got != "unknown" {
			t.Errorf("by %s it does %s", reading, got)
		}
	}
}

// A record tells what was read, and no more: another way to read the same body is
// pending, and what the request line says can be read again.
func TestRecordsAreReadAgain(t *testing.T) {
	const message = `{"jsonrpc": "2.0", "method": "ping"}`
	for _, tt := range []struct {
		declared, method, target, body, reading, want string
	}{
		{"mcp", "POST", "/mcp", message, "mcp", "read"},
		{"", "POST", "/mcp", message, "mcp", "pending"},
		{"mcp", "POST", "/graphql", message, "graphql", "pending"},
		{"graphql", "POST", "/mcp", message, "mcp", "pending"},
		{"", "GET", "/graphql?query=mutation{a}", "", "graphql", "write"},
		{"mcp", "GET", "/graphql?query={a}", "", "graphql", "read"},
		{"", "GET", "/a/b/info/refs?service=git-upload-pack", "", "git", "read"},
		{"", "POST", "/a/b/git-receive-pack", "0000", "git", "pending"},
		{"git", "POST", "/a/b/git-receive-pack", "0000", "git", "read"},
	} {
		svc := &action.Service{Name: "api"}
		if tt.declared != "" {
			svc.Readings = []string{tt.declared}
		}
		a, err := Trial(svc, action.Trial{Method: tt.method, URL: tt.target, Headers: map[string]string{"Content-Type": "application/json"}, Body: []byte(tt.body)})
		if err != nil {
			t.Fatal(err)
		}
		kept, err := json.Marshal(a.Parts[0].Facts)
		if err != nil {
			t.Fatal(err)
		}
		again := new(ask.Request)
		if err := json.Unmarshal(kept, again); err != nil {
			t.Fatal(err)
		}
		again.Reopen(svc)
		a.Parts[0].Facts = again
		if got := effectsOf(t, a, tt.reading); got != tt.want {
			t.Errorf("%s %s, read by %q, is %s by %s, want %s\n%s", tt.method, tt.target, tt.declared, got, tt.reading, tt.want, kept)
		}
	}
}
