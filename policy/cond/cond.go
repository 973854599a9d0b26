// Package cond compiles the conditions of rules, HCL expressions over facts, to
// closures with three-valued logic. Everything that can be wrong is found when a
// condition is compiled, at the exact sub-expression; evaluating one allocates
// nothing in ordinary cases and never fails, it is at worst Unknown. It reads no
// network and no clock, and knows nothing of rules and verdicts.
package cond

import (
	"slices"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/cond/fact"
	"sallyport.dev/sallyport/policy/cond/kleene"
	"sallyport.dev/sallyport/policy/hours"

	"github.com/hashicorp/hcl/v2"
)

// A Tri is what a condition comes to. Unknown lets no rule loosen a verdict and
// excuses from none that tightens.
type Tri = kleene.Tri

// False is the zero Tri.
const (
	False   = kleene.False
	True    = kleene.True
	Unknown = kleene.Unknown
)

// An Env is what a condition is evaluated in.
type Env = fact.Env

// Hours are windows of the week, as the attribute hours states them.
type Hours = hours.Hours

// ParseHours reads hours such as "mon-fri 09:00-18:00 Europe/Berlin".
func ParseHours(text string) (Hours, error) { return hours.Parse(text) }

// A Cond is one compiled condition. It is immutable and safe for concurrent use.
type Cond struct {
	root      *node
	protocols []string
	facts     []string
	usesTime  bool
}

// Eval says what the condition comes to. Unknown comes with the groups of
// pending facts that could still change the answer; without any it is final.
func (c *Cond) Eval(env *Env) (Tri, action.Need) { return c.root.test(env, nil) }

// Protocols lists the protocols whose facts the condition reads, sorted; facts
// that every action has belong to none.
func (c *Cond) Protocols() []string { return c.protocols }

// Facts lists the facts that the condition reads, sorted, keys left out.
func (c *Cond) Facts() []string { return c.facts }

// UsesTime reports whether the answer may change by the mere passing of time.
func (c *Cond) UsesTime() bool { return c.usesTime }

// Range is where the condition stands.
func (c *Cond) Range() hcl.Range { return c.root.rng }

// A Step is one sub-expression and its value, for people.
type Step struct {
	Range hcl.Range
	Depth int    // 0 is the whole condition
	Value string // as HCL would spell it; "absent", "unknown" or "pending"
	Body  bool   // the value is made of what a body says
}

// Text gives the step as it was written; src is the file that Range is in.
func (s Step) Text(src []byte) string {
	if !s.Range.CanSliceBytes(src) {
		return ""
	}
	return string(s.Range.SliceBytes(src))
}

// Explain evaluates every sub-expression, the whole condition first. Constants,
// and the bodies of comprehensions, which have no one value, are left out.
func (c *Cond) Explain(env *Env) []Step { return explain(nil, c.root, 0, env) }

func explain(steps []Step, n *node, depth int, env *Env) []Step {
	if n.konst && depth > 0 || n.bound {
		return steps
	}
	steps = append(steps, Step{Range: n.rng, Depth: depth, Value: n.eval(env, nil).String(), Body: bodily(n)})
	for _, kid := range n.kids {
		steps = explain(steps, kid, depth+1, env)
	}
	return steps
}

func bodily(n *node) bool {
	return n.fact != nil && n.fact.Spec.Body || slices.ContainsFunc(n.kids, bodily)
}
