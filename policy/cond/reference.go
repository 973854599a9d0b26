package cond

import (
	"maps"
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"

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
	name, rest := f.spec.Name, path[used:]
	c.reads(f)
	if !f.keyed() {
		n := f.node()
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
	n := f.keyNode(constant(stringType, stringValue(key)))
	n.kids = nil
	n.rng = hcl.RangeBetween(path[0].SourceRange(), rest[0].SourceRange())
	return c.steps(n, rest[1:])
}

// reads notes that the condition depends on f.
func (c *compiler) reads(f *fact) {
	c.facts[f.spec.Name] = true
	c.usesTime = c.usesTime || f.timed
	if f.protocol != "" {
		c.protocols[f.protocol] = true
	}
}

// find looks for the fact with the longest name that path begins with.
func (c *compiler) find(path hcl.Traversal) (*fact, int) {
	name, found, used := "", (*fact)(nil), 0
	for i, step := range path {
		key, ok := stepKey(step)
		if _, isIndex := step.(hcl.TraverseIndex); !ok || isIndex {
			break
		}
		if i > 0 {
			name += "."
		}
		name += key
		if f := c.schema.facts[name]; f != nil {
			found, used = f, i+1
		}
	}
	return found, used
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
	if later(name) {
		return c.fail(e.SrcRange, "Not in this version", "The fact %s is not in this version.", name)
	}
	candidates := slices.Collect(maps.Keys(c.schema.facts))
	for _, v := range c.vars {
		candidates = append(candidates, v.name)
	}
	slices.Sort(candidates)
	if best := nearest(name, candidates); best != "" {
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
		i, isIndex := step.(hcl.TraverseIndex)
		if n.typ != listType || !isIndex || i.Key.Type() != cty.Number {
			return c.fail(step.SourceRange(), "Nothing inside", "A %s has nothing of that name inside.", n.typ)
		}
		at, _ := i.Key.AsBigFloat().Float64()
		rng := hcl.RangeBetween(n.rng, step.SourceRange())
		n = element(n, constant(numberType, numberValue(at)))
		n.rng = rng
	}
	return n
}

// index compiles collection[key] where the key is not written out.
func (c *compiler) index(e *hclsyntax.IndexExpr) *node {
	if t, ok := e.Collection.(*hclsyntax.ScopeTraversalExpr); ok && c.variable(t.Traversal.RootName()) == nil {
		if f, used := c.find(t.Traversal); f != nil && f.keyed() && used == len(t.Traversal) {
			key := c.typed(e.Key, stringType, "The name in "+f.spec.Name+"[…]")
			if key == nil {
				return nil
			}
			c.reads(f)
			return f.keyNode(key)
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
	return computed(list.elem, func(env *Env, s *scope) value {
		l, i := list.eval(env, s), at.eval(env, s)
		if l.kind != isList || i.kind != isNumber {
			return pendingValue(blocked(l, i))
		}
		n := int(i.num)
		if float64(n) != i.num || n < 0 {
			return value{}
		}
		if n >= l.len() {
			return nullValue()
		}
		return l.at(n)
	}, list, at)
}

// node compiles the reading of a fact without a key.
func (f *fact) node() *node {
	cost := f.spec.Cost
	n := computed(f.typ(), nil)
	n.fact = f
	switch {
	case f.spec.Str != nil:
		n.eval = func(env *Env, _ *scope) value {
			s, state := f.spec.Str(f.subject(env))
			if state != action.Known {
				return missing(state, cost)
			}
			return stringValue(s)
		}
	case f.spec.Num != nil:
		n.eval = func(env *Env, _ *scope) value {
			x, state := f.spec.Num(f.subject(env))
			if state != action.Known || x != x {
				return missing(state, cost)
			}
			return numberValue(x)
		}
	case f.spec.Bool != nil:
		n.eval = func(env *Env, _ *scope) value {
			b, state := f.spec.Bool(f.subject(env))
			if state != action.Known {
				return missing(state, cost)
			}
			return boolValue(b)
		}
		n.test = func(env *Env, s *scope) (Tri, action.Need) { return n.eval(env, s).tri() }
	default:
		n.elem = stringType
		n.eval = func(env *Env, _ *scope) value {
			l, state := f.spec.List(f.subject(env))
			if state != action.Known {
				return missing(state, cost)
			}
			return listValue(l)
		}
	}
	return n
}

// keyNode compiles the reading of a fact with a key.
func (f *fact) keyNode(key *node) *node {
	cost, fold := f.spec.Cost, foldsKey(f.spec.Name)
	if fold && key.konst {
		k := key.eval(&Env{}, nil)
		k.str, fold = strings.ToLower(k.str), false
		key = constant(stringType, k)
	}
	n := computed(f.typ(), func(env *Env, s *scope) value {
		k := key.eval(env, s)
		if k.kind != isString {
			return pendingValue(k.need)
		}
		if fold {
			k.str = strings.ToLower(k.str)
		}
		if f.spec.Key != nil {
			text, state := f.spec.Key(f.subject(env), k.str)
			if state != action.Known {
				return missing(state, cost)
			}
			return stringValue(text)
		}
		l, state := f.spec.KeyList(f.subject(env), k.str)
		if state != action.Known {
			return missing(state, cost)
		}
		return listValue(l)
	}, key)
	n.elem = stringType
	n.fact = f
	return n
}

// foldsKey reports whether the names inside a fact have no case: a condition
// that says X-Tenant means the header, however it is spelt.
func foldsKey(name string) bool { return name == "http.headers" || name == "http.headers_all" }
