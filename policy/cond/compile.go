package cond

import (
	"fmt"
	"maps"
	"slices"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/cond/fact"
	"sallyport.dev/sallyport/policy/cond/kleene"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// A typ is what is known of a value when the condition is compiled.
type typ uint8

const (
	anyType typ = iota // only the moment of evaluation can tell
	nullType
	stringType
	numberType
	boolType
	listType
)

func (t typ) String() string {
	return [...]string{"any value", "null", "string", "number", "boolean", "list"}[t]
}

// a is the type with its article.
func (t typ) a() string {
	if t <= nullType {
		return t.String()
	}
	return "a " + t.String()
}

// evalFunc and testFunc are what a sub-expression becomes; s holds the variables
// of the comprehensions around it.
type (
	evalFunc func(env *Env, s *scope) kleene.Value
	testFunc func(env *Env, s *scope) (Tri, action.Need)
)

// A node is one compiled sub-expression.
type node struct {
	rng   hcl.Range
	typ   typ
	elem  typ // of a list
	konst bool
	bound bool // reads a variable of a comprehension
	eval  evalFunc
	test  testFunc   // of a boolean; what is absent is unknown here
	fact  *fact.Fact // reads just this fact
	loop  *loop      // is this comprehension, where the variables of its kids end
	kids  []*node
	fixed kleene.Value // of a constant
}

// value evaluates n; a constant costs no call.
func (n *node) value(env *Env, s *scope) kleene.Value {
	if n.konst {
		return n.fixed
	}
	return n.eval(env, s)
}

// maxDepth bounds how deep expressions nest; people write ten levels at most.
const maxDepth = 100

// A compiler turns one expression into nodes and collects what is wrong with it.
// A sub-expression with an error becomes nil, and is complained of once.
type compiler struct {
	schema    *Schema
	vars      []variable
	protocols map[string]bool
	facts     map[string]bool
	usesTime  bool
	depth     int
	diags     hcl.Diagnostics
}

// Compile checks a condition against the schema and makes it ready to evaluate.
// The Cond is nil if a diagnostic is an error.
func (s *Schema) Compile(e hcl.Expression) (*Cond, hcl.Diagnostics) {
	c := &compiler{schema: s, protocols: map[string]bool{}, facts: map[string]bool{}}
	root := c.boolean(e, "A condition")
	if c.diags.HasErrors() || root == nil {
		return nil, c.diags
	}
	return &Cond{
		root:      root,
		protocols: slices.Sorted(maps.Keys(c.protocols)),
		facts:     slices.Sorted(maps.Keys(c.facts)),
		usesTime:  c.usesTime,
	}, c.diags
}

// fail records an error at its place; it returns nil, for the caller to return.
func (c *compiler) fail(rng hcl.Range, summary, format string, args ...any) *node {
	c.diags = append(c.diags, &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  summary,
		Detail:   fmt.Sprintf(format, args...),
		Subject:  rng.Ptr(),
	})
	return nil
}

// boolean compiles what must be a boolean; what names the place in messages.
func (c *compiler) boolean(e hcl.Expression, what string) *node {
	n := c.compile(e)
	if n == nil {
		return nil
	}
	if n.typ == boolType {
		return n
	}
	hint := "compare it with something"
	if n.typ == anyType {
		hint = "compare it: == true"
	}
	return c.fail(n.rng, "Not a boolean", "%s must be true or false, and this is %s; %s.", what, n.typ.a(), hint)
}

// typed compiles what must be of one type, or be known only later. A null may
// stand anywhere; whatever reads it is unknown.
func (c *compiler) typed(e hcl.Expression, want typ, what string) *node {
	n := c.compile(e)
	if n == nil || n.typ == want || n.typ == anyType || n.typ == nullType {
		return n
	}
	return c.fail(n.rng, "Wrong type", "%s takes %s, and this is %s.", what, want.a(), n.typ.a())
}

// compile compiles any expression.
func (c *compiler) compile(e hcl.Expression) *node {
	if c.depth++; c.depth > maxDepth {
		c.depth--
		return c.fail(e.Range(), "Too deep", "A condition nests at most %d levels.", maxDepth)
	}
	n := c.dispatch(e)
	c.depth--
	if n == nil {
		return nil
	}
	n.rng = e.Range()
	if n.konst = n.foldable(); n.konst {
		n.freeze()
	}
	for _, kid := range n.kids {
		n.bound = n.bound || kid.bound && n.loop == nil
	}
	return n
}

