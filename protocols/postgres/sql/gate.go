//go:build cgo

package sql

// A gate lets one through at a time.
type gate chan struct{}

func newGate() gate { return make(gate, 1) }

func (g gate) enter() { g <- struct{}{} }

func (g gate) leave() { <-g }
