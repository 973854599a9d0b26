package cond

import (
	"sallyport.dev/sallyport/policy/cond/kleene"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// template compiles "…${…}…".
func (c *compiler) template(e *hclsyntax.TemplateExpr) *node {
	kids := make([]*node, 0, len(e.Parts))
	for _, part := range e.Parts {
		kid := c.compile(part)
		if kid == nil {
			return nil
		}
		if kid.typ == listType || kid.typ == nullType {
			return c.fail(kid.rng, "Wrong type", "A template takes strings, numbers and booleans, and this is %s; join makes a text of a list.", kid.typ.a())
		}
		kids = append(kids, kid)
	}
	if len(kids) == 0 {
		return constant(stringType, kleene.Text(""))
	}
	return computed(stringType, func(env *Env, s *scope) kleene.Value {
		var b kleene.Builder
		for _, kid := range kids {
			b.Add(kid.eval(env, s))
		}
		return built(&b, s)
	}, kids...)
}

// built gives the string of a builder, at its price.
func built(b *kleene.Builder, s *scope) kleene.Value {
	if !s.spend(b.Len()) {
		return kleene.Value{}
	}
	return b.Value()
}
