package cond

import (
	"sallyport.dev/sallyport/policy/cond/kleene"
)

// keyBytes is what a look at one key costs, in bytes of text searched.
const keyBytes = 4

// member compiles the reading of a key inside of what a document holds.
func member(of *node, key string) *node {
	return computed(anyType, func(env *Env, s *scope) kleene.Value {
		v := of.eval(env, s)
		if v.Kind == kleene.IsObject && !s.spend(keyBytes*v.Len()) {
			return kleene.Value{}
		}
		return v.Member(key)
	}, of)
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
