package suggest

import (
	"cmp"
	"slices"
	"strconv"
)

// A Left is a kind of action that the proposal would not allow, and why.
type Left struct {
	Service string `json:"service"`
	Action  string `json:"action"`
	Why     string `json:"why"`
	Count   int    `json:"count"`
}

// A Proposal is what recorded actions come to.
type Proposal struct {
	Seen    int    `json:"seen"`    // actions
	Fine    int    `json:"fine"`    // that need no rule
	Allowed int    `json:"allowed"` // that only Rules would allow
	Rules   []Rule `json:"rules"`
	Left    []Left `json:"left"` // the most frequent first
}

// A Collector takes notes in and makes the proposal of them.
type Collector struct {
	Subject string                        // the agent or the service that it is about
	Users   func(service string) []string // the roles that use a service; a rule for all of them names none
	Taken   func(rule string) bool        // whether the configuration has a rule of that name
	sorter  sorter
}

// Add takes a note in.
func (c *Collector) Add(n *Note) {
	if c.sorter.groups == nil {
		c.sorter.groups = map[string]*group{}
	}
	if n.Why == "" && !n.Fine {
		c.sorter.add(n)
	}
}

// Rules gives the rules that would allow what was noted, as far as can be said
// without trying them.
func (c *Collector) Rules() []Rule {
	rules := c.sorter.rules()
	for i := range rules {
		r := &rules[i]
		if users := set(c.Users(r.Service)); slices.Equal(users, r.Roles) {
			r.Roles = nil
		}
	}
	name(rules, c.Subject, c.Taken)
	return rules
}

// A Tally counts what became of every action once the rules were tried.
type Tally struct {
	seen, fine, allowed int
	by                  map[string]int // actions, by rule
	left                map[Left]int   // without their counts
}

// NewTally counts from zero.
func NewTally() *Tally { return &Tally{by: map[string]int{}, left: map[Left]int{}} }

// whyTried is told of what the proposed rules turned out not to allow.
const whyTried = "the proposed rules do not allow it"

// add counts an action.
func (t *Tally) add(n *tried) {
	t.seen++
	switch {
	case n.Fine:
		t.fine++
		return
	case n.Why == "" && n.allowed:
		t.allowed++
		for _, name := range n.by {
			t.by[name]++
		}
		return
	}
	t.left[Left{Service: n.Service, Action: n.label, Why: cmp.Or(n.Why, whyTried)}]++
}

// Proposal gives what was counted. Rules that allowed nothing are left out.
func (t *Tally) Proposal(rules []Rule) *Proposal {
	p := &Proposal{Seen: t.seen, Fine: t.fine, Allowed: t.allowed, Rules: []Rule{}, Left: []Left{}}
	for _, r := range rules {
		if r.Actions = t.by[r.Name]; r.Actions > 0 {
			p.Rules = append(p.Rules, r)
		}
	}
	for l, n := range t.left {
		l.Count = n
		p.Left = append(p.Left, l)
	}
	slices.SortFunc(p.Left, func(a, b Left) int {
		return cmp.Or(b.Count-a.Count, cmp.Compare(a.Service, b.Service), cmp.Compare(a.Action, b.Action), cmp.Compare(a.Why, b.Why))
	})
	return p
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
