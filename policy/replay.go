package policy

import (
	"time"

	"sallyport.dev/sallyport/action"
)

// Replay decides a recorded action as if this policy had been in force at a time:
// it finds the service that the connection would have been for, then asks the
// rules. known is false if what the rules would have to know was not recorded. The
// facts are the caller's alone: they are opened, and read from what was kept.
func (p *Policy) Replay(a *action.Action, at time.Time) (d action.Decision, known bool) {
	again, d, known := p.again(a, at)
	if again == nil {
		return d, known
	}
	reopen(again)
	if d = p.DecideAt(again, at); d.Need != 0 && recall(again) {
		d = p.DecideAt(again, at)
	}
	return d, d.Need == 0
}

// ReplayExplain explains a recorded action as if this policy had been in force at a
// time. Where it would have been refused before any rule, or what was recorded is
// of another protocol, there are no Parts.
func (p *Policy) ReplayExplain(a *action.Action, at time.Time) Explanation {
	again, d, _ := p.again(a, at)
	if again == nil {
		return Explanation{Decision: d, Refused: d.Reason}
	}
	reopen(again)
	recall(again)
	return p.ExplainAt(again, at)
}

// At gives a recorded action at a service of this policy; the facts are shared.
func (p *Policy) At(a *action.Action, service string) *action.Action {
	own := *a
	if s := p.byName[service]; s != nil {
		own.Service = &s.Service
	}
	return &own
}

// again gives the action for the service that it would have been for. Where there
// is none the decision stands, if that is known.
func (p *Policy) again(a *action.Action, at time.Time) (again *action.Action, d action.Decision, known bool) {
	own := *a
	if a.Dst.IsValid() && a.Peer != nil {
		r := p.resolve(a.Peer, a.Host, a.Dst, at)
		switch {
		case r.Service != nil:
			own.Service = r.Service
		case !r.NeedsName:
			return nil, refuse(r.Reason), true
		}
	}
	if own.Service == a.Service { // nothing but its name is recorded
		own = *p.At(a, a.Service.Name)
	}
	if own.Service.Protocol != a.Service.Protocol {
		return nil, action.Decision{}, false // another protocol would have had other things to judge
	}
	return &own, action.Decision{}, true
}

// reopen makes pending what was not recorded.
func reopen(a *action.Action) {
	for _, part := range a.Parts {
		if f, ok := part.Facts.(interface{ Reopen(*action.Service) }); ok {
			f.Reopen(a.Service)
		}
	}
}

// recall reads what costs something from what was kept for it, and reports whether
// there was anything.
func recall(a *action.Action) (found bool) {
	for _, part := range a.Parts {
		if f, ok := part.Facts.(interface {
			Recall(*action.Service) bool
		}); ok {
			found = f.Recall(a.Service) || found
		}
	}
	return found
}
