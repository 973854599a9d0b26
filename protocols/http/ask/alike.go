package ask

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/http/argument"
	"sallyport.dev/sallyport/protocols/http/call"
)

// maxAlike is how long a query may be that people are to compare, in bytes.
const maxAlike = 1 << 10

// alike says what a request does without its values: its method, its path and its
// query, which often names an action, and what its body calls where an operation
// has that read. It is "" where two requests with the same line could do different
// things, and nobody can tell.
func (a *Ask) alike(header http.Header) string {
	f := &a.Facts
	if f.WebSocket || a.AWS != nil || dispatched(header) || f.QueryUnclear || len(a.Query) > maxAlike ||
		argument.Query(a.Query) != a.Query {
		return ""
	}
	words := []string{f.Method, a.scheme() + "://" + a.HostPort + a.Target()}
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

// dispatched reports whether fields may say what a request does: those of AWS, also
// where the agent's own signature stays on, and those of SOAP.
func dispatched(header http.Header) bool {
	for name, values := range header {
		if name == "Soapaction" || strings.HasPrefix(name, "X-Amz-") {
			return true
		}
		mark := "" // RFC 3902: SOAP's action is a parameter of the type
		switch name {
		case "Authorization":
			mark = "aws4-"
		case "Content-Type":
			mark = "action"
		default:
			continue
		}
		if slices.ContainsFunc(values, func(v string) bool { return strings.Contains(strings.ToLower(v), mark) }) {
			return true
		}
	}
	return false
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
