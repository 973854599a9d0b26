package setup

import (
	"slices"
	"strings"

	"sallyport.dev/sallyport/dashboard"
)

// A tailnetPolicy is the part of a tailnet's policy that a gateway needs.
type tailnetPolicy struct {
	TagOwners     map[string][]string `json:"tagOwners"`
	AutoApprovers autoApprovers       `json:"autoApprovers"`
	Grants        []grant             `json:"grants"`
}

type autoApprovers struct {
	ExitNode []string            `json:"exitNode,omitempty"`
	Routes   map[string][]string `json:"routes"`
}

type grant struct {
	Src []string         `json:"src"`
	Dst []string         `json:"dst"`
	IP  []string         `json:"ip"`
	App map[string][]any `json:"app,omitempty"`
}

// An acl is a grant as control servers spell it that know no grants.
type acl struct {
	Action string   `json:"action"`
	Src    []string `json:"src"`
	Dst    []string `json:"dst"`
}

// capability names the rights of operators in the tailnet's policy.
const capability = "sallyport.dev/cap/sallyport"

// fragment is what the tailnet must allow: the gateway its tag and routes, agents
// the gateway and what lies behind it, and nothing else.
func fragment(t *dashboard.Tailnet) tailnetPolicy {
	gateway, agents := parties(t)
	p := tailnetPolicy{TagOwners: map[string][]string{}, AutoApprovers: autoApprovers{Routes: map[string][]string{}}}
	for _, who := range slices.Concat(gateway, agents) {
		if strings.HasPrefix(who, "tag:") {
			p.TagOwners[who] = []string{"autogroup:admin"}
		}
	}
	var behind []string
	for _, route := range t.Routes {
		if strings.HasSuffix(route, "/0") {
			p.AutoApprovers.ExitNode = gateway
			continue
		}
		p.AutoApprovers.Routes[route] = gateway
		behind = append(behind, route)
	}
	if len(p.AutoApprovers.ExitNode) > 0 {
		behind = append([]string{"autogroup:internet"}, behind...)
	}
	p.Grants = []grant{
		{Src: agents, Dst: gateway, IP: []string{"tcp:53", "udp:53", "tcp:80"}},
		{Src: agents, Dst: behind, IP: []string{"*"}},
		{Src: []string{"autogroup:admin"}, Dst: gateway, IP: doors(t), App: map[string][]any{
			capability: {map[string]string{"role": "admin"}},
		}},
	}
	return p
}

// doors are the ports of operators' pages. The first leads to one of the others.
func doors(t *dashboard.Tailnet) []string {
	if t.HTTPS {
		return []string{"tcp:80", "tcp:443"}
	}
	return []string{"tcp:80", "tcp:443", "tcp:8484"}
}

// parties are the tags of the gateway, and the tags and users of agents.
func parties(t *dashboard.Tailnet) (gateway, agents []string) {
	if gateway = t.Wanted; len(gateway) == 0 {
		gateway = []string{"tag:sallyport"}
	}
	if agents = t.Members; len(agents) == 0 {
		agents = []string{"tag:agent"}
	}
	return gateway, agents
}

// A headscalePolicy is the same for Headscale.
type headscalePolicy struct {
	TagOwners     map[string][]string `json:"tagOwners"`
	AutoApprovers autoApprovers       `json:"autoApprovers"`
	ACLs          []acl               `json:"acls"`
}

// headscale is fragment in the words of Headscale (0.26), which has neither grants
// nor autogroup:admin. It tells a node of a route only if that node may reach the
// destination: so the gateway itself is among the sources, or it would think its
// own routes refused.
func headscale(t *dashboard.Tailnet) headscalePolicy {
	gateway, agents := parties(t)
	f := fragment(t)
	p := headscalePolicy{TagOwners: f.TagOwners, AutoApprovers: f.AutoApprovers}
	for tag := range p.TagOwners {
		p.TagOwners[tag] = []string{} // whoever makes the auth keys gives the tags
	}
	var at, behind []string
	for _, g := range gateway {
		at = append(at, g+":53,80")
	}
	for _, to := range f.Grants[1].Dst {
		behind = append(behind, to+":*")
	}
	p.ACLs = []acl{
		{Action: "accept", Src: agents, Dst: at},
		{Action: "accept", Src: slices.Concat(agents, gateway), Dst: behind},
	}
	return p
}
