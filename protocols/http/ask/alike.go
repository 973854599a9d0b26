package ask

import (
	"fmt"
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/http/call"
)

// alike says what a request does without its values: its method and path, and what
// its body calls where an operation has that read. It is "" where two requests with
// the same line could do different things, and nobody can tell.
func (a *Ask) alike() string {
	f := &a.Facts
	if f.WebSocket {
		return ""
	}
	words := []string{f.Method, a.scheme() + "://" + a.HostPort + f.Path}
	if f.Git != nil {
		git, ok := gitWords(f.Git)
		if !ok {
			return ""
		}
		words = append(words, git...)
	}
	if len(a.Act.Service.Readings) > 0 && (f.Size != 0 || f.Query != nil || f.QueryUnclear) {
		calls, ok := f.callWords(a.Act.Service.Readings)
		if !ok {
			return ""
		}
		words = append(words, calls...)
	}
	return strings.Join(words, " ")
}

func gitWords(g *call.Git) ([]string, bool) {
	if g.Unclear || g.Pushes() && !g.Read {
		return nil, false
	}
	words := []string{g.Service, g.Repo}
	for _, list := range [][]string{g.Refs, g.Deletes} {
		words = append(words, fmt.Sprintf("%q", slices.Sorted(slices.Values(list))))
	}
	return words, true
}

// callWords names what the body calls. A body that cannot be any of the calls that
// the service has read is a plain one.
func (r *Request) callWords(readings []string) ([]string, bool) {
	if !slices.ContainsFunc(readings, func(k string) bool { return k != "git" }) {
		return nil, true
	}
	c := r.Call
	if c == nil {
		return nil, r.Size == 0
	}
	var words []string
	if g := c.GraphQL; g != nil && !g.Unclear {
		words = append(words, fmt.Sprintf("graphql %q %q", g.Types, g.Fields))
	}
	if p := c.RPC; p != nil && !p.Unclear && len(p.Methods) > 0 {
		words = append(words, fmt.Sprintf("rpc %q %q", p.Methods, p.Tools))
	}
	if l := c.LLM; l != nil && !l.Unclear && l.Model != "" {
		words = append(words, fmt.Sprintf("llm %q %q", l.Provider, l.Model))
	}
	if len(words) > 0 {
		return words, true
	}
	return nil, r.plain()
}

// plain reports whether the body is a document that asks in none of the known ways.
func (r *Request) plain() bool {
	if r.Size == 0 {
		return true
	}
	if r.Body == nil {
		return false
	}
	doc, s := r.Body.JSON()
	if s != action.Known || doc.Kind != action.NodeObject {
		return false
	}
	for _, key := range doc.Keys {
		switch strings.ToLower(key) {
		case "query", "mutation", "operationname", "variables", "extensions", "documentid", "doc_id", "jsonrpc", "method", "params",
			"model", "messages", "input", "prompt", "tools", "functions":
			return false
		}
	}
	return true
}
