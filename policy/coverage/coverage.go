// Package coverage counts which rules and conditions some actions have reached,
// from the traces of their decisions. It judges nothing.
package coverage

import (
	"fmt"
	"io"
	"strings"
	"sync"

	"sallyport.dev/sallyport/policy/rules/trace"
)

// A Rule is how often actions reached a rule. A part of an action that its
// attributes may match reaches it.
type Rule struct {
	Name    string     `json:"rule"`
	File    string     `json:"file"`
	Line    int        `json:"line"`
	Reached int        `json:"reached"`
	Decided int        `json:"decided"` // it denied, asked or allowed, or would have
	When    *Condition `json:"when,omitempty"`
	Unless  *Condition `json:"unless,omitempty"`
}

// A Condition is what a condition came to where its rule was reached.
type Condition struct {
	True    int `json:"true"`
	False   int `json:"false"`
	Unknown int `json:"unknown"`
}

// A Report counts for many actions. It may be added to by several goroutines.
type Report struct {
	mu    sync.Mutex
	rules []Rule // guarded by mu
	index map[string]int
}

// New makes the report of rules; Reached and Decided are counted from zero, and a
// Condition that is there is.
func New(rules []Rule) *Report {
	r := &Report{rules: rules, index: make(map[string]int, len(rules))}
	for i, rule := range rules {
		r.index[rule.Name] = i
	}
	return r
}

// Add counts one action.
func (r *Report) Add(parts []trace.Part) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range parts {
		for k := range parts[i].Rules {
			t := &parts[i].Rules[k]
			if at, ok := r.index[t.Rule]; ok {
				r.rules[at].add(t)
			}
		}
	}
}

func (r *Rule) add(t *trace.Rule) {
	for _, c := range t.Checks {
		if c.Matches == "no" && c.What != "limit" {
			return // it was not reached
		}
	}
	r.Reached++
	if !strings.HasPrefix(t.Outcome, "does not") && t.Outcome != "pending" {
		r.Decided++
	}
	for _, c := range t.Checks {
		if c.Matches != "" || c.Depth > 0 {
			continue
		}
		switch what, _, _ := strings.Cut(c.What, " "); {
		case what == "when" && r.When != nil:
			r.When.add(c.Value)
		case what == "unless" && r.Unless != nil:
			r.Unless.add(c.Value)
		}
	}
}

func (c *Condition) add(value string) {
	switch value {
	case "true":
		c.True++
	case "false":
		c.False++
	default:
		c.Unknown++
	}
}

// Rules gives the counts as they stand.
func (r *Report) Rules() []Rule {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Rule{}, r.rules...)
}

// Missed lists, in words, what was never reached: a rule, or a value that a
// condition never had. That one was never unknown is no gap.
func (r *Rule) Missed() []string {
	if r.Reached == 0 {
		return []string{"never reached"}
	}
	var list []string
	for _, c := range []struct {
		what string
		*Condition
	}{{"when", r.When}, {"unless", r.Unless}} {
		if c.Condition == nil {
			continue
		}
		for _, v := range []struct {
			value string
			n     int
		}{{"true", c.True}, {"false", c.False}} {
			if v.n == 0 {
				list = append(list, fmt.Sprintf("%s was never %s", c.what, v.value))
			}
		}
	}
	return list
}

// Write says what every rule has seen, and what none has, a line each.
func Write(w io.Writer, rules []Rule) error {
	covered := 0
	for i := range rules {
		r := &rules[i]
		missed := r.Missed()
		mark := "ok  "
		if len(missed) > 0 {
			mark = "MISS"
		} else {
			covered++
		}
		line := fmt.Sprintf("%s  %s:%d: rule %q reached %d, decided %d", mark, r.File, r.Line, r.Name, r.Reached, r.Decided)
		line += r.When.text("when") + r.Unless.text("unless")
		if len(missed) > 0 {
			line += ": " + strings.Join(missed, ", ")
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%d of %d rules covered\n", covered, len(rules))
	return err
}

func (c *Condition) text(what string) string {
	if c == nil {
		return ""
	}
	return fmt.Sprintf("; %s true %d, false %d, unknown %d", what, c.True, c.False, c.Unknown)
}
