package rules

import (
	"slices"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/cond"
)

// An outline is the ruling on one part while the steps of the language are taken.
type outline struct {
	ruling
	posture action.Verdict // what the posture says, enforced or not
	lift    action.Verdict // the loosest that rules lift it to for certain
	hope    action.Verdict // the loosest that pending facts could lift it to
	hopes   action.Need
	fears   action.Need // pending facts that could tighten it
	asked   bool        // an ask rule met it
	denied  bool        // a deny rule met it for certain
}

// decidePart decides the part in the three steps of the language: the posture, what
// loosens it, what tightens it.
func (j *judge) decidePart() ruling {
	if out, bound := j.bound(); bound {
		return out
	}
	o := j.posture()
	j.meetings, j.rules = j.meetings[:0], j.mayMeet()
	for _, r := range j.rules {
		m := r.meet(j)
		j.meetings = append(j.meetings, m)
		if m.touch != cond.False && !r.observe {
			o.loosen(r, &m)
		}
	}
	for i, r := range j.rules {
		if m := &j.meetings[i]; m.touch != cond.False && !r.observe {
			o.tighten(r, m, j.control)
		}
	}
	o.settle(j)
	if o.need == 0 {
		j.observe(&o)
		j.count(&o)
	}
	return o.ruling
}

// bound refuses what no rule can lift: a database the service does not name.
func (j *judge) bound() (ruling, bool) {
	if j.service.database == nil {
		return ruling{}, false
	}
	name, state := j.service.database(j.part.Facts)
	if state == action.Known && slices.Contains(j.service.service.Databases, name) {
		return ruling{}, false
	}
	return ruling{verdict: action.Deny, reason: j.service.noDatabase}, true
}

// posture begins the outline of the part.
func (j *judge) posture() outline {
	o := outline{posture: action.Allow}
	o.verdict = action.Allow
	if j.control {
		return o
	}
	verdict, reason := j.service.posture.Of(j.effects)
	o.posture = verdict
	if !j.service.observe {
		o.verdict, o.reason = verdict, reason
	}
	return o
}

// loosen lifts the outline to the verdict of a rule that matches for certain
// and in whole.
func (o *outline) loosen(r *Rule, m *meeting) {
	for i := range r.clauses {
		c := r.clause(i, m)
		if c.verdict == action.Deny {
			continue
		}
		switch answer, need := m.loosens(c); answer {
		case yes:
			o.lift = max(o.lift, c.verdict)
			if c.verdict > o.verdict {
				o.verdict, o.by, o.reason = c.verdict, r.name, c.reason
			}
		case perhaps:
			o.hope = max(o.hope, c.verdict)
			o.hopes |= need
		}
	}
}

// tighten applies a rule that matches at all. What only steers the conversation
// is asked about only where the rule names its verb or operation.
func (o *outline) tighten(r *Rule, m *meeting, control bool) {
	for i := range r.clauses {
		c := r.clause(i, m)
		if c.verdict == action.Allow || c.verdict == action.Ask && control && !r.states.steering {
			continue
		}
		answer, need := m.tightens(c)
		switch {
		case answer == perhaps:
			o.fears |= need
		case answer == yes && c.verdict == action.Deny && !o.denied:
			o.denied = true
			o.by, o.reason = r.name, c.reason
		case answer == yes && c.verdict == action.Ask:
			o.asked = true
			o.ask(c.asks)
		}
	}
}

// settle joins the steps: the strictest verdict stands, unless facts that are
// pending could still change it.
func (o *outline) settle(j *judge) {
	if o.denied {
		o.verdict, o.asks = action.Deny, nil
		return
	}
	if o.hope > o.verdict && !(o.verdict == action.Ask && o.asked) {
		o.need |= o.hopes
	}
	if o.verdict != action.Allow && o.by == "" && !(o.verdict == action.Ask && o.asked) {
		o.need |= j.opsNeed // the posture may turn out milder
	}
	if o.verdict != action.Deny {
		o.need |= o.fears
	}
	switch {
	case o.verdict == action.Deny:
		o.asks = nil
	case o.asked:
		o.verdict = action.Ask
		o.by, o.reason = o.asks[0].Rule, o.asks[0].Reason
	case o.verdict == action.Ask:
		o.asks = j.service.posture.Asks(o.reason)
	}
}

// observe notes what would have been stricter if everything were enforced.
func (j *judge) observe(o *outline) {
	if mild := max(o.posture, o.lift); j.service.observe && mild < o.verdict {
		o.would = append(o.would, `posture "`+j.service.posture.Name+`"`)
	}
	for i, r := range j.rules {
		if !r.observe {
			continue
		}
		for k := range r.clauses {
			c := &r.clauses[k]
			if c.verdict >= o.verdict || c.verdict == action.Ask && j.control && !r.states.steering {
				continue
			}
			switch answer, need := j.meetings[i].tightens(c); answer {
			case yes:
				o.would = append(o.would, r.name)
			case perhaps:
				o.need |= need
			}
		}
	}
}
