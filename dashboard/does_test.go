package dashboard

import (
	"encoding/json"
	"strings"
	"testing"

	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/audit/record"
)

// The facts are as protocols/http writes them.
func TestTurnOf(t *testing.T) {
	for _, row := range []struct{ facts, want string }{
		{`{"method":"GET","path":"/a"}`, `null`},
		{`{"path":"/v1/messages","call":{"llm":{"provider":"anthropic","model":"claude-sonnet-4-5"}}}`, `{"kind":"model","names":["claude-sonnet-4-5"]}`},
		{`{"path":"/v1/messages","call":{"llm":{"provider":"anthropic","unclear":true}}}`, `{"kind":"model"}`},
		{`{"path":"/mcp","call":{"rpc":{"methods":["tools/call"],"tools":["search_issues"]}}}`, `{"kind":"tool","names":["search_issues"]}`},
		{`{"path":"/mcp","call":{"rpc":{"methods":["initialize"]}}}`, `{"kind":"rpc","names":["initialize"]}`},
		{`{"path":"/graphql","call":{"graphql":{"types":["mutation"],"fields":["deleteIssue"]}}}`, `{"kind":"graphql","names":["mutation","deleteIssue"]}`},
		{`{"path":"/user","size":0,"call":{"graphql":{"unclear":true}}}`, `null`},
		{`{"path":"/graphql","size":9,"call":{"graphql":{"unclear":true}}}`, `{"kind":"graphql"}`},
		{`{"path":"/x\"call\":","call":7}`, `null`},
		{`{"call":{}}`, `null`},
		{`{"call":{"rpc":{"tools":["1","2","3","4","5","` + strings.Repeat("a", 99) + `"]}}}`, `{"kind":"tool","names":["1","2","3","4"]}`},
	} {
		got, err := json.Marshal(turnOf(&audit.Record{Parts: []record.Part{{Facts: json.RawMessage(row.facts)}}}))
		if err != nil || string(got) != row.want {
			t.Errorf("%s: %s, want %s (%v)", row.facts, got, row.want, err)
		}
	}
	if turnOf(&audit.Record{}) != nil {
		t.Error("a record without facts has a turn")
	}
}
