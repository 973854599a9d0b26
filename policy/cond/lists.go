package cond

import (
	"sallyport.dev/sallyport/action"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// A scope holds the variables of one comprehension while it runs.
type scope struct {
	outer    *scope
	key, val value
	left     *int // steps that all comprehensions around may still take
}

// maxSteps bounds what the comprehensions of one condition may do, counted in
// elements and in blocks of text searched.
const (
	maxSteps  = 10_000
	stepBytes = 1024
)

// spend takes the cost of searching n bytes; out of budget it reports false.
// Outside of comprehensions everything happens once, and costs nothing.
func (s *scope) spend(n int) bool {
	if s == nil {
		return true
	}
	*s.left -= n / stepBytes
	return *s.left >= 0
}

// A variable is a name that a comprehension gives.
type variable struct {
	name  string
	level int // comprehensions around it
	isKey bool
	typ   typ
}

// variable compiles the reading of a variable, the innermost of that name; nil
// if there is none.
func (c *compiler) variable(name string) *node {
	for i := len(c.vars) - 1; i >= 0; i-- {
		v := c.vars[i]
		if v.name != name {
			continue
		}
		up := c.vars[len(c.vars)-1].level - v.level
		n := computed(v.typ, func(_ *Env, s *scope) value {
			for range up {
				s = s.outer
			}
			if v.isKey {
				return s.key
			}
			return s.val
		})
		n.bound = true
		return n
	}
	return nil
}

// comprehension compiles [for x in list : body if filter].
func (c *compiler) comprehension(e *hclsyntax.ForExpr) *node {
	if e.KeyExpr != nil {
		return c.fail(e.SrcRange, "No objects here", "A condition makes lists: [for x in list : …].")
	}
	list := c.typed(e.CollExpr, listType, "A for expression")
	if list == nil {
		return nil
	}
	around, level := len(c.vars), 0
	if around > 0 {
		level = c.vars[around-1].level + 1
	}
	if e.KeyVar != "" {
		c.vars = append(c.vars, variable{name: e.KeyVar, level: level, isKey: true, typ: numberType})
	}
	c.vars = append(c.vars, variable{name: e.ValVar, level: level, typ: list.elem})
	body, filter := c.compile(e.ValExpr), constant(boolType, boolValue(true))
	if e.CondExpr != nil {
		filter = c.boolean(e.CondExpr, "What stands after if")
	}
	c.vars = c.vars[:around]
	if body == nil || filter == nil {
		return nil
	}
	if body.typ == listType {
		return c.fail(body.rng, "List of lists", "A for expression makes strings, numbers or booleans.")
	}
	l := loop{list: list, body: body, filter: filter}
	n := computed(listType, l.run, list, body, filter)
	n.elem, n.bound, n.loop = body.typ, around > 0, &l
	return n
}

// A loop is a compiled comprehension.
type loop struct{ list, body, filter *node }

// run makes the list. It is unknown if the filter is for one element, or if it
// takes too many steps.
func (l *loop) run(env *Env, outer *scope) value {
	var items []value
	rest := l.each(env, outer, func(v value) bool {
		items = append(items, v)
		return true
	})
	if !rest.known() {
		return rest
	}
	return itemsValue(items)
}

// each hands every value of the body to f until f is content. It gives an
// unknown if there is no list, or not all of it can be told.
func (l *loop) each(env *Env, outer *scope, f func(value) bool) value {
	list := l.list.eval(env, outer)
	if list.kind != isList {
		return pendingValue(list.need)
	}
	steps := maxSteps
	inner := &scope{outer: outer, left: &steps}
	if outer != nil {
		inner.left = outer.left
	}
	rest := boolValue(true)
	for i := range list.len() {
		if *inner.left--; *inner.left < 0 {
			return value{}
		}
		inner.key, inner.val = numberValue(float64(i)), list.at(i)
		keep, need := l.filter.test(env, inner)
		if keep == False {
			continue
		}
		if keep == Unknown {
			return pendingValue(need)
		}
		if !f(l.body.eval(env, inner)) {
			return rest
		}
	}
	return rest
}

// tuple compiles a list that is written out.
func (c *compiler) tuple(e *hclsyntax.TupleConsExpr) *node {
	kids, elem, texts := make([]*node, 0, len(e.Exprs)), nullType, true
	for _, item := range e.Exprs {
		kid := c.compile(item)
		if kid == nil {
			continue
		}
		t, ok := common(elem, kid.typ)
		switch {
		case kid.typ == nullType || kid.typ == listType:
			c.fail(kid.rng, "Wrong element", "A list holds strings, numbers or booleans.")
		case !ok:
			c.fail(kid.rng, "Different types", "The elements of a list are of one type, and a %s follows a %s.", kid.typ, elem)
		}
		elem, texts = t, texts && kid.konst && kid.typ == stringType
		kids = append(kids, kid)
	}
	if len(kids) != len(e.Exprs) || c.diags.HasErrors() {
		return nil
	}
	if len(kids) == 0 {
		elem = anyType
	}
	n := computed(listType, func(env *Env, s *scope) value {
		items := make([]value, len(kids))
		for i, kid := range kids {
			items[i] = kid.eval(env, s)
		}
		return itemsValue(items)
	}, kids...)
	n.elem = elem
	if texts {
		list := make([]string, len(kids))
		for i, kid := range kids {
			list[i] = kid.eval(nil, nil).str
		}
		n.konst = true
		n.eval = func(*Env, *scope) value { return listValue(list) }
	}
	return n
}

// contains looks for want in a list: an element that is unknown may be it.
func contains(l, want value) (Tri, action.Need) {
	if l.kind != isList || !want.known() {
		return Unknown, blocked(l, want)
	}
	if l.items == nil {
		if want.kind != isString {
			return unlessEmpty(l), 0
		}
		for _, s := range l.list {
			if s == want.str {
				return True, 0
			}
		}
		return False, 0
	}
	found, needed := False, action.Need(0)
	for _, item := range *l.items {
		t, need := equal(item, want)
		if t == True {
			return True, 0
		}
		if t == Unknown {
			found, needed = Unknown, needed|need
		}
	}
	return found, needed
}

// unlessEmpty is unknown for a list of strings in which something else is
// looked for, and false if there are none.
func unlessEmpty(l value) Tri {
	if l.len() == 0 {
		return False
	}
	return Unknown
}

// quantify compiles anytrue and alltrue: the first element that is decisive
// decides, and without one an unknown element leaves it unknown.
func quantify(list *node, decisive Tri) *node {
	if list.loop != nil {
		return tested(func(env *Env, s *scope) (Tri, action.Need) {
			q := quantifier{decisive: decisive, result: not(decisive)}
			if rest := list.loop.each(env, s, q.add); !rest.known() {
				return Unknown, rest.need
			}
			return q.result, q.need
		}, list)
	}
	return tested(func(env *Env, s *scope) (Tri, action.Need) {
		l := list.eval(env, s)
		if l.kind != isList {
			return Unknown, l.need
		}
		q := quantifier{decisive: decisive, result: not(decisive)}
		for i := range l.len() {
			if !q.add(l.at(i)) {
				break
			}
		}
		return q.result, q.need
	}, list)
}

// A quantifier collects the elements of one list.
type quantifier struct {
	decisive, result Tri
	need             action.Need
}

// add takes in one element and reports whether another one could matter.
func (q *quantifier) add(v value) bool {
	t, need := v.tri()
	if t == q.decisive {
		q.result, q.need = t, 0
		return false
	}
	if t == Unknown {
		q.result, q.need = Unknown, q.need|need
	}
	return true
}
