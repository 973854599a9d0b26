package cond

import (
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/cond/fact"
	"sallyport.dev/sallyport/policy/cond/kleene"
	"sallyport.dev/sallyport/policy/hours"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// A function is what a condition may call. build gets arguments whose number
// and types are right.
type function struct {
	usage, doc string
	params     []typ // anyType: left to build
	variadic   bool  // the last parameter repeats, and at least once
	build      func(c *compiler, args []*node) *node
}

// functionTable lists the functions. Where Terraform has one of that name, it
// means the same.
func functionTable() map[string]function {
	text, list := []typ{stringType}, []typ{listType}
	texts := []typ{stringType, stringType}
	return map[string]function{
		"contains":     {"contains(list, value)", "whether an element of the list is the value", []typ{listType, anyType}, false, buildContains},
		"startswith":   {"startswith(text, prefix)", "whether the text begins with the prefix", texts, false, textTest(strings.HasPrefix)},
		"endswith":     {"endswith(text, suffix)", "whether the text ends with the suffix", texts, false, textTest(strings.HasSuffix)},
		"matches":      {"matches(text, pattern)", "whether the RE2 pattern is found anywhere in the text", texts, false, buildMatches},
		"lower":        {"lower(text)", "the text in small letters", text, false, textMap(strings.ToLower)},
		"upper":        {"upper(text)", "the text in capitals", text, false, textMap(strings.ToUpper)},
		"length":       {"length(list or text)", "how many elements, or characters", []typ{anyType}, false, buildLength},
		"anytrue":      {"anytrue(list)", "whether one element is true", list, false, buildQuantifier(True)},
		"alltrue":      {"alltrue(list)", "whether every element is true, also of none", list, false, buildQuantifier(False)},
		"cidrcontains": {"cidrcontains(cidr, ip)", "whether the address is in the network", texts, false, buildCIDR},
		"split":        {"split(separator, text)", "the pieces of the text as a list", texts, false, buildSplit},
		"join":         {"join(separator, list)", "the strings of the list in one", []typ{stringType, listType}, false, buildJoin},
		"trimprefix":   {"trimprefix(text, prefix)", "the text without the prefix", texts, false, buildTrim},
		"keys":         {"keys(object)", "the keys of an object in a document", []typ{anyType}, false, buildKeys},
		"coalesce":     {"coalesce(value, …)", "the first value that is not absent", []typ{anyType}, true, buildCoalesce},
		"tonumber":     {"tonumber(text)", "the number that the text spells, else unknown", []typ{anyType}, false, buildToNumber},
		"during":       {`during("sat 02:00-04:00 Europe/Berlin")`, "whether it is that time of the week", text, false, buildDuring},
	}
}

// call compiles a function call.
func (c *compiler) call(e *hclsyntax.FunctionCallExpr) *node {
	f, ok := c.schema.functions[e.Name]
	if !ok {
		return c.unknownFunction(e)
	}
	if e.ExpandFinal {
		return c.fail(e.Range(), "No expansion here", "Arguments are written out; … has no meaning in a condition.")
	}
	if len(e.Args) < len(f.params) || len(e.Args) > len(f.params) && !f.variadic {
		return c.fail(e.Range(), "Wrong number of arguments", "Write %s.", f.usage)
	}
	args := make([]*node, len(e.Args))
	for i, arg := range e.Args {
		want := f.params[min(i, len(f.params)-1)]
		if want == anyType {
			args[i] = c.compile(arg)
		} else {
			args[i] = c.typed(arg, want, f.usage)
		}
	}
	if slices.Contains(args, nil) {
		return nil
	}
	return f.build(c, args)
}

func (c *compiler) unknownFunction(e *hclsyntax.FunctionCallExpr) *node {
	if best := fact.Nearest(e.Name, slices.Sorted(maps.Keys(c.schema.functions))); best != "" {
		return c.fail(e.NameRange, "Unknown function", "There is no function %s; did you mean %s?", e.Name, best)
	}
	return c.fail(e.NameRange, "Unknown function", "There is no function %s.", e.Name)
}

// constText gives the text of an argument that must not change.
func (c *compiler) constText(n *node, what string) (string, bool) {
	if !n.konst || n.fixed.Kind != kleene.IsString {
		c.fail(n.rng, "Not a constant", "%s is written out, so that it can be checked beforehand.", what)
		return "", false
	}
	return n.fixed.Str, true
}

func buildContains(c *compiler, args []*node) *node {
	list, want := args[0], args[1]
	if want.typ == listType || want.typ == nullType {
		return c.fail(want.rng, "Wrong type", "contains looks for one value, and this is %s.", want.typ.a())
	}
	if _, ok := common(list.elem, want.typ); !ok {
		return c.fail(want.rng, "Different types", "A list of %ss never contains a %s.", list.elem, want.typ)
	}
	return tested(func(env *Env, s *scope) (Tri, action.Need) {
		l := list.value(env, s)
		if !s.spend(stepBytes * l.Len()) {
			return Unknown, 0
		}
		return kleene.Contains(l, want.value(env, s))
	}, list, want)
}

// textTest makes a predicate of two texts.
func textTest(holds func(text, part string) bool) func(*compiler, []*node) *node {
	return func(_ *compiler, args []*node) *node {
		x, y := args[0], args[1]
		return tested(func(env *Env, s *scope) (Tri, action.Need) {
			a, b := x.value(env, s), y.value(env, s)
			if a.Kind != kleene.IsString || b.Kind != kleene.IsString {
				return Unknown, kleene.Blocked(a, b)
			}
			return kleene.Truth(holds(a.Str, b.Str)), 0
		}, x, y)
	}
}

func buildMatches(c *compiler, args []*node) *node {
	pattern, ok := c.constText(args[1], "A pattern")
	if !ok {
		return nil
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return c.fail(args[1].rng, "Bad pattern", "This is no RE2 pattern: %v.", err)
	}
	x := args[0]
	return tested(func(env *Env, s *scope) (Tri, action.Need) {
		v := x.eval(env, s)
		if v.Kind != kleene.IsString {
			return Unknown, v.Need
		}
		if !s.spend(len(v.Str)) {
			return Unknown, 0
		}
		return kleene.Truth(re.MatchString(v.Str)), 0
	}, x, args[1])
}

// textMap makes a function from text to text.
func textMap(f func(string) string) func(*compiler, []*node) *node {
	return func(_ *compiler, args []*node) *node {
		x := args[0]
		return computed(stringType, func(env *Env, s *scope) kleene.Value {
			v := x.eval(env, s)
			if v.Kind != kleene.IsString || !s.spend(len(v.Str)) {
				return kleene.Pending(v.Need)
			}
			return kleene.Text(f(v.Str))
		}, x)
	}
}

func buildLength(c *compiler, args []*node) *node {
	x := args[0]
	if x.typ != listType && x.typ != stringType && x.typ != anyType {
		return c.fail(x.rng, "Wrong type", "length takes a list or a text, and this is %s.", x.typ.a())
	}
	return computed(numberType, func(env *Env, s *scope) kleene.Value {
		switch v := x.eval(env, s); v.Kind {
		case kleene.IsList:
			return kleene.Number(float64(v.Len()))
		case kleene.IsString:
			if !s.spend(len(v.Str)) {
				return kleene.Value{}
			}
			return kleene.Number(float64(utf8.RuneCountInString(v.Str)))
		default:
			return kleene.Pending(v.Need)
		}
	}, x)
}

func buildQuantifier(decisive Tri) func(*compiler, []*node) *node {
	return func(c *compiler, args []*node) *node {
		if elem := args[0].elem; elem != boolType && elem != anyType {
			return c.fail(args[0].rng, "Not booleans", "The elements must be true or false, and these are %ss.", elem)
		}
		return quantify(args[0], decisive)
	}
}

func buildCIDR(c *compiler, args []*node) *node {
	x, y := args[0], args[1]
	var fixed netip.Prefix
	if x.konst && x.fixed.Kind == kleene.IsString {
		var err error
		if fixed, err = netip.ParsePrefix(x.fixed.Str); err != nil {
			return c.fail(x.rng, "Bad network", "%q is no network; write it as in 10.0.0.0/8.", x.fixed.Str)
		}
	}
	return tested(func(env *Env, s *scope) (Tri, action.Need) {
		a, b := x.eval(env, s), y.eval(env, s)
		if a.Kind != kleene.IsString || b.Kind != kleene.IsString {
			return Unknown, kleene.Blocked(a, b)
		}
		network := fixed
		if !network.IsValid() {
			network, _ = netip.ParsePrefix(a.Str)
		}
		return kleene.InNetwork(network, b.Str), 0
	}, x, y)
}

func buildSplit(_ *compiler, args []*node) *node {
	sep, x := args[0], args[1]
	n := computed(listType, func(env *Env, s *scope) kleene.Value {
		a, b := sep.eval(env, s), x.eval(env, s)
		if a.Kind != kleene.IsString || b.Kind != kleene.IsString {
			return kleene.Pending(kleene.Blocked(a, b))
		}
		if len(b.Str) > kleene.MaxText || !s.spend(len(b.Str)) {
			return kleene.Value{}
		}
		return kleene.Texts(strings.Split(b.Str, a.Str))
	}, sep, x)
	n.elem = stringType
	return n
}

func buildJoin(c *compiler, args []*node) *node {
	sep, list := args[0], args[1]
	if list.elem != stringType && list.elem != anyType {
		return c.fail(list.rng, "Wrong type", "join takes a list of strings, and this is one of %ss.", list.elem)
	}
	return computed(stringType, func(env *Env, s *scope) kleene.Value {
		a, l := sep.eval(env, s), list.eval(env, s)
		if a.Kind != kleene.IsString || l.Kind != kleene.IsList {
			return kleene.Pending(kleene.Blocked(a, l))
		}
		if !s.spend(stepBytes * l.Len()) {
			return kleene.Value{}
		}
		var b kleene.Builder
		for i := range l.Len() {
			if i > 0 {
				b.Add(a)
			}
			item := l.At(i)
			if item.Known() && item.Kind != kleene.IsString {
				return kleene.Value{}
			}
			b.Add(item)
		}
		return built(&b, s)
	}, sep, list)
}

func buildTrim(_ *compiler, args []*node) *node {
	x, prefix := args[0], args[1]
	return computed(stringType, func(env *Env, s *scope) kleene.Value {
		a, b := x.eval(env, s), prefix.eval(env, s)
		if a.Kind != kleene.IsString || b.Kind != kleene.IsString {
			return kleene.Pending(kleene.Blocked(a, b))
		}
		return kleene.Text(strings.TrimPrefix(a.Str, b.Str))
	}, x, prefix)
}

func buildCoalesce(c *compiler, args []*node) *node {
	t, elem := args[0].typ, args[0].elem
	for _, arg := range args[1:] {
		var ok bool
		if t, ok = common(t, arg.typ); !ok {
			return c.fail(arg.rng, "Different types", "coalesce gives one type, and a %s follows a %s.", arg.typ, args[0].typ)
		}
		elem, _ = common(elem, arg.elem)
	}
	n := computed(t, func(env *Env, s *scope) kleene.Value {
		for _, arg := range args {
			if v := arg.eval(env, s); v.Kind != kleene.IsNull {
				return v
			}
		}
		return kleene.Null()
	}, args...)
	n.elem = elem
	return n
}

func buildToNumber(c *compiler, args []*node) *node {
	x := args[0]
	if x.typ != stringType && x.typ != numberType && x.typ != anyType {
		return c.fail(x.rng, "Wrong type", "tonumber takes a text, and this is %s.", x.typ.a())
	}
	return computed(numberType, func(env *Env, s *scope) kleene.Value {
		switch v := x.eval(env, s); v.Kind {
		case kleene.IsNumber:
			return v
		case kleene.IsString:
			return kleene.ParseNumber(v.Str)
		default:
			return kleene.Pending(v.Need)
		}
	}, x)
}

func buildDuring(c *compiler, args []*node) *node {
	text, ok := c.constText(args[0], "A time of the week")
	if !ok {
		return nil
	}
	hours, err := hours.Parse(text)
	if err != nil {
		return c.fail(args[0].rng, "Bad hours", "%v.", err)
	}
	c.usesTime = true
	n := tested(func(env *Env, _ *scope) (Tri, action.Need) {
		if env.Now.IsZero() {
			return Unknown, 0
		}
		return kleene.Truth(hours.Contains(env.Now)), 0
	})
	return n
}
