package call

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/http/content"
	"sallyport.dev/sallyport/protocols/llm"
)

func doc(text string) *action.Node {
	n, _ := content.Read([]string{"application/json"}, nil, []byte(text)).JSON()
	return n
}

func message(method, params string) string {
	return `{"jsonrpc": "2.0", "id": 1, "method": "` + method + `", "params": ` + params + `}`
}

func TestMCP(t *testing.T) {
	read, write := action.EffectRead, action.EffectWrite
	for _, tt := range []struct {
		text    string
		method  string // "?" is unknown, "-" absent
		tool    string
		effects action.Effects // 0: unknown
		control bool
	}{
		{message("tools/call", `{"name": "drop", "arguments": {"path": "/etc"}}`), "tools/call", "drop", write, false},
		{message("tools/list", `{}`), "tools/list", "-", read, false},
		{message("initialize", `{}`), "initialize", "-", read, true},
		{`{"jsonrpc": "2.0", "method": "notifications/initialized"}`, "notifications/initialized", "-", read, true},
		{`{"jsonrpc": "2.0", "id": 1, "result": {}}`, "-", "-", read, true},
		{"[" + message("ping", `{}`) + "," + message("tools/call", `{"name": "a"}`) + "]", "?", "a", write, false},
		{"[" + message("tools/call", `{"name": "a"}`) + "," + message("tools/call", `{"name": "b"}`) + "]", "?", "?", write, false},
		{`{}`, "?", "?", 0, false},
		{`[]`, "?", "?", 0, false},
		{`"x"`, "?", "?", 0, false},
		{`broken`, "?", "?", 0, false},
		{`{"jsonrpc": "1.0", "method": "ping"}`, "?", "?", 0, false},
		{`{"jsonrpc": "2.0", "method": "ping", "method": "tools/call"}`, "?", "?", 0, false},
		{`{"jsonrpc": "2.0", "method": "ping", "Method": "tools/call"}`, "?", "?", 0, false},
		{`{"jsonrpc": "2.0", "method": "ping", "result": 1}`, "?", "?", 0, false},
		{`{"jsonrpc": "2.0", "Method": "tools/call", "result": 1}`, "?", "?", 0, false},
		{message("tools/call", `{"name": 5}`), "?", "?", 0, false},
		{message("tools/call", `{"name": "a", "name": "b"}`), "?", "?", 0, false},
		{message("tools/call", `[]`), "?", "?", 0, false},
		{message("tools/call", `{"name": "`+strings.Repeat("x", 300)+`"}`), "?", "?", 0, false},
	} {
		r := Of([]string{"mcp"}, "/mcp", doc(tt.text)).RPC
		e, control, s := r.MCP()
		if s != action.Known {
			e = 0
		}
		if method, tool := shown(r.Method()), shown(r.Tool()); method != tt.method || tool != tt.tool || e != tt.effects || control != tt.control {
			t.Errorf("%s\nis %s of %s, %v %v %v", tt.text, method, tool, e, control, s)
		}
		again := new(RPC)
		if b, err := json.Marshal(r); err != nil || json.Unmarshal(b, again) != nil {
			t.Fatal(err)
		}
		if again.arguments = r.arguments; !reflect.DeepEqual(again, r) {
			t.Errorf("recorded as %+v, was %+v", again, r)
		}
	}
}

func shown(s string, state action.State) string {
	switch state {
	case action.Known:
		return s
	case action.Absent:
		return "-"
	}
	return "?"
}

func TestArguments(t *testing.T) {
	r := Of([]string{"mcp"}, "/", doc(message("tools/call", `{"name": "a", "arguments": {"path": "/etc"}}`))).RPC
	n, s := r.Arguments()
	if s != action.Known {
		t.Fatal(s)
	}
	if got := shown(n.Word("path")); got != "/etc" {
		t.Errorf("path is %s", got)
	}
	if _, s := (&RPC{Methods: r.Methods, Tools: r.Tools}).Arguments(); s != action.Unknown {
		t.Errorf("of a record they are %v", s)
	}
}

func TestLLM(t *testing.T) {
	for _, tt := range []struct {
		path, text string
		want       llm.Request
	}{
		{
			"/v1/chat/completions", `{"model": "gpt-5", "stream": true, "tools": [{"type": "function", "function": {"name": "run"}}], "max_completion_tokens": 100}`,
			llm.Request{Provider: "openai", Model: "gpt-5", Stream: true, Tools: []string{"run"}, MaxTokens: 100},
		},
		{
			"/v1/responses", `{"model": "gpt-5", "tools": [{"type": "web_search"}, {"type": "function", "name": "run"}]}`,
			llm.Request{Provider: "openai", Model: "gpt-5", Tools: []string{"web_search", "run"}, NoLimit: true},
		},
		{
			"/v1/messages", `{"model": "claude", "max_tokens": 5, "tools": [{"name": "run", "input_schema": {}}], "stream": null}`,
			llm.Request{Provider: "anthropic", Model: "claude", Tools: []string{"run"}, MaxTokens: 5},
		},
		{"/v1/messages", `{}`, llm.Request{Provider: "anthropic", Unclear: true}},
		{"/v1/messages", `[]`, llm.Request{Provider: "anthropic", Unclear: true}},
		{"/x", `{"model": "a", "model": "b"}`, llm.Request{Provider: "openai", Unclear: true}},
		{"/x", `{"model": "a", "tools": {}}`, llm.Request{Provider: "openai", Model: "a", NoLimit: true, Unclear: true}},
		{"/x", `{"model": "a", "tools": [{}]}`, llm.Request{Provider: "openai", Model: "a", NoLimit: true, Unclear: true}},
		{"/x", `{"model": "a", "max_tokens": 1, "max_output_tokens": 2}`, llm.Request{Provider: "openai", Model: "a", MaxTokens: 1, Unclear: true}},
		{"/x", `{"model": "a", "stream": "yes"}`, llm.Request{Provider: "openai", Model: "a", NoLimit: true, Unclear: true}},
	} {
		if got := Of([]string{"llm"}, tt.path, doc(tt.text)).LLM; !reflect.DeepEqual(*got, tt.want) {
			t.Errorf("%s\nis %+v", tt.text, *got)
		}
	}
}

