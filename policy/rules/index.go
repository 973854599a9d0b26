package rules

import (
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/rules/operation"
)

// An index leaves out of sight the rules that a known value of one cheap fact
// keeps from matching at all: the first segment of the path, or the only verb.
type index struct {
	path    func(action.Facts) (string, action.State)   // nil: no such fact
	verbs   func(action.Facts) ([]string, action.State) // nil: no such fact
	byKey   map[string][]*Rule
	general []*Rule // those that any key may meet
}

// newIndex indexes the rules of a service, which are in the order of names.
func (c *compiler) newIndex(s *Service) *index {
	x := &index{byKey: map[string][]*Rule{}}
	keys := pathKeys
	switch spec, ok := c.Fact("http.path"); {
	case s.opaque || s.service.FoldPaths:
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
		for _, k := range keys(r) {
			x.byKey[k] = nil
		}
	}
	for _, r := range s.rules {
		of := keys(r)
		if of == nil {
			x.general = append(x.general, r)
		}
		for k, list := range x.byKey {
			if of == nil || slices.Contains(of, k) {
				x.byKey[k] = append(list, r)
			}
		}
	}
	return x
}

// pathKeys gives the first segments that the paths of a rule have; nil is any.
func pathKeys(r *Rule) []string {
	return keysOf(r, "paths", func(pattern string) (string, bool) {
		first := operation.FirstSegment(pattern)
		return first, !strings.Contains(first, "*")
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

// rules gives the rules of the service that may meet the part of j.
func (x *index) rules(j *judge) []*Rule {
	if x == nil {
		return j.service.rules
	}
	key := ""
	if x.path != nil {
		path, state := x.path(j.part.Facts)
		if state != action.Known {
			return j.service.rules
		}
		key = operation.FirstSegment(path)
	} else {
		verbs, state := x.verbs(j.part.Facts)
		if state != action.Known || len(verbs) != 1 {
			return j.service.rules
		}
		key = verbs[0]
	}
	if rules, ok := x.byKey[key]; ok {
		return rules
	}
	return x.general
}
