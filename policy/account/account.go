// Package account is the account that a service takes: one for every agent, or
// one for each role. It reads how auth is written and says whose account an agent
// has; it opens no secret and knows no service.
package account

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"

	"github.com/hashicorp/hcl/v2"
)

// An Account is the auth of a service as written: One, or ByRole.
type Account struct {
	One    action.Auth
	ByRole []ForRole
	Range  hcl.Range
}

// A ForRole is the account of the agents of one role.
type ForRole struct {
	Role  string
	Auth  action.Auth
	At    hcl.Range // of the role
	Range hcl.Range // of the auth
}

// Of gives the account of an agent in these roles, or says why it has none.
func (a *Account) Of(roles []string) (_ *action.Auth, refused string) {
	if len(a.ByRole) == 0 {
		return &a.One, ""
	}
	var mine *ForRole
	for i := range a.ByRole {
		r := &a.ByRole[i]
		switch {
		case !slices.Contains(roles, r.Role):
		case mine == nil:
			mine = r
		case !reflect.DeepEqual(mine.Auth, r.Auth):
			return nil, fmt.Sprintf("The roles %s and %s of this agent have different accounts here; it may be in only one of them.", mine.Role, r.Role)
		}
	}
	if mine == nil {
		return nil, fmt.Sprintf("The accounts here belong to roles, and this agent is in none of these: %s.", strings.Join(a.roles(), ", "))
	}
	return &mine.Auth, ""
}

func (a *Account) roles() []string {
	names := make([]string, len(a.ByRole))
	for i, r := range a.ByRole {
		names[i] = r.Role
	}
	return names
}

// Signs reports whether requests are signed with the account. Where accounts
// differ by role, all of them do or none.
func (a *Account) Signs() bool {
	signs := false
	if a != nil {
		a.Each(func(auth action.Auth, _ hcl.Range) { signs = signs || auth.Scheme == "aws_sigv4" })
	}
	return signs
}

// Demands reports whether an agent has to show a placeholder for an account.
func (a *Account) Demands() bool {
	demands := false
	a.Each(func(auth action.Auth, _ hcl.Range) { demands = demands || auth.Placeholder != "" })
	return demands
}

// Has reports whether a role has an account of its own.
func (a *Account) Has(role string) bool { return slices.Contains(a.roles(), role) }

// Secrets lists the secrets that the accounts take.
func (a *Account) Secrets() []string {
	var names []string
	a.Each(func(auth action.Auth, _ hcl.Range) { names = append(names, auth.Secrets...) })
	return names
}

// Each calls f with every account, and where it stands; a nil Account has none.
func (a *Account) Each(f func(action.Auth, hcl.Range)) {
	if a == nil {
		return
	}
	for _, r := range a.ByRole {
		f(r.Auth, r.Range)
	}
	if len(a.ByRole) == 0 {
		f(a.One, a.Range)
	}
}
