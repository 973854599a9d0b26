package rules

import (
	"slices"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/cond"
	"sallyport.dev/sallyport/policy/rules/index"
	"sallyport.dev/sallyport/policy/rules/operation"
)

// A judge is the working memory of one decision, taken from a pool.
type judge struct {
	action  *action.Action
	service *Service
	member  *Member
	now     time.Time

	part        *action.Part
	env         cond.Env
	effects     action.Effects // all that the part may have
	sureEffects action.Effects // those that no pending fact takes away
	ops         []operation.Hit
	opsNeed     action.Need // pending conditions and readings of operations
	control     bool        // the part only steers the conversation
	opsUnknown  bool        // which operations it is cannot be told
	readNeed    action.Need // pending readings, without which nothing can be said
	rules       []*Rule     // of the service, those that may meet the part
	sought      index.Look  // and what they are looked for
	pile        index.Pile[*Rule]
	meetings    []meeting // by index in rules

	total ruling
}

// A ruling is the outcome over the parts seen so far.
type ruling struct {
	verdict action.Verdict
	by      string // the rule that decided
	reason  string
	asks    []action.Asking
	shared  bool // asks belongs to a rule and must be copied before it grows
	would   []string
	need    action.Need
	counts  []*Rule // rules with a limit that matched
	effects action.Effects
}

// Decide says what the rules of the service have to say about an action of an
// agent that may use it. With Need it is not decided yet. It does not block.
func (s *Service) Decide(a *action.Action, m *Member, now time.Time) action.Decision {
	if len(a.Parts) == 0 {
		return action.Decision{Reason: "This could not be understood, and what is not understood is refused."}
	}
	j, ok := s.judges.Get().(*judge)
	if !ok {
		j = new(judge)
	}
	defer s.release(j)
	j.action, j.service, j.member, j.now = a, s, m, now
	return j.decide()
}

// release empties a judge, so that the pool holds on to no action.
func (s *Service) release(j *judge) {
	clear(j.ops[:cap(j.ops)])
	*j = judge{ops: j.ops[:0], meetings: j.meetings[:0], pile: j.pile}
	j.pile.Clear()
	s.judges.Put(j)
}

// decide judges every part; the strictest verdict stands for all.
func (j *judge) decide() action.Decision {
	j.total.verdict = action.Allow
	for i := range j.action.Parts {
		j.look(&j.action.Parts[i])
		if j.readNeed != 0 {
			j.total.need |= j.readNeed
			continue
		}
		r := j.decidePart()
		if r.verdict == action.Deny && r.need == 0 {
			return action.Decision{Verdict: action.Deny, Rule: r.by, Reason: r.reason, Would: r.would}
		}
		j.total.join(r)
		j.total.effects |= j.effects
	}
	t := &j.total
	if t.need != 0 {
		return action.Decision{Need: t.need}
	}
	return action.Decision{Verdict: t.verdict, Rule: t.by, Reason: t.reason, Asks: t.asks, Would: t.would, Counts: j.counts(), Effects: t.effects}
}

// join adds the ruling on one more part.
func (t *ruling) join(r ruling) {
	t.need |= r.need
	for _, w := range r.would {
		if !slices.Contains(t.would, w) {
			t.would = append(t.would, w)
		}
	}
	for _, rule := range r.counts {
		if !slices.Contains(t.counts, rule) {
			t.counts = append(t.counts, rule)
		}
	}
	if r.verdict > t.verdict {
		return
	}
	if r.verdict < t.verdict || t.by == "" && t.reason == "" {
		t.verdict, t.by, t.reason = r.verdict, r.by, r.reason
	}
	for i := range r.asks {
		t.ask(r.asks[i : i+1 : i+1])
	}
}

// ask adds one asking, once. The slice of a rule is used as it is until there
// are two.
func (t *ruling) ask(one []action.Asking) {
	for i := range t.asks {
		if t.asks[i].Rule == one[0].Rule {
			return
		}
	}
	if t.asks == nil {
		t.asks, t.shared = one, true
		return
	}
	if t.shared {
		t.asks, t.shared = slices.Clone(t.asks), false
	}
	t.asks = append(t.asks, one[0])
}

// look turns to one part and settles which operations and effects it has.
func (j *judge) look(part *action.Part) {
	j.part, j.ops, j.opsNeed, j.readNeed, j.opsUnknown = part, j.ops[:0], 0, 0, false
	j.control = part.Control
	j.effects = part.Effects
	if j.effects == 0 || j.service.opaque {
		j.effects = action.EffectUnknown
	}
	j.env = cond.Env{Action: j.action, Part: part, Roles: j.member.Roles, Now: j.now}
	if c := j.service.catalog; c != nil && !part.Control {
		j.classify(c)
	}
	j.sureEffects = j.sure()
	j.env.Effects = j.effects
	for i := range j.ops {
		if !j.ops[i].Sure {
			j.env.Effects |= action.EffectUnknown // which one is the strongest cannot be told
		}
	}
}

// classify replaces the effects that the protocol knows by those of the
// operations that fit. One that only may fit adds to them.
func (j *judge) classify(c *operation.Catalog) {
	var told bool
	if j.ops, told = c.Find(&j.env, j.ops); !told {
		j.opsUnknown, j.env.MayRead = true, ^uint8(0)
		j.effects |= action.EffectUnknown | c.Worst()
		return
	}
	known := j.effects
	effects, certain := action.Effects(0), false
	for i := range j.ops {
		h := &j.ops[i]
		effects |= j.doneBy(h, known)
		certain = certain || h.Sure
		j.opsNeed |= h.Need
	}
	if !certain {
		effects |= known
	}
	j.effects = effects
}

// doneBy gives the effects of one operation: those that it states, else what its
// reading tells, else what the protocol knows.
func (j *judge) doneBy(h *operation.Hit, known action.Effects) action.Effects {
	r := h.Reading
	switch {
	case h.Operation.Effects != 0:
		return h.Operation.Effects
	case r == nil || r.Effects == nil:
		return known
	}
	e, control, state := r.Effects(j.part.Facts)
	switch state {
	case action.Known:
		j.control = j.control || control && h.Sure && len(j.ops) == 1
		return e
	case action.Pending:
		j.readNeed |= r.Cost
	}
	return action.EffectUnknown | r.Worst
}

// sure gives the effects that stay whatever the pending facts turn out to be.
func (j *judge) sure() action.Effects {
	if j.opsNeed == 0 {
		return j.effects
	}
	var sure action.Effects
	for i := range j.ops {
		if j.ops[i].Sure {
			sure |= j.ops[i].Operation.Effects
		}
	}
	return sure
}

// mayMeet gives the rules of the service that may meet the part.
func (j *judge) mayMeet() []*Rule {
	if j.service.index != nil {
		j.sought = index.Look{Facts: j.part.Facts, Ops: j.ops, OpsUnknown: j.opsUnknown}
		if rules, ok := j.service.index.Rules(&j.sought, &j.pile); ok {
			return rules
		}
	}
	return j.service.rules
}

// host is the declared name that the agent used, or the address it dialled: a
// name that the service does not declare is only what the agent says.
func (j *judge) host() string {
	if j.action.Host != "" && (j.service.named(j.action.Host, j.action.Dst.Port()) || !j.action.Dst.Addr().IsValid()) {
		return j.action.Host
	}
	if !j.action.Dst.IsValid() {
		return ""
	}
	return j.action.Dst.Addr().Unmap().String()
}
