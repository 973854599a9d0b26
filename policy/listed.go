package policy

import (
	"slices"
	"time"

	"sallyport.dev/sallyport/policy/hclconf"
	"sallyport.dev/sallyport/policy/manifest"
)

// A Listed service is one as operators see it.
type Listed struct {
	manifest.Service
	Secrets []string // of its accounts
	Roles   []string // that use it
}

// Listed gives every service, in the order of the configuration.
func (p *Policy) Listed() []Listed {
	list := make([]Listed, 0, len(p.services))
	for _, s := range p.services {
		l := Listed{Service: s.manifest()}
		if s.route.account != nil {
			l.Secrets = slices.Compact(slices.Sorted(slices.Values(s.route.account.Secrets())))
		}
		for _, r := range p.roles {
			if slices.Contains(r.uses, s.index) {
				l.Roles = append(l.Roles, r.name)
			}
		}
		list = append(list, l)
	}
	return list
}

// A ListedRole is a role as operators see it.
type ListedRole struct {
	Name     string
	Members  []string // tags, users and agents that the configuration names
	Services []string // that it uses
	Until    time.Time
}

// ListedRoles gives every role, in the order of the configuration.
func (p *Policy) ListedRoles() []ListedRole {
	list := make([]ListedRole, 0, len(p.roles))
	for _, r := range p.roles {
		l := ListedRole{Name: r.name, Members: hclconf.Texts(r.members), Until: r.until}
		for _, i := range r.uses {
			l.Services = append(l.Services, p.services[i].Name)
		}
		list = append(list, l)
	}
	return list
}
