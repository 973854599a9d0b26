// Package call reads what a JSON body asks of an API that is spoken over HTTP:
// GraphQL, JSON-RPC, the Model Context Protocol, language models. Which of them a body is,
// the service's operations say; a body is never guessed by its look.
package call

import (
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/llm"
)

// Kinds lists what a body can be read as.
func Kinds() []string { return []string{"graphql", "jsonrpc", "mcp", "llm", "git"} }

// A Call is what a body asks, read in every way that the service declares. It is
// recorded, so that it can be judged again.
type Call struct {
	GraphQL *GraphQL     `json:"graphql,omitempty"`
	RPC     *RPC         `json:"rpc,omitempty"`
	LLM     *llm.Request `json:"llm,omitempty"`
}

// Of reads a document in the ways that kinds name. Without a document everything
// about it is unknown.
func Of(kinds []string, path string, doc *action.Node) *Call {
	c := new(Call)
	if slices.Contains(kinds, "graphql") {
		c.GraphQL = graphql(doc)
	}
	if slices.Contains(kinds, "jsonrpc") || slices.Contains(kinds, "mcp") {
		c.RPC = rpc(doc)
	}
	if slices.Contains(kinds, "llm") {
		c.LLM = llm.Of(path, doc)
	}
	if c.RPC != nil && c.LLM != nil && isRPC(doc) && isLLM(doc) {
		c.RPC, c.LLM = &RPC{Unclear: true}, &llm.Request{Provider: c.LLM.Provider, Unclear: true}
	}
	return c
}

// isRPC reports whether a reader of JSON-RPC finds anything to do.
func isRPC(doc *action.Node) bool {
	return doc != nil && (doc.Kind == action.NodeList || hasKey(doc, "jsonrpc", "method", "params"))
}

// isLLM reports whether a model finds anything to answer.
func isLLM(doc *action.Node) bool {
	return doc != nil && hasKey(doc, "model", "tools", "functions", "messages", "input", "prompt")
}

func hasKey(doc *action.Node, keys ...string) bool {
	return doc.Kind == action.NodeObject && slices.ContainsFunc(keys, func(key string) bool { return doc.Stated(key) })
}

// Tools are those that a message calls, or that a model may call. Where a service has
// both, a body is the one that it can be read as.
func (c *Call) Tools() ([]string, action.State) {
	if c.RPC == nil || c.LLM != nil && c.RPC.Unclear {
		return c.LLM.Offered()
	}
	return c.RPC.AllTools()
}

// maxWord bounds the texts of a Call, which is recorded; longer ones are unknown.
const (
	maxWord  = 256
	maxWords = 128
)

func fits(s string) bool { return s != "" && len(s) <= maxWord && !strings.ContainsRune(s, 0) }
