// Package match says how the facts of an action stand to the plain attributes of
// a rule: whether some value is named, whether every value is, and what must be
// learned to tell. It compiles attributes once and finds without allocating. It
// knows nothing of verdicts.
package match

import (
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/cond"
	"sallyport.dev/sallyport/policy/glob"
)

// A Found is how an attribute stands to an action. Some is what a rule that
// tightens asks for, Whole what one that loosens asks for.
type Found struct {
	Some  cond.Tri
	Whole bool
	Need  action.Need // pending facts that could still change Some or Whole
}

// One is what is found for a single value.
func One(matches bool) Found {
	if matches {
		return Found{Some: cond.True, Whole: true}
	}
	return Found{}
}

// Missing is what is found for a fact without a value: what is absent matches no
// list, what is unknown may match any.
func Missing(s action.State, cost action.Need) Found {
	switch s {
	case action.Absent:
		return Found{}
	case action.Pending:
		return Found{Some: cond.Unknown, Need: cost}
	}
	return Found{Some: cond.Unknown}
}

// Several is what is found over a list of values; an empty one matches no list.
func Several(values []string, matches func(string) glob.Sure) Found {
	f := Found{Whole: len(values) > 0}
	for _, v := range values {
		switch matches(v) {
		case glob.Yes:
			f.Some = cond.True
		case glob.Maybe:
			f.Whole = false
			if f.Some == cond.False {
				f.Some = cond.Unknown
			}
		case glob.No:
			f.Whole = false
		}
	}
	return f
}

// Word says in one word how an attribute matched.
func (f Found) Word() string {
	switch {
	case f.Need != 0:
		return "pending"
	case f.Some == cond.Unknown:
		return "unknown"
	case f.Some == cond.False:
		return "no"
	case !f.Whole:
		return "partly"
	}
	return "yes"
}

// Show puts values into words.
func Show(state action.State, values ...string) string {
	switch {
	case state == action.Absent, state == action.Known && len(values) == 0:
		return "absent"
	case state == action.Pending:
		return "pending"
	case state == action.Unknown:
		return "unknown"
	}
	return strings.Join(values, ", ")
}
