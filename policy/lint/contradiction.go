package lint

import (
	"fmt"
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/finding"
	"sallyport.dev/sallyport/policy/glob"
	"sallyport.dev/sallyport/policy/hclconf"
	"sallyport.dev/sallyport/policy/match"
	"sallyport.dev/sallyport/policy/source"
	"sallyport.dev/sallyport/policy/vocab"

	"github.com/hashicorp/hcl/v2"
)

// services gives the services that a rule is on, and that it may speak about.
func (l *linter) services(r *hclconf.Rule, protocol string) []*hclconf.Service {
	var out []*hclconf.Service
	for _, s := range l.conf.Services {
		if refers(r.On, s.Name) && s.Protocol.Value == protocol && !s.Passthrough.Value {
			out = append(out, s)
		}
	}
	return out
}

// contradiction looks for attributes that exclude each other: an operation that no
// method or path of the rule is.
func (l *linter) contradiction(r *hclconf.Rule) {
	named, ok := r.Lists["operations"]
	if !ok {
		return
	}
	services := l.services(r, "http")
	l.operations(r, named, services)
	set, err := glob.CompileSet(hclconf.Texts(named.Items), 0)
	if err != nil {
		return
	}
	lines := 0
	for _, s := range services {
		for _, op := range s.Operations {
			for _, m := range op.Match {
				if !set.Match(op.Name) {
					continue
				}
				if lines++; compatible(r, s, m.Value) {
					return
				}
			}
		}
	}
	if lines > 0 {
		l.tell(finding.Contradictory, named.Range, "No request is one of these operations and at the same time has the methods and paths of rule %q.", r.Name)
	}
}

// operations looks for names that no operation has.
func (l *linter) operations(r *hclconf.Rule, named hclconf.List, services []*hclconf.Service) {
	var known []string
	for _, s := range services {
		for _, op := range s.Operations {
			known = append(known, op.Name)
		}
	}
	for _, item := range named.Items {
		pattern, err := match.Plain([]string{strings.TrimPrefix(item.Value, "!")})
		if err == nil && !slices.ContainsFunc(known, pattern.Match) {
			l.tell(finding.NoSuchOperation, item.Range, "No service that rule %q is on has an operation %q.%s", r.Name, item.Value, source.DidYouMean(item.Value, known))
		}
	}
}

// compatible reports whether one match line of an operation can be what the
// methods and paths of a rule say.
func compatible(r *hclconf.Rule, s *hclconf.Service, line string) bool {
	method, path, _ := strings.Cut(line, " ")
	if list, ok := r.Lists["methods"]; ok && method != "*" {
		set, err := match.Plain(hclconf.Texts(list.Items))
		if err == nil && !set.Match(method) && (method != "GET" || !set.Match("HEAD")) {
			return false
		}
	}
	first := firstOf(path)
	list, ok := r.Lists["paths"]
	if !ok || first == "" {
		return true
	}
	positive := false
	for _, item := range list.Items {
		if strings.HasPrefix(item.Value, "!") {
			continue
		}
		positive = true
		if f := firstOf(item.Value); f == "" || f == first || s.FoldPaths && strings.EqualFold(f, first) {
			return true
		}
	}
	return !positive
}

// firstOf is the first segment that all paths of a pattern have; "" leaves it open.
func firstOf(pattern string) string {
	g, err := glob.Compile(pattern, '/')
	if err != nil {
		return ""
	}
	return g.First()
}

// spelling looks for patterns that no path is: what hides a slash is refused
// before the rules, unless the service keeps it.
func (l *linter) spelling(r *hclconf.Rule) {
	list, ok := r.Lists["paths"]
	services := l.services(r, "http")
	if !ok || len(services) == 0 || slices.ContainsFunc(services, func(s *hclconf.Service) bool { return s.EncodedPaths }) {
		return
	}
	for _, item := range list.Items {
		up := strings.ToUpper(item.Value)
		if slices.ContainsFunc([]string{"%2F", "%5C", "%25", "%3B", ";"}, func(s string) bool { return strings.Contains(up, s) }) {
			l.tell(finding.ImpossiblePath, item.Range, "A path that hides a slash, a backslash, a percent sign or a semicolon is refused before any rule; path_encoding = \"allow\" of the service lets it through.")
		}
	}
}

