package rules

import (
	"fmt"

	"sallyport.dev/sallyport/action"
)

// A posture is what decides about an effect that no rule speaks of, with the
// sentence for the agent.
type posture struct {
	name    string
	verdict [5]action.Verdict // by effect, weakest first
	reason  [5]string
	asking  [5][]action.Asking
}

// postureTable is the table of the language: rows by posture, columns by effect.
func postureTable(name string) [5]action.Verdict {
	switch name {
	case "open":
		return [5]action.Verdict{action.Allow, action.Allow, action.Allow, action.Allow, action.Allow}
	case "guarded":
		return [5]action.Verdict{action.Allow, action.Ask, action.Deny, action.Deny, action.Ask}
	}
	return [5]action.Verdict{} // locked: all denied
}

func newPosture(service, name string) posture {
	p := posture{name: name, verdict: postureTable(name)}
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

// of gives the strictest verdict over several effects, and why.
func (p *posture) of(effects action.Effects) (action.Verdict, string) {
	verdict, reason := action.Allow, ""
	for i := range p.verdict {
		if effects&(1<<i) != 0 && p.verdict[i] < verdict {
			verdict, reason = p.verdict[i], p.reason[i]
		}
	}
	return verdict, reason
}

// asks gives the asking that goes with a reason of this posture.
func (p *posture) asks(reason string) []action.Asking {
	for i := range p.reason {
		if p.reason[i] == reason && p.asking[i] != nil {
			return p.asking[i]
		}
	}
	return []action.Asking{{Reason: reason}}
}
