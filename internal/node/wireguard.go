package node

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"sallyport.dev/sallyport/dashboard"
	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/netstack/wireguard"
)

// Endpoint is what agents dial: what the operator wrote, or this host's address;
// "" without the transport.
func (n *Node) Endpoint() string {
	conf := n.Rules.Current().Gateway().Wireguard
	if n.WG == nil || conf == nil {
		return ""
	}
	if conf.Endpoint != "" {
		return conf.Endpoint
	}
	host := "127.0.0.1"
	list, err := net.InterfaceAddrs()
	if err != nil {
		list = nil
	}
	for _, a := range list {
		if p, ok := a.(*net.IPNet); ok && p.IP.IsGlobalUnicast() && p.IP.To4() != nil {
			host = p.IP.String()
			break
		}
	}
	return net.JoinHostPort(host, strconv.Itoa(int(n.WG.Port())))
}

func (n *Node) links() map[string]dashboard.Link {
	links := make(map[string]dashboard.Link)
	if n.WG == nil {
		return links
	}
	for id, s := range n.WG.Stats() {
		links[id] = dashboard.Link{LastHandshake: s.LastHandshake, Received: uint64(s.RxBytes), Sent: uint64(s.TxBytes)}
	}
	return links
}

// clientConfig makes the wg-quick configuration of an agent; there is none without
// the transport.
func (n *Node) clientConfig(a netstack.Agent, private string, split bool) string {
	conf := n.Rules.Current().Gateway().Wireguard
	if n.WG == nil || conf == nil {
		return ""
	}
	s := wireguard.NewSettings(n.Roster.Space(), a, private, n.WG.PublicKey(), n.Endpoint(), conf.MTU)
	if split {
		v4, v6 := n.WG.Gateway()
		own := []netip.Prefix{netip.PrefixFrom(v4, v4.BitLen())}
		if v6.IsValid() {
			own = append(own, netip.PrefixFrom(v6, v6.BitLen()))
		}
		s.AllowedIPs = slices.Concat(own, n.pools, n.Rules.Current().Prefixes())
	}
	return wireguard.ClientConfig(s)
}

// notice warns of an endpoint that was guessed.
func (n *Node) notice() string {
	conf := n.Rules.Current().Gateway().Wireguard
	if conf == nil || conf.Endpoint != "" {
		return ""
	}
	return fmt.Sprintf("the configuration names no endpoint, so agents dial this host's own address, %s; "+
		"where they cannot reach it, set gateway { wireguard { endpoint = \"HOST:PORT\" } } and give the agent a new key", n.Endpoint())
}
