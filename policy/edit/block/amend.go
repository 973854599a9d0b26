package block

import (
	"fmt"
	"slices"

	"sallyport.dev/sallyport/policy/hclconf/shape"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// Unless gives the one block of src, a rule, with one more exception: condition is one
// whole expression. All else stays as it was written.
func Unless(src, condition string) ([]byte, error) {
	more, err := Expression(condition)
	if err != nil {
		return nil, err
	}
	return amend(src, "unless", func(old hclwrite.Tokens) (hclwrite.Tokens, error) {
		if old == nil {
			return more, nil
		}
		out := append(parenthesised(old), &hclwrite.Token{Type: hclsyntax.TokenOr, Bytes: []byte("||"), SpacesBefore: 1})
		return append(out, parenthesised(more)...), nil
	})
}

// Extend gives the one block of src with one more reference in the list of an
// attribute.
func Extend(src, attribute, path string) ([]byte, error) {
	ref, err := reference(path)
	if err != nil {
		return nil, err
	}
	return amend(src, attribute, func(old hclwrite.Tokens) (hclwrite.Tokens, error) {
		if old == nil {
			return hclwrite.TokensForTuple([]hclwrite.Tokens{ref}), nil
		}
		expr, diags := hclsyntax.ParseExpression(old.Bytes(), "", hcl.InitialPos)
		if diags.HasErrors() {
			return nil, fmt.Errorf("%s cannot be read", attribute)
		}
		list, ok := expr.(*hclsyntax.TupleConsExpr)
		if !ok {
			return hclwrite.TokensForTuple([]hclwrite.Tokens{old, ref}), nil
		}
		return appended(old, ref, len(list.Exprs) == 0), nil
	})
}

// appended puts an element at the end of a list, which keeps its layout.
func appended(list, item hclwrite.Tokens, empty bool) hclwrite.Tokens {
	end := len(list) - 1
	for end > 0 && list[end].Type != hclsyntax.TokenCBrack {
		end--
	}
	last := end - 1 // what the element stands behind
	for last > 0 && (list[last].Type == hclsyntax.TokenNewline || list[last].Type == hclsyntax.TokenComment) {
		last--
	}
	out := append(hclwrite.Tokens{}, list[:last+1]...)
	if !empty && list[last].Type != hclsyntax.TokenComma {
		out = append(out, &hclwrite.Token{Type: hclsyntax.TokenComma, Bytes: []byte(",")})
	}
	if last+1 < end {
		out = append(out, &hclwrite.Token{Type: hclsyntax.TokenNewline, Bytes: []byte("\n")})
	}
	out = append(out, item...)
	if last+1 < end {
		out = append(out, &hclwrite.Token{Type: hclsyntax.TokenComma, Bytes: []byte(",")})
	}
	return append(out, list[last+1:]...)
}

func parenthesised(t hclwrite.Tokens) hclwrite.Tokens {
	out := hclwrite.Tokens{{Type: hclsyntax.TokenOParen, Bytes: []byte("(")}}
	return append(append(out, t...), &hclwrite.Token{Type: hclsyntax.TokenCParen, Bytes: []byte(")")})
}

// amend sets an attribute of the one block of src to what change makes of it; nil is
// none.
func amend(src, name string, change func(old hclwrite.Tokens) (hclwrite.Tokens, error)) ([]byte, error) {
	if err := shallow(src); err != nil {
		return nil, err
	}
	return roomy([]byte(src), func(src []byte) ([]byte, error) { return amended(src, name, change) })
}

func amended(src []byte, name string, change func(old hclwrite.Tokens) (hclwrite.Tokens, error)) ([]byte, error) {
	f, diags := hclwrite.ParseConfig(src, "", hcl.InitialPos)
	if diags.HasErrors() || len(f.Body().Blocks()) != 1 {
		return nil, fmt.Errorf("what stands there is not one block")
	}
	b := f.Body().Blocks()[0]
	if s := shape.Language().Blocks[b.Type()]; s == nil || !slices.ContainsFunc(s.Attrs, func(a shape.Attr) bool { return a.Name == name }) {
		return nil, fmt.Errorf("%s has no %s", b.Type(), name)
	}
	var old hclwrite.Tokens
	if a := b.Body().GetAttribute(name); a != nil {
		old = a.Expr().BuildTokens(nil)
	}
	toks, err := change(old)
	if err != nil {
		return nil, err
	}
	b.Body().SetAttributeRaw(name, toks)
	return hclwrite.Format(f.Bytes()), nil
}
