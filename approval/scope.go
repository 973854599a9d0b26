package approval

import (
	"errors"
	"fmt"
	"time"
)

// A ScopeKind says what a yes is for.
type ScopeKind string

// The kinds of a Scope; the zero kind is Once.
const (
	Once    ScopeKind = "once"
	Exact   ScopeKind = "exact"   // the very same action again
	Similar ScopeKind = "similar" // the same operation, or the same verbs on the same tables, by the same agent
)

// Bounds of a Scope.
const (
	maxScopeFor   = 24 * time.Hour
	maxScopeTimes = 1000
)

// A Scope says what a yes is for, and how long. The zero Scope is once.
type Scope struct {
	Kind  ScopeKind     `json:"kind,omitempty"`
	For   time.Duration `json:"for,omitempty"`   // of exact and similar; at most a day
	Times int           `json:"times,omitempty"` // of similar: uses, the first included; 0: any number
}

// ErrScope means that a yes cannot be given that way.
var ErrScope = errors.New("no such scope")

// Check reports what is wrong with the scope.
func (s Scope) Check() error {
	switch s.Kind {
	case "", Once:
		if s.For != 0 || s.Times != 0 {
			return fmt.Errorf("%w: a yes for once has no time and no number", ErrScope)
		}
		return nil
	case Exact, Similar:
	default:
		return fmt.Errorf("%w: %q; there are once, exact and similar", ErrScope, s.Kind)
	}
	if s.For < time.Second || s.For > maxScopeFor {
		return fmt.Errorf("%w: a yes for longer lasts a second to %s", ErrScope, maxScopeFor)
	}
	if s.Times < 0 || s.Times > maxScopeTimes {
		return fmt.Errorf("%w: %d uses; at most %d", ErrScope, s.Times, maxScopeTimes)
	}
	return nil
}

// Lasts reports whether the scope is for more than the ask that it answers.
func (s Scope) Lasts() bool { return s.Kind == Exact || s.Kind == Similar }
