package policy

import (
	"fmt"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/rules/trace"
)

// Decide says what the rules have to say about an action, by the clock of the
// policy. With Need it is not decided yet. It does not block.
func (p *Policy) Decide(a *action.Action) action.Decision {
	var now time.Time
	if p.timed {
		now = p.now()
	}
	return p.DecideAt(a, now)
}

// DecideAt is Decide at another time: for tests, and to judge again what is
// recorded.
func (p *Policy) DecideAt(a *action.Action, now time.Time) action.Decision {
	s, m, refused := p.standing(a, now)
	if s == nil {
		return refuse(refused)
	}
	d := s.rules.Decide(a, &m.Member, now)
	if d.Verdict == action.Ask && a.Peer.Transport == action.JudgeTransport {
		return refuse("The rules ask about the call of a judge itself, and nobody is asked about that.")
	}
	return d
}

// standing finds the service of an action in this policy and what its agent is
// there, or says why it is refused before any rule is asked.
func (p *Policy) standing(a *action.Action, now time.Time) (*service, *membership, string) {
	s, err := p.ownService(a)
	if err != nil {
		return nil, nil, "The service of this action is not declared any more."
	}
	if a.Peer == nil {
		return nil, nil, "The agent is unknown."
	}
	m := p.member(a.Peer, now)
	if !m.uses[s.index] {
		return nil, nil, fmt.Sprintf("No role of %s uses service %q.", called(a.Peer), s.Name)
	}
	if _, refused := s.account(m); refused != "" {
		return nil, nil, refused
	}
	return s, m, ""
}

// ownService finds the service of an action in this policy.
func (p *Policy) ownService(a *action.Action) (*service, error) {
	if a.Service == nil {
		return nil, fmt.Errorf("the action has no service")
	}
	s, ok := p.byName[a.Service.Name]
	if !ok || s.Protocol != a.Service.Protocol {
		return nil, fmt.Errorf("service %s is not declared", a.Service.Name)
	}
	return s, nil
}

func refuse(reason string) action.Decision {
	return action.Decision{Verdict: action.Deny, Reason: reason}
}

// An Explanation says how a decision came about.
type Explanation struct {
	Decision action.Decision `json:"decision"`
	Service  string          `json:"service,omitempty"`
	Refused  string          `json:"refused,omitempty"` // before any rule was asked
	Roles    []string        `json:"roles,omitempty"`
	Parts    []trace.Part    `json:"parts,omitempty"`
	// Silent names rules on the service that speak of something its actions do
	// not have.
	Silent []string     `json:"silent,omitempty"`
	Wrong  *action.Spot `json:"wrong,omitempty"` // what of the SQL cannot be read
	// Unsure says what could not be known of an action that nobody sent.
	Unsure string `json:"unsure,omitempty"`
}

// Explain decides an action once more and tells every step.
func (p *Policy) Explain(a *action.Action) Explanation { return p.ExplainAt(a, p.now()) }

// ExplainAt is Explain at another time.
func (p *Policy) ExplainAt(a *action.Action, now time.Time) Explanation {
	e := Explanation{Decision: p.DecideAt(a, now)}
	s, m, refused := p.standing(a, now)
	if s == nil {
		e.Refused = refused
		return e
	}
	e.Service, e.Roles, e.Silent = s.Name, m.Roles, s.rules.Silent()
	e.Parts = s.rules.Trace(a, &m.Member, now)
	return e
}

// NextChange gives a moment after which verdicts may be others by the mere
// passing of time, or the zero Time; the gateway judges open connections again
// then.
func (p *Policy) NextChange(after time.Time) time.Time {
	next := p.rules.NextChange(after)
	for _, r := range p.roles {
		if r.until.After(after) && (next.IsZero() || r.until.Before(next)) {
			next = r.until
		}
	}
	return next
}

// Trace tells in a short form, in JSON, how the rules judge an action, for its
// record; nil where it is refused before any rule is asked.
func (p *Policy) Trace(a *action.Action) []byte {
	now := p.now()
	s, m, _ := p.standing(a, now)
	if s == nil || len(a.Parts) == 0 {
		return nil
	}
	return trace.Compact(s.rules.Short(a, &m.Member, now))
}