// readings looks for rules that read what only an operation with `as` opens, where
// no service of theirs has one.
func (l *linter) readings(r *hclconf.Rule) {
	open := map[string]bool{}
	services := l.services(r, "http")
	for _, s := range services {
		for _, op := range s.Operations {
			open[op.As.Value] = true
		}
	}
	tell := func(at hcl.Range, what string, by ...string) {
		if len(services) > 0 && !slices.ContainsFunc(by, func(as string) bool { return open[as] }) {
			l.tell(finding.FactNeverThere, at, "%s is there only where an operation of the service says as = %s, and no service of rule %q has one.", what, source.Enumerate(by), r.Name)
		}
	}
	if list, ok := r.Lists["tools"]; ok {
		tell(list.Range, "tools", "mcp", "llm")
	}
	if list, ok := r.Lists["models"]; ok {
		tell(list.Range, "models", "llm")
	}
	for _, e := range []hcl.Expression{r.When, r.Unless} {
		if e == nil {
			continue
		}
		for _, v := range e.Variables() {
			if name := v.RootName(); slices.Contains(vocab.Readings(), name) {
				tell(v.SourceRange(), name+".*", name)
			}
		}
	}
}

// everything looks for rules that let everything through at a service that has a
// secret.
func (l *linter) everything(r *hclconf.Rule) {
	narrow := r.When != nil || r.Unless != nil || r.Limit.Count > 0 || r.Verdict != action.Allow || r.Observe
	for name := range r.Lists {
		narrow = narrow || name != "effects"
	}
	if narrow || onlyReads(r.Lists["effects"]) {
		return
	}
	for _, s := range l.conf.Services {
		if refers(r.On, s.Name) && s.Auth != nil {
			l.tell(finding.AllowAll, r.Range, "Rule %q allows every %s at %q, with its secret; name what it is for: operations, paths, tables.", r.Name, effectsOf(r), s.Name)
			return
		}
	}
}

func onlyReads(effects hclconf.List) bool {
	return len(effects.Items) > 0 && !slices.ContainsFunc(effects.Items, func(s hclconf.Str) bool { return s.Value != "read" })
}

func effectsOf(r *hclconf.Rule) string {
	if list, ok := r.Lists["effects"]; ok {
		return "action of the effects " + strings.Join(hclconf.Texts(list.Items), ", ")
	}
	return "read and write"
}

// duplicates looks for rules that differ by nothing but their names.
func (l *linter) duplicates() {
	first := map[string]string{}
	for _, r := range l.conf.Rules {
		print := l.print(r)
		if other, ok := first[print]; ok {
			l.tell(finding.Duplicate, r.Range, "Rule %q says the very same as %q; take one out.", r.Name, other)
			continue
		}
		first[print] = r.Name
	}
}

// print is all that a rule says but its name and reason.
func (l *linter) print(r *hclconf.Rule) string {
	refs := func(list hclconf.Refs) []string {
		var out []string
		for _, ref := range list.Items {
			out = append(out, ref.Kind+"."+ref.Name)
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	expression := func(e hcl.Expression) string {
		if e == nil {
			return ""
		}
		return l.text(e.Range())
	}
	var lists []string
	for name, list := range r.Lists {
		items := hclconf.Texts(list.Items)
		slices.Sort(items)
		lists = append(lists, fmt.Sprintf("%s%q", name, items))
	}
	slices.Sort(lists)
	return fmt.Sprintf("%v%q %q %q %q %q %s %s %q %v %v %v", r.On.All, refs(r.On), refs(r.Roles), refs(r.Approvers), lists,
		expression(r.When), expression(r.Unless), r.Verdict, r.Otherwise.Value, r.Limit, r.Observe, r.Until)
}
