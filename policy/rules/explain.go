package rules

import (
	"fmt"
	"slices"
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
		parts = append(parts, j.trace(s.rules))
	}
	return parts
}

// maxTraced is how many rules a short trace tells of before it keeps to those that
// may meet the part at all.
const maxTraced = 64

// Short is Trace for a record, in bounded time: of the strictest parts only, and of
// many rules those that their index does not rule out.
func (s *Service) Short(a *action.Action, m *Member, now time.Time) []trace.Part {
	j := &judge{action: a, service: s, member: m, now: now}
	var parts []trace.Part
	for _, i := range j.strictest(trace.MaxParts) {
		j.look(&a.Parts[i])
		told := s.rules
		if len(told) > maxTraced {
			told = j.mayMeet()
			told = told[:min(len(told), maxTraced)]
		}
		p := j.trace(told)
		p.More = len(s.rules) - len(told)
		parts = append(parts, p)
	}
	return parts
}

// strictest gives the numbers of at most n parts, those with the strictest verdicts.
func (j *judge) strictest(n int) []int {
	all := make([]int, len(j.action.Parts))
	verdicts := make([]action.Verdict, len(all))
	for i := range all {
		all[i] = i
		if len(all) > n {
			j.look(&j.action.Parts[i])
			verdicts[i] = j.decidePart().verdict
		}
	}
	slices.SortStableFunc(all, func(a, b int) int { return int(verdicts[a]) - int(verdicts[b]) })
	all = all[:min(len(all), n)]
	slices.Sort(all)
	return all
}

// trace holds rules against the part that j looks at.
func (j *judge) trace(rules []*Rule) trace.Part {
	o := j.posture()
	t := trace.Part{Effects: j.effects.String(), Control: j.control, Posture: j.service.posture.Name, Verdict: o.posture.String()}
	for i := range j.ops {
		t.Operations = append(t.Operations, j.ops[i].Name)
	}
	if out, bound := j.bound(); bound {
		t.Rules = append(t.Rules, trace.Rule{Rule: "databases", Verdict: "deny", Outcome: "denies", Because: out.reason})
	}
	for _, r := range rules {
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
		checks = append(checks, trace.Check{What: text, Value: step.Value, Depth: step.Depth, Body: step.Body})
	}
	return checks
}

// outcome puts into words what a rule does to the part of j: of its verdict and its
// otherwise, where both may hold, the stricter.
func (r *Rule) outcome(j *judge, stop string) (outcome, because string) {
	m := r.meet(j)
	if m.touch == cond.False {
		return "does not match", stop
	}
	outcome, because = "does not match", "its condition does not hold"
	strictest := action.Allow + 1
	for i := range r.clauses {
		c := r.clause(i, &m)
		tight, need := m.tightens(c)
		loose, _ := m.loosens(c)
		switch {
		case tight == no || c.verdict >= strictest:
			continue
		case need != 0:
			return "pending", "it reads facts that are not learned yet"
		case c.verdict == action.Allow && loose != yes:
			outcome, because = "does not loosen", r.half(&m, j)
			continue
		case c.verdict == action.Ask && j.control && !r.states.steering:
			outcome, because = "does not match", "this only steers the conversation, and the rule names no verb or operation"
			continue
		}
		strictest, outcome, because = c.verdict, r.does(c.verdict), c.reason
	}
	return outcome, because
}

// does is the word for a verdict that a rule enforces, or would.
func (r *Rule) does(v action.Verdict) string {
	if r.observe {
		return "would " + v.String()
	}
	return map[action.Verdict]string{action.Deny: "denies", action.Ask: "asks", action.Allow: "allows"}[v]
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
