package client

import (
	"net/netip"
	"path/filepath"
	"reflect"
	"testing"

	"tailscale.com/ipn"
	"tailscale.com/ipn/ipnstate"
	"tailscale.com/types/key"
)

func at(s string) []netip.Addr { return []netip.Addr{netip.MustParseAddr(s)} }

func TestView(t *testing.T) {
	gate := &ipnstate.PeerStatus{ID: "n1", HostName: "gate", TailscaleIPs: at("100.64.0.1")}
	printer := &ipnstate.PeerStatus{ID: "n2", HostName: "printer", TailscaleIPs: at("100.64.0.2")}
	nameless := &ipnstate.PeerStatus{ID: "n3", TailscaleIPs: at("100.64.0.3")}
	leaving := *gate
	leaving.ExitNode = true
	for _, tc := range []struct {
		name  string
		peers []*ipnstate.PeerStatus
		prefs ipn.Prefs
		want  View
	}{
		{"nothing is set", []*ipnstate.PeerStatus{gate}, ipn.Prefs{}, View{State: "Running", Others: []string{"gate"}, OthersAt: [][]netip.Addr{at("100.64.0.1")}}},
		{
			"as it should be",
			[]*ipnstate.PeerStatus{&leaving},
			ipn.Prefs{RouteAll: true, CorpDNS: true},
			View{State: "Running", ExitNode: "gate", ExitAt: at("100.64.0.1"), Routes: true, DNS: true},
		},
		{
			"others are in sight, and the local network",
			[]*ipnstate.PeerStatus{printer, &leaving, nameless},
			ipn.Prefs{ExitNodeAllowLANAccess: true},
			View{
				State: "Running", ExitNode: "gate", ExitAt: at("100.64.0.1"), LAN: true,
				Others: []string{"n3", "printer"}, OthersAt: [][]netip.Addr{at("100.64.0.3"), at("100.64.0.2")},
			},
		},
	} {
		s := &ipnstate.Status{BackendState: "Running", Peer: map[key.NodePublic]*ipnstate.PeerStatus{}}
		for _, p := range tc.peers {
			s.Peer[key.NewNode().Public()] = p
		}
		if got := view(s, &tc.prefs); !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", tc.name, got, tc.want)
		}
	}
}

func TestWithoutTailscaledThereIsNoView(t *testing.T) {
	if v, err := Look(t.Context(), filepath.Join(t.TempDir(), "sock")); err == nil {
		t.Errorf("it is %+v", v)
	}
}
