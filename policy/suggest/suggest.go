// Package suggest proposes rules from recorded actions: the fewest readable ones
// that would have allowed what was let through. It looks at actions and at how the
// rules stand to them, and writes HCL in which nothing that an agent chose is
// syntax or a pattern. It neither judges nor changes anything.
package suggest

import (
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/policy/rules/trace"
)

// A Seen is a recorded action and how it stands by the rules as they are.
type Seen struct {
	Action   *action.Action // with the service of the rules
	Parts    []trace.Part   // as the rules see them; nil: none was asked
	Roles    []string       // of the agent, that use the service
	Decision action.Decision
	Known    bool // false: a rule reads what is not recorded
	Passed   bool // it was let through when it was recorded
}

// A Note is what is left of an action: why it needs no rule, or can have none, or
// the asks that rules must allow.
type Note struct {
	Service string
	Roles   []string
	Fine    bool   // it is allowed, and stays so where postures are enforced
	Why     string // why no rule is proposed; "" with asks
	asks    []ask
	label   string // for people, without anything an agent chose as it is
}

// Left reports whether no rule can be proposed for the action.
func (n *Note) Left() bool { return !n.Fine && n.Why != "" }

// fine reports whether the action is allowed, and nothing would refuse it that is
// only observed.
func (s *Seen) fine() bool { return s.Decision.Verdict == action.Allow && len(s.Decision.Would) == 0 }

// Reasons for which nothing is proposed.
const (
	whyUntold  = "a rule reads what is not recorded"
	whyRefused = "it was not let through"
	whyNowhere = "no service declares where it went"
	whyOutside = "no role gives the agent this service"
	whyBinding = "a binding of the service refuses it"
	whyUnclear = "what it does is not clear enough to name"
	whyRule    = "a rule refuses it or has someone asked"
)

// An ask is one part of an action that a rule must allow.
type ask struct {
	host     string // the name that was used, where the service has more than it states; "": it is no matter
	net      bool   // the service has a network
	opaque   bool   // a connection that passes unseen
	beyond   action.Effects
	effects  action.Effects
	method   string
	template string
	ops      []string
	fields   []string // of GraphQL
	kind     string   // of GraphQL: query, mutation
	tools    []string
	verbs    []string
	tables   []string
	funcs    []string
}

// A Looker takes notes. It reads facts through the tables of the protocols.
type Looker struct {
	facts map[string]action.FactSpec
	wide  map[string]bool // services that are patterns, by name
	nets  map[string]bool // and those that are networks: a condition cannot tell their places apart
}

// NewLooker makes a Looker that knows the facts of tables and the services of p. Of a
// service that is a pattern, as *.example.com or every public name, an agent chooses
// the name: what is let through to one is not let through to others.
func NewLooker(tables []action.FactTable, p *policy.Policy) *Looker {
	l := &Looker{facts: map[string]action.FactSpec{}, wide: map[string]bool{}, nets: map[string]bool{}}
	for _, s := range p.Listed() {
		l.wide[s.Name] = slices.ContainsFunc(s.Hosts, func(h string) bool { return strings.ContainsAny(h, "*/") })
		l.nets[s.Name] = slices.ContainsFunc(s.Hosts, func(h string) bool { return strings.Contains(h, "/") })
	}
	for _, t := range tables {
		for _, spec := range t.Facts {
			l.facts[spec.Name] = spec
		}
	}
	return l
}

// Look takes a note of one action.
func (l *Looker) Look(s Seen) Note {
	n := Note{Roles: s.Roles}
	if s.Action.Service != nil {
		n.Service = s.Action.Service.Name
	}
	n.label = l.label(s.Action)
	switch {
	case !s.Known:
		n.Why = whyUntold
	case s.fine():
		n.Fine = true
	case s.Parts == nil && n.Service == "":
		n.Why = whyNowhere
	case s.Parts == nil:
		n.Why = whyOutside
	case !s.Passed:
		n.Why = whyRefused
	default:
		n.asks, n.Why = l.asks(s)
	}
	return n
}

// asks gives the parts that only a rule would allow, or why none can.
func (l *Looker) asks(s Seen) (asks []ask, why string) {
	for i := range s.Parts {
		p := &s.Parts[i]
		if refused := refusedBy(p, nil); refused != "" {
			return nil, refused
		}
		if p.Control || p.Verdict == action.Allow.String() || allowed(p) {
			continue
		}
		a, ok := l.ask(s.Action, &s.Action.Parts[i], p)
		if !ok {
			return nil, whyUnclear
		}
		asks = append(asks, a)
	}
	if len(asks) == 0 {
		return nil, whyUnclear
	}
	return asks, ""
}

