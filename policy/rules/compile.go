package rules

import (
	"fmt"
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/cond"
	"sallyport.dev/sallyport/policy/finding"
	"sallyport.dev/sallyport/policy/hclconf"
	"sallyport.dev/sallyport/policy/match"
	"sallyport.dev/sallyport/policy/vocab"

	"github.com/hashicorp/hcl/v2"
)

func (c *compiler) rule(conf *hclconf.Rule) {
	r := &Rule{name: conf.Name, conf: conf, until: conf.Until, observe: conf.Observe}
	for _, ref := range conf.Roles.Items {
		for i, role := range c.conf.Roles {
			if role.Name == ref.Name {
				r.roles = append(r.roles, i)
			}
		}
	}
	protocols := map[string]hcl.Range{}
	c.attributes(r, protocols)
	r.when = c.condition(r, conf.When, protocols)
	r.unless = c.condition(r, conf.Unless, protocols)
	if len(protocols) > 1 {
		names := make([]string, 0, len(protocols))
		for name := range protocols {
			names = append(names, name)
		}
		slices.Sort(names)
		c.Fail(protocols[names[1]], "Two protocols", "Rule %q speaks of %s; no action is of two protocols, so write one rule for each.", r.name, strings.Join(names, " and "))
	}
	for name := range protocols {
		r.states.protocol, r.states.inside = name, true
	}
	r.states.time = r.states.time || len(r.hours) > 0 || !r.until.IsZero()
	c.opaque(r)
	r.limit = newLimit(conf)
	r.clauses, r.spent = newClauses(conf, r.limit)
	slices.SortStableFunc(r.lists, func(a, b list) int { return int(a.cost) - int(b.cost) })
	c.set.rules = append(c.set.rules, r)
}

// attributes compiles the plain attributes in the order of the language.
func (c *compiler) attributes(r *Rule, protocols map[string]hcl.Range) {
	for _, name := range vocab.Lists() {
		conf, ok := r.conf.Lists[name]
		if !ok {
			continue
		}
		if protocol := match.Protocol(name); protocol != "" {
			protocols[protocol] = conf.Range
		}
		switch name {
		case "effects":
			r.states.effects, r.states.inside = true, true
			r.effects = effects(conf.Items)
		case "hours":
			c.hours(r, conf)
		default:
			r.states.steering = r.states.steering || name == "verbs" || name == "operations"
			if l, ok := c.list(name, conf); ok {
				r.lists = append(r.lists, l)
			}
		}
	}
}

// effects gives the effects that a list names; with nothing but "!" it names
// everything else.
func effects(items []hclconf.Str) action.Effects {
	var named, out action.Effects
	for _, item := range items {
		word, negated := strings.CutPrefix(item.Value, "!")
		bit, _ := action.ParseEffect(word)
		if negated {
			out |= bit
		} else {
			named |= bit
		}
	}
	if named == 0 {
		named = action.EffectRead | action.EffectWrite | action.EffectDestructive | action.EffectAdmin | action.EffectUnknown
	}
	return named &^ out
}

func (c *compiler) hours(r *Rule, conf hclconf.List) {
	for _, item := range conf.Items {
		h, err := cond.ParseHours(item.Value)
		if err != nil {
			c.Fail(item.Range, "Bad hours", "%s.", err)
			continue
		}
		r.hours = append(r.hours, h)
	}
}

// condition compiles when or unless; nil is not stated, or wrong.
func (c *compiler) condition(r *Rule, e hcl.Expression, protocols map[string]hcl.Range) *cond.Cond {
	if e == nil {
		return nil
	}
	compiled, diags := c.schema.Compile(e)
	c.Diags = append(c.Diags, diags...)
	if compiled == nil {
		return nil
	}
	for _, protocol := range compiled.Protocols() {
		protocols[protocol] = e.Range()
	}
	for _, fact := range compiled.Facts() {
		group, _, _ := strings.Cut(fact, ".")
		switch group {
		case "conn":
			r.states.conn = true
		case "agent", "now":
		default:
			r.states.inside = true
		}
	}
	r.states.time = r.states.time || compiled.UsesTime()
	return compiled
}

// opaque refuses a rule that names a service whose connections pass unseen and
// speaks of what is inside them, or of such a connection elsewhere.
func (c *compiler) opaque(r *Rule) {
	if r.states.conn && r.states.inside {
		c.Fail(r.conf.Range, "Can never match", "Rule %q reads conn.*, which tcp and passthrough services have, beside something that they do not have.", r.name)
		return
	}
	for _, ref := range r.conf.On.Items {
		s := c.set.named(ref.Name)
		if s == nil || !r.silentOn(s) {
			continue
		}
		switch {
		case s.opaque:
			c.Fail(ref.Range, "Nothing to see there", "The connections of %q pass unseen: a rule on it states roles, hosts, hours and the facts agent.*, now.* and conn.*, nothing else.", s.service.Name)
		case r.states.conn:
			c.Fail(ref.Range, "Nothing to see there", "%q is no tcp or passthrough service, and only those have conn.*.", s.service.Name)
		default:
			c.Tell(finding.Silent, ref.Range, "Rule %q speaks of %s, and %q speaks %s: it has no say there.", r.name, r.states.protocol, s.service.Name, s.service.Protocol)
		}
	}
}

// newClauses makes the clauses of a rule, and those for when its limit has no room.
func newClauses(conf *hclconf.Rule, l *limit) (usual, spent []clause) {
	usual = append(usual, newClause(conf, conf.Verdict, false, ""))
	if v, ok := action.ParseVerdict(conf.Otherwise.Value); conf.Otherwise.Stated() && ok {
		usual = append(usual, newClause(conf, v, true, ""))
		if l != nil {
			spent = append(spent, usual[0], newClause(conf, v, true, " because its limit of "+l.text+" is used up"))
		}
	}
	return usual, spent
}

// newClause makes the words of a verdict.
func newClause(conf *hclconf.Rule, v action.Verdict, opposite bool, because string) clause {
	c := clause{verdict: v, opposite: opposite}
	does := map[action.Verdict]string{
		action.Deny: "denies this", action.Ask: "has someone asked first", action.Allow: "allows this",
	}[v]
	does += because
	c.reason = fmt.Sprintf("Rule %q %s.", conf.Name, does)
	if conf.Reason != "" && v != action.Allow {
		c.reason = fmt.Sprintf("Rule %q %s: %s", conf.Name, does, conf.Reason)
	}
	if v == action.Ask {
		ask := action.Asking{Rule: conf.Name, Reason: c.reason, Terms: conf.Terms}
		for _, a := range conf.Approvers.Items {
			ask.Approvers = append(ask.Approvers, a.Kind+"."+a.Name)
		}
		c.asks = []action.Asking{ask}
	}
	return c
}
