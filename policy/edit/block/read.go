package block

import (
	"fmt"
	"math/big"
	"strings"

	"sallyport.dev/sallyport/action"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// Read gives the one block of src as the values that Rewrite would write the same
// way. Whatever has none is {"keep": text}, which Rewrite leaves as it stands.
func Read(src string) (*action.Block, error) {
	if err := shallow(src); err != nil {
		return nil, err
	}
	f, diags := hclwrite.ParseConfig([]byte(src), "", hcl.InitialPos)
	if diags.HasErrors() || len(f.Body().Blocks()) != 1 {
		return nil, fmt.Errorf("what stands there is not one block")
	}
	b := valuesOf(f.Body().Blocks()[0].Body())
	return &b, nil
}

// valuesOf is Read for a body.
func valuesOf(body *hclwrite.Body) action.Block {
	b := action.Block{Attributes: map[string]any{}}
	for name, a := range body.Attributes() {
		toks := a.Expr().BuildTokens(nil)
		b.Attributes[name] = map[string]any{"keep": spelt(toks)}
		expr, diags := hclsyntax.ParseExpression(toks.Bytes(), "", hcl.InitialPos)
		if diags.HasErrors() {
			continue
		}
		v, ok := plain(expr)
		if again, err := value(v, 0); ok && err == nil && same(toks, again) {
			b.Attributes[name] = v
		}
	}
	for _, in := range body.Blocks() {
		b.Blocks = append(b.Blocks, action.Inner{Kind: in.Type(), Name: strings.Join(in.Labels(), " "), Block: valuesOf(in.Body())})
	}
	return b
}

// plain gives the value of an expression that is nothing but one.
func plain(e hclsyntax.Expression) (any, bool) {
	switch e := e.(type) {
	case *hclsyntax.TemplateExpr:
		if e.IsStringLiteral() {
			v, diags := e.Value(nil)
			return v.AsString(), !diags.HasErrors()
		}
		return "", len(e.Parts) == 0
	case *hclsyntax.LiteralValueExpr:
		switch e.Val.Type() {
		case cty.Bool:
			return e.Val.True(), true
		case cty.Number:
			f, exact := e.Val.AsBigFloat().Float64()
			return f, exact == big.Exact
		}
	case *hclsyntax.ScopeTraversalExpr:
		if attr, ok := e.Traversal[len(e.Traversal)-1].(hcl.TraverseAttr); ok && len(e.Traversal) == 2 {
			return map[string]any{"ref": e.Traversal.RootName() + "." + attr.Name}, true
		}
	case *hclsyntax.TupleConsExpr:
		list := make([]any, len(e.Exprs))
		for i, item := range e.Exprs {
			v, ok := plain(item)
			if !ok {
				return nil, false
			}
			list[i] = v
		}
		return list, true
	}
	return nil, false
}

// spelt is an expression as people read it.
func spelt(toks hclwrite.Tokens) string { return strings.TrimSpace(string(toks.Bytes())) }

// squeezed is a text without its layout.
func squeezed(text string) string { return strings.Join(strings.Fields(text), "") }

// kept is the text of what is to stay as it stands.
func kept(v any) (string, bool) {
	m, ok := v.(map[string]any)
	text, is := m["keep"].(string)
	return text, ok && is && len(m) == 1
}
