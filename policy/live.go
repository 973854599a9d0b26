package policy

import "sync/atomic"

// Live holds the Policy in force. Readers never wait; the last Swap wins. The
// zero Live holds nil.
type Live struct{ p atomic.Pointer[Policy] }

// Current gives the rules as they stand now.
func (l *Live) Current() *Policy { return l.p.Load() }

// Swap puts p in force and gives what was before.
func (l *Live) Swap(p *Policy) *Policy { return l.p.Swap(p) }
