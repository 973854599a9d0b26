package tailnet

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"tailscale.com/client/local"
	"tailscale.com/ipn/ipnstate"
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
func (n *Node) nameservers(ctx context.Context) ([]Nameserver, error) {
	conf, err := n.client.DNSConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("what the tailnet says about names is not known: %w", err)
	}
	if conf == nil {
		return nil, nil
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
	return list, nil
}

// A neighbourhood is what the tailnet shows of others.
type neighbourhood struct {
	wide  []string // agents that reach everything
	alone bool     // there is nobody else
	at    time.Time
}

// look gives the neighbourhood of a moment ago.
func (n *Node) look(ctx context.Context) (seen neighbourhood, err error) {
	n.note(func() { seen = n.around })
	if time.Since(seen.at) < n.every {
		return seen, nil
	}
	s, err := n.client.Status(ctx)
	if err == nil {
		seen = neighbourhood{alone: len(s.Peer) == 0, at: time.Now()}
		seen.wide, err = n.wide(ctx, s)
	}
	if err != nil {
		return neighbourhood{}, fmt.Errorf("what the tailnet lets agents do is not known: %w", err)
	}
	n.note(func() { n.around = seen })
	return seen, nil
}

// wide are the agents that reach everything: the packet filter, which is the part of
// the tailnet's policy that concerns this node, names "*" as their destination. A
// grant from one other node to another concerns only those and is not seen here.
func (n *Node) wide(ctx context.Context, s *ipnstate.Status) (names []string, err error) {
	// The library's narrower calls give the filter of the first netmap for ever.
	now, err := local.GetDebugResultJSON[struct{ PacketFilterRules []tailcfg.FilterRule }](ctx, n.client, "current-netmap")
	if err != nil {
		return nil, err
	}
	var sources []string
	for _, r := range now.PacketFilterRules {
		if slices.ContainsFunc(r.DstPorts, everything) {
			sources = append(sources, r.SrcIPs...)
		}
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
	return names, nil
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
