package approval

import (
	"fmt"
	"slices"
	"time"
)

// What an agent may ask of people's attention.
const (
	maxPending = 16 // asks that wait at the same time
	// So many denials, or asks that it did not wait for, within the span, and nobody
	// is asked for the pause after the last of them.
	maxDenials   = 3
	maxWithdrawn = 20
	attentionFor = 10 * time.Minute
	coolDown     = 5 * time.Minute
)

// An attention is how much of people's attention one agent has had. It is guarded
// by the desk's mu.
type attention struct {
	pending   int
	denied    []time.Time
	withdrawn []time.Time
}

// attend gives the attention of an agent; callers hold mu.
func (d *Desk) attend(agent string) *attention {
	if d.agents == nil {
		d.agents = make(map[string]*attention)
	}
	at := d.agents[agent]
	if at == nil {
		at = new(attention)
		d.agents[agent] = at
	}
	return at
}

// admit reports why nobody is asked on the agent's behalf now.
func (at *attention) admit(now time.Time) error {
	if at.pending >= maxPending {
		return fmt.Errorf("%d approvals of this agent are waiting already; wait for them or cancel them", at.pending)
	}
	for _, c := range []struct {
		times *[]time.Time
		most  int
		what  string
	}{
		{&at.denied, maxDenials, "were denied"},
		{&at.withdrawn, maxWithdrawn, "were given up before anybody could answer"},
	} {
		*c.times = slices.DeleteFunc(*c.times, func(t time.Time) bool { return now.Sub(t) > attentionFor })
		if n := len(*c.times); n >= c.most {
			if until := (*c.times)[n-1].Add(coolDown); now.Before(until) {
				return fmt.Errorf("%d requests of this agent %s within %s; nobody is asked again before %s",
					n, c.what, attentionFor, until.UTC().Format(time.RFC3339))
			}
		}
	}
	return nil
}

// settled notes how an ask of the agent ended.
func (at *attention) settled(s State, when time.Time) {
	switch s {
	case Denied:
		at.denied = append(at.denied, when)
	case Cancelled, TimedOut:
		at.withdrawn = append(at.withdrawn, when)
	}
	const enough = 4 * maxWithdrawn
	if n := len(at.withdrawn) - enough; n > 0 {
		at.withdrawn = slices.Delete(at.withdrawn, 0, n)
	}
}
