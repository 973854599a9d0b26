package rules

import (
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/cond"
	"sallyport.dev/sallyport/policy/hclconf"
	"sallyport.dev/sallyport/policy/match"
)

// A Rule is one compiled rule. It is immutable.
type Rule struct {
	name    string
	conf    *hclconf.Rule
	roles   []int // indexes; nil: any
	effects action.Effects
	lists   []list // cheap ones first
	hours   []cond.Hours
	when    *cond.Cond
	unless  *cond.Cond
	until   time.Time
	states  states
	observe bool
	limit   *limit   // nil: as often as it matches
	clauses []clause // its verdict, and otherwise
	spent   []clause // the same, in the words for a limit that has no room; nil without one
}

// states is what a rule speaks of, beside what every action has.
type states struct {
	effects  bool
	steering bool   // verbs or operations, by which an ask reaches what only steers
	protocol string // "": any
	conn     bool   // facts of an opaque connection only
	inside   bool   // something that no opaque connection has
	time     bool
}

// A clause is a verdict with its words, made once.
type clause struct {
	verdict  action.Verdict
	opposite bool // holds where the condition does not: otherwise
	reason   string
	asks     []action.Asking // shared by decisions, never changed
}

// defaultEffects are what a rule without effects may loosen.
const defaultEffects = action.EffectRead | action.EffectWrite

// A meeting is how a rule stands to one part. touch and cond say whether the
// attributes match at all and the condition holds; whole whether the attributes
// match for certain and everything.
type meeting struct {
	touch, cond        cond.Tri
	whole              bool
	touchNeed, addNeed action.Need // pending: for touch; for whole beyond it
	condNeed           action.Need
	spent              bool // the limit of the rule has no room for the action
}

// meet holds a rule against the part of j.
func (r *Rule) meet(j *judge) meeting {
	m := meeting{touch: cond.True, whole: true, cond: cond.True}
	if !r.applies(j) {
		return meeting{}
	}
	if !m.add(r.meetEffects(j)) {
		return meeting{}
	}
	for i := range r.lists {
		if !m.add(r.lists[i].find(j)) {
			return meeting{}
		}
	}
	r.condition(j, &m)
	return m
}

// applies checks what is never unknown: the role, and the end of the rule.
func (r *Rule) applies(j *judge) bool {
	if !r.until.IsZero() && !j.now.Before(r.until) {
		return false
	}
	if r.roles == nil {
		return true
	}
	for _, i := range r.roles {
		if j.member.In[i] {
			return true
		}
	}
	return false
}

// add joins one attribute; it reports whether the rule may still match.
func (m *meeting) add(f match.Found) bool {
	if f.Some == cond.False {
		return false
	}
	if f.Some == cond.Unknown {
		m.touch = cond.Unknown
		m.touchNeed |= f.Need
	}
	if !f.Whole {
		m.addNeed |= f.Need
		m.whole = m.whole && f.Need != 0 // else it never becomes whole
	}
	return true
}

// meetEffects holds the effects of the rule against those of the part. A rule
// that states none meets all, but is whole only over read and write; on an
// opaque connection the effect need not be named.
func (r *Rule) meetEffects(j *judge) match.Found {
	if !r.states.effects {
		f := match.Found{Some: cond.True, Whole: j.service.opaque || j.effects&^defaultEffects == 0}
		if !f.Whole {
			f.Need = j.opsNeed
		}
		return f
	}
	switch {
	case j.effects&r.effects != 0:
		f := match.Found{Some: cond.True, Whole: j.effects&^r.effects == 0, Need: j.opsNeed}
		if j.opsNeed != 0 && j.sureEffects&r.effects == 0 {
			f.Some = cond.Unknown
		}
		return f
	case j.effects&action.EffectUnknown != 0:
		return match.Found{Some: cond.Unknown, Need: j.opsNeed}
	}
	return match.Found{}
}

// condition evaluates hours, when and unless as one.
func (r *Rule) condition(j *judge, m *meeting) {
	and := func(t cond.Tri, need action.Need) {
		switch {
		case t == cond.False && need == 0:
			m.cond, m.condNeed = cond.False, 0
		case m.cond != cond.False && t != cond.True:
			m.cond = cond.Unknown
			m.condNeed |= need
		}
	}
	if len(r.hours) > 0 {
		and(within(r.hours, j.now), 0)
	}
	if r.when != nil && m.cond != cond.False {
		and(r.when.Eval(&j.env))
	}
	if r.unless != nil && m.cond != cond.False {
		t, need := r.unless.Eval(&j.env)
		and(not(t), need)
	}
	if r.limit != nil && j.spent(r) {
		m.spent = m.cond == cond.True
		and(cond.False, 0)
	}
}

func within(hours []cond.Hours, now time.Time) cond.Tri {
	for _, h := range hours {
		if h.Contains(now) {
			return cond.True
		}
	}
	return cond.False
}

func not(t cond.Tri) cond.Tri {
	switch t {
	case cond.True:
		return cond.False
	case cond.False:
		return cond.True
	}
	return t
}

// An answer is no, yes, or perhaps: pending facts could still make it either.
type answer uint8

const (
	no answer = iota
	yes
	perhaps
)

// holds says whether the condition of a clause holds.
func (m *meeting) holds(c *clause) cond.Tri {
	if c.opposite {
		return not(m.cond)
	}
	return m.cond
}

// tightens says whether a clause tightens what its rule meets: one value is
// enough, and unknown counts as a match.
func (m *meeting) tightens(c *clause) (answer, action.Need) {
	holds, need := m.holds(c), m.touchNeed|m.condNeed
	switch {
	case m.touch == cond.False || holds == cond.False:
		return no, 0
	case need != 0:
		return perhaps, need
	}
	return yes, 0
}

// loosens says whether a clause loosens: only for certain and in whole.
func (m *meeting) loosens(c *clause) (answer, action.Need) {
	holds, need := m.holds(c), m.touchNeed|m.addNeed|m.condNeed
	switch {
	case m.touch == cond.False || !m.whole || holds == cond.False:
		return no, 0
	case m.touch == cond.Unknown && m.touchNeed == 0, holds == cond.Unknown && m.condNeed == 0:
		return no, 0
	case need != 0:
		return perhaps, need
	}
	return yes, 0
}
