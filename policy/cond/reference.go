package cond

import (
	"strings"

	"sallyport.dev/sallyport/policy/cond/fact"
	"sallyport.dev/sallyport/policy/cond/kleene"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// reference compiles a name: a variable of a comprehension, or a fact.
func (c *compiler) reference(e *hclsyntax.ScopeTraversalExpr) *node {
	path := e.Traversal
	if n := c.variable(path.RootName()); n != nil {
		n.rng = path[0].SourceRange()
		return c.steps(n, path[1:])
	}
	f, used := c.find(path)
	if f == nil {
		return c.unknownFact(e)
	}
	name, rest := f.Spec.Name, path[used:]
	c.reads(f)
	if !f.Keyed() {
		n := factNode(f)
		n.rng = hcl.RangeBetween(path[0].SourceRange(), path[used-1].SourceRange())
		return c.steps(n, rest)
	}
	if len(rest) == 0 {
		return c.fail(e.SrcRange, "Key missing", "%s needs a name: %s.x or %s[\"x\"].", name, name, name)
	}
	key, ok := stepKey(rest[0])
	if !ok {
		return c.fail(rest[0].SourceRange(), "Key missing", "%s takes a name in quotes: %s[\"x\"].", name, name)
	}
	n := keyNode(f, constant(stringType, kleene.Text(key)))
	n.kids = nil
	n.rng = hcl.RangeBetween(path[0].SourceRange(), rest[0].SourceRange())
	return c.steps(n, rest[1:])
}

// reads notes that the condition depends on f.
func (c *compiler) reads(f *fact.Fact) {
	c.facts[f.Spec.Name] = true
	c.usesTime = c.usesTime || f.Timed
	if f.Protocol != "" {
		c.protocols[f.Protocol] = true
	}
}

// find looks for the fact that path begins with, and says how many steps of it
// are its name.
func (c *compiler) find(path hcl.Traversal) (*fact.Fact, int) {
	var parts []string
	for _, step := range path {
		if _, isIndex := step.(hcl.TraverseIndex); isIndex {
			break
		}
		if key, ok := stepKey(step); ok {
			parts = append(parts, key)
		}
	}
	return c.schema.facts.Find(parts)
}

// stepKey gives the name that a step of a traversal states.
func stepKey(step hcl.Traverser) (string, bool) {
	switch step := step.(type) {
	case hcl.TraverseRoot:
		return step.Name, true
	case hcl.TraverseAttr:
		return step.Name, true
	case hcl.TraverseIndex:
		if step.Key.Type() == cty.String && step.Key.IsKnown() && !step.Key.IsNull() {
			return step.Key.AsString(), true
		}
	}
	return "", false
}

func (c *compiler) unknownFact(e *hclsyntax.ScopeTraversalExpr) *node {
	var parts []string
	for _, step := range e.Traversal {
		if key, ok := stepKey(step); ok {
			parts = append(parts, key)
		}
	}
	name := strings.Join(parts, ".")
	if fact.Later(name) {
		return c.fail(e.SrcRange, "Not in this version", "The fact %s is not in this version.", name)
	}
	if group := c.schema.facts.Group(name); len(group) > 0 {
		return c.fail(e.SrcRange, "Unknown fact", "%s alone is no fact; there are %s.", name, strings.Join(group, ", "))
	}
	names := c.schema.facts.Names()
	for _, v := range c.vars {
		names = append(names, v.name)
	}
	if best := fact.Nearest(name, names); best != "" {
		return c.fail(e.SrcRange, "Unknown fact", "There is no fact %s; did you mean %s?", name, best)
	}
	if len(parts) == 1 {
		return c.fail(e.SrcRange, "Unknown fact", "There is no fact %s; a text stands in quotes.", name)
	}
	return c.fail(e.SrcRange, "Unknown fact", "There is no fact %s.", name)
}

// steps applies what follows a name: indexes of lists.
func (c *compiler) steps(n *node, rest hcl.Traversal) *node {
	for _, step := range rest {
		if n == nil {
			return nil
		}
		if key, ok := stepKey(step); ok && n.typ == anyType {
			rng := hcl.RangeBetween(n.rng, step.SourceRange())
			n = member(n, key)
			n.rng = rng
			continue
		}
		i, isIndex := step.(hcl.TraverseIndex)
		if n.typ != listType && n.typ != anyType || !isIndex || i.Key.Type() != cty.Number {
			return c.fail(step.SourceRange(), "Nothing inside", "A %s has nothing of that name inside.", n.typ)
		}
		at, _ := i.Key.AsBigFloat().Float64()
		rng := hcl.RangeBetween(n.rng, step.SourceRange())
		n = element(n, constant(numberType, kleene.Number(at)))
		n.rng = rng
	}
	return n
}

// index compiles collection[key] where the key is not written out.
func (c *compiler) index(e *hclsyntax.IndexExpr) *node {
	if t, ok := e.Collection.(*hclsyntax.ScopeTraversalExpr); ok && c.variable(t.Traversal.RootName()) == nil {
		if f, used := c.find(t.Traversal); f != nil && f.Keyed() && used == len(t.Traversal) {
			key := c.typed(e.Key, stringType, "The name in "+f.Spec.Name+"[…]")
			if key == nil {
				return nil
			}
			c.reads(f)
			return keyNode(f, key)
		}
	}
	list := c.typed(e.Collection, listType, "An index")
	at := c.typed(e.Key, numberType, "The index of a list")
	if list == nil || at == nil {
		return nil
	}
	return element(list, at)
}

// element reads one element of a list; past its end there is nothing.
func element(list, at *node) *node {
	return computed(list.elem, func(env *Env, s *scope) kleene.Value {
		l, i := list.eval(env, s), at.eval(env, s)
		if l.Kind != kleene.IsList || i.Kind != kleene.IsNumber {
			return kleene.Pending(kleene.Blocked(l, i))
		}
		n := int(i.Num)
		if float64(n) != i.Num || n < 0 {
			return kleene.Value{}
		}
		if n >= l.Len() {
			return kleene.Null()
		}
		return l.At(n)
	}, list, at)
}

// factNode compiles the reading of a fact without a key.
func factNode(f *fact.Fact) *node {
	n := computed(typeOf(f), fact.Reader[*scope](f))
	n.fact = f
	if n.typ != anyType {
		n.elem = stringType
	}
	return n
}

// keyNode compiles the reading of a fact with a key.
func keyNode(f *fact.Fact, key *node) *node {
	read, fold := f.KeyReader(), f.FoldsKey()
	if fold && key.konst {
		k := key.fixed
		k.Str, fold = strings.ToLower(k.Str), false
		key = constant(stringType, k)
	}
	n := computed(typeOf(f), func(env *Env, s *scope) kleene.Value {
		k := key.value(env, s)
		if k.Kind != kleene.IsString {
			return kleene.Pending(k.Need)
		}
		if fold {
			k.Str = strings.ToLower(k.Str)
		}
		return read(env, k.Str)
	}, key)
	n.elem, n.fact = stringType, f
	return n
}
