package outreach

import (
	"fmt"
	"net/netip"
	"slices"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval/webhook"
)

// Warnings lists what keeps those who are turned to from being reached.
func (r *Outreach) Warnings() []string {
	var list []string
	if why := r.slack.Problem(); why != "" {
		list = append(list, "Slack cannot be reached, so asks are not shown there: "+why)
	}
	list = append(list, r.unalerted()...)
	r.mu.Lock()
	var seats []*seat
	for _, s := range r.judges {
		seats = append(seats, s)
	}
	var keys []string
	for t := range r.hooks {
		keys = append(keys, t.secret)
	}
	r.mu.Unlock()
	for _, name := range keys {
		if s, err := r.o.Secret(name); err == nil && webhook.CheckKey(s.Reveal()) != nil {
			list = append(list, fmt.Sprintf("secret %s signs a webhook, and is too short: %v", name, webhook.ErrKey))
		}
	}
	for _, s := range seats {
		if why := r.refused(s); why != "" {
			list = append(list, fmt.Sprintf("%s denies everything, because the rules refuse its own call: %s", s.peer.Name, why))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// refused says why the rules in force would refuse the call of a judge; "" if they
// would not.
func (r *Outreach) refused(s *seat) string {
	rules := r.o.Rules()
	host, at := s.spec.host, netip.IPv4Unspecified()
	if literal, err := netip.ParseAddr(host); err == nil {
		host, at = "", literal
	}
	got := rules.Resolve(s.peer, host, netip.AddrPortFrom(at, s.spec.port))
	if got.Service == nil {
		return got.Reason
	}
	a, err := r.o.Trial(got.Service, action.Trial{
		Method: "POST", URL: s.spec.url, Headers: map[string]string{"Content-Type": "application/json"},
		Body: fmt.Appendf(nil, `{"model":%q,"messages":[{"role":"user","content":"x"}]}`, s.spec.model),
	})
	if err != nil {
		return err.Error()
	}
	a.Peer, a.Service = s.peer, got.Service
	if d := rules.Decide(a); d.Need == 0 && d.Verdict != action.Allow {
		if d.Rule != "" {
			return fmt.Sprintf("rule %q; %s", d.Rule, d.Reason)
		}
		return d.Reason
	}
	return ""
}
