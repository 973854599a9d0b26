package policy

import (
	"net/netip"
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/hclconf"
	"sallyport.dev/sallyport/policy/place"

	"github.com/hashicorp/hcl/v2"
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

// EachAccount calls f with every account of every service.
func (p *Policy) EachAccount(f func(service string, auth action.Auth)) {
	for _, s := range p.services {
		if s.route.account != nil {
			s.route.account.Each(func(auth action.Auth, _ hcl.Range) { f(s.conf.Name, auth) })
		}
	}
}

// Users lists the accounts that a service takes by a user's name, in the order of
// the configuration.
func (p *Policy) Users(service string) []string {
	var names []string
	s := p.byName[service]
	if s == nil || s.route.account == nil {
		return nil
	}
	s.route.account.Each(func(auth action.Auth, _ hcl.Range) {
		if auth.Name != "" && !slices.Contains(names, auth.Name) {
			names = append(names, auth.Name)
		}
	})
	return names
}

// UsersOf lists the roles that use a service, in the order of the configuration.
func (p *Policy) UsersOf(service string) []string {
	var names []string
	for _, r := range p.roles {
		if s := p.byName[service]; s != nil && slices.Contains(r.uses, s.index) {
			names = append(names, r.name)
		}
	}
	return names
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

// TailnetMembers lists the tags and users that roles name, as a tailnet's policy
// spells them.
func (p *Policy) TailnetMembers() []string {
	var list []string
	for _, r := range p.roles {
		for _, m := range r.members {
			if kind, name, _ := strings.Cut(m.Value, ":"); kind == "tag" {
				list = append(list, m.Value)
			} else if kind == "user" {
				list = append(list, name)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Operators lists the people that the configuration names, by what they may do.
func (p *Policy) Operators() map[string][]string {
	o := p.conf.Operators
	return map[string][]string{
		"admin": hclconf.Texts(o.Admins), "editor": hclconf.Texts(o.Editors),
		"approver": hclconf.Texts(o.Approvers), "viewer": hclconf.Texts(o.Viewers),
	}
}
