package lint

import (
	"cmp"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/finding"
	"sallyport.dev/sallyport/policy/hclconf"
	"sallyport.dev/sallyport/policy/literal"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// conditions looks for conditions that say less than they seem to.
func (l *linter) conditions(r *hclconf.Rule) {
	if r.When != nil {
		l.expression(r, r.When, r.Verdict == action.Allow)
	}
	if r.Unless != nil {
		l.expression(r, r.Unless, true)
	}
	_, paths := r.Lists["paths"]
	_, operations := r.Lists["operations"]
	for _, e := range []hcl.Expression{r.When, r.Unless} {
		if e != nil && !paths && !operations && reads(e, "http", "json", "form", "form_all", "body", "args") {
			l.tell(finding.EveryBody, e.Range(), "This holds up every request with a body until it is read; say which with paths or operations.")
		}
	}
}

// expression warns of contains over several values and of != where it excuses.
func (l *linter) expression(r *hclconf.Rule, e hcl.Expression, excuses bool) {
	node, ok := e.(hclsyntax.Node)
	if !ok || !excuses {
		return
	}
	hclsyntax.VisitAll(node, func(n hclsyntax.Node) hcl.Diagnostics { //nolint:errcheck // the visitor gives none
		switch n := n.(type) {
		case *hclsyntax.FunctionCallExpr:
			if n.Name == "contains" && len(n.Args) == 2 && !only(n.Args[0], "agent") {
				l.tell(finding.OneIsEnough, n.Range(), "contains is true if one value is named, whatever the others are; name them in a list of the rule with !, or use alltrue.")
			}
		case *hclsyntax.BinaryOpExpr:
			if n.Op == hclsyntax.OpNotEqual && r.Verdict == action.Allow && e == r.When {
				l.tell(finding.TrueIfAbsent, n.Range(), "!= is true when the value is not there at all; compare it with null too, or list what is allowed.")
			}
		}
		return nil
	})
}

// never looks for conditions that can never hold, or that never change.
func (l *linter) never(r *hclconf.Rule) {
	var all []claim
	for _, e := range []hcl.Expression{r.When, r.Unless} {
		node, ok := e.(hclsyntax.Expression)
		if !ok {
			continue
		}
		if len(node.Variables()) == 0 && !calls(node, "during") {
			l.tell(finding.Constant, node.Range(), "This reads no fact, so it is always the same; take it out, or the rule.")
			continue
		}
		all = l.claims(all, node, e == r.Unless)
	}
	known := map[string]*span{}
	for _, c := range all {
		s := known[c.what]
		if s == nil {
			s = &span{}
			known[c.what] = s
		}
		if before, clash := s.add(c); clash {
			l.tell(finding.NeverTrue, c.at, "%s, and at the same time %s: that is never so.", before.text, c.text)
			return
		}
	}
}

// calls reports whether an expression calls a function.
func calls(e hclsyntax.Node, name string) bool {
	found := false
	hclsyntax.VisitAll(e, func(n hclsyntax.Node) hcl.Diagnostics { //nolint:errcheck // the visitor gives none
		call, ok := n.(*hclsyntax.FunctionCallExpr)
		found = found || ok && call.Name == name
		return nil
	})
	return found
}

// A claim is one comparison with a constant that must hold for a condition to.
type claim struct {
	what string // the text of what is compared
	op   *hclsyntax.Operation
	with cty.Value
	text string
	at   hcl.Range
}

// claims adds what must hold for e to be true, or false.
func (l *linter) claims(all []claim, e hclsyntax.Expression, negated bool) []claim {
	switch e := e.(type) {
	case *hclsyntax.ParenthesesExpr:
		return l.claims(all, e.Expression, negated)
	case *hclsyntax.UnaryOpExpr:
		if e.Op == hclsyntax.OpLogicalNot {
			return l.claims(all, e.Val, !negated)
		}
	case *hclsyntax.BinaryOpExpr:
		if e.Op == hclsyntax.OpLogicalAnd && !negated || e.Op == hclsyntax.OpLogicalOr && negated {
			return l.claims(l.claims(all, e.LHS, negated), e.RHS, negated)
		}
		if c, ok := l.claim(e, negated); ok {
			return append(all, c)
		}
	}
	return all
}

// claim reads one comparison.
func (l *linter) claim(e *hclsyntax.BinaryOpExpr, negated bool) (claim, bool) {
	op, side, other := e.Op, e.LHS, e.RHS
	v, ok := constant(other)
	if !ok {
		if v, ok = constant(side); !ok {
			return claim{}, false
		}
		side, op = other, turned(op)
	}
	if negated {
		op = opposite(op)
	}
	if op == nil || len(side.Variables()) == 0 {
		return claim{}, false
	}
	c := claim{what: l.text(side.Range()), op: op, with: v, at: e.Range(), text: l.text(e.Range())}
	if negated {
		c.text = "not " + c.text
	}
	return c, c.what != ""
}

// constant is literal.Constant, with null.
func constant(e hclsyntax.Expression) (cty.Value, bool) {
	if lit, ok := e.(*hclsyntax.LiteralValueExpr); ok && lit.Val.IsNull() {
		return cty.NullVal(cty.DynamicPseudoType), true
	}
	return literal.Constant(e)
}

// text is how something was written, in one line.
func (l *linter) text(at hcl.Range) string {
	f, ok := l.files.HCL[at.Filename]
	if !ok || !at.CanSliceBytes(f.Bytes) {
		return ""
	}
	return strings.Join(strings.Fields(string(at.SliceBytes(f.Bytes))), " ")
}

// turned is the operator with its sides exchanged; nil is none that compares.
func turned(op *hclsyntax.Operation) *hclsyntax.Operation {
	return map[*hclsyntax.Operation]*hclsyntax.Operation{
		hclsyntax.OpEqual: hclsyntax.OpEqual, hclsyntax.OpNotEqual: hclsyntax.OpNotEqual,
		hclsyntax.OpLessThan: hclsyntax.OpGreaterThan, hclsyntax.OpGreaterThan: hclsyntax.OpLessThan,
		hclsyntax.OpLessThanOrEqual: hclsyntax.OpGreaterThanOrEqual, hclsyntax.OpGreaterThanOrEqual: hclsyntax.OpLessThanOrEqual,
	}[op]
}

// opposite is the operator that holds where op does not.
func opposite(op *hclsyntax.Operation) *hclsyntax.Operation {
	return map[*hclsyntax.Operation]*hclsyntax.Operation{
		hclsyntax.OpEqual: hclsyntax.OpNotEqual, hclsyntax.OpNotEqual: hclsyntax.OpEqual,
		hclsyntax.OpLessThan: hclsyntax.OpGreaterThanOrEqual, hclsyntax.OpGreaterThan: hclsyntax.OpLessThanOrEqual,
		hclsyntax.OpLessThanOrEqual: hclsyntax.OpGreaterThan, hclsyntax.OpGreaterThanOrEqual: hclsyntax.OpLessThan,
	}[op]
}

// A span is what one value can still be.
type span struct {
	is        *claim
	not       []claim
	low, high *claim // the tightest bounds
}

// add narrows the span by a claim; clash is the claim that excludes it.
func (s *span) add(c claim) (before *claim, clash bool) {
	switch c.op {
	case hclsyntax.OpEqual:
		if s.is == nil {
			s.is = &c
		} else if !same(s.is.with, c.with) {
			return s.is, true
		}
	case hclsyntax.OpNotEqual:
		s.not = append(s.not, c)
	case hclsyntax.OpLessThan, hclsyntax.OpLessThanOrEqual:
		if s.high == nil || tighter(c, *s.high, -1) {
			s.high = &c
		}
	case hclsyntax.OpGreaterThan, hclsyntax.OpGreaterThanOrEqual:
		if s.low == nil || tighter(c, *s.low, 1) {
			s.low = &c
		}
	}
	return s.clash(&c)
}

// clash finds a claim that the newest one cannot hold beside.
func (s *span) clash(c *claim) (*claim, bool) {
	for i := range s.not {
		if s.is != nil && same(s.is.with, s.not[i].with) {
			return other(c, s.is, &s.not[i]), true
		}
	}
	for _, bound := range []*claim{s.low, s.high} {
		if s.is != nil && bound != nil && !inside(s.is.with, bound) {
			return other(c, s.is, bound), true
		}
	}
	if s.low != nil && s.high != nil && !inside(s.low.with, s.high) || s.low != nil && s.high != nil && !inside(s.high.with, s.low) {
		return other(c, s.low, s.high), true
	}
	return nil, false
}

// other is the one of a and b that is not c.
func other(c, a, b *claim) *claim {
	if a.at == c.at {
		return b
	}
	return a
}

func same(a, b cty.Value) bool {
	if a.IsNull() || b.IsNull() {
		return a.IsNull() && b.IsNull()
	}
	return a.RawEquals(b)
}

// inside reports whether a value can satisfy a bound; of other types than numbers
// nothing is said, and null is never ordered.
func inside(v cty.Value, bound *claim) bool {
	if v.IsNull() {
		return false
	}
	if v.Type() != cty.Number || bound.with.IsNull() || bound.with.Type() != cty.Number {
		return true
	}
	n := v.AsBigFloat().Cmp(bound.with.AsBigFloat())
	switch bound.op {
	case hclsyntax.OpLessThan:
		return n < 0
	case hclsyntax.OpLessThanOrEqual:
		return n <= 0
	case hclsyntax.OpGreaterThan:
		return n > 0
	}
	return n >= 0
}

// tighter reports whether a bounds more than b; way is 1 for lower bounds.
func tighter(a, b claim, way int) bool {
	if a.with.IsNull() || b.with.IsNull() || a.with.Type() != cty.Number || b.with.Type() != cty.Number {
		return false
	}
	strict := func(c claim) int {
		if c.op == hclsyntax.OpLessThan || c.op == hclsyntax.OpGreaterThan {
			return 1
		}
		return 0
	}
	return cmp.Or(way*a.with.AsBigFloat().Cmp(b.with.AsBigFloat()), strict(a)-strict(b)) > 0
}
