package policy

import "time"

// An ApproverConfig is who is asked, and how long.
type ApproverConfig struct {
	Members       []string
	Require       int
	Hold, Timeout time.Duration
	StepUp        bool
}

// Approver gives the approver that rules call approver.NAME.
func (p *Policy) Approver(name string) (ApproverConfig, bool) {
	for _, a := range p.conf.Approvers {
		if a.Name == name {
			out := ApproverConfig{Require: a.Require, Hold: a.Hold, Timeout: a.Timeout, StepUp: a.StepUp}
			for _, m := range a.Members {
				out.Members = append(out.Members, m.Value)
			}
			return out, true
		}
	}
	return ApproverConfig{}, false
}
