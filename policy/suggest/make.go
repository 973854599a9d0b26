package suggest

import (
	"context"
	"slices"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/policy/replay"
)

// A Maker makes a proposal.
type Maker struct {
	Subject string // the agent or the service that it is about
	Tables  []action.FactTable
	Policy  *policy.Policy // the rules as they are
	// With loads the rules as they would be with some HCL beside them.
	With func(hcl []byte) (*policy.Policy, error)
	// Records begins to give what was recorded, the same each time; done ends it.
	Records func(context.Context) (s replay.Source, done func(), err error)
}

// Make looks at every record, makes rules, and tries them on every record. What it
// says that the rules allow, they allow.
func (m *Maker) Make(ctx context.Context) (*Proposal, error) {
	look := NewLooker(m.Tables, m.Policy)
	c := &Collector{Subject: m.Subject, Users: m.Policy.UsersOf, Taken: m.taken}
	note := func(past replay.Past) tried { return tried{Note: m.note(look, past)} }
	if err := m.each(ctx, note, func(n *tried) { c.Add(&n.Note) }); err != nil {
		return nil, err
	}
	rules := c.Rules()
	with, err := m.With((&Proposal{Rules: rules}).HCL())
	if err != nil {
		return nil, err
	}
	proposed := map[string]bool{}
	for _, r := range rules {
		proposed[r.Name] = true
	}
	t := NewTally()
	try := func(past replay.Past) tried { return m.try(look, with, past, proposed) }
	if err := m.each(ctx, try, t.add); err != nil {
		return nil, err
	}
	return t.Proposal(rules), nil
}

func (m *Maker) taken(name string) bool {
	return slices.ContainsFunc(m.Policy.RuleInfos(), func(r policy.RuleInfo) bool { return r.Name == name })
}

// each hands every record to look, on all processors, and what it makes of it to
// take, in their order.
func (m *Maker) each(ctx context.Context, look func(replay.Past) tried, take func(*tried)) error {
	records, done, err := m.Records(ctx)
	if err != nil {
		return err
	}
	defer done()
	return replay.Each(ctx, records, look, func(n tried) bool {
		take(&n)
		return true
	})
}

// A tried action is its note, and what the proposed rules make of it.
type tried struct {
	Note
	allowed bool
	by      []string // proposed rules that allow it
}

// note looks at an action as the rules are.
func (m *Maker) note(look *Looker, past replay.Past) Note {
	seen := Seen{Action: past.Action, Passed: past.Passed}
	if past.Action == nil {
		seen.Action = &action.Action{Service: &action.Service{Name: past.Service}, Kind: "action"}
		return look.Look(seen)
	}
	seen.Decision, seen.Known = m.Policy.Replay(past.Action, past.Time)
	if seen.Known && !seen.fine() { // to hold every rule against every action takes its time
		e := m.Policy.ReplayExplain(past.Action, past.Time)
		seen.Parts = e.Parts
		if e.Service != "" {
			seen.Action, seen.Roles = m.Policy.At(past.Action, e.Service), common(e.Roles, m.Policy.UsersOf(e.Service))
		}
	}
	return look.Look(seen)
}

// try looks at an action as the rules are, and as they would be.
func (m *Maker) try(look *Looker, with *policy.Policy, past replay.Past, proposed map[string]bool) tried {
	n := tried{Note: m.note(look, past)}
	if n.Fine || n.Left() {
		return n
	}
	d, known := with.Replay(past.Action, past.Time)
	n.allowed = known && d.Verdict == action.Allow && len(d.Would) == 0
	if !n.allowed {
		return n
	}
	for _, part := range with.ReplayExplain(past.Action, past.Time).Parts {
		for _, r := range part.Rules {
			if r.Outcome == "allows" && proposed[r.Rule] && !slices.Contains(n.by, r.Rule) {
				n.by = append(n.by, r.Rule)
			}
		}
	}
	return n
}

// common is what stands in both.
func common(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return !slices.Contains(b, s) })
}