// A tool or a model has one name, wherever a service could look for it, or none that is
// known.
func TestT27_UnclearModelCalls(t *testing.T) {
	const chat = "/v1/chat/completions"
	for _, tt := range []struct {
		path, text   string
		model, tools string
	}{
		{chat, `{"model": "a", "functions": [{"name": "run"}]}`, "a", "run"},
		{chat, `{"model": "a", "tools": [{"name": "x"}], "functions": [{"name": "run"}]}`, "a", "x,run"},
		{chat, `{"model": "a", "tools": [{"type": "custom", "custom": {"name": "run"}}]}`, "a", "run"},
		{chat, `{"model": "a", "tools": [{"type": "function", "name": "x", "function": {"name": "run"}}]}`, "?", "?"},
		{chat, `{"model": "a", "tools": [{"type": "function", "function": {"name": "run"}, "Function": {}}]}`, "?", "?"},
		{chat, `{"model": "a", "tools": [{"type": "function", "Function": {"name": "run"}}]}`, "?", "?"},
		{chat, `{"model": "a", "Tools": [{"name": "run"}]}`, "?", "?"},
		{chat, `{"model": "a", "tools": [{"type": "mcp", "server_label": "x"}]}`, "a", "?"},
		{chat, `{"model": "a", "tools": [{"type": "namespace", "name": "x", "tools": [{"name": "run"}]}]}`, "a", "?"},
		{chat, `{"model": "a", "mcp_servers": [{"url": "https://x"}]}`, "a", "?"},
		{chat, `{"model": "a", "web_search_options": {}}`, "a", "web_search"},
		{"/v1/responses", `{"model": "a", "prompt": {"id": "stored"}}`, "a", "?"},
		{"/v1/completions", `{"model": "a", "prompt": "text"}`, "a", "-"},
		{chat, `{"model": "a", "models": ["dear"]}`, "?", "?"},
		{"/openai/deployments/dear/chat/completions", `{"model": "cheap"}`, "?", "?"},
		{"/openai/deployments/dear/chat/completions", `{}`, "dear", "-"},
		{"/v1/models/dear:generate", `{"model": "dear"}`, "dear", "-"},
		{"/v1/engines/dear/completions", `{"Model": "dear"}`, "?", "?"},
	} {
		l := Of([]string{"llm"}, tt.path, doc(tt.text)).LLM
		tools, s := l.Offered()
		if model, tools := shown(l.Asked()), shown(strings.Join(tools, ","), s); model != tt.model || tools != tt.tools {
			t.Errorf("%s %s: %s with %s", tt.path, tt.text, model, tools)
		}
	}
}

// Of a service that speaks both, a body that is a message and a question is neither.
func TestT27_AMessageAndAQuestion(t *testing.T) {
	for text, want := range map[string]string{
		message("tools/call", `{"name": "run"}`):                                                      "run",
		message("ping", `{}`):                                                                         "-",
		`{"model": "a", "messages": [], "tools": [{"name": "run"}]}`:                                  "run",
		`{"jsonrpc": "2.0", "method": "ping", "model": "a", "tools": [{"name": "run"}]}`:              "?",
		`{"method": "tools/call", "params": {"name": "run"}, "model": "a", "tools": [{"name": "x"}]}`: "?",
		`{"jsonrpc": "2.0", "method": "ping", "Functions": [{"name": "run"}]}`:                        "?",
		`{}`: "?", `[]`: "?", `broken`: "?",
	} {
		tools, s := Of([]string{"mcp", "llm"}, "/x", doc(text)).Tools()
		if got := shown(strings.Join(tools, ","), s); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// What was not declared is not read, and every fact has one answer for any body.
func FuzzCall(f *testing.F) {
	f.Add([]byte(message("tools/call", `{"name": "a"}`)))
	f.Add([]byte(`{"model": "a", "tools": [{"function": {"name": "x"}}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		n, _ := content.Read([]string{"application/json"}, nil, text).JSON()
		if c := Of(nil, "/", n); c.RPC != nil || c.LLM != nil {
			t.Error("read unasked")
		}
		c := Of(Kinds(), "/v1/messages", n)
		if _, _, s := c.RPC.MCP(); s == action.Known == c.RPC.Unclear {
			t.Errorf("%+v is %v", c.RPC, s)
		}
		for _, s := range append(append([]string{c.LLM.Model}, c.RPC.Methods...), c.RPC.Tools...) {
			if len(s) > maxWord {
				t.Errorf("a word of %d bytes", len(s))
			}
		}
		c.Tools()
		c.RPC.Arguments()
		c.LLM.Limit()
	})
}
