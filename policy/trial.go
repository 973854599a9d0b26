package policy

import (
	"time"

	"sallyport.dev/sallyport/policy/trial"
)

// Actions that nobody sent, see package trial.
type (
	// Hypothesis says who would send what.
	Hypothesis = trial.Hypothesis
	// TestResult is the outcome of one test block.
	TestResult = trial.Result
)

// ground is the policy as things are tried out on it.
func (p *Policy) ground() *trial.Ground {
	g := &trial.Ground{Site: p.site, Resolve: p.resolve, Decide: p.DecideAt, Makers: p.trials, Now: p.now, Timed: p.timed}
	for _, r := range p.roles {
		g.Ends = ends(g.Ends, r.until)
	}
	for _, r := range p.conf.Rules {
		g.Ends = ends(g.Ends, r.Until)
	}
	return g
}

func ends(list []time.Time, until time.Time) []time.Time {
	if until.IsZero() {
		return list
	}
	return append(list, until)
}

func (p *Policy) site(name string) (trial.Site, bool) {
	s, ok := p.byName[name]
	if !ok {
		return trial.Site{}, false
	}
	return trial.Site{Service: &s.Service, Claims: s.route.claims, Timed: s.rules.Timed()}, true
}

// Try explains an action that nobody sent.
func (p *Policy) Try(h Hypothesis) (Explanation, error) {
	at, err := p.ground().Attempt(h)
	if err != nil {
		return Explanation{}, err
	}
	now := h.At
	if now.IsZero() {
		now = p.now()
	}
	a, refused := at.Action(now)
	if a == nil {
		return Explanation{Decision: refuse(refused), Refused: refused, Wrong: at.Wrong()}, nil
	}
	e := p.ExplainAt(a, now)
	e.Unsure = at.Unsure(a)
	return e, nil
}

// TryTests explains the actions of the test blocks, in their order; those that
// make no sense are left out.
func (p *Policy) TryTests() []Explanation {
	var out []Explanation
	for _, t := range p.conf.Tests {
		if e, err := p.Try(trial.Of(t)); err == nil {
			out = append(out, e)
		}
	}
	return out
}

// A RuleInfo is a rule by its name and what it states beside its attributes.
type RuleInfo struct {
	Name         string
	When, Unless bool
	Observe      bool
	File         string
	Line         int
}

// RuleInfos lists the rules in the order of the configuration.
func (p *Policy) RuleInfos() []RuleInfo {
	out := make([]RuleInfo, len(p.conf.Rules))
	for i, r := range p.conf.Rules {
		out[i] = RuleInfo{r.Name, r.When != nil, r.Unless != nil, r.Observe, r.Range.Filename, r.Range.Start.Line}
	}
	return out
}
