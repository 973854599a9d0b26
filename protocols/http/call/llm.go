package call

import (
	"strings"

	"sallyport.dev/sallyport/action"
)

// LLM is what is asked of a language model.
type LLM struct {
	Provider  string   `json:"provider"` // whose shape the request has: "openai" or "anthropic"
	Model     string   `json:"model,omitempty"`
	Stream    bool     `json:"stream,omitempty"`
	Tools     []string `json:"tools,omitempty"` // that the model may call
	MaxTokens float64  `json:"max_tokens,omitempty"`
	NoLimit   bool     `json:"no_limit,omitempty"` // max_tokens is not stated
	Unclear   bool     `json:"unclear,omitempty"`  // some of it
}

// llm reads a request to a model. The shape is that of the path: Anthropic's
// messages, else OpenAI's, which most others speak.
func llm(path string, doc *action.Node) *LLM {
	l := &LLM{Provider: "openai"}
	if strings.HasSuffix(strings.TrimSuffix(path, "/"), "/messages") {
		l.Provider = "anthropic"
	}
	if doc == nil || doc.Kind != action.NodeObject {
		l.Unclear = true
		return l
	}
	model, state := word(doc, "model")
	if state != action.Known || !fits(model) {
		l.Unclear = true
		return l
	}
	l.Model = model
	l.Stream = l.flag(doc, "stream")
	l.tools(doc)
	l.limit(doc)
	return l
}

func (l *LLM) flag(doc *action.Node, key string) bool {
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

// tools reads the names of the tools; one that is built in has its type for a name.
func (l *LLM) tools(doc *action.Node) {
	list, state := doc.Member("tools")
	if state == action.Absent || state == action.Known && list.Kind == action.NodeNull {
		return
	}
	if state != action.Known || list.Kind != action.NodeList || len(list.Items) > maxWords {
		l.Unclear = true
		return
	}
	for i := range list.Items {
		name, ok := tool(&list.Items[i])
		if !ok {
			l.Unclear, l.Tools = true, nil
			return
		}
		l.Tools = append(l.Tools, name)
	}
}

func tool(n *action.Node) (string, bool) {
	if f, state := n.Member("function"); state == action.Known && f.Kind == action.NodeObject {
		n = f
	}
	for _, key := range []string{"name", "type"} {
		name, state := word(n, key)
		if state == action.Known {
			return name, fits(name)
		}
		if state == action.Unknown {
			return "", false
		}
	}
	return "", false
}

// limit reads how many tokens the answer may have, by any of its names; two that
// differ are unclear.
func (l *LLM) limit(doc *action.Node) {
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
func (l *LLM) state() action.State {
	switch {
	case l == nil:
		return action.Absent
	case l.Unclear:
		return action.Unknown
	}
	return action.Known
}

// Shape gives whose shape the request has.
func (l *LLM) Shape() (string, action.State) {
	if l == nil {
		return "", action.Absent
	}
	return l.Provider, action.Known
}

// Asked gives the model.
func (l *LLM) Asked() (string, action.State) {
	if s := l.state(); s != action.Known {
		return "", s
	}
	return l.Model, action.Known
}

// Offered gives the tools.
func (l *LLM) Offered() ([]string, action.State) {
	s := l.state()
	switch {
	case s != action.Known:
		return nil, s
	case len(l.Tools) == 0:
		return nil, action.Absent
	}
	return l.Tools, s
}

// Limit gives the most tokens that the answer may have.
func (l *LLM) Limit() (float64, action.State) {
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
func (l *LLM) Streamed() (bool, action.State) {
	s := l.state()
	return s == action.Known && l.Stream, s
}
