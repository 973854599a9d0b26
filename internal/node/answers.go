package node

import (
	"context"
	"time"

	"sallyport.dev/sallyport/dashboard/outlet"
	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/internal/node/alert"
	"sallyport.dev/sallyport/internal/node/consent"
	"sallyport.dev/sallyport/internal/node/courier"
	"sallyport.dev/sallyport/internal/node/outreach"
	"sallyport.dev/sallyport/policy"
)

// turnOut makes what the gateway turns to for answers and for tokens: judges, Slack,
// webhooks, authorization servers.
func (n *Node) turnOut() {
	n.consent = consent.New(consent.Options{
		Rules: n.Rules.Current, Vault: n.Vault, Named: n.o.HTTP, Public: n.Gateway.Dialer.ReachPublic, Roots: n.o.Roots,
		Set: func() { n.API.SecretSet() }, URLs: n.gates.URLs, Witness: n.witness, Log: n.o.Log,
	})
	n.Outreach = outreach.New(outreach.Options{
		Line: n.Gateway, CA: n.CA.PEM, Tables: n.o.Build.Policy.Tables, Trial: n.o.Build.Policy.Trials["http"],
		Dial: n.Gateway.Dialer.Reach, DialPublic: n.Gateway.Dialer.ReachPublic, Roots: n.o.Roots,
		Secret: n.Vault.Value, Mask: n.Vault.Mask, Desk: n.Desk, Witness: n.witness, Store: n.store, Rules: n.Rules.Current, Page: n.askPage, Groups: n.loginGroups, Log: n.o.Log,
	})
	n.Desk.Judge = n.Outreach.Judge
	n.Outreach.Take(n.Rules.Current())
	n.courier = courier.New(courier.Options{
		Source: n.Journal, Store: n.store, Dial: n.Gateway.Dialer.Reach, Roots: n.o.Roots, Secret: n.Vault.Value,
		Version: n.o.Version, Log: n.o.Log,
	})
	n.courier.Take(n.Rules.Current())
	n.Alerts = alert.New(alert.Options{
		Records: n.Journal, Status: n.status, Ready: n.ready, Conf: func() *policy.AlertsConfig { return n.Rules.Current().Gateway().Alerts },
		Tell: n.Outreach.Alert, Mask: n.Vault.Mask, Outlets: n.outlets, Now: time.Now,
	})
}

// outlets lists whom the gateway tells.
func (n *Node) outlets(ctx context.Context) []outlet.Outlet {
	return append(n.courier.Outlets(ctx), n.Outreach.Outlets()...)
}

// witness keeps what operators do, from when the door is there.
func (n *Node) witness() route.Witness {
	if n.API == nil {
		return nil
	}
	return n.API.Witness
}

// loginGroups gives the groups that a login by OIDC says of somebody, while it holds.
func (n *Node) loginGroups(operator string) []string {
	if n.API == nil || n.API.Door == nil {
		return nil
	}
	return n.API.Door.Book.Groups(operator)
}

// askPage is where an ask stands in the dashboard; "" without one.
func (n *Node) askPage(id string) string {
	for _, at := range n.gates.URLs() {
		return at + "/approvals/" + id
	}
	return ""
}
