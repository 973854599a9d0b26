package host

import (
	"slices"
	"strings"

	"sallyport.dev/sallyport/policy/hclconf/value"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Slack is the workspace that asks are shown in, by Socket Mode.
type Slack struct {
	AppToken, BotToken string              // names of secrets
	People             map[string]string   // operators by the address that Slack has of them
	Groups             map[string][]string // operators by group
	Range              hcl.Range
}

// Operator gives the name of an operator by the address that Slack has of them.
func (s *Slack) Operator(address string) string {
	for at, name := range s.People {
		if strings.EqualFold(at, address) {
			return name
		}
	}
	return address
}

// GroupsOf lists the groups that an operator is in.
func (s *Slack) GroupsOf(operator string) []string {
	var list []string
	for group, people := range s.Groups {
		if slices.ContainsFunc(people, func(p string) bool { return strings.EqualFold(p, operator) }) {
			list = append(list, group)
		}
	}
	slices.Sort(list)
	return list
}

func (d *reader) slack(b *hclsyntax.Block) *Slack {
	s := &Slack{Range: b.DefRange()}
	token := func(name string, to *string) {
		value.With(b.Body, name, func(e hcl.Expression) {
			r, _ := d.Ref(e, "secret")
			*to = r.Name
		})
		d.Required(b, name, name+" = secret.NAME")
	}
	token("app_token", &s.AppToken)
	token("bot_token", &s.BotToken)
	value.With(b.Body, "people", func(e hcl.Expression) { s.People = d.slackPeople(e) })
	value.With(b.Body, "groups", func(e hcl.Expression) {
		s.Groups = map[string][]string{}
		d.Object(e, func(group string, at hcl.Range, list hcl.Expression) {
			if group == "" || strings.ContainsAny(group, " \t") || strings.HasPrefix(group, "group:") {
				d.Fail(at, "Bad group", `%q is no name of a group; write oncall for what approvers call "group:oncall".`, group)
			}
			for _, p := range d.Words(list) {
				if d.onePerson(p) {
					s.Groups[group] = append(s.Groups[group], p.Value)
				}
			}
		})
	})
	return s
}

// slackPeople reads who is whom.
func (d *reader) slackPeople(e hcl.Expression) map[string]string {
	out := map[string]string{}
	d.Object(e, func(address string, at hcl.Range, name hcl.Expression) {
		if user, host, ok := strings.Cut(address, "@"); !ok || user == "" || host == "" || strings.ContainsAny(address, "* \t") {
			d.Fail(at, "Bad address", `%q is no address of one person in Slack, such as "ana@acme.dev".`, address)
			return
		}
		for other := range out {
			if strings.EqualFold(other, address) {
				d.Fail(at, "Stated twice", "%s stands in this object already.", address)
			}
		}
		if p := d.Word(name); d.onePerson(p) {
			out[address] = p.Value
		}
	})
	return out
}

// onePerson complains about what does not name one operator.
func (d *reader) onePerson(p value.Str) bool {
	ok := p.Value != "" && !strings.ContainsAny(p.Value, "*: \t")
	if !ok && p.Stated() {
		d.Fail(p.Range, "Bad member", `%q names no one person; write their login, such as "ana@acme.dev".`, p.Value)
	}
	return ok
}
