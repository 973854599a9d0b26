package policy

import (
	"strings"
	"sync/atomic"
)

// Live holds the Policy in force. Readers never wait; the last Swap wins. The
// zero Live holds nil.
type Live struct{ first, p atomic.Pointer[Policy] }

// Current gives the rules as they stand now.
func (l *Live) Current() *Policy { return l.p.Load() }

// Swap puts p in force and gives what was before.
func (l *Live) Swap(p *Policy) *Policy {
	l.first.CompareAndSwap(nil, p)
	return l.p.Swap(p)
}

// Stale warns of what the gateway block says otherwise than at first, and which is
// taken at the next start only.
func (l *Live) Stale() []string {
	first, now := l.first.Load(), l.Current()
	if first == nil || now == nil {
		return nil
	}
	names := first.Gateway().Stale(now.Gateway())
	if len(names) == 0 {
		return nil
	}
	return []string{"what the gateway block says of " + strings.Join(names, ", ") + " was changed since the start, and is taken at the next one: restart the gateway"}
}
