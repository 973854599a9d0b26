package replay

import (
	"context"
	"time"

	"sallyport.dev/sallyport/action"
)

// A Finding is a recorded action and what the rules come to on it.
type Finding struct {
	Line    int            `json:"line"` // counted from 1
	ID      string         `json:"id"`
	Time    time.Time      `json:"time"`
	Agent   string         `json:"agent"`
	Service string         `json:"service"`
	Summary string         `json:"summary"`
	Want    action.Verdict `json:"want"`
	Got     action.Verdict `json:"got"`
	Rule    string         `json:"rule,omitempty"`
	Reason  string         `json:"reason,omitempty"`
	// Untold says that the rules read what is not recorded: Got means nothing.
	Untold bool `json:"cannot_tell,omitempty"`
}

// Same reports whether the rules come to what is expected, for certain.
func (f *Finding) Same() bool { return !f.Untold && f.Want == f.Got }

// Check judges every record by a policy and hands each finding to take, in their
// order. seen, if there is one, is called with every action, by several
// goroutines.
func Check(ctx context.Context, s Source, p Judge, seen func(a *action.Action, at time.Time), take func(Finding)) error {
	line := 0
	return Each(ctx, s, func(past Past) Finding {
		f := find(past, p)
		if seen != nil && past.Action != nil {
			seen(past.Action, past.Time)
		}
		return f
	}, func(f Finding) bool {
		line++
		f.Line = line
		take(f)
		return true
	})
}

func find(past Past, p Judge) Finding {
	f := Finding{ID: past.ID, Time: past.Time, Agent: past.Agent, Service: past.Service, Summary: past.Summary, Want: past.Expect}
	if past.Action == nil {
		f.Untold, f.Reason = true, past.Why
		return f
	}
	d, known := p.Replay(past.Action, past.Time)
	f.Got, f.Rule, f.Reason = d.Verdict, d.Rule, d.Reason
	if !known {
		f.Untold, f.Reason = true, "A rule reads what is not recorded."
	}
	return f
}
