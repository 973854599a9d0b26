package ask

import (
	"slices"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/http/call"
	"sallyport.dev/sallyport/protocols/http/content"
)

// Understand takes in what the body says; nil is a body that cannot be read.
func (a *Ask) Understand(b *content.Body) {
	f := &a.Facts
	f.Unread, f.Body = false, b
	if f.Git.Pushes() && !f.Git.Read && b != nil {
		text, _ := b.Text()
		f.Git.Commands([]byte(text), true)
	}
	if len(a.Act.Service.Readings) == 0 {
		return
	}
	var doc *action.Node
	if b != nil {
		doc, _ = b.JSON()
	}
	f.Call = call.Of(a.Act.Service.Readings, f.Path, doc)
	if _, s := f.parameter("query"); s != action.Absent && f.Call.GraphQL != nil {
		f.Call.GraphQL = &call.GraphQL{Unclear: true} // servers differ in which of the two they take
	}
}

// understandURL reads what the request line asks: of git, and of GraphQL without a
// body.
func (a *Ask) understandURL() {
	f := &a.Facts
	if slices.Contains(a.Act.Service.Readings, "git") {
		service, _ := one(f.parameter("service"))
		f.Git = call.GitOf(f.Path, service)
	}
	if f.Size != 0 || !slices.Contains(a.Act.Service.Readings, "graphql") {
		return
	}
	f.Call = call.Of(a.Act.Service.Readings, f.Path, nil)
	query, q := one(f.parameter("query"))
	operation, o := one(f.parameter("operationName"))
	if q == action.Known && o != action.Unknown {
		f.Call.GraphQL = call.GraphQLOf(query, operation)
	}
}

// asked gives what the body asks, or why that cannot be told. Where there is no
// body it is unknown: nothing is asked in a way that could be read.
func (r *Request) asked() (*call.Call, action.State) {
	switch {
	case r.Call != nil:
		return r.Call, action.Known
	case r.Unread:
		return nil, action.Pending
	}
	return nil, action.Unknown
}

// readings are the ways in which an operation can have its body read.
func readings() []action.Reading {
	return []action.Reading{
		{Name: "graphql", Facts: []string{"graphql."}, Cost: BodyFacts, Effects: graphqlEffects},
		{Name: "git", Facts: []string{"git."}, Cost: BodyFacts, Effects: gitEffects},
		{Name: "jsonrpc", Facts: []string{"jsonrpc."}, Cost: BodyFacts},
		{Name: "mcp", Facts: []string{"mcp.", "jsonrpc.", "http.tools"}, Cost: BodyFacts, Effects: mcpEffects},
		{Name: "llm", Facts: []string{"llm.", "http.tools"}, Cost: BodyFacts, Effects: llmEffects},
	}
}

func graphqlEffects(f action.Facts) (action.Effects, bool, action.State) {
	r, ok := f.(*Request)
	if !ok {
		return 0, false, action.Unknown
	}
	c, s := r.asked()
	if s != action.Known {
		return 0, false, s
	}
	e, s := c.GraphQL.Effects()
	return e, false, s
}

func gitEffects(f action.Facts) (action.Effects, bool, action.State) {
	r, ok := f.(*Request)
	if !ok {
		return 0, false, action.Unknown
	}
	e, s := r.Git.Effects(r.Unread)
	return e, false, s
}

func mcpEffects(f action.Facts) (action.Effects, bool, action.State) {
	r, ok := f.(*Request)
	if !ok {
		return 0, false, action.Unknown
	}
	c, s := r.asked()
	if s != action.Known {
		return 0, false, s
	}
	return c.RPC.MCP()
}

// llmEffects: asking a model changes nothing at the service.
func llmEffects(action.Facts) (action.Effects, bool, action.State) {
	return action.EffectRead, false, action.Known
}

// of makes the accessor of a fact about what the body asks.
func of[V any](get func(*call.Call) (V, action.State)) func(*Request) (V, action.State) {
	return func(r *Request) (v V, s action.State) {
		c, s := r.asked()
		if s != action.Known {
			return v, s
		}
		return get(c)
	}
}

func callFacts() []action.FactSpec {
	return []action.FactSpec{
		action.Str("graphql.operation", "The name of the operation; absent if it has none.", BodyFacts, of(func(c *call.Call) (string, action.State) { return c.GraphQL.Operation() })),
		action.Str("graphql.type", `"query", "mutation" or "subscription".`, BodyFacts, of(func(c *call.Call) (string, action.State) { return c.GraphQL.Type() })),
		action.List("graphql.fields", "The root fields, through fragments, never aliases.", BodyFacts, of(func(c *call.Call) ([]string, action.State) { return c.GraphQL.Roots() })),
		action.Str("git.service", `"upload-pack" to fetch, "receive-pack" to push.`, 0, func(r *Request) (string, action.State) {
			return r.Git.Word(func(g *call.Git) string { return g.Service })
		}),
		action.Str("git.repo", "The path of the repository, without .git.", 0, func(r *Request) (string, action.State) {
			return r.Git.Word(func(g *call.Git) string { return g.Repo })
		}),
		action.List("git.refs", "Every ref that a push changes, in full.", BodyFacts, func(r *Request) ([]string, action.State) {
			return r.Git.List(func(g *call.Git) []string { return g.Refs }, r.Unread)
		}),
		action.List("git.deletes", "The refs that a push removes.", BodyFacts, func(r *Request) ([]string, action.State) {
			return r.Git.List(func(g *call.Git) []string { return g.Deletes }, r.Unread)
		}),
		action.List("jsonrpc.methods", "The methods of every call in the message.", BodyFacts, of(func(c *call.Call) ([]string, action.State) { return c.RPC.AllMethods() })),
		action.Str("mcp.method", "The method of the one call in the message.", BodyFacts, of(func(c *call.Call) (string, action.State) { return c.RPC.Method() })),
		action.Str("mcp.tool", "The tool that the message calls.", BodyFacts, of(func(c *call.Call) (string, action.State) { return c.RPC.Tool() })),
		action.Document("mcp.arguments", "The arguments of that call: mcp.arguments.path.", BodyFacts, func(r *Request) (*action.Node, action.State) {
			n, s := of(func(c *call.Call) (*action.Node, action.State) { return c.RPC.Arguments() })(r)
			if s == action.Unknown && r.Call != nil && r.Unread { // it was read, and only its names are recorded
				s = action.Pending
			}
			return n, s
		}),
		action.Str("llm.provider", `Whose shape the request has: "openai" or "anthropic".`, BodyFacts, of(func(c *call.Call) (string, action.State) { return c.LLM.Shape() })),
		action.Str("llm.model", "The model that is asked.", BodyFacts, of(func(c *call.Call) (string, action.State) { return c.LLM.Asked() })),
		action.Bool("llm.stream", "The answer comes in pieces.", BodyFacts, of(func(c *call.Call) (bool, action.State) { return c.LLM.Streamed() })),
		action.List("llm.tools", "The tools that the model may call.", BodyFacts, of(func(c *call.Call) ([]string, action.State) { return c.LLM.Offered() })),
		action.Num("llm.max_tokens", "The most tokens that the answer may have.", BodyFacts, of(func(c *call.Call) (float64, action.State) { return c.LLM.Limit() })),
		action.List("http.tools", "The tools that an MCP message calls, or that a model may call.", BodyFacts, of((*call.Call).Tools)),
	}
}
