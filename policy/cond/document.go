package cond

import (
	"sallyport.dev/sallyport/policy/cond/kleene"
)

// member compiles the reading of a key inside of what a document holds.
func member(of *node, key string) *node {
	return computed(anyType, func(env *Env, s *scope) kleene.Value { return of.eval(env, s).Member(key) }, of)
}

// buildKeys compiles the keys of an object.
func buildKeys(c *compiler, args []*node) *node {
	x := args[0]
	if x.typ != anyType {
		return c.fail(x.rng, "Wrong type", "keys takes an object of a document, such as http.json, and this is %s.", x.typ.a())
	}
	n := computed(listType, func(env *Env, s *scope) kleene.Value { return x.eval(env, s).Keys() }, x)
	n.elem = stringType
	return n
}
