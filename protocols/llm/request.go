package llm

import (
	"strings"

	"sallyport.dev/sallyport/action"
)

// A Request is what is asked of a language model. It is recorded.
type Request struct {
	Provider  string   `json:"provider"` // whose shape the request has: "openai" or "anthropic"
	Model     string   `json:"model,omitempty"`
	Stream    bool     `json:"stream,omitempty"`
	Tools     []string `json:"tools,omitempty"` // that the model may call
	MaxTokens float64  `json:"max_tokens,omitempty"`
	OpenTools bool     `json:"open_tools,omitempty"` // and others, that the request does not name
	NoLimit   bool     `json:"no_limit,omitempty"`   // max_tokens is not stated
	Unclear   bool     `json:"unclear,omitempty"`    // some of it
}

// Of reads a request to a model. The shape is that of the path: Anthropic's
// messages, else OpenAI's, which most others speak.
func Of(path string, doc *action.Node) *Request {
	l := &Request{Provider: "openai"}
	if strings.HasSuffix(strings.TrimSuffix(path, "/"), "/messages") {
		l.Provider = "anthropic"
	}
	if doc == nil || doc.Kind != action.NodeObject {
		l.Unclear = true
		return l
	}
	if !l.model(path, doc) {
		l.Unclear = true
		return l
	}
	l.Stream = l.flag(doc, "stream")
	l.tools(doc)
	l.limit(doc)
	return l
}

func (l *Request) flag(doc *action.Node, key string) bool {
	n, state := doc.Member(key)
	switch {
	case state == action.Absent:
		return false
	case state != action.Known || n.Kind != action.NodeBool:
		l.Unclear = l.Unclear || state != action.Known || n.Kind != action.NodeNull
		return false
	}
	return n.Num == 1
}

// model reads which model is asked. One in the path, as Azure and Google have it,
// is what the service takes, whatever the body says; a list of others to fall back on
// may each be the one.
func (l *Request) model(path string, doc *action.Node) bool {
	for _, key := range []string{"models", "fallbacks", "fallback_models"} {
		if _, state := doc.Member(key); state != action.Absent {
			return false
		}
	}
	model, state := doc.Word("model")
	if named := PathModel(path); named != "" {
		if state == action.Unknown || state == action.Known && model != named {
			return false
		}
		model, state = named, action.Known
	}
	l.Model = model
	if state != action.Known || !fits(model) {
		l.Model = ""
		return false
	}
	return true
}

// PathModel is the model that a path names, "" if it names none.
func PathModel(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts[:len(parts)-1] {
		switch strings.ToLower(p) {
		case "deployments", "engines", "models", "model":
			name, _, _ := strings.Cut(parts[i+1], ":")
			return name
		}
	}
	return ""
}

// tools reads the names of the tools; one that is built in has its type for a name.
// What opens the way to others, such as an MCP server or a stored prompt, is noted.
func (l *Request) tools(doc *action.Node) {
	for _, key := range []string{"mcp_servers", "prompt_id", "assistant_id"} {
		l.OpenTools = l.OpenTools || doc.Stated(key)
	}
	if prompt, state := doc.Member("prompt"); state == action.Unknown || state == action.Known && prompt.Kind == action.NodeObject {
		l.OpenTools = true
	}
	if doc.Stated("web_search_options") {
		l.Tools = append(l.Tools, "web_search")
	}
	l.named(doc, "tools")
	l.named(doc, "functions")
	if l.Unclear {
		l.Tools = nil
	}
}

func (l *Request) named(doc *action.Node, key string) {
	if !doc.Stated(key) {
		return
	}
	list, state := doc.Member(key)
	if state != action.Known || list.Kind != action.NodeList || len(l.Tools)+len(list.Items) > maxTools {
		l.Unclear = true
		return
	}
	for i := range list.Items {
		name, ok := tool(&list.Items[i])
		if !ok {
			l.Unclear = true
			return
		}
		l.OpenTools = l.OpenTools || opens(&list.Items[i])
		l.Tools = append(l.Tools, name)
	}
}

// opens reports whether a tool brings others with it.
func opens(n *action.Node) bool {
	typ, _ := n.Word("type")
	return strings.HasPrefix(typ, "mcp") || n.Stated("tools")
}

// tool gives the name of a tool, wherever a service looks for it. Two that differ
// are none.
func tool(n *action.Node) (string, bool) {
	found := ""
	for _, in := range []string{"", "function", "custom"} {
		m, state := n, action.Known
		if in != "" {
			m, state = n.Member(in)
		}
		if state == action.Absent || state == action.Known && m.Kind == action.NodeNull {
			continue
		}
		if state != action.Known || m.Kind != action.NodeObject {
			return "", false
		}
		name, state := m.Word("name")
		if state == action.Unknown || state == action.Known && (!fits(name) || found != "" && found != name) {
			return "", false
		}
		if state == action.Known {
			found = name
		}
	}
	if found != "" {
		return found, true
	}
	name, state := n.Word("type")
	return name, state == action.Known && fits(name)
}

// limit reads how many tokens the answer may have, by any of its names; two that
// differ are unclear.
func (l *Request) limit(doc *action.Node) {
	l.NoLimit = true
	for _, key := range []string{"max_tokens", "max_completion_tokens", "max_output_tokens"} {
		n, state := doc.Member(key)
		switch {
		case state == action.Absent, state == action.Known && n.Kind == action.NodeNull:
		case state != action.Known || n.Kind != action.NodeNumber || !l.NoLimit && l.MaxTokens != n.Num:
			l.Unclear = true
			return
		default:
			l.MaxTokens, l.NoLimit = n.Num, false
		}
	}
}

// state is that of what stands in the request.
func (l *Request) state() action.State {
	switch {
	case l == nil:
		return action.Absent
	case l.Unclear:
		return action.Unknown
	}
	return action.Known
}

// Shape gives whose shape the request has.
func (l *Request) Shape() (string, action.State) {
	if l == nil {
		return "", action.Absent
	}
	return l.Provider, action.Known
}

// Asked gives the model.
func (l *Request) Asked() (string, action.State) {
	if s := l.state(); s != action.Known {
		return "", s
	}
	return l.Model, action.Known
}

// Offered gives the tools.
func (l *Request) Offered() ([]string, action.State) {
	s := l.state()
	switch {
	case s != action.Known:
		return nil, s
	case l.OpenTools:
		return nil, action.Unknown
	case len(l.Tools) == 0:
		return nil, action.Absent
	}
	return l.Tools, s
}

// Limit gives the most tokens that the answer may have.
func (l *Request) Limit() (float64, action.State) {
	s := l.state()
	switch {
	case s != action.Known:
		return 0, s
	case l.NoLimit:
		return 0, action.Absent
	}
	return l.MaxTokens, s
}

// Streamed reports whether the answer comes in pieces.
func (l *Request) Streamed() (bool, action.State) {
	s := l.state()
	return s == action.Known && l.Stream, s
}

// Bounds of what is recorded of a request; longer texts are unknown.
const (
	maxAsked = 256 // bytes
	maxTools = 128
)

func fits(s string) bool { return s != "" && len(s) <= maxAsked && !strings.ContainsRune(s, 0) }
