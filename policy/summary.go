package policy

import (
	"net/netip"
	"slices"

	"sallyport.dev/sallyport/policy/place"
)

// RuleCount is how many rule blocks there are.
func (p *Policy) RuleCount() int { return len(p.conf.Rules) }

// SecretNames lists every secret that a service needs, in order.
func (p *Policy) SecretNames() []string {
	var names []string
	for _, s := range p.services {
		if s.route.account != nil {
			names = append(names, s.route.account.Secrets()...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Prefixes lists the addresses and networks that services claim, for agents that
// route only these to the gateway.
func (p *Policy) Prefixes() []netip.Prefix {
	var list []netip.Prefix
	for _, s := range p.services {
		for _, h := range s.conf.Hosts {
			if h.Kind == place.Addr || h.Kind == place.Net {
				list = append(list, h.Prefix)
			}
		}
	}
	return list
}
