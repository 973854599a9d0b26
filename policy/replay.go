package policy

import (
	"time"

	"sallyport.dev/sallyport/action"
)

// Replay decides a recorded action as if this policy had been in force at a time:
// it finds the service that the connection would have been for, then asks the
// rules. known is false if what the rules would have to know was not recorded.
func (p *Policy) Replay(a *action.Action, at time.Time) (d action.Decision, known bool) {
	again := *a
	if a.Dst.IsValid() && a.Peer != nil {
		r := p.resolve(a.Peer, a.Host, a.Dst, at)
		switch {
		case r.Service != nil:
			again.Service = r.Service
		case !r.NeedsName:
			return refuse(r.Reason), true
		}
	}
	if again.Service.Protocol != a.Service.Protocol {
		return action.Decision{}, false // another protocol would have had other things to judge
	}
	for _, part := range a.Parts {
		if f, ok := part.Facts.(interface{ Reopen() }); ok {
			f.Reopen()
		}
	}
	d = p.DecideAt(&again, at)
	return d, d.Need == 0
}
