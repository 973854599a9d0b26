package rules

import (
	"fmt"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/cond"
	"sallyport.dev/sallyport/policy/match"
	"sallyport.dev/sallyport/policy/rules/trace"
)

// PartTrace is one part and every rule that was held against it.
type PartTrace = trace.Part

// Trace holds every rule of the service against every part of an action.
func (s *Service) Trace(a *action.Action, m *Member, now time.Time) []trace.Part {
	j := &judge{action: a, service: s, member: m, now: now}
	parts := make([]trace.Part, 0, len(a.Parts))
	for i := range a.Parts {
		j.look(&a.Parts[i])
		parts = append(parts, j.trace())
	}
	return parts
}

// trace holds every rule against the part that j looks at.
func (j *judge) trace() trace.Part {
	o := j.posture()
	t := trace.Part{Effects: j.effects.String(), Control: j.control, Posture: j.service.posture.Name, Verdict: o.posture.String()}
	for i := range j.ops {
		t.Operations = append(t.Operations, j.ops[i].Name)
	}
	if out, bound := j.bound(); bound {
		t.Rules = append(t.Rules, trace.Rule{Rule: "databases", Verdict: "deny", Outcome: "denies", Because: out.reason})
	}
	for _, r := range j.service.rules {
		t.Rules = append(t.Rules, r.trace(j))
	}
	return t
}

// trace holds one rule against the part, attribute by attribute.
func (r *Rule) trace(j *judge) trace.Rule {
	t := trace.Rule{Rule: r.name, Verdict: r.clauses[0].verdict.String()}
	stop := ""
	check := func(what, value string, f match.Found) {
		word := f.Word()
		t.Checks = append(t.Checks, trace.Check{What: what, Value: value, Matches: word})
		if word == "no" && stop == "" {
			stop = fmt.Sprintf("%s: %s", what, value)
		}
	}
	if !r.until.IsZero() {
		check("until "+r.until.Format(time.RFC3339), j.now.UTC().Format(time.RFC3339), match.One(j.now.Before(r.until)))
	}
	if r.roles != nil {
		check("roles", match.Show(action.Known, j.member.Roles...), match.One(r.applies(j)))
	}
	if r.states.effects {
		check("effects", j.effects.String(), r.meetEffects(j))
	}
	for i := range r.lists {
		check(r.lists[i].name, r.lists[i].show(j), r.lists[i].find(j))
	}
	if len(r.hours) > 0 {
		check("hours", j.now.UTC().Format("Mon 15:04 MST"), match.One(within(r.hours, j.now) == cond.True))
	}
	t.Checks = j.conditions(t.Checks, "when", r.when)
	t.Checks = j.conditions(t.Checks, "unless", r.unless)
	if r.limit != nil {
		check("limit", r.limit.String(), match.One(!j.spent(r)))
	}
	t.Outcome, t.Because = r.outcome(j, stop)
	return t
}

// conditions adds the sub-expressions of a condition and their values.
func (j *judge) conditions(checks []trace.Check, what string, c *cond.Cond) []trace.Check {
	if c == nil {
		return checks
	}
	for _, step := range c.Explain(&j.env) {
		text := what
		if f, ok := j.service.files.HCL[step.Range.Filename]; ok {
			text = what + " " + strings.Join(strings.Fields(step.Text(f.Bytes)), " ")
		}
		checks = append(checks, trace.Check{What: text, Value: step.Value, Depth: step.Depth})
	}
	return checks
}

// outcome puts into words what a rule does to the part of j.
func (r *Rule) outcome(j *judge, stop string) (outcome, because string) {
	m := r.meet(j)
	if m.touch == cond.False {
		return "does not match", stop
	}
	would := ""
	if r.observe {
		would = "would "
	}
	for i := range r.clauses {
		c := r.clause(i, &m)
		tight, need := m.tightens(c)
		loose, _ := m.loosens(c)
		words := map[action.Verdict]string{action.Deny: "deny", action.Ask: "ask", action.Allow: "allow"}[c.verdict]
		switch {
		case tight == no:
			continue
		case need != 0:
			return "pending", "it reads facts that are not learned yet"
		case c.verdict == action.Allow && loose != yes:
			return "does not loosen", r.half(&m, j)
		case c.verdict == action.Ask && j.control && !r.states.steering:
			return "does not match", "this only steers the conversation, and the rule names no verb or operation"
		}
		if !r.observe {
			words = map[action.Verdict]string{action.Deny: "denies", action.Ask: "asks", action.Allow: "allows"}[c.verdict]
		}
		return would + words, c.reason
	}
	return "does not match", "its condition does not hold"
}

// half says why a rule that meets the part does not loosen it.
func (r *Rule) half(m *meeting, j *judge) string {
	switch {
	case m.touch == cond.Unknown || m.cond == cond.Unknown:
		return "something that it states is unknown"
	case !r.states.effects && j.effects&^defaultEffects != 0:
		return fmt.Sprintf("the effect is %s, which a rule must name in effects to loosen it", j.effects)
	}
	return "it names some of the values and not all"
}
