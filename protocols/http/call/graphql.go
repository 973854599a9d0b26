package call

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

// Bounds of a GraphQL document; people's have some hundreds of tokens.
const (
	maxTokens    = 10_000
	maxFragments = 20 // inside each other
	maxBatch     = 32 // documents; clients send ten
)

// GraphQL is what a GraphQL request executes; of a batch, what all of it does.
type GraphQL struct {
	Operations []string `json:"operations,omitempty"` // names; "" for one without
	Types      []string `json:"types,omitempty"`      // "query", "mutation", "subscription"; each once
	Fields     []string `json:"fields,omitempty"`     // of the roots, through fragments, never aliases
	Unclear    bool     `json:"unclear,omitempty"`
}

// graphql reads a request (GraphQL over HTTP, section 5.4): an object with the
// document in query, or a list of them. What is stored at the server under a name
// cannot be read.
func graphql(doc *action.Node) *GraphQL {
	g := new(GraphQL)
	switch {
	case doc == nil:
		g.Unclear = true
	case doc.Kind == action.NodeList:
		g.Unclear = len(doc.Items) == 0 || len(doc.Items) > maxBatch
		for i := range doc.Items {
			if !g.Unclear {
				g.add(&doc.Items[i])
			}
		}
	default:
		g.add(doc)
	}
	return g.done()
}

// GraphQLOf reads a request whose document is a parameter of the URL.
func GraphQLOf(query, operation string) *GraphQL {
	g := new(GraphQL)
	g.execute(query, operation)
	return g.done()
}

func (g *GraphQL) done() *GraphQL {
	if g.Unclear || len(g.Fields) > maxWords {
		return &GraphQL{Unclear: true}
	}
	return g
}

func (g *GraphQL) add(n *action.Node) {
	query, q := n.Word("query")
	operation, o := n.Word("operationName")
	if q != action.Known || o == action.Unknown || stored(n, query) {
		g.Unclear = true
		return
	}
	g.execute(query, operation)
}

// stored reports whether a server may execute something else than the document
// that is sent: what it keeps under a name that stands beside it.
func stored(n *action.Node, query string) bool {
	for _, key := range n.Keys {
		switch key {
		case "query", "operationName", "variables", "extensions":
		default:
			return true
		}
	}
	more, state := n.Member("extensions")
	if state != action.Known {
		return state != action.Absent
	}
	kept, state := more.Member("persistedQuery")
	if state != action.Known {
		return state != action.Absent
	}
	sum := sha256.Sum256([]byte(query))
	hash, state := kept.Word("sha256Hash")
	return state != action.Known || hash != hex.EncodeToString(sum[:])
}

// GraphQLParam reports whether servers may take a parameter of the URL for a part
// of the request, or for the name of a stored one.
func GraphQLParam(name string) bool {
	name, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(name)), "[")
	switch strings.ReplaceAll(name, "_", "") {
	case "query", "operationname", "extensions", "id", "docid", "documentid", "queryid", "hash", "sha256hash", "persistedquery":
		return true
	}
	return false
}

// ambiguous reports whether servers differ in where a block string of the document
// ends: some at the first three quotes of a longer run, some at the last.
func ambiguous(query string) bool {
	return strings.Contains(query, `"""`) && (strings.Contains(query, `""""`) || strings.Contains(query, `\"`))
}

// execute notes what a document does if that operation of it is executed.
func (g *GraphQL) execute(query, operation string) {
	if ambiguous(query) {
		g.Unclear = true
		return
	}
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: query}, maxTokens)
	if err != nil {
		g.Unclear = true
		return
	}
	op := chosen(doc, operation)
	if op == nil || len(op.Name) > maxWord {
		g.Unclear = true
		return
	}
	g.Operations = append(g.Operations, op.Name)
	if t := string(op.Operation); !slices.Contains(g.Types, t) {
		g.Types = append(g.Types, t)
	}
	r := rooter{g: g, doc: doc, seen: make(map[string]bool)}
	r.roots(op.SelectionSet, nil)
}

// chosen is the operation that a name means; without one there may be but one.
func chosen(doc *ast.QueryDocument, name string) *ast.OperationDefinition {
	var found *ast.OperationDefinition
	for _, op := range doc.Operations {
		if name != "" && op.Name != name {
			continue
		}
		if found != nil {
			return nil
		}
		found = op
	}
	return found
}

// A rooter collects the root fields of one operation.
type rooter struct {
	g    *GraphQL
	doc  *ast.QueryDocument
	seen map[string]bool // fragments whose fields were collected
}

// roots collects the fields of a selection; inside are the fragments around it.
func (r *rooter) roots(set ast.SelectionSet, inside []string) {
	g := r.g
	for _, s := range set {
		if g.Unclear = g.Unclear || len(g.Fields) > maxWords; g.Unclear {
			return
		}
		switch s := s.(type) {
		case *ast.Field:
			if len(s.Name) > maxWord {
				g.Unclear = true
			} else if !slices.Contains(g.Fields, s.Name) {
				g.Fields = append(g.Fields, s.Name)
			}
		case *ast.InlineFragment:
			r.roots(s.SelectionSet, inside)
		case *ast.FragmentSpread:
			r.fragment(s.Name, inside)
		}
	}
}

// fragment collects the fields of a fragment once, however often it is spread.
func (r *rooter) fragment(name string, inside []string) {
	if slices.Contains(inside, name) || len(inside) > maxFragments {
		r.g.Unclear = true
		return
	}
	if r.seen[name] {
		return
	}
	r.seen[name] = true
	var found *ast.FragmentDefinition
	for _, f := range r.doc.Fragments {
		if f.Name == name && found != nil {
			found = nil
			break
		}
		if f.Name == name {
			found = f
		}
	}
	if found == nil {
		r.g.Unclear = true
		return
	}
	r.roots(found.SelectionSet, append(inside[:len(inside):len(inside)], name))
}

// Operation is the name of the one operation; absent if it has none.
func (g *GraphQL) Operation() (string, action.State) {
	name, s := one(g.listOf(func(g *GraphQL) []string { return g.Operations }))
	if s == action.Known && name == "" {
		return "", action.Absent
	}
	return name, s
}

// Type is what every operation is; unknown if they differ.
func (g *GraphQL) Type() (string, action.State) {
	return one(g.listOf(func(g *GraphQL) []string { return g.Types }))
}

// Roots are the names of the root fields.
func (g *GraphQL) Roots() ([]string, action.State) {
	return g.listOf(func(g *GraphQL) []string { return g.Fields })
}

func (g *GraphQL) listOf(get func(*GraphQL) []string) ([]string, action.State) {
	switch {
	case g == nil:
		return nil, action.Absent
	case g.Unclear:
		return nil, action.Unknown
	}
	return get(g), action.Known
}

// Effects says what it does: a mutation writes, everything else reads.
func (g *GraphQL) Effects() (action.Effects, action.State) {
	switch {
	case g == nil || g.Unclear:
		return 0, action.Unknown
	case slices.Contains(g.Types, "mutation"):
		return action.EffectWrite, action.Known
	}
	return action.EffectRead, action.Known
}
