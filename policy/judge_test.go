package policy

import (
	"net/netip"
	"testing"

	"sallyport.dev/sallyport/action"
)

const judgesConf = `
service "model" { hosts = ["model.test"] }
service "asked" { hosts = ["asked.test"] }
service "crm" { hosts = ["crm.test"] }
role "everyone" {
  members = ["*"]
  use     = [service.crm, service.model]
}
judge "pii" {
  service = service.model
  model   = "m"
  prompt  = "x"
}
judge "asked" {
  service = service.asked
  model   = "m"
  prompt  = "x"
}
rule "models are open" {
  on      = [service.model]
  verdict = "allow"
}
rule "except this one" {
  on        = [service.asked]
  approvers = [judge.asked]
  verdict   = "ask"
}
rule "agents ask for the model" {
  on      = [service.model]
  roles   = [role.everyone]
  verdict = "deny"
}
rule "customers" {
  on        = [service.crm]
  approvers = [judge.pii]
  verdict   = "ask"
}
`

// TestT43_TheGatewaysOwnPeer proves that the peer of a judge uses its own service
// and no other, is in no role, and that nobody is asked about its calls.
func TestT43_TheGatewaysOwnPeer(t *testing.T) {
	p := loaded(t, judgesConf)
	peer := func(name, transport string) *action.Peer {
		return &action.Peer{ID: name, Name: name, Transport: transport}
	}
	for _, c := range []struct {
		peer    *action.Peer
		host    string
		service string
		verdict action.Verdict
	}{
		{peer("judge.pii", action.JudgeTransport), "model.test", "model", action.Allow},
		{peer("judge.pii", action.JudgeTransport), "asked.test", "", 0},
		{peer("judge.pii", action.JudgeTransport), "crm.test", "", 0},
		{peer("judge.asked", action.JudgeTransport), "asked.test", "asked", action.Deny},
		{peer("judge.none", action.JudgeTransport), "model.test", "", 0},
		{peer("judge.pii", "wireguard"), "model.test", "model", action.Deny}, // an agent of that name is an agent
		{peer("judge.asked", "wireguard"), "asked.test", "", 0},
	} {
		r := p.Resolve(c.peer, c.host, netip.MustParseAddrPort("0.0.0.0:443"))
		if c.service == "" {
			if r.Service != nil {
				t.Errorf("%s by %s reaches %s", c.peer.Name, c.peer.Transport, c.host)
			}
			continue
		}
		if r.Service == nil || r.Service.Name != c.service {
			t.Errorf("%s by %s at %s: %+v", c.peer.Name, c.peer.Transport, c.host, r)
			continue
		}
		d := p.Decide(&action.Action{Peer: c.peer, Service: r.Service, Parts: []action.Part{{
			Facts: &httpFacts{Method: "POST", Path: "/v1/messages", State: action.Known}, Effects: action.EffectWrite,
		}}})
		if d.Verdict != c.verdict {
			t.Errorf("%s by %s at %s: %+v", c.peer.Name, c.peer.Transport, c.host, d)
		}
	}
}
