package rules

import (
	"fmt"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/cond"
	"sallyport.dev/sallyport/policy/match"
	"sallyport.dev/sallyport/policy/source"
)

// A PartTrace is one part and every rule that was held against it.
type PartTrace struct {
	Effects    string      `json:"effects"`
	Operations []string    `json:"operations,omitempty"`
	Control    bool        `json:"control,omitempty"`
	Posture    string      `json:"posture"`
	Verdict    string      `json:"verdict"` // of the posture
	Rules      []RuleTrace `json:"rules,omitempty"`
}

// A RuleTrace is one rule held against one part.
type RuleTrace struct {
	Rule    string      `json:"rule"`
	Verdict string      `json:"verdict"`
	Outcome string      `json:"outcome"` // "denies", "asks", "allows", "would …", "does not match", "pending"
	Because string      `json:"because"` // what decided
	Checks  []CheckStep `json:"checks,omitempty"`
}

// A CheckStep is one attribute or sub-expression and what it was held against.
type CheckStep struct {
	What    string `json:"what"`
	Value   string `json:"value"`
	Matches string `json:"matches"` // "yes", "partly", "no", "unknown", "pending"; "" for a sub-expression
	Depth   int    `json:"depth,omitempty"`
}

// Trace holds every rule of the service against every part of an action.
func (s *Service) Trace(a *action.Action, m *Member, now time.Time) []PartTrace {
	j := &judge{action: a, service: s, member: m, now: now}
	parts := make([]PartTrace, 0, len(a.Parts))
	for i := range a.Parts {
		j.look(&a.Parts[i])
		parts = append(parts, j.trace())
	}
	return parts
}

// trace holds every rule against the part that j looks at.
func (j *judge) trace() PartTrace {
	o := j.posture()
	t := PartTrace{Effects: j.effects.String(), Control: j.control, Posture: j.service.posture.Name, Verdict: o.posture.String()}
	for i := range j.ops {
		t.Operations = append(t.Operations, j.ops[i].Name)
	}
	if out, bound := j.bound(); bound {
		t.Rules = append(t.Rules, RuleTrace{Rule: "databases", Verdict: "deny", Outcome: "denies", Because: out.reason})
	}
	for _, r := range j.service.rules {
		t.Rules = append(t.Rules, r.trace(j))
	}
	return t
}

// trace holds one rule against the part, attribute by attribute.
func (r *Rule) trace(j *judge) RuleTrace {
	t := RuleTrace{Rule: r.name, Verdict: r.clauses[0].verdict.String()}
	stop := ""
	check := func(what, value string, f match.Found) {
		word := f.Word()
		t.Checks = append(t.Checks, CheckStep{What: what, Value: value, Matches: word})
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
	t.conditions(j.service.files, "when", r.when, j)
	t.conditions(j.service.files, "unless", r.unless, j)
	t.Outcome, t.Because = r.outcome(j, stop)
	return t
}

// conditions adds the sub-expressions of a condition and their values.
func (t *RuleTrace) conditions(files *source.Files, what string, c *cond.Cond, j *judge) {
	if c == nil {
		return
	}
	for _, step := range c.Explain(&j.env) {
		text := what
		if f, ok := files.HCL[step.Range.Filename]; ok {
			text = what + " " + strings.Join(strings.Fields(step.Text(f.Bytes)), " ")
		}
		t.Checks = append(t.Checks, CheckStep{What: text, Value: step.Value, Depth: step.Depth})
	}
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
		c := &r.clauses[i]
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
