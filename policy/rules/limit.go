package rules

import (
	"slices"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/hclconf"
)

// A limit says how many of the actions that a rule matches may be sent within
// any span of window.
type limit struct {
	text   string // as it is written: "20/hour"
	count  int
	window time.Duration
	per    string // "agent", "role" or "all"
}

func newLimit(conf *hclconf.Rule) *limit {
	if conf.Limit.Count == 0 {
		return nil
	}
	return &limit{text: conf.Limit.Text, count: conf.Limit.Count, window: conf.Limit.Window, per: conf.Limit.Per}
}

func (l *limit) String() string { return l.text + " per " + l.per }

// spent reports whether the limit of r has no room for the action, as the gateway
// found out before it asked again.
func (j *judge) spent(r *Rule) bool { return slices.Contains(j.action.Spent, r.name) }

// clause gives a clause of r in the words that fit how it was met.
func (r *Rule) clause(i int, m *meeting) *clause {
	if m.spent {
		return &r.spent[i]
	}
	return &r.clauses[i]
}

// count notes the rules with a limit that the part matches: those that would have
// to count the action. What only steers the conversation is counted only where
// the rule names its verb or operation.
func (j *judge) count(o *outline) {
	if !j.service.limited || o.verdict == action.Deny {
		return
	}
	for i, r := range j.rules {
		if r.limit == nil || r.observe || j.control && !r.states.steering {
			continue
		}
		m := &j.meetings[i]
		met, _ := m.loosens(&r.clauses[0])
		if r.clauses[0].verdict == action.Ask && met != yes {
			met, _ = m.tightens(&r.clauses[0])
		}
		if met == yes {
			o.counts = append(o.counts, r)
		}
	}
}

// counts says what the rules that matched have to count, and for whom.
func (j *judge) counts() []action.Count {
	var out []action.Count
	for _, r := range j.total.counts {
		out = append(out, action.Count{Rule: r.name, Limit: r.limit.count, Window: r.limit.window, Of: r.countedFor(j)})
	}
	return out
}

// countedFor names whose actions a limit counts together: the agent, or each of
// its roles that the rule speaks of, or all there are.
func (r *Rule) countedFor(j *judge) []string {
	switch r.limit.per {
	case "all":
		return []string{"all"}
	case "role":
		var of []string
		for i, name := range j.member.Roles {
			if r.roles == nil || slices.ContainsFunc(r.conf.Roles.Items, func(ref hclconf.Ref) bool { return ref.Name == name }) {
				of = append(of, "role "+j.member.Roles[i])
			}
		}
		if len(of) > 0 {
			return of
		} // who is in no role is counted alone
	}
	return []string{"agent " + j.action.Peer.ID}
}
