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
	f.Call = f.askedBy(a.Act.Service.Readings, b)
}

// understandURL reads what the request line asks, in the ways that kinds name: of
// git, and of GraphQL without a body. Of what a WebSocket will carry it says nothing.
func (r *Request) understandURL(kinds []string) {
	if r.Git == nil && slices.Contains(kinds, "git") {
		service, _ := one(r.parameter("service"))
		r.Git = call.GitOf(r.Path, service)
	}
	if r.Size != 0 || r.WebSocket || r.Call != nil && r.Call.GraphQL != nil || !slices.Contains(kinds, "graphql") {
		return
	}
	if r.Call == nil {
		r.Call = new(call.Call)
	}
	r.Call.GraphQL = &call.GraphQL{Unclear: true}
	if query, operation, s := r.graphqlURL(); s == action.Known && query != "" {
		r.Call.GraphQL = call.GraphQLOf(query, operation)
	}
}

// graphqlURL gives the GraphQL request that stands in the URL; it is unknown if
// servers could find another there.
func (r *Request) graphqlURL() (query, operation string, s action.State) {
	if r.QueryUnclear {
		return "", "", action.Unknown
	}
	s = action.Absent
	for i := range r.Query {
		f := &r.Query[i]
		if !call.GraphQLParam(f.Name) {
			continue
		}
		v, state := one(f.get())
		switch {
		case state == action.Known && f.Name == "query":
			query = v
		case state == action.Known && f.Name == "operationName":
			operation = v
		default:
			return "", "", action.Unknown
		}
		s = action.Known
	}
	return query, operation, s
}

// asked gives what the body asks in one of the ways of has, or why that cannot be
// told. Where there is no body it is unknown: nothing is asked in a way that could be read.
func (r *Request) asked(has func(*call.Call) bool) (*call.Call, action.State) {
	switch {
	case r.Call != nil && has(r.Call):
		return r.Call, action.Known
	case r.Unread:
		return nil, action.Pending
	}
	return nil, action.Unknown
}

func hasGraphQL(c *call.Call) bool { return c.GraphQL != nil }
func hasRPC(c *call.Call) bool     { return c.RPC != nil }
func hasLLM(c *call.Call) bool     { return c.LLM != nil }
func hasTools(c *call.Call) bool   { return hasRPC(c) || hasLLM(c) }

// readings are the ways in which an operation can have its body read.
func readings() []action.Reading {
	return []action.Reading{
		{Name: "graphql", Facts: []string{"graphql."}, Cost: BodyFacts, Effects: graphqlEffects, Worst: action.EffectWrite},
		{Name: "git", Facts: []string{"git."}, Cost: BodyFacts, Effects: gitEffects, Worst: action.EffectWrite | action.EffectDestructive},
		{Name: "jsonrpc", Facts: []string{"jsonrpc."}, Cost: BodyFacts},
		{Name: "mcp", Facts: []string{"mcp.", "jsonrpc.", "http.tools"}, Cost: BodyFacts, Effects: mcpEffects, Worst: action.EffectWrite},
		{Name: "llm", Facts: []string{"llm.", "http.tools"}, Cost: BodyFacts, Effects: llmEffects},
	}
}

func graphqlEffects(f action.Facts) (action.Effects, bool, action.State) {
	r, ok := f.(*Request)
	if !ok {
		return 0, false, action.Unknown
	}
	c, s := r.asked(hasGraphQL)
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
	c, s := r.asked(hasRPC)
	if s != action.Known {
		return 0, false, s
	}
	return c.RPC.MCP()
}

// llmEffects: asking a model changes nothing at the service. What a WebSocket will
// carry nobody knows.
func llmEffects(f action.Facts) (action.Effects, bool, action.State) {
	if r, ok := f.(*Request); !ok || r.WebSocket {
		return 0, false, action.Unknown
	}
	return action.EffectRead, false, action.Known
}

// of makes the accessor of a fact about what the body asks.
func of[V any](has func(*call.Call) bool, get func(*call.Call) (V, action.State)) func(*Request) (V, action.State) {
	return func(r *Request) (v V, s action.State) {
		c, s := r.asked(has)
		if s != action.Known {
			return v, s
		}
		return get(c)
	}
}

func callFacts() []action.FactSpec {
	return []action.FactSpec{
		action.Str("graphql.operation", "The name of the operation; absent if it has none.", BodyFacts, of(hasGraphQL, func(c *call.Call) (string, action.State) { return c.GraphQL.Operation() })),
		action.Str("graphql.type", `"query", "mutation" or "subscription".`, BodyFacts, of(hasGraphQL, func(c *call.Call) (string, action.State) { return c.GraphQL.Type() })),
		action.List("graphql.fields", "The root fields, through fragments, never aliases.", BodyFacts, of(hasGraphQL, func(c *call.Call) ([]string, action.State) { return c.GraphQL.Roots() })),
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
		action.List("git.options", "What a push hands to the hooks of the server with --push-option.", BodyFacts, func(r *Request) ([]string, action.State) {
			return r.Git.List(func(g *call.Git) []string { return g.Options }, r.Unread)
		}),
		action.List("jsonrpc.methods", "The methods of every call in the message.", BodyFacts, of(hasRPC, func(c *call.Call) ([]string, action.State) { return c.RPC.AllMethods() })),
		action.Str("mcp.method", "The method of the one call in the message.", BodyFacts, of(hasRPC, func(c *call.Call) (string, action.State) { return c.RPC.Method() })),
		action.Str("mcp.tool", "The tool that the message calls.", BodyFacts, of(hasRPC, func(c *call.Call) (string, action.State) { return c.RPC.Tool() })),
		action.OfBody(action.Document("mcp.arguments", "The arguments of that call: mcp.arguments.path.", BodyFacts, func(r *Request) (*action.Node, action.State) {
			n, s := of(hasRPC, func(c *call.Call) (*action.Node, action.State) { return c.RPC.Arguments() })(r)
			if s == action.Unknown && r.Call != nil && r.Unread { // it was read, and only its names are recorded
				s = action.Pending
			}
			return n, s
		})),
		action.Str("llm.provider", `Whose shape the request has: "openai" or "anthropic".`, BodyFacts, of(hasLLM, func(c *call.Call) (string, action.State) { return c.LLM.Shape() })),
		action.Str("llm.model", "The model that is asked.", BodyFacts, of(hasLLM, func(c *call.Call) (string, action.State) { return c.LLM.Asked() })),
		action.Bool("llm.stream", "The answer comes in pieces.", BodyFacts, of(hasLLM, func(c *call.Call) (bool, action.State) { return c.LLM.Streamed() })),
		action.List("llm.tools", "The tools that the model may call.", BodyFacts, of(hasLLM, func(c *call.Call) ([]string, action.State) { return c.LLM.Offered() })),
		action.Num("llm.max_tokens", "The most tokens that the answer may have.", BodyFacts, of(hasLLM, func(c *call.Call) (float64, action.State) { return c.LLM.Limit() })),
		action.List("http.tools", "The tools that an MCP message calls, or that a model may call.", BodyFacts, of(hasTools, (*call.Call).Tools)),
	}
}
