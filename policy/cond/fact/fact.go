// Package fact holds the facts that every action has, and what is common to all
// facts: where they are read from and how a misspelt one is recognised. It
// compiles nothing and knows no protocol.
package fact

import (
	"time"

	"sallyport.dev/sallyport/action"
)

// An Env is what a condition is evaluated in. A nil field leaves the facts that
// come from it unknown.
type Env struct {
	Action  *action.Action
	Part    *action.Part
	Effects action.Effects // after the service's operations; none counts as unknown
	Roles   []string       // of the agent, in the policy in force
	Now     time.Time
	// Reads are the readings that the operations declare for certain, MayRead those
	// that one of them declares which only may fit.
	Reads, MayRead uint8
}

// Reading says whether a fact of readings is there: absent where none of them is
// declared.
func (e *Env) Reading(readings uint8) action.State {
	switch {
	case readings == 0, e.Reads&readings != 0:
		return action.Known
	case e.MayRead&readings != 0:
		return action.Unknown
	}
	return action.Absent
}

// A Fact is one name that a condition may read.
type Fact struct {
	Spec     action.FactSpec
	Protocol string   // "": every action has it, and its accessor reads the Env
	Timed    bool     // changes by itself
	Words    []string // all that it can be; nil: anything
	Readings uint8    // it exists only where one of these is declared; zero: everywhere
}

// Keyed reports whether the fact is read with a name inside.
func (f *Fact) Keyed() bool { return f.Spec.Key != nil || f.Spec.KeyList != nil }

// FoldsKey reports whether the names inside have no case: a condition that says
// X-Tenant means the header, however it is spelt.
func (f *Fact) FoldsKey() bool {
	return f.Spec.Name == "http.headers" || f.Spec.Name == "http.headers_all"
}

// Subject is what the accessor of the fact looks into.
func (f *Fact) Subject(env *Env) action.Facts {
	if f.Protocol == "" {
		return env
	}
	if env.Part == nil {
		return nil
	}
	return env.Part.Facts
}
