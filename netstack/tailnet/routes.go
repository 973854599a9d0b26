package tailnet

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"tailscale.com/ipn"
)

// Exit is the routes of an exit node: everything, as far as the clients send it.
// They leave out private networks, so that those of services are stated besides.
func Exit() []netip.Prefix {
	return []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0)}
}

// Advertise replaces the routes that lead to the gateway. The tailnet must
// approve new ones.
func (n *Node) Advertise(ctx context.Context, routes []netip.Prefix) error {
	routes = slices.Clone(routes)
	slices.SortFunc(routes, netip.Prefix.Compare)
	n.mu.Lock()
	same := slices.Equal(n.routes, routes)
	n.routes = routes
	n.mu.Unlock()
	if same {
		return nil
	}
	return n.advertise(ctx)
}

// advertise sets what the node is to the tailnet. It takes neither the routes nor
// the resolvers of other nodes.
func (n *Node) advertise(ctx context.Context) error {
	n.mu.Lock()
	routes := n.routes
	n.mu.Unlock()
	_, err := n.client.EditPrefs(ctx, &ipn.MaskedPrefs{
		Prefs:       ipn.Prefs{AdvertiseRoutes: routes},
		RouteAllSet: true, CorpDNSSet: true, AdvertiseRoutesSet: true,
	})
	if err != nil {
		return fmt.Errorf("advertise %d routes: %w", len(routes), err)
	}
	return nil
}
