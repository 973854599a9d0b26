// Package attention counts what an agent takes of people's attention: what it asks
// at the same time, and what was denied or given up. It asks nobody.
package attention

import (
	"fmt"
	"slices"
	"time"
)

// What an agent may ask of people's attention.
const (
	MaxPending = 16 // asks that wait at the same time
	// So many denials, or asks that it did not wait for, within the span, and nobody
	// is asked for the pause after the last of them.
	MaxDenials   = 3
	MaxWithdrawn = 20
	attentionFor = 10 * time.Minute
	CoolDown     = 5 * time.Minute
)

// An Agent is how much of people's attention one agent has had. It belongs to its
// caller, who sees that one at a time uses it.
type Agent struct {
	Pending   int // asks that wait
	Judging   int // asks that judges hear first
	denied    []time.Time
	withdrawn []time.Time
}

// Admit reports why nobody is asked on the agent's behalf now.
func (at *Agent) Admit(now time.Time) error {
	if at.Pending+at.Judging >= MaxPending {
		return fmt.Errorf("%d approvals of this agent are waiting already; wait for them or cancel them", at.Pending+at.Judging)
	}
	for _, c := range []struct {
		times *[]time.Time
		most  int
		what  string
	}{
		{&at.denied, MaxDenials, "were denied"},
		{&at.withdrawn, MaxWithdrawn, "were given up before anybody could answer"},
	} {
		*c.times = slices.DeleteFunc(*c.times, func(t time.Time) bool { return now.Sub(t) > attentionFor })
		if n := len(*c.times); n >= c.most {
			if until := (*c.times)[n-1].Add(CoolDown); now.Before(until) {
				return fmt.Errorf("%d requests of this agent %s within %s; nobody is asked again before %s",
					n, c.what, attentionFor, until.UTC().Format(time.RFC3339))
			}
		}
	}
	return nil
}

// Denied notes that somebody refused an ask of the agent.
func (at *Agent) Denied(when time.Time) { at.denied = append(at.denied, when) }

// Withdrawn notes that an ask ended before anybody answered.
func (at *Agent) Withdrawn(when time.Time) {
	at.withdrawn = append(at.withdrawn, when)
	const enough = 4 * MaxWithdrawn
	if n := len(at.withdrawn) - enough; n > 0 {
		at.withdrawn = slices.Delete(at.withdrawn, 0, n)
	}
}

// Quiet reports whether nothing waits or is remembered that would still count.
func (at *Agent) Quiet(now time.Time) bool {
	old := func(t time.Time) bool { return now.Sub(t) > attentionFor }
	at.denied, at.withdrawn = slices.DeleteFunc(at.denied, old), slices.DeleteFunc(at.withdrawn, old)
	return at.Pending+at.Judging+len(at.denied)+len(at.withdrawn) == 0
}

// A Table has the agents by their ids. The zero Table is empty; it belongs to its
// caller like an Agent.
type Table struct{ agents map[string]*Agent }

// Of gives the agent of an id, which is a new one if nothing is remembered of it.
func (t *Table) Of(id string) *Agent {
	if t.agents == nil {
		t.agents = make(map[string]*Agent)
	}
	if t.agents[id] == nil {
		t.agents[id] = new(Agent)
	}
	return t.agents[id]
}

// Trim forgets the agents of whom nothing counts any more.
func (t *Table) Trim(now time.Time) {
	for id, at := range t.agents {
		if at.Quiet(now) {
			delete(t.agents, id)
		}
	}
}

// Pending counts the asks of all that wait.
func (t *Table) Pending() int {
	n := 0
	for _, at := range t.agents {
		n += at.Pending
	}
	return n
}
