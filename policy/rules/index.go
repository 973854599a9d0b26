package rules

import (
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/glob"
)

// An index leaves out of sight the rules that the known values of a part keep from
// matching at all. Each rule is filed under the most telling of its attributes
// that says in plain words what it is for.
type index struct {
	drawers []drawer
	general []*Rule // those that anything may meet
}

// A drawer files rules by the values of one attribute.
type drawer struct {
	attribute string
	byKey     map[string][]*Rule
	paths     *glob.Trie[*Rule] // in place of byKey
	// key gives the key of a pattern; ok is false if it leaves it open.
	key func(pattern string) (key string, ok bool)
	// find adds the rules of the drawer that a part may meet; told is false if its
	// values do not tell.
	find func(d *drawer, j *judge, p *pile) (told bool)
}

// newIndex indexes the rules of a service, which are in the order of names.
func (c *compiler) newIndex(s *Service) *index {
	x := &index{}
	if s.opaque {
		return nil
	}
	switch s.service.Protocol {
	case "http":
		x.drawers = c.httpDrawers(s.service.FoldPaths)
	case "postgres":
		x.drawers = c.sqlDrawers()
	}
	if len(x.drawers) == 0 {
		return nil
	}
	for _, r := range s.rules {
		if !x.file(r) {
			x.general = append(x.general, r)
		}
	}
	x.drawers = slices.DeleteFunc(x.drawers, func(d drawer) bool { return len(d.byKey) == 0 && (d.paths == nil || d.paths.Len() == 0) })
	return x
}

// file puts a rule into the first drawer that takes it.
func (x *index) file(r *Rule) bool {
	for i := range x.drawers {
		d := &x.drawers[i]
		keys := d.keys(r)
		for _, k := range keys {
			if d.paths != nil {
				d.paths.Add(k, r)
			} else {
				d.byKey[k] = append(d.byKey[k], r)
			}
		}
		if len(keys) > 0 {
			return true
		}
	}
	return false
}

// keys gives the keys that a rule is filed under; none: its attribute does not say
// in plain words what it is for.
func (d *drawer) keys(r *Rule) []string {
	var keys []string
	for _, item := range r.conf.Lists[d.attribute].Items {
		if strings.HasPrefix(item.Value, "!") {
			continue
		}
		k, ok := d.key(item.Value)
		if !ok {
			return nil
		}
		if !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	return keys
}

func (c *compiler) httpDrawers(fold bool) []drawer {
	path, ok := c.Fact("http.path")
	method, also := c.Fact("http.method")
	if !ok || !also {
		return nil
	}
	return []drawer{
		{
			attribute: "paths", paths: glob.NewTrie[*Rule](fold), key: telling,
			find: func(d *drawer, j *judge, p *pile) bool {
				text, state := path.Str(j.part.Facts)
				if state == action.Known {
					d.paths.Each(text, p.add)
				}
				return state == action.Known
			},
		},
		{
			attribute: "operations", byKey: map[string][]*Rule{}, key: plainWord,
			find: func(d *drawer, j *judge, p *pile) bool {
				for i := range j.ops {
					p.add(d.byKey[j.ops[i].Name])
				}
				return !j.opsUnknown
			},
		},
		{
			attribute: "methods", byKey: map[string][]*Rule{}, key: plainWord,
			find: func(d *drawer, j *judge, p *pile) bool {
				text, state := method.Str(j.part.Facts)
				p.add(d.byKey[text])
				return state == action.Known
			},
		},
	}
}

func (c *compiler) sqlDrawers() []drawer {
	tables, ok := c.Fact("sql.tables")
	verbs, also := c.Fact("sql.verbs")
	if !ok || !also {
		return nil
	}
	return []drawer{
		{
			attribute: "tables", byKey: map[string][]*Rule{}, key: lastPart,
			find: func(d *drawer, j *judge, p *pile) bool {
				list, state := tables.List(j.part.Facts)
				for _, t := range list {
					dot := strings.LastIndexByte(t, '.')
					if strings.Count(t, ".") != glob.DepthTable-1 || t[dot+1:] == "*" {
						return false // where its parts end, or which schema it is in, nobody can tell
					}
					p.add(d.byKey[t[dot+1:]])
					p.add(d.byKey[t[:dot+1]])
				}
				return state == action.Known || state == action.Absent
			},
		},
		{
			attribute: "verbs", byKey: map[string][]*Rule{}, key: plainWord,
			find: func(d *drawer, j *judge, p *pile) bool {
				list, state := verbs.List(j.part.Facts)
				for _, v := range list {
					p.add(d.byKey[v])
				}
				return state == action.Known || state == action.Absent
			},
		},
	}
}

// telling reports whether a pattern of paths says how they begin.
func telling(pattern string) (string, bool) {
	return pattern, glob.NewTrie[bool](false).Add(pattern, true)
}

func plainWord(pattern string) (string, bool) { return pattern, !strings.Contains(pattern, "*") }

// lastPart is the key of a table: its name without the schema, or the schema with
// its dot where every table of it is meant.
func lastPart(pattern string) (string, bool) {
	dot := strings.LastIndexByte(pattern, '.')
	if schema := pattern[:dot+1]; pattern[dot+1:] == "*" && schema != "" {
		return plainWord(schema)
	}
	return plainWord(pattern[dot+1:])
}

// rules gives the rules of the service that may meet the part of j, in the order
// of names.
func (x *index) rules(j *judge) []*Rule {
	if x == nil {
		return j.service.rules
	}
	p := &j.pile
	p.n, p.full = 0, false
	p.add(x.general)
	for i := range x.drawers {
		if d := &x.drawers[i]; !d.find(d, j, p) {
			return j.service.rules
		}
	}
	if p.full {
		return j.service.rules
	}
	return p.merge(j)
}

// A pile is lists of rules, each in the order of names.
type pile struct {
	lists [maxLists][]*Rule
	n     int
	full  bool // a list had no room
}

// maxLists is how many values of a part are looked up; one with more is held
// against all rules.
const maxLists = 16

func (p *pile) add(rules []*Rule) {
	switch {
	case len(rules) == 0:
	case p.n == maxLists:
		p.full = true
	default:
		p.lists[p.n] = rules
		p.n++
	}
}

// merge joins the lists; a rule that stands in several comes once.
func (p *pile) merge(j *judge) []*Rule {
	switch p.n {
	case 0:
		return nil
	case 1:
		return p.lists[0]
	}
	j.merged = j.merged[:0]
	for {
		least := -1
		for i := range p.n {
			if len(p.lists[i]) > 0 && (least < 0 || p.lists[i][0].order < p.lists[least][0].order) {
				least = i
			}
		}
		if least < 0 {
			return j.merged
		}
		r := p.lists[least][0]
		p.lists[least] = p.lists[least][1:]
		if n := len(j.merged); n == 0 || j.merged[n-1] != r {
			j.merged = append(j.merged, r)
		}
	}
}
