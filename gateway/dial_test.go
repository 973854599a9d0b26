package gateway

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"

	"sallyport.dev/sallyport/action"
)

func TestDeclaredAddressesMayBeDialled(t *testing.T) {
	lan := netip.MustParseAddr("10.4.0.12")
	metadata := netip.MustParseAddr("169.254.169.254")
	for _, c := range []struct {
		name  string
		route action.Route
		addr  netip.Addr
		ok    bool
	}{
		{"declared prefix", action.Route{Permit: []netip.Prefix{netip.MustParsePrefix("10.4.0.0/24")}}, lan, true},
		{"another prefix", action.Route{Permit: []netip.Prefix{netip.MustParsePrefix("10.5.0.0/24")}}, lan, false},
		{"upstream by name", action.Route{PermitAny: true}, lan, true},
		{"upstream by name at metadata", action.Route{PermitAny: true}, metadata, false},
		{"metadata by its address", action.Route{Permit: []netip.Prefix{netip.PrefixFrom(metadata, 32)}}, metadata, true},
		{"a star", action.Route{Public: true, PermitAny: true, Permit: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}, lan, false},
	} {
		if got := mayDial(&c.route, c.addr, nil); got != c.ok {
			t.Errorf("%s: %v, want %v", c.name, got, c.ok)
		}
	}
}

func TestT07_TheCheckedAddressIsTheDialledOne(t *testing.T) {
	answers := [][]netip.Addr{
		{netip.MustParseAddr("93.184.216.34"), netip.MustParseAddr("10.0.0.1")},
		{netip.MustParseAddr("127.0.0.1")},
	}
	asked := 0
	var dialled []netip.AddrPort
	d := &Dialer{
		Resolve: func(context.Context, string) ([]netip.Addr, error) {
			asked++
			return answers[asked-1], nil
		},
		Connect: func(_ context.Context, at netip.AddrPort) (net.Conn, error) {
			dialled = append(dialled, at)
			return nil, errors.New("not in this test")
		},
	}
	route := &action.Route{Host: "rebinding.example", Port: 443}
	if _, _, err := d.dial(t.Context(), route); err == nil || asked != 1 {
		t.Errorf("first dial: %v after %d look-ups", err, asked)
	}
	if len(dialled) != 1 || dialled[0].String() != "93.184.216.34:443" {
		t.Errorf("dialled %v", dialled)
	}
	if _, _, err := d.dial(t.Context(), route); !errors.Is(err, ErrGuarded) {
		t.Errorf("second dial: %v, want %v", err, ErrGuarded)
	}
	if len(dialled) != 1 {
		t.Errorf("dialled %v", dialled)
	}
}
