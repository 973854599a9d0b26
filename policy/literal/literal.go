// Package literal reads expressions that are nothing but values: constants,
// lists of expressions, function calls taken apart. It evaluates nothing, so that
// no text can make it work for long. What a value means is for others.
package literal

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// Constant gives the value of an expression that is nothing but a value. What
// has to be computed is none: a configuration computes only in conditions.
func Constant(e hcl.Expression) (cty.Value, bool) {
	switch e := e.(type) {
	case *hclsyntax.ParenthesesExpr:
		return Constant(e.Expression)
	case *hclsyntax.LiteralValueExpr:
		return e.Val, !e.Val.IsNull()
	case *hclsyntax.UnaryOpExpr:
		if v, ok := Constant(e.Val); ok && e.Op == hclsyntax.OpNegate && v.Type() == cty.Number {
			return v.Negate(), true
		}
	case *hclsyntax.ObjectConsKeyExpr:
		if name := hcl.ExprAsKeyword(e); name != "" {
			return cty.StringVal(name), true
		}
		return Constant(e.Wrapped)
	case *hclsyntax.TemplateExpr:
		var text strings.Builder
		for _, part := range e.Parts {
			v, ok := Constant(part)
			if !ok || v.Type() != cty.String {
				return cty.NilVal, false
			}
			text.WriteString(v.AsString())
		}
		return cty.StringVal(text.String()), true
	}
	return cty.NilVal, false
}

// Is reports whether an expression is a certain string.
func Is(e hcl.Expression, text string) bool {
	v, ok := Constant(e)
	return ok && v.Type() == cty.String && v.AsString() == text
}

// Elements gives the elements of a list expression, or bare when it is none.
func Elements(e hcl.Expression) (items []hcl.Expression, bare bool) {
	items, diags := hcl.ExprList(e)
	return items, diags.HasErrors()
}

// Call takes a static function call apart.
func Call(e hcl.Expression) (name string, args []hcl.Expression, ok bool) {
	c, diags := hcl.ExprCall(e)
	if diags.HasErrors() {
		return "", nil, false
	}
	return c.Name, c.Arguments, true
}
