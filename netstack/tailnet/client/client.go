// Package client looks at the tailscaled of an agent's machine: whether it sends
// what it should to the gateway, and whom else it could reach. It changes nothing.
package client

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"tailscale.com/client/local"
	"tailscale.com/ipn"
	"tailscale.com/ipn/ipnstate"
)

// A View is what tailscaled says of itself.
type View struct {
	State    string // in its words: "Running"
	ExitNode string // name of the node that takes all traffic; "": none
	ExitAt   []netip.Addr
	Routes   bool     // it takes the routes that nodes advertise
	LAN      bool     // local networks stay outside in spite of the exit node
	DNS      bool     // it does as the tailnet says about names
	Others   []string // nodes beside the exit node that the tailnet shows to this one
	OthersAt [][]netip.Addr
}

// Look asks the tailscaled behind a socket; "": where it usually is.
func Look(ctx context.Context, socket string) (View, error) {
	c := local.Client{Socket: socket, UseSocketOnly: socket != ""}
	s, err := c.Status(ctx)
	if err != nil {
		return View{}, fmt.Errorf("ask tailscaled: %w", err)
	}
	p, err := c.GetPrefs(ctx)
	if err != nil {
		return View{}, fmt.Errorf("ask tailscaled: %w", err)
	}
	return view(s, p), nil
}

func view(s *ipnstate.Status, p *ipn.Prefs) View {
	v := View{State: s.BackendState, Routes: p.RouteAll, LAN: p.ExitNodeAllowLANAccess, DNS: p.CorpDNS}
	var others []*ipnstate.PeerStatus
	for _, peer := range s.Peer {
		if peer.ExitNode {
			v.ExitNode, v.ExitAt = name(peer), peer.TailscaleIPs
			continue
		}
		others = append(others, peer)
	}
	slices.SortFunc(others, func(a, b *ipnstate.PeerStatus) int {
		if name(a) < name(b) {
			return -1
		}
		return 1
	})
	for _, peer := range others {
		v.Others, v.OthersAt = append(v.Others, name(peer)), append(v.OthersAt, peer.TailscaleIPs)
	}
	return v
}

func name(p *ipnstate.PeerStatus) string {
	if p.HostName != "" {
		return p.HostName
	}
	return string(p.ID)
}
