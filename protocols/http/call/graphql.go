package call

import (
	"slices"

	"sallyport.dev/sallyport/action"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

// Bounds of a GraphQL document; people's have some hundreds of tokens.
const (
	maxTokens    = 10_000
	maxFragments = 20 // inside each other
	maxSpreads   = 200
)

// GraphQL is what a GraphQL request executes; of a batch, what all of it does.
type GraphQL struct {
	Operations []string `json:"operations,omitempty"` // names; "" for one without
	Types      []string `json:"types,omitempty"`      // "query", "mutation", "subscription"; each once
	Fields     []string `json:"fields,omitempty"`     // of the roots, through fragments, never aliases
	Unclear    bool     `json:"unclear,omitempty"`

	spreads int
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
		g.Unclear = len(doc.Items) == 0 || len(doc.Items) > maxWords
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
	query, q := word(n, "query")
	operation, o := word(n, "operationName")
	if q != action.Known || o == action.Unknown {
		g.Unclear = true
		return
	}
	g.execute(query, operation)
}

// execute notes what a document does if that operation of it is executed.
func (g *GraphQL) execute(query, operation string) {
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
	g.roots(doc, op.SelectionSet, nil)
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

// roots collects the fields of a selection; inside are the fragments around it.
func (g *GraphQL) roots(doc *ast.QueryDocument, set ast.SelectionSet, inside []string) {
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
			g.roots(doc, s.SelectionSet, inside)
		case *ast.FragmentSpread:
			g.fragment(doc, s.Name, inside)
		}
	}
}

func (g *GraphQL) fragment(doc *ast.QueryDocument, name string, inside []string) {
	var found *ast.FragmentDefinition
	for _, f := range doc.Fragments {
		if f.Name == name && found != nil {
			found = nil
			break
		}
		if f.Name == name {
			found = f
		}
	}
	if found == nil || len(inside) > maxFragments || slices.Contains(inside, name) {
		g.Unclear = true
		return
	}
	if g.spreads++; g.spreads > maxSpreads {
		g.Unclear = true
		return
	}
	g.roots(doc, found.SelectionSet, append(inside[:len(inside):len(inside)], name))
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

// Effects: a mutation writes, everything else reads.
func (g *GraphQL) Effects() (action.Effects, action.State) {
	switch {
	case g == nil || g.Unclear:
		return 0, action.Unknown
	case slices.Contains(g.Types, "mutation"):
		return action.EffectWrite, action.Known
	}
	return action.EffectRead, action.Known
}
