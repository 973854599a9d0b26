// Package scope says how far a yes goes: once, to exactly the same again, or to
// what is similar, and for how long.
package scope

import (
	"errors"
	"fmt"
	"time"
)

// A Kind says what a yes is for.
type Kind string

// The kinds of a Scope; the zero kind is Once.
const (
	Once    Kind = "once"
	Exact   Kind = "exact"   // the very same action again
	Similar Kind = "similar" // the same operation, or the same verbs on the same tables, by the same agent
)

// Bounds of a Scope.
const (
	MaxFor   = 24 * time.Hour
	MaxTimes = 1000
)

// A Scope says what a yes is for, and how long. The zero Scope is once.
type Scope struct {
	Kind  Kind          `json:"kind,omitempty"`
	For   time.Duration `json:"for,omitempty"`   // of exact and similar; at most a day
	Times int           `json:"times,omitempty"` // of similar: uses, the first included; 0: any number
}

// Err means that a yes cannot be given that way.
var Err = errors.New("no such scope")

// Check reports what is wrong with the scope.
func (s Scope) Check() error {
	switch s.Kind {
	case "", Once:
		if s.For != 0 || s.Times != 0 {
			return fmt.Errorf("%w: a yes for once has no time and no number", Err)
		}
		return nil
	case Exact, Similar:
	default:
		return fmt.Errorf("%w: %q; there are once, exact and similar", Err, s.Kind)
	}
	if s.For < time.Second || s.For > MaxFor {
		return fmt.Errorf("%w: a yes for longer lasts a second to %s", Err, MaxFor)
	}
	if s.Times < 0 || s.Times > MaxTimes {
		return fmt.Errorf("%w: %d uses; at most %d", Err, s.Times, MaxTimes)
	}
	return nil
}

// Lasts reports whether the scope is for more than the ask that it answers.
func (s Scope) Lasts() bool { return s.Kind == Exact || s.Kind == Similar }

// Narrow gives what both scopes cover.
func (s Scope) Narrow(o Scope) Scope {
	if !s.Lasts() || !o.Lasts() {
		return Scope{}
	}
	out := Scope{Kind: Similar, For: min(s.For, o.For), Times: s.Times}
	if s.Kind == Exact || o.Kind == Exact {
		out.Kind = Exact
	}
	if o.Times > 0 && (s.Times == 0 || o.Times < s.Times) {
		out.Times = o.Times
	}
	return out
}
