package tailnet

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"tailscale.com/client/local"
	"tailscale.com/tailcfg"
	"tailscale.com/types/dnstype"
)

// A Nameserver is one that the tailnet tells its nodes to ask.
type Nameserver struct {
	Address  string
	Suffix   string // for names below it; "": for all
	ExitNode bool   // also by nodes that use an exit node
}

// nameservers are what the tailnet says about DNS. The node itself does as the
// host does, and not as it is told here.
func (n *Node) nameservers(ctx context.Context) []Nameserver {
	conf, err := n.client.DNSConfig(ctx)
	if err != nil || conf == nil {
		return nil
	}
	var list []Nameserver
	add := func(suffix string, resolvers []*dnstype.Resolver) {
		for _, r := range resolvers {
			list = append(list, Nameserver{Address: r.Addr, Suffix: strings.TrimSuffix(suffix, "."), ExitNode: r.UseWithExitNode})
		}
	}
	add("", conf.Resolvers)
	for suffix, resolvers := range conf.Routes {
		add(suffix, resolvers)
	}
	slices.SortFunc(list, func(a, b Nameserver) int {
		return cmp.Or(cmp.Compare(a.Suffix, b.Suffix), cmp.Compare(a.Address, b.Address))
	})
	return list
}

// wide are the agents that reach everything, of a moment ago: the packet
// filter, which is the part of the tailnet's policy that concerns this node, names
// "*" as their destination. A grant from one other node to another concerns only
// those and is not seen here.
func (n *Node) wide(ctx context.Context) (names []string) {
	fresh := false
	n.note(func() { names, fresh = n.open, time.Since(n.openAt) < n.every })
	if fresh {
		return names
	}
	names = nil
	// The library's narrower calls give the filter of the first netmap for ever.
	now, err := local.GetDebugResultJSON[struct{ PacketFilterRules []tailcfg.FilterRule }](ctx, n.client, "current-netmap")
	if err != nil {
		return nil
	}
	var sources []string
	for _, r := range now.PacketFilterRules {
		if slices.ContainsFunc(r.DstPorts, everything) {
			sources = append(sources, r.SrcIPs...)
		}
	}
	s, err := n.client.Status(ctx)
	if err != nil {
		return nil
	}
	for _, p := range s.Peer {
		if len(p.TailscaleIPs) == 0 || !slices.ContainsFunc(sources, func(src string) bool { return covers(src, p.TailscaleIPs[0]) }) {
			continue
		}
		if v, enrolled, err := n.visitor(p.TailscaleIPs[0]); err == nil && enrolled { // a look makes nobody an agent that waits
			names = append(names, v.Name)
		}
	}
	slices.Sort(names)
	n.note(func() { n.open, n.openAt = names, time.Now() })
	return names
}

// everything reports whether a destination is all addresses and ports.
func everything(to tailcfg.NetPortRange) bool {
	return to.IP == "*" && to.Ports.First == 0 && to.Ports.Last == 65535
}

// covers reports whether a source of a packet filter is or holds an address: an
// address, a prefix, a range, or "*".
func covers(src string, a netip.Addr) bool {
	if src == "*" {
		return true
	}
	if from, to, ok := strings.Cut(src, "-"); ok {
		first, ferr := netip.ParseAddr(from)
		last, lerr := netip.ParseAddr(to)
		return ferr == nil && lerr == nil && first.BitLen() == a.BitLen() && first.Compare(a) <= 0 && a.Compare(last) <= 0
	}
	if p, err := netip.ParsePrefix(src); err == nil {
		return p.Contains(a)
	}
	one, err := netip.ParseAddr(src)
	return err == nil && one == a
}
