package suggest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"
)

// A Rule is one proposed rule. Attributes that are empty are not stated.
type Rule struct {
	Name       string   `json:"rule"`
	Service    string   `json:"service"`
	Roles      []string `json:"roles,omitempty"`
	Effects    []string `json:"effects,omitempty"` // where it allows more than reading and writing
	Hosts      []string `json:"hosts,omitempty"`   // where the service is a pattern
	Methods    []string `json:"methods,omitempty"`
	Paths      []string `json:"paths,omitempty"`
	Operations []string `json:"operations,omitempty"`
	Tools      []string `json:"tools,omitempty"`
	Kind       string   `json:"graphql_type,omitempty"`
	Fields     []string `json:"graphql_fields,omitempty"`
	Verbs      []string `json:"verbs,omitempty"`
	Tables     []string `json:"tables,omitempty"`
	Functions  []string `json:"functions,omitempty"`
	Actions    int      `json:"actions"` // that it allows, of those that were seen

	effects action.Effects
}

// A sorter collects asks into rules. Each group is what one rule may speak of.
type sorter struct{ groups map[string]*group }

// A group is asks that differ in one kind of value only.
type group struct {
	first ask
	note  *Note
	roles map[string]bool
	hosts map[string]bool
	all   action.Effects
	// by is what the rule lists, by what goes with it: paths by method, tables by
	// verbs, tools or fields or operations by nothing.
	by map[string]map[string]bool
}

// key tells apart what no single rule could say.
func (a *ask) key(service string) string {
	place := strings.Join(a.ops, ",")
	if place == "" && (len(a.tools) > 0 || len(a.fields) > 0) {
		place = a.method + " " + a.template
	}
	kind := "paths"
	switch {
	case a.opaque:
		kind = "opaque"
	case len(a.fields) > 0:
		kind = "fields " + a.kind + " " + place
	case len(a.tools) > 0:
		kind = "tools " + place
	case len(a.ops) > 0:
		kind = "operations"
	case len(a.tables) > 0:
		kind = "tables"
	case len(a.funcs) > 0:
		kind = "functions"
	}
	return fmt.Sprintf("%s\x00%02x\x00%s", service, uint8(a.beyond), kind)
}

// values are what a rule lists to allow the ask, and what goes with them.
func (a *ask) values() (with string, list []string) {
	switch {
	case a.opaque:
		return "", nil
	case len(a.fields) > 0:
		return "", a.fields
	case len(a.tools) > 0:
		return "", a.tools
	case len(a.ops) > 0:
		return "", a.ops
	case len(a.tables) > 0:
		return strings.Join(a.verbs, ","), a.tables
	case len(a.funcs) > 0:
		return strings.Join(a.verbs, ","), a.funcs
	}
	return a.method, []string{a.template}
}

// add sorts the asks of an action.
func (s *sorter) add(n *Note) {
	for i := range n.asks {
		a := &n.asks[i]
		key := a.key(n.Service)
		g := s.groups[key]
		if g == nil {
			g = &group{first: *a, note: n, roles: map[string]bool{}, hosts: map[string]bool{}, by: map[string]map[string]bool{}}
			s.groups[key] = g
		}
		g.all |= a.effects
		for _, r := range n.Roles {
			g.roles[r] = true
		}
		if a.host != "" {
			g.hosts[a.host] = true
		}
		with, list := a.values()
		if g.by[with] == nil {
			g.by[with] = map[string]bool{}
		}
		for _, v := range list {
			g.by[with][v] = true
		}
	}
}

// rules makes the rules of every group, in an order that does not hang on that of
// the actions.
func (s *sorter) rules() []Rule {
	var out []Rule
	for _, key := range slices.Sorted(maps.Keys(s.groups)) {
		out = append(out, s.groups[key].rules()...)
	}
	return out
}