// refusedBy says whether a rule tightens the part, so that no other lifts it; of those
// that ask some may be about to be lifted.
func refusedBy(p *trace.Part, lifted []string) string {
	for _, r := range p.Rules {
		switch outcome := strings.TrimPrefix(r.Outcome, "would "); {
		case outcome == "asks" && slices.Contains(lifted, r.Rule):
		case r.Rule == "databases" && outcome == "denies":
			return whyBinding
		case outcome == "denies" || outcome == "asks" || outcome == "deny" || outcome == "ask":
			return whyRule
		}
	}
	return ""
}

func allowed(p *trace.Part) bool {
	return slices.ContainsFunc(p.Rules, func(r trace.Rule) bool { return r.Outcome == "allows" })
}

// ask says what a rule must name to allow a part for certain and in whole.
func (l *Looker) ask(a *action.Action, part *action.Part, p *trace.Part) (ask, bool) {
	out := ask{effects: effectsOf(p.Effects)}
	out.beyond = out.effects &^ (action.EffectRead | action.EffectWrite)
	if out.net = l.nets[a.Service.Name]; l.wide[a.Service.Name] {
		if out.host = strings.ToLower(a.Host); !plain([]string{out.host}) {
			return out, false
		}
	}
	switch protocol := a.Service.Protocol; {
	case protocol == "tcp" || a.Service.Passthrough:
		return ask{opaque: true, host: out.host}, true
	case protocol == "postgres":
		return out, l.statement(&out, part.Facts)
	case protocol == "http":
		return out, l.request(&out, part.Facts, p.Operations)
	}
	return out, false
}

func effectsOf(text string) action.Effects {
	var all action.Effects
	for name := range strings.SplitSeq(text, ",") {
		e, _ := action.ParseEffect(name)
		all |= e
	}
	return all
}

// statement names verbs and tables, or functions where there are no tables.
func (l *Looker) statement(out *ask, f action.Facts) bool {
	verbs, ok := l.list("sql.verbs", f)
	tables, clear := l.list("sql.tables", f)
	funcs, sure := l.list("sql.functions", f)
	if !ok || !clear || !sure || len(verbs) == 0 || !plain(tables) {
		return false
	}
	out.verbs, out.tables = set(verbs), set(tables)
	if len(tables) == 0 {
		out.funcs = set(funcs)
		return len(funcs) > 0 && plain(funcs)
	}
	return true
}

// request names operations where the service has some, and what the body asks where
// that says more; else method and path.
func (l *Looker) request(out *ask, f action.Facts, ops []string) bool {
	method, ok := l.text("http.method", f)
	path, fine := l.text("http.path", f)
	if !ok || !fine || !word(method) {
		return false
	}
	if tools, ok := l.list("http.tools", f); ok && len(tools) > 0 {
		if !plain(tools) {
			return false
		}
		out.tools = set(tools)
	}
	if fields, ok := l.list("graphql.fields", f); ok {
		kind, known := l.text("graphql.type", f)
		if !known || !plain(fields) || !word(kind) || len(fields) == 0 {
			return false
		}
		out.kind, out.fields = kind, set(fields)
	}
	out.method, out.template = method, Template(path)
	if len(ops) > 0 {
		out.ops = set(ops)
		// An operation of unknown effect is one whose body says what it is, and that
		// is not known: to allow it would be to allow whatever it can be.
		return out.effects&action.EffectUnknown == 0
	}
	return true
}

func (l *Looker) text(name string, f action.Facts) (string, bool) {
	spec, ok := l.facts[name]
	if !ok || spec.Str == nil {
		return "", false
	}
	v, s := spec.Str(f)
	return v, s == action.Known
}

func (l *Looker) list(name string, f action.Facts) ([]string, bool) {
	spec, ok := l.facts[name]
	if !ok || spec.List == nil {
		return nil, false
	}
	v, s := spec.List(f)
	return v, s == action.Known
}

// label says what an action was, in words that no agent chose: a method and a
// template, or verbs and tables.
func (l *Looker) label(a *action.Action) string {
	if len(a.Parts) == 0 {
		return a.Kind
	}
	f := a.Parts[0].Facts
	if path, ok := l.text("http.path", f); ok {
		method, _ := l.text("http.method", f)
		if !word(method) {
			method = "(odd method)"
		}
		return method + " " + Template(path)
	}
	if verbs, ok := l.list("sql.verbs", f); ok && len(verbs) > 0 {
		text := strings.Join(set(verbs), ", ")
		if tables, ok := l.list("sql.tables", f); ok && len(tables) > 0 && plain(tables) {
			text += " of " + strings.Join(set(tables), ", ")
		}
		return text
	}
	return a.Kind
}

// set is a sorted list without twins.
func set(list []string) []string {
	out := slices.Clone(list)
	slices.Sort(out)
	return slices.Compact(out)
}
