package node

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/dashboard"
	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/netstack/tailnet"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/vault"
)

// tailnetState is the name under which the vault keeps what the node is.
const tailnetState = "tailnet"

// newTailnet makes the gateway's node of the tailnet, not started yet.
func (n *Node) newTailnet(conf policy.GatewayConfig) *tailnet.Node {
	t := tailnet.New(tailnet.Config{
		Hostname: n.hostname(conf), ControlURL: conf.Tailnet.ControlURL, AuthKey: n.authKey, HTTP: n.o.HTTP, Tags: conf.Tailnet.Tags,
		Dir: filepath.Join(n.Dir, "tailnet"), State: sealed{n.Vault}, Routes: n.tailnetRoutes(n.Rules.Current()),
		Enrolled: func(p *action.Peer) bool { return len(n.Rules.RolesOf(p)) > 0 },
		Changed:  n.Gateway.Recheck,
	}, n.Roster, n.o.Log)
	n.gates.Tailnet(t)
	return t
}

// hostname is what the node asks to be called.
func (n *Node) hostname(conf policy.GatewayConfig) string {
	if conf.Tailnet.Hostname != "" {
		return conf.Tailnet.Hostname
	}
	return conf.Name
}

// authKey is what the node may join with; "": nothing, a person logs it in.
func (n *Node) authKey() (string, error) {
	conf := n.Rules.Current().Gateway().Tailnet
	if conf == nil || conf.AuthKey == "" {
		return "", nil
	}
	key, err := n.Vault.Value(conf.AuthKey)
	if err != nil {
		return "", err
	}
	return string(key.Reveal()), nil
}

// tailnetRoutes is what the node advertises under these rules: the virtual IPs and
// what services declare, besides everything for an exit node. Clients send a
// private network to an exit node only if it is advertised by itself.
func (n *Node) tailnetRoutes(p *policy.Policy) []netip.Prefix {
	routes := slices.Clone(n.pools)
	if p.Gateway().Tailnet != nil && p.Gateway().Tailnet.ExitNode {
		routes = append(routes, tailnet.Exit()...)
	}
	for _, r := range p.Prefixes() {
		routes = append(routes, r.Masked())
	}
	slices.SortFunc(routes, netip.Prefix.Compare)
	return slices.Compact(routes)
}

// readvertise follows the services of new rules.
func (n *Node) readvertise(ctx context.Context) {
	if n.TS == nil {
		return
	}
	if err := n.TS.Advertise(ctx, n.tailnetRoutes(n.Rules.Current())); err != nil {
		n.o.Log.Error("the tailnet is not told of changed routes", "err", err)
	}
}

// tailnetStatus tells how the node stands; nil without one.
func (n *Node) tailnetStatus() *dashboard.Tailnet {
	if n.TS == nil {
		return nil
	}
	s := n.TS.Status(context.Background())
	t := &dashboard.Tailnet{
		State: s.State, Name: s.Name, Tailnet: s.Tailnet, Tags: s.Tags, Expiry: s.Expiry, HTTPS: s.HTTPS, Problems: s.Problems,
		Routes: texts(s.Routes), Refused: texts(s.Refused),
	}
	p := n.Rules.Current()
	t.Members = p.TailnetMembers()
	if conf := p.Gateway().Tailnet; conf != nil {
		t.Wanted, t.Hostname, t.Control = conf.Tags, n.hostname(p.Gateway()), conf.ControlURL
	}
	t.Wide = s.Wide
	for _, ns := range s.Nameservers {
		t.Nameservers = append(t.Nameservers, dashboard.Nameserver{Address: ns.Address, Suffix: ns.Suffix, ExitNode: ns.ExitNode})
	}
	for _, a := range s.Addresses {
		t.Addresses = append(t.Addresses, a.String())
	}
	return t
}

func texts(list []netip.Prefix) []string {
	words := make([]string, len(list))
	for i, p := range list {
		words[i] = p.String()
	}
	return words
}

// secretSet follows a secret that got another value.
func (n *Node) secretSet() {
	n.Gateway.Recheck()
	if n.TS != nil {
		n.TS.KeySet()
	}
}

// seen tells who an agent of the tailnet was when it was last seen, and whether it
// may do anything.
func (n *Node) seen(a netstack.Agent) (p *action.Peer, enrolled bool) {
	if n.TS == nil {
		return nil, false
	}
	return n.TS.Seen(a.ID)
}

// sealed keeps the state of the tailnet node in the vault.
type sealed struct{ v *vault.Vault }

// Load gives the state; nil if there is none.
func (s sealed) Load() ([]byte, error) {
	v, err := s.v.GetInternal(tailnetState)
	if errors.Is(err, vault.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return v.Reveal(), nil
}

// Save replaces the state.
func (s sealed) Save(ctx context.Context, state []byte) error {
	if err := s.v.PutInternal(ctx, tailnetState, vault.NewSecret(state)); err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	return nil
}
