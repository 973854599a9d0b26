package cond

import (
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/cond/fact"
	"sallyport.dev/sallyport/policy/cond/kleene"
	"sallyport.dev/sallyport/policy/cond/operator"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

func (c *compiler) unary(e *hclsyntax.UnaryOpExpr) *node {
	if e.Op == hclsyntax.OpLogicalNot {
		x := c.boolean(e.Val, "What ! negates")
		if x == nil {
			return nil
		}
		return tested(func(env *Env, s *scope) (Tri, action.Need) {
			t, need := x.test(env, s)
			return t.Not(), need
		}, x)
	}
	x := c.typed(e.Val, numberType, "The sign -")
	if x == nil {
		return nil
	}
	return computed(numberType, func(env *Env, s *scope) kleene.Value {
		v := x.eval(env, s)
		if v.Kind != kleene.IsNumber {
			return kleene.Pending(v.Need)
		}
		return kleene.Number(-v.Num)
	}, x)
}

func (c *compiler) binary(e *hclsyntax.BinaryOpExpr) *node {
	switch e.Op {
	case hclsyntax.OpLogicalAnd:
		return c.logical(e, False, "&&")
	case hclsyntax.OpLogicalOr:
		return c.logical(e, True, "||")
	case hclsyntax.OpEqual, hclsyntax.OpNotEqual:
		return c.equality(e)
	}
	if o := operator.OrderOf(e.Op); o != 0 {
		return c.ordered(e, o)
	}
	if f := operator.Arithmetic(e.Op); f != nil {
		return c.arithmetic(e, f)
	}
	return c.fail(e.SrcRange, "Unknown operator", "Conditions have no such operator.")
}

// logical compiles && and ||: whichever side is the decisive value decides,
// whatever the other is, and then nothing that is pending is needed.
func (c *compiler) logical(e *hclsyntax.BinaryOpExpr, decisive Tri, op string) *node {
	x := c.boolean(e.LHS, "What stands before "+op)
	y := c.boolean(e.RHS, "What stands after "+op)
	if x == nil || y == nil {
		return nil
	}
	return tested(func(env *Env, s *scope) (Tri, action.Need) {
		a, needA := x.test(env, s)
		if a == decisive {
			return decisive, 0
		}
		b, needB := y.test(env, s)
		switch {
		case b == decisive:
			return decisive, 0
		case a == Unknown || b == Unknown:
			return Unknown, needA | needB
		default:
			return decisive.Not(), 0
		}
	}, x, y)
}

// equality compiles == and !=.
func (c *compiler) equality(e *hclsyntax.BinaryOpExpr) *node {
	x, y := c.compile(e.LHS), c.compile(e.RHS)
	if x == nil || y == nil {
		return nil
	}
	negate := e.Op == hclsyntax.OpNotEqual
	switch {
	case y.typ == nullType:
		return c.absence(x, negate)
	case x.typ == nullType:
		return c.absence(y, negate)
	case x.typ == listType || y.typ == listType:
		return c.fail(e.SrcRange, "Lists do not compare", "Use contains, anytrue, alltrue or length to look into a list.")
	case x.typ != y.typ && x.typ != anyType && y.typ != anyType:
		return c.fail(e.SrcRange, "Different types", "A %s is never equal to a %s.", x.typ, y.typ)
	}
	if !c.wordOf(x, y) || !c.wordOf(y, x) {
		return nil
	}
	if y.fact != nil && x.konst {
		x, y = y, x
	}
	if x.fact != nil && x.fact.Spec.Str != nil && x.fact.Readings == 0 && y.konst {
		if y.fixed.Kind == kleene.IsString {
			return tested(equalText(x.fact, y.fixed.Str, negate), x, y)
		}
	}
	return tested(func(env *Env, s *scope) (Tri, action.Need) {
		t, need := kleene.Equal(x.eval(env, s), y.eval(env, s))
		if negate {
			t = t.Not()
		}
		return t, need
	}, x, y)
}

// equalText is the comparison that most conditions consist of, made short.
func equalText(f *fact.Fact, want string, negate bool) testFunc {
	get, cost := f.Spec.Str, f.Spec.Cost
	return func(env *Env, _ *scope) (Tri, action.Need) {
		switch s, state := get(f.Subject(env)); state {
		case action.Known:
			return kleene.Truth((s == want) != negate), 0
		case action.Absent:
			return kleene.Truth(negate), 0
		case action.Pending:
			return Unknown, cost
		default:
			return Unknown, 0
		}
	}
}

// wordOf complains if word is a constant that the fact n never has.
func (c *compiler) wordOf(n, word *node) bool {
	if n.fact == nil || n.fact.Words == nil || !word.konst {
		return true
	}
	v := word.fixed
	if v.Kind != kleene.IsString {
		return true
	}
	for _, w := range n.fact.Words {
		if w == v.Str {
			return true
		}
	}
	c.fail(word.rng, "Unknown word", "%s is never %q; it is one of %s.", n.fact.Spec.Name, v.Str, strings.Join(n.fact.Words, ", "))
	return false
}

// absence compiles a comparison with null, which asks whether x is there.
func (c *compiler) absence(x *node, negate bool) *node {
	return tested(func(env *Env, s *scope) (Tri, action.Need) {
		v := x.eval(env, s)
		if v.Kind == kleene.IsUnknown {
			return Unknown, v.Need
		}
		return kleene.Truth((v.Kind == kleene.IsNull) != negate), 0
	}, x)
}

func (c *compiler) ordered(e *hclsyntax.BinaryOpExpr, o operator.Order) *node {
	x := c.typed(e.LHS, numberType, "An order")
	y := c.typed(e.RHS, numberType, "An order")
	if x == nil || y == nil {
		return nil
	}
	return tested(func(env *Env, s *scope) (Tri, action.Need) {
		a, b := x.value(env, s), y.value(env, s)
		if a.Kind != kleene.IsNumber || b.Kind != kleene.IsNumber {
			return Unknown, kleene.Blocked(a, b)
		}
		return kleene.Truth(o.Holds(a.Num, b.Num)), 0
	}, x, y)
}

func (c *compiler) arithmetic(e *hclsyntax.BinaryOpExpr, calc func(a, b float64) kleene.Value) *node {
	x := c.typed(e.LHS, numberType, "Arithmetic")
	y := c.typed(e.RHS, numberType, "Arithmetic")
	if x == nil || y == nil {
		return nil
	}
	return computed(numberType, func(env *Env, s *scope) kleene.Value {
		a, b := x.eval(env, s), y.eval(env, s)
		if a.Kind != kleene.IsNumber || b.Kind != kleene.IsNumber {
			return kleene.Pending(kleene.Blocked(a, b))
		}
		return calc(a.Num, b.Num)
	}, x, y)
}

// conditional compiles p ? x : y. With p unknown it is known only if both
// branches agree.
func (c *compiler) conditional(e *hclsyntax.ConditionalExpr) *node {
	p := c.boolean(e.Condition, "What stands before ?")
	x, y := c.compile(e.TrueResult), c.compile(e.FalseResult)
	if p == nil || x == nil || y == nil {
		return nil
	}
	t, ok := common(x.typ, y.typ)
	if !ok {
		return c.fail(e.SrcRange, "Different types", "Both results must be of one type, and these are a %s and a %s.", x.typ, y.typ)
	}
	n := computed(t, func(env *Env, s *scope) kleene.Value {
		when, need := p.test(env, s)
		switch when {
		case True:
			return x.eval(env, s)
		case False:
			return y.eval(env, s)
		}
		a, b := x.eval(env, s), y.eval(env, s)
		if same, _ := kleene.Equal(a, b); same == True {
			return a
		}
		return kleene.Pending(need | a.Need | b.Need)
	}, p, x, y)
	n.elem, _ = common(x.elem, y.elem)
	return n
}

// common is the type of what may be either; null may be anything.
func common(a, b typ) (typ, bool) {
	switch {
	case a == b || b == nullType:
		return a, true
	case a == nullType:
		return b, true
	case a == anyType || b == anyType:
		return anyType, true
	default:
		return anyType, false
	}
}