// rules makes one rule of what goes with the same values: methods on the same
// paths, verbs on the same tables.
func (g *group) rules() []Rule {
	type line struct{ with, list []string }
	var lines []line
	for _, with := range slices.Sorted(maps.Keys(g.by)) {
		list := slices.Sorted(maps.Keys(g.by[with]))
		if g.first.template != "" && len(g.first.ops) == 0 && len(g.first.tools) == 0 && len(g.first.fields) == 0 {
			list = widen(list)
		}
		words := strings.Split(with, ",")
		i := slices.IndexFunc(lines, func(l line) bool { return slices.Equal(l.list, list) })
		if i >= 0 {
			lines[i].with = set(append(lines[i].with, words...))
			continue
		}
		lines = append(lines, line{words, list})
	}
	out := make([]Rule, 0, len(lines))
	for _, l := range lines {
		r := Rule{Service: g.note.Service, Roles: slices.Sorted(maps.Keys(g.roles)), Hosts: slices.Sorted(maps.Keys(g.hosts)), effects: g.all}
		if g.first.beyond != 0 {
			r.Effects = strings.Split(g.all.String(), ",")
		}
		g.fill(&r, l.with, l.list)
		out = append(out, r)
	}
	return out
}

// fill states what the rule is about.
func (g *group) fill(r *Rule, with, list []string) {
	a := &g.first
	if len(a.tools) > 0 || len(a.fields) > 0 {
		r.Operations = a.ops
		if len(a.ops) == 0 {
			r.Methods, r.Paths = []string{a.method}, []string{a.template}
		}
	}
	switch {
	case a.opaque:
		r.Effects = nil // of what passes unseen none is named
	case len(a.fields) > 0:
		r.Kind, r.Fields = a.kind, list
	case len(a.tools) > 0:
		r.Tools = list
	case len(a.ops) > 0:
		r.Operations = list
	case len(a.tables) > 0:
		r.Verbs, r.Tables = with, list
	case len(a.funcs) > 0:
		r.Verbs, r.Functions = with, list
	default:
		r.Methods, r.Paths = with, list
	}
}

// crowd is how many templates that differ in one segment are one: who reads a rule
// does not read a list of all customers.
const crowd = 12

// widen makes patterns of templates of which many differ in one segment only, and
// leaves out what another one covers.
func widen(list []string) []string {
	for again := true; again; {
		again = false
		like := map[string][]int{} // templates by what is left without one segment
		for i, t := range list {
			segments := strings.Split(t, "/")
			for k, s := range segments {
				if k == 0 || strings.Contains(s, "*") {
					continue
				}
				segments[k] = "\x00"
				like[strings.Join(segments, "/")] = append(like[strings.Join(segments, "/")], i)
				segments[k] = s
			}
		}
		for _, key := range slices.Sorted(maps.Keys(like)) {
			if len(like[key]) < crowd {
				continue
			}
			for _, i := range like[key] {
				list[i] = strings.Replace(key, "\x00", "*", 1)
			}
			list, again = set(list), true
			break
		}
	}
	return slices.DeleteFunc(list, func(t string) bool {
		return slices.ContainsFunc(list, func(other string) bool { return other != t && covers(other, t) })
	})
}

// covers reports whether every path of one template is one of the other.
func covers(wide, narrow string) bool {
	w, n := strings.Split(wide, "/"), strings.Split(narrow, "/")
	if len(w) != len(n) || strings.Contains(wide+narrow, "**") {
		return false
	}
	for i := range w {
		if w[i] != n[i] && w[i] != "*" {
			return false
		}
	}
	return true
}

// name gives every rule a name that no other has.
func name(rules []Rule, subject string, taken func(string) bool) {
	used := map[string]bool{}
	for i := range rules {
		r := &rules[i]
		does := "use"
		if e := r.effects &^ action.EffectUnknown; e != 0 {
			does = strings.ReplaceAll(e.String(), ",", " and ")
			if r.Effects != nil {
				does = "do what is " + strings.ReplaceAll(strings.Join(r.Effects, ","), ",", " and ") + " at"
			}
		}
		base := fmt.Sprintf("%s may %s %s", subject, does, r.Service)
		if subject == r.Service {
			base = fmt.Sprintf("seen at %s: %s", r.Service, cmp.Or(strings.Join(r.Effects, " and "), does))
		}
		r.Name = base
		for n := 2; used[r.Name] || taken(r.Name); n++ {
			r.Name = fmt.Sprintf("%s (%d)", base, n)
		}
		used[r.Name] = true
	}
}
