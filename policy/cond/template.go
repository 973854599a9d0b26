package cond

import (
	"strings"

	"sallyport.dev/sallyport/action"

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
			return c.fail(kid.rng, "Wrong type", "A template takes strings, numbers and booleans, and this is a %s; join makes a text of a list.", kid.typ)
		}
		kids = append(kids, kid)
	}
	if len(kids) == 0 {
		return constant(stringType, stringValue(""))
	}
	return computed(stringType, func(env *Env, s *scope) value {
		var b builder
		for _, kid := range kids {
			b.add(kid.eval(env, s))
		}
		return b.value(s)
	}, kids...)
}

// A builder puts a string together, and remembers what keeps it from being
// known.
type builder struct {
	text   strings.Builder
	broken bool // never to be known
	need   action.Need
}

// add appends a value.
func (b *builder) add(v value) {
	switch {
	case !v.known() && v.need == 0 || v.kind == isList:
		b.broken = true
	case !v.known():
		b.need |= v.need
	case b.text.Len() <= maxText:
		b.text.WriteString(v.text())
	}
}

// value gives the string; one that is too long is unknown.
func (b *builder) value(s *scope) value {
	switch {
	case b.broken || b.text.Len() > maxText || !s.spend(b.text.Len()):
		return value{}
	case b.need != 0:
		return pendingValue(b.need)
	default:
		return stringValue(b.text.String())
	}
}
