package lint

import (
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/finding"
	"sallyport.dev/sallyport/policy/hclconf"

	"github.com/hashicorp/hcl/v2"
)

func (l *linter) rule(r *hclconf.Rule) {
	l.reach(r)
	l.places(r)
	l.covered(r)
	l.everything(r)
	l.contradiction(r)
	l.spelling(r)
	l.readings(r)
	l.limited(r)
	l.stronger(r)
	l.decided(r)
	l.views(r)
	l.expanded(r)
	l.opaque(r)
	l.conditions(r)
	l.never(r)
}

// reach looks for rules that can never match.
func (l *linter) reach(r *hclconf.Rule) {
	if !r.Until.IsZero() && r.Until.Before(l.now) {
		l.tell(finding.EndedRule, r.Range, "Rule %q ended at %s.", r.Name, r.Until.Format("2006-01-02 15:04 MST"))
	}
	if len(r.Roles.Items) == 0 || r.On.All {
		return
	}
	for _, role := range l.conf.Roles {
		if !refers(r.Roles, role.Name) {
			continue
		}
		for _, on := range r.On.Items {
			if refers(role.Use, on.Name) {
				return
			}
		}
	}
	l.tell(finding.Unreachable, r.Roles.Range, "None of these roles uses a service that rule %q is on.", r.Name)
}

// covered looks for rules that another one always decides for.
func (l *linter) covered(r *hclconf.Rule) {
	near := l.wide[""]
	if len(r.On.Items) > 0 {
		near = append(slices.Clip(near), l.wide[r.On.Items[0].Name]...)
	}
	for _, other := range near[:min(len(near), maxNear)] {
		if other != r && covers(other, r) && l.print(other) != l.print(r) {
			l.tell(finding.Covered, r.Range, "Rule %q always comes to the same or stricter, so rule %q changes nothing.", other.Name, r.Name)
			return
		}
	}
}

// maxNear bounds with how many others a rule is compared.
const maxNear = 500

// wideRules files the rules that may cover another by the services they are on,
// "" for all of them.
func wideRules(rules []*hclconf.Rule) map[string][]*hclconf.Rule {
	wide := map[string][]*hclconf.Rule{}
	for _, r := range rules {
		if conditional(r) || r.Observe {
			continue
		}
		if r.On.All {
			wide[""] = append(wide[""], r)
		}
		for _, on := range r.On.Items {
			wide[on.Name] = append(wide[on.Name], r)
		}
	}
	return wide
}

// conditional reports whether a rule does not always hold where its lists match.
func conditional(r *hclconf.Rule) bool {
	_, timed := r.Lists["hours"]
	return timed || r.Limit.Count > 0 || r.When != nil || r.Unless != nil || !r.Until.IsZero() || r.Otherwise.Stated()
}

// covers reports whether a, which always holds and states no more than b, decides
// whatever b does.
// Of two equal rules the first by name covers the other.
func covers(a, b *hclconf.Rule) bool {
	if b.Observe || b.Otherwise.Stated() || a.Verdict != action.Deny && a.Verdict != b.Verdict {
		return false
	}
	if !within(b.On, a.On) || !sameRoles(a, b) || !sameLists(a, b) {
		return false
	}
	mutual := within(a.On, b.On) && sameRoles(b, a) && sameLists(b, a) && a.Verdict == b.Verdict &&
		!conditional(b)
	return !mutual || a.Name < b.Name
}

// sameRoles reports whether a speaks of every role that b speaks of.
func sameRoles(a, b *hclconf.Rule) bool {
	return len(a.Roles.Items) == 0 || len(b.Roles.Items) > 0 && within(b.Roles, a.Roles)
}

// sameLists reports whether every list of a stands in b word for word. What a
// rule without effects loosens is narrower, so for those they must be equal.
func sameLists(a, b *hclconf.Rule) bool {
	for name, list := range a.Lists {
		if !slices.Equal(hclconf.Texts(list.Items), hclconf.Texts(b.Lists[name].Items)) {
			return false
		}
	}
	if a.Verdict == action.Deny {
		return true
	}
	return slices.Equal(hclconf.Texts(a.Lists["effects"].Items), hclconf.Texts(b.Lists["effects"].Items))
}

