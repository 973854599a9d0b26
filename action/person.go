package action

import "strings"

// A Person is somebody who may answer for a team: an operator as the API, an
// approver's channel or the host itself proved them. It is immutable.
type Person struct {
	Name   string   `json:"name"`             // tailnet login, OIDC e-mail or the name of a local user
	Groups []string `json:"groups,omitempty"` // without "group:"
	Via    string   `json:"via"`              // how they proved it: "tailnet", "oidc", "local", "token", "slack", "admin.sock"
}

// Is reports whether member, as a configuration names people, means the person:
// "ana@acme.dev", "group:oncall", or "*@acme.dev" for everyone of a domain.
func (p Person) Is(member string) bool {
	if group, ok := strings.CutPrefix(member, "group:"); ok {
		for _, g := range p.Groups {
			if g == group {
				return true
			}
		}
		return false
	}
	if domain, ok := strings.CutPrefix(member, "*@"); ok {
		user, of, found := strings.Cut(p.Name, "@")
		return found && user != "" && strings.EqualFold(of, domain)
	}
	return p.Name != "" && strings.EqualFold(p.Name, member)
}
