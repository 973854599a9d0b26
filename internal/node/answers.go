package node

import (
	"context"

	"sallyport.dev/sallyport/dashboard"
	"sallyport.dev/sallyport/internal/node/outreach"
)

// turnOut makes what the gateway turns to for answers: judges, Slack, webhooks.
func (n *Node) turnOut() {
	n.Outreach = outreach.New(outreach.Options{
		Line: n.Gateway, CA: n.CA.PEM, Tables: n.o.Build.Policy.Tables, Trial: n.o.Build.Policy.Trials["http"],
		Dial: n.Gateway.Dialer.Reach, DialPublic: n.Gateway.Dialer.ReachPublic, Roots: n.o.Roots,
		Secret: n.Vault.Value, Mask: n.Vault.Mask, Desk: n.Desk, Store: n.store, Rules: n.Rules.Current, Page: n.askPage, Log: n.o.Log,
	})
	n.Desk.Judge = n.Outreach.Judge
	n.Outreach.Take(n.Rules.Current())
}

// askPage is where an ask stands in the dashboard; "" without one.
func (n *Node) askPage(id string) string {
	for _, at := range n.gates.URLs() {
		return at + "/approvals/" + id
	}
	return ""
}

// judges lists the judges of the rules in force, with what they have used today.
func (n *Node) judges(ctx context.Context) ([]dashboard.Judge, error) {
	used, err := n.Outreach.Usage(ctx)
	if err != nil {
		return nil, err
	}
	list := []dashboard.Judge{}
	for _, j := range n.Rules.Current().Config().Judges {
		u := used[j.Name]
		list = append(list, dashboard.Judge{
			Name: j.Name, Service: j.Service.Name, Model: j.Model.Value, Decides: j.Decides, Calls: u.Calls, Input: u.Input, Output: u.Output,
		})
	}
	return list, nil
}