// within reports whether every reference of a is in b.
func within(a, b hclconf.Refs) bool {
	if a.All || b.All {
		return b.All
	}
	return !slices.ContainsFunc(a.Items, func(r hclconf.Ref) bool { return !refers(b, r.Name) })
}

// stronger looks for rules that loosen nothing, because what they name does more
// than their effects say.
func (l *linter) stronger(r *hclconf.Rule) {
	if r.Verdict == action.Deny {
		return
	}
	named := hclconf.Texts(r.Lists["effects"].Items)
	if named == nil {
		named = []string{"read", "write"}
	}
	if slices.ContainsFunc(named, func(s string) bool { return strings.HasPrefix(s, "!") }) {
		return
	}
	tell := func(item hclconf.Str, effect string) {
		if effect != "" && !slices.Contains(named, effect) {
			l.tell(finding.Stronger, item.Range, "%q is %s, and a rule loosens that only if its effects name it.", item.Value, effect)
		}
	}
	for _, item := range r.Lists["verbs"].Items {
		tell(item, verbEffect(item.Value))
	}
	for _, item := range r.Lists["operations"].Items {
		for _, s := range l.conf.Services {
			if refers(r.On, s.Name) {
				tell(item, operationEffect(s, item.Value))
			}
		}
	}
}

// views reminds that a view is read under its own name where no catalog says what
// stands behind it.
func (l *linter) views(r *hclconf.Rule) {
	if r.Verdict != action.Deny || !slices.ContainsFunc(l.conf.Services, func(s *hclconf.Service) bool {
		return s.Protocol.Value == "postgres" && !s.Catalog.Value && refers(r.On, s.Name)
	}) {
		return
	}
	for _, name := range []string{"tables", "columns"} {
		if list, ok := r.Lists[name]; ok {
			l.tell(finding.Views, list.Range, "A view over these %s is met under its own name: name such views too, grant the account nothing on them, or state catalog = true.", name)
			return
		}
	}
}

// expanded looks for rules that read what nobody looks up.
func (l *linter) expanded(r *hclconf.Rule) {
	for _, e := range []hcl.Expression{r.When, r.Unless} {
		if e == nil || !reads(e, "sql", "tables_expanded") {
			continue
		}
		for _, s := range l.conf.Services {
			if s.Protocol.Value == "postgres" && !s.Catalog.Value && refers(r.On, s.Name) {
				l.tell(finding.NeverKnown, e.Range(), "sql.tables_expanded is unknown on %q: state catalog = true there.", s.Name)
				return
			}
		}
	}
}

// reads reports whether a condition reads one of the facts of a group.
func reads(e hcl.Expression, group string, facts ...string) bool {
	for _, v := range e.Variables() {
		if v.RootName() != group || len(v) < 2 {
			continue
		}
		if name, ok := v[1].(hcl.TraverseAttr); ok && slices.Contains(facts, name.Name) {
			return true
		}
	}
	return false
}

// opaque notes where a rule under "*" has no say.
func (l *linter) opaque(r *hclconf.Rule) {
	inside := r.When != nil && !only(r.When, "agent", "now", "conn") || r.Unless != nil && !only(r.Unless, "agent", "now", "conn")
	for name := range r.Lists {
		inside = inside || name != "hosts" && name != "hours"
	}
	if !r.On.All || !inside {
		return
	}
	for _, s := range l.conf.Services {
		if s.Protocol.Value == "tcp" || s.Passthrough.Value {
			l.tell(finding.Silent, r.On.Range, "The connections of %q pass unseen, so rule %q has no say there.", s.Name, r.Name)
			return
		}
	}
}

// only reports whether a condition reads nothing but facts of these groups.
func only(e hcl.Expression, groups ...string) bool {
	for _, v := range e.Variables() {
		if !slices.Contains(groups, v.RootName()) {
			return false
		}
	}
	return true
}
