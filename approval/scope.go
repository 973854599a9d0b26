package approval

import "sallyport.dev/sallyport/approval/scope"

// How far a yes goes, see package scope.
type (
	// Scope says what a yes is for, and how long. The zero Scope is once.
	Scope = scope.Scope
	// ScopeKind is one of Once, Exact and Similar.
	ScopeKind = scope.Kind
)

// The kinds of a Scope.
const (
	Once    = scope.Once
	Exact   = scope.Exact
	Similar = scope.Similar
)

// ErrScope means that a yes cannot be given that way.
var ErrScope = scope.Err
