package node

import (
	"errors"

	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/dashboard"
)

// Services lists the services of the rules in force.
func (b *Rulebook) Services() []dashboard.Service {
	list := []dashboard.Service{}
	for _, s := range b.Current().Listed() {
		list = append(list, dashboard.Service{
			Name: s.Name, Protocol: s.Protocol, Description: s.Description, Hosts: s.Hosts, Databases: s.Databases,
			Secrets: s.Secrets, Roles: s.Roles, Allowed: s.Allowed, Asked: s.Asked, Denied: s.Denied,
		})
	}
	return list
}

// RoleList lists the roles of the rules in force, with what they use.
func (b *Rulebook) RoleList() []dashboard.Role {
	list := []dashboard.Role{}
	for _, r := range b.Current().ListedRoles() {
		list = append(list, dashboard.Role(r))
	}
	return list
}

// Explain judges a recorded action again by the rules in force and tells every
// step.
func (b *Rulebook) Explain(r *audit.Record) (any, error) {
	a, err := r.Action(b.o.Build.Policy.Tables)
	if err != nil {
		return nil, err
	}
	e := b.Current().ReplayExplain(a, r.Time)
	if e.Decision.Need != 0 {
		return nil, errors.New("a rule reads what is not recorded")
	}
	return e, nil
}
