// Package posture is what decides about an effect that no rule speaks of. It is
// one small table, and the sentences that go with it. It knows nothing of rules.
package posture

import (
	"fmt"

	"sallyport.dev/sallyport/action"
)

// A Posture is what decides about an effect that no rule speaks of, with the
// sentence for the agent.
type Posture struct {
	Name    string
	verdict [5]action.Verdict // by effect, weakest first
	reason  [5]string
	asking  [5][]action.Asking
}

// Table is the table of the language: rows by posture, columns by effect.
func Table(name string) [5]action.Verdict {
	switch name {
	case "open":
		return [5]action.Verdict{action.Allow, action.Allow, action.Allow, action.Allow, action.Allow}
	case "guarded":
		return [5]action.Verdict{action.Allow, action.Ask, action.Deny, action.Deny, action.Ask}
	}
	return [5]action.Verdict{} // locked: all denied
}

// New makes the posture of a service.
func New(service, name string) Posture {
	p := Posture{Name: name, verdict: Table(name)}
	for i, effect := range action.EffectNames() {
		what := effect + " actions"
		if effect == "unknown" {
			what = "actions whose effect is not known"
		}
		switch p.verdict[i] {
		case action.Deny:
			p.reason[i] = fmt.Sprintf("Service %q refuses %s (posture %q), and no rule allows this one.", service, what, name)
		case action.Ask:
			p.reason[i] = fmt.Sprintf("Service %q has an operator asked about %s (posture %q).", service, what, name)
			p.asking[i] = []action.Asking{{Reason: p.reason[i]}}
		}
	}
	return p
}

// Of gives the strictest verdict over several effects, and why.
func (p *Posture) Of(effects action.Effects) (action.Verdict, string) {
	verdict, reason := action.Allow, ""
	for i := range p.verdict {
		if effects&(1<<i) != 0 && p.verdict[i] < verdict {
			verdict, reason = p.verdict[i], p.reason[i]
		}
	}
	return verdict, reason
}

// Asks gives the asking that goes with a reason of this posture.
func (p *Posture) Asks(reason string) []action.Asking {
	for i := range p.reason {
		if p.reason[i] == reason && p.asking[i] != nil {
			return p.asking[i]
		}
	}
	return []action.Asking{{Reason: reason}}
}
