package value

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// People reads a list of people: logins, groups, or everybody of a domain.
func (r *Reader) People(e hcl.Expression) []Str {
	list := r.Words(e)
	for i, m := range list {
		group, isGroup := strings.CutPrefix(m.Value, "group:")
		domain, isDomain := strings.CutPrefix(m.Value, "*@")
		kind, _, isKind := strings.Cut(m.Value, ":")
		switch {
		case !m.Stated():
		case isGroup && group == "", isDomain && domain == "", m.Value == "*", strings.ContainsAny(m.Value, " \t"),
			!isGroup && isKind, strings.Contains(m.Value, "*") && !isDomain:
			hint := ""
			if kind == "user" || kind == "agent" || kind == "tag" {
				hint = " People are named by their login alone, and agents are never among them."
			}
			r.Fail(m.Range, "Bad member", `%q names no person; write "ana@acme.dev", "group:NAME", "*@acme.dev" or the name of a local user.%s`, m.Value, hint)
		case slices.ContainsFunc(list[:i], func(o Str) bool { return strings.EqualFold(o.Value, m.Value) }):
			r.Fail(m.Range, "Stated twice", "%s stands in this list already.", m.Value)
		}
	}
	return list
}
