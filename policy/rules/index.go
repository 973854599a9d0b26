package rules

import (
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/glob"
	"sallyport.dev/sallyport/policy/rules/operation"
)

// An index leaves out of sight the rules that a known value of one cheap fact
// keeps from matching at all: the first segment of the path, or the only verb.
type index struct {
	path    func(action.Facts) (string, action.State)   // nil: no such fact
	verbs   func(action.Facts) ([]string, action.State) // nil: no such fact
	fold    bool                                        // paths have no case; keys are in small letters
	byKey   map[string][]*Rule
	general []*Rule // those that any key may meet
}

// maxKey bounds a key that is folded; a longer one is looked for in all rules.
const maxKey = 64

// newIndex indexes the rules of a service, which are in the order of names.
func (c *compiler) newIndex(s *Service) *index {
	x := &index{byKey: map[string][]*Rule{}, fold: s.service.FoldPaths}
	keys := x.pathKeys
	switch spec, ok := c.Fact("http.path"); {
	case s.opaque:
		return nil
	case s.service.Protocol == "http" && ok:
		x.path = spec.Str
	case s.service.Protocol == "postgres":
		spec, ok := c.Fact("sql.verbs")
		if !ok {
			return nil
		}
		x.verbs, keys = spec.List, verbKeys
	default:
		return nil
	}
	for _, r := range s.rules {
		of := keys(r)
		if of == nil {
			x.general = append(x.general, r)
		}
		for _, k := range slices.Compact(slices.Sorted(slices.Values(of))) {
			x.byKey[k] = append(x.byKey[k], r)
		}
	}
	return x
}

// pathKeys gives the first segments that the paths of a rule have; nil is any.
func (x *index) pathKeys(r *Rule) []string {
	return keysOf(r, "paths", func(pattern string) (string, bool) {
		g, err := glob.Compile(pattern, '/') // which spells it as paths are spelt
		if err != nil {
			return "", false
		}
		key := g.First()
		if x.fold {
			key = strings.ToLower(key)
		}
		return key, key != "" && (!x.fold || len(key) <= maxKey)
	})
}

// verbKeys gives the verbs of a rule; nil is any.
func verbKeys(r *Rule) []string {
	return keysOf(r, "verbs", func(verb string) (string, bool) { return verb, !strings.Contains(verb, "*") })
}

func keysOf(r *Rule, attribute string, key func(string) (string, bool)) []string {
	var keys []string
	for _, item := range r.conf.Lists[attribute].Items {
		if strings.HasPrefix(item.Value, "!") {
			continue
		}
		k, ok := key(item.Value)
		if !ok {
			return nil
		}
		keys = append(keys, k)
	}
	return keys
}

// rules gives the rules of the service that may meet the part of j, in the order
// of names.
func (x *index) rules(j *judge) []*Rule {
	if x == nil {
		return j.service.rules
	}
	if x.path != nil {
		path, state := x.path(j.part.Facts)
		if state != action.Known {
			return j.service.rules
		}
		return x.under(j, operation.FirstSegment(path))
	}
	verbs, state := x.verbs(j.part.Facts)
	if state != action.Known || len(verbs) != 1 {
		return j.service.rules
	}
	return j.both(x.byKey[verbs[0]], x.general)
}

// under gives the rules for paths below a first segment.
func (x *index) under(j *judge, first string) []*Rule {
	if !x.fold {
		return j.both(x.byKey[first], x.general)
	}
	var low [maxKey]byte
	if len(first) > maxKey {
		return j.service.rules
	}
	for i := range len(first) {
		if low[i] = first[i]; 'A' <= first[i] && first[i] <= 'Z' {
			low[i] += 'a' - 'A'
		}
	}
	return j.both(x.byKey[string(low[:len(first)])], x.general)
}

// both merges two lists that are in the order of names.
func (j *judge) both(a, b []*Rule) []*Rule {
	switch {
	case len(a) == 0:
		return b
	case len(b) == 0:
		return a
	}
	j.merged = j.merged[:0]
	for len(a) > 0 && len(b) > 0 {
		if a[0].order < b[0].order {
			j.merged, a = append(j.merged, a[0]), a[1:]
		} else {
			j.merged, b = append(j.merged, b[0]), b[1:]
		}
	}
	j.merged = append(append(j.merged, a...), b...)
	return j.merged
}
