package trial

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/hclconf"

	"github.com/hashicorp/hcl/v2"
)

// A Result is the outcome of one test block.
type Result struct {
	Name   string
	Range  hcl.Range
	Want   action.Verdict
	Got    action.Verdict
	Rule   string // the rule that decided; "" when the posture or a default did
	Reason string
	Passed bool
	Err    string       // why it could not be run, or what else was expected of it
	Wrong  *action.Spot // what of its SQL could not be read; nil: all could
	SQL    hcl.Range    // where its SQL stands
}

// Failure says in one sentence what was wrong.
func (r Result) Failure() string {
	if r.Err != "" {
		return fmt.Sprintf("Test %q: %s", r.Name, r.Err)
	}
	by := ""
	if r.Rule != "" {
		by = fmt.Sprintf(" by rule %q", r.Rule)
	}
	return fmt.Sprintf("Test %q expects %s and got %s%s: %s", r.Name, r.Want, r.Got, by, r.Reason)
}

// Run runs test blocks through the code of live traffic.
func (g *Ground) Run(tests []*hclconf.Test) []Result {
	out := make([]Result, 0, len(tests))
	for _, t := range tests {
		out = append(out, g.run(t))
	}
	return out
}

func (g *Ground) run(t *hclconf.Test) Result {
	r := Result{Name: t.Name, Range: t.Range, Want: t.Expect}
	at, err := g.Attempt(Of(t))
	if err != nil {
		r.Err = err.Error()
		return r
	}
	d := at.Decide(t.At)
	r.Got, r.Rule, r.Reason = d.Verdict, d.Rule, d.Reason
	r.Passed, r.Wrong, r.SQL = r.Got == r.Want, at.Wrong(), t.SQL.Range
	for _, a := range at.actions {
		if note := at.Unsure(a); note != "" && !r.Passed {
			r.Reason += " " + note
		}
	}
	if r.Passed && t.Rule.Stated() && !decided(d, t.Rule.Value) {
		r.Passed, r.Err = false, fmt.Sprintf("expects rule %q to decide, and what decided is: %s", t.Rule.Value, d.Reason)
	}
	if !t.At.IsZero() {
		return r
	}
	if other, v, differs := at.anytime(d.Verdict); differs {
		r.Passed, r.Err = false, fmt.Sprintf(`the verdict depends on the time (it is %s at %s and %s at another); state at = "2026-11-22T10:00:00Z".`,
			v, other.Format(time.RFC3339), d.Verdict)
	}
	return r
}

func decided(d action.Decision, rule string) bool {
	return d.Rule == rule || slices.ContainsFunc(d.Asks, func(a action.Asking) bool { return a.Rule == rule })
}

// Of is what a test block states.
func Of(t *hclconf.Test) Hypothesis {
	h := Hypothesis{Agent: t.Agent, User: t.User, Tags: hclconf.Texts(t.Tags), Service: t.Service.Name, At: t.At}
	for _, ref := range t.Roles.Items {
		h.Roles = append(h.Roles, ref.Name)
	}
	h.Trial = action.Trial{Headers: t.Headers, Body: []byte(t.Body.Value), SQL: t.SQL.Value, Database: t.Database, User: t.User}
	h.Trial.Method, h.Trial.URL, _ = strings.Cut(t.Request.Value, " ")
	return h
}

// sampleStep is how finely a week is tried out for a verdict that changes.
const sampleStep = 5 * time.Minute

// anytime looks for a time at which the verdict is another one.
func (at *Attempt) anytime(want action.Verdict) (time.Time, action.Verdict, bool) {
	for _, now := range at.moments() {
		if v := at.Decide(now).Verdict; v != want {
			return now, v, true
		}
	}
	return time.Time{}, action.Deny, false
}

// moments lists times that stand for all others: a whole week, and both sides of
// every end of a role or rule. There are none where nothing depends on time.
func (at *Attempt) moments() []time.Time {
	if !at.ground.Timed {
		return nil
	}
	var out []time.Time
	for _, until := range at.ground.Ends {
		out = append(out, until.Add(-time.Second), until.Add(time.Second))
	}
	for name := range at.actions {
		if s, ok := at.ground.Site(name); !ok || !s.Timed {
			continue
		}
		monday := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
		for t := monday; t.Before(monday.AddDate(0, 0, 7)); t = t.Add(sampleStep) {
			out = append(out, t)
		}
	}
	return out
}
