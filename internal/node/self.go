package node

import "net/netip"

// self lists where the gateway itself is, see gateway.Dialer: its addresses inside
// both transports, and where people come in. Agents must not be led there by it.
func (n *Node) self() []netip.AddrPort {
	list := n.gates.Here()
	if at := n.inside.Load(); at != nil {
		for _, addr := range (*at)() {
			if addr.IsValid() {
				list = append(list, netip.AddrPortFrom(addr, 0))
			}
		}
	}
	return list
}

// turnInside tells self of the transports, before they start. Without WireGuard
// the subnet of the agents is none, and may be somebody's.
func (n *Node) turnInside(wireguard bool) {
	space, ts := n.Roster.Space(), n.TS
	at := func() (list []netip.Addr) {
		if wireguard {
			v4, v6 := space.Gateway()
			list = append(list, v4, v6)
		}
		if ts != nil {
			v4, v6 := ts.Gateway()
			list = append(list, v4, v6)
		}
		return list
	}
	n.inside.Store(&at)
}
