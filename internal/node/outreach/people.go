package outreach

import "sallyport.dev/sallyport/policy"

// slackBlock is how the configuration in force speaks of Slack; the zero value where it
// does not.
func (r *Outreach) slackBlock() *policy.SlackConfig {
	if s := r.o.Rules().Gateway().Slack; s != nil {
		return s
	}
	return new(policy.SlackConfig)
}

// operator gives the operator whom an address in Slack belongs to.
func (r *Outreach) operator(address string) string { return r.slackBlock().Operator(address) }

// groups gives the groups of an operator who answers in Slack: those that the
// configuration says, and those that a login says which still holds.
func (r *Outreach) groups(operator string) []string {
	list := r.slackBlock().GroupsOf(operator)
	if r.o.Groups != nil {
		list = append(list, r.o.Groups(operator)...)
	}
	return list
}