func (c *compiler) dispatch(e hcl.Expression) *node {
	switch e := e.(type) {
	case *hclsyntax.ParenthesesExpr:
		return c.compile(e.Expression)
	case *hclsyntax.LiteralValueExpr:
		return c.literal(e)
	case *hclsyntax.TemplateWrapExpr:
		return c.compile(e.Wrapped)
	case *hclsyntax.TemplateExpr:
		return c.template(e)
	case *hclsyntax.ScopeTraversalExpr:
		return c.reference(e)
	case *hclsyntax.RelativeTraversalExpr:
		return c.steps(c.compile(e.Source), e.Traversal)
	case *hclsyntax.IndexExpr:
		return c.index(e)
	case *hclsyntax.FunctionCallExpr:
		return c.call(e)
	case *hclsyntax.UnaryOpExpr:
		return c.unary(e)
	case *hclsyntax.BinaryOpExpr:
		return c.binary(e)
	case *hclsyntax.ConditionalExpr:
		return c.conditional(e)
	case *hclsyntax.TupleConsExpr:
		return c.tuple(e)
	case *hclsyntax.ForExpr:
		return c.comprehension(e)
	case *hclsyntax.SplatExpr:
		return c.fail(e.SrcRange, "No splat here", "Write [for x in list : x] in place of [*].")
	case *hclsyntax.ObjectConsExpr:
		return c.fail(e.SrcRange, "No objects here", "Conditions have strings, numbers, booleans and lists.")
	default:
		return c.fail(e.Range(), "Not a condition", "This kind of expression has no meaning in a condition.")
	}
}

// foldable reports whether the value of n can never change.
func (n *node) foldable() bool {
	if n.konst {
		return true
	}
	if len(n.kids) == 0 || n.fact != nil || n.bound {
		return false
	}
	for _, kid := range n.kids {
		if !kid.konst {
			return false
		}
	}
	return true
}

// freeze evaluates a constant once and for all.
func (n *node) freeze() {
	v := n.eval(&Env{}, nil)
	n.fixed = v
	n.eval = func(*Env, *scope) kleene.Value { return v }
	n.test = nil
	if n.typ == boolType {
		t, need := v.Tri()
		n.test = func(*Env, *scope) (Tri, action.Need) { return t, need }
	}
}

// constant makes a node that always has the same value.
func constant(t typ, v kleene.Value) *node {
	n := &node{typ: t, konst: true, eval: func(*Env, *scope) kleene.Value { return v }}
	n.freeze()
	return n
}

// computed makes a node of a value that kids go into.
func computed(t typ, eval evalFunc, kids ...*node) *node {
	n := &node{typ: t, eval: eval, kids: kids}
	if t == boolType {
		n.test = func(env *Env, s *scope) (Tri, action.Need) { return eval(env, s).Tri() }
	}
	return n
}

// tested makes a boolean node that is never absent.
func tested(test testFunc, kids ...*node) *node {
	return &node{
		typ:  boolType,
		test: test,
		eval: func(env *Env, s *scope) kleene.Value { return kleene.FromTri(test(env, s)) },
		kids: kids,
	}
}

func (c *compiler) literal(e *hclsyntax.LiteralValueExpr) *node {
	v := e.Val
	switch {
	case v.IsNull():
		return constant(nullType, kleene.Null())
	case v.Type() == cty.String:
		return constant(stringType, kleene.Text(v.AsString()))
	case v.Type() == cty.Bool:
		return constant(boolType, kleene.Bool(v.True()))
	case v.Type() == cty.Number:
		n, _ := v.AsBigFloat().Float64()
		if n > kleene.MaxExact || n < -kleene.MaxExact {
			return c.fail(e.SrcRange, "Number too large", "Numbers go up to %d, where they stop being exact.", int64(kleene.MaxExact))
		}
		return constant(numberType, kleene.Number(n))
	default:
		return c.fail(e.SrcRange, "Not a condition", "This literal has no meaning in a condition.")
	}
}
