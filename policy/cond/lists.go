package cond

import (
	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/cond/kleene"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// A scope holds the variables of one comprehension while it runs.
type scope struct {
	outer    *scope
	key, val kleene.Value
	left     *int // steps that all comprehensions around may still take
}

// maxSteps bounds what the comprehensions of one condition may do, counted in
// elements and in blocks of text searched.
const (
	maxSteps  = 10_000
	stepBytes = 64 // so many bytes cost as much as one element
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
		n := computed(v.typ, func(_ *Env, s *scope) kleene.Value {
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
	body, filter := c.compile(e.ValExpr), constant(boolType, kleene.Bool(true))
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
func (l *loop) run(env *Env, outer *scope) kleene.Value {
	var items []kleene.Value
	rest := l.each(env, outer, func(v kleene.Value) bool {
		items = append(items, v)
		return true
	})
	if !rest.Known() {
		return rest
	}
	return kleene.Items(items)
}

// each hands every value of the body to f until f is content. It gives an
// unknown if there is no list, or not all of it can be told.
func (l *loop) each(env *Env, outer *scope, f func(kleene.Value) bool) kleene.Value {
	list := l.list.eval(env, outer)
	if list.Kind != kleene.IsList {
		return kleene.Pending(list.Need)
	}
	steps := maxSteps
	inner := &scope{outer: outer, left: &steps}
	if outer != nil {
		inner.left = outer.left
	}
	rest := kleene.Bool(true)
	for i := range list.Len() {
		if *inner.left--; *inner.left < 0 {
			return kleene.Value{}
		}
		inner.key, inner.val = kleene.Number(float64(i)), list.At(i)
		keep, need := l.filter.test(env, inner)
		if keep == False {
			continue
		}
		if keep == Unknown {
			return kleene.Pending(need)
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
	n := computed(listType, func(env *Env, s *scope) kleene.Value {
		items := make([]kleene.Value, len(kids))
		for i, kid := range kids {
			items[i] = kid.eval(env, s)
		}
		return kleene.Items(items)
	}, kids...)
	n.elem = elem
	if texts {
		list := make([]string, len(kids))
		for i, kid := range kids {
			list[i] = kid.eval(nil, nil).Str
		}
		n.konst = true
		n.eval = func(*Env, *scope) kleene.Value { return kleene.Texts(list) }
	}
	return n
}

// quantify compiles anytrue and alltrue: the first element that is decisive
// decides, and without one an unknown element leaves it unknown.
func quantify(list *node, decisive Tri) *node {
	if list.loop != nil {
		return tested(func(env *Env, s *scope) (Tri, action.Need) {
			q := kleene.NewQuantifier(decisive)
			if rest := list.loop.each(env, s, func(v kleene.Value) bool { return q.Add(v.Tri()) }); !rest.Known() {
				return Unknown, rest.Need
			}
			return q.Result()
		}, list)
	}
	return tested(func(env *Env, s *scope) (Tri, action.Need) {
		l := list.eval(env, s)
		if l.Kind != kleene.IsList {
			return Unknown, l.Need
		}
		q := kleene.NewQuantifier(decisive)
		for i := range l.Len() {
			if !q.Add(l.At(i).Tri()) {
				break
			}
		}
		return q.Result()
	}, list)
}
