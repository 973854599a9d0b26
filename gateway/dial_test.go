package gateway

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"

	"sallyport.dev/sallyport/action"
)

func TestT06_ANameLeadsOnlyToPublicAddresses(t *testing.T) {
	own := []netip.Addr{netip.MustParseAddr("8.8.4.4")}
	for _, c := range []struct {
		addr   string
		public bool
	}{
		{"93.184.216.34", true}, {"2606:2800:220:1::1", true}, {"2002:5db8:d822::1", true}, {"64:ff9b::5db8:d822", true},
		{"127.0.0.1", false}, {"127.8.8.8", false}, {"0.0.0.0", false}, {"::", false}, {"::1", false},
		{"10.0.0.1", false}, {"172.16.0.1", false}, {"172.31.255.255", false}, {"192.168.1.1", false},
		{"169.254.169.254", false}, {"fe80::1", false}, {"fd00:ec2::254", false}, {"fd7a:115c:a1e0::1", false},
		{"100.64.0.1", false}, {"100.100.100.200", false}, {"198.18.0.7", false}, {"198.19.255.255", false},
		{"224.0.0.1", false}, {"255.255.255.255", false}, {"ff02::1", false}, {"fc00::1", false},
		{"::ffff:10.0.0.1", false}, {"::ffff:169.254.169.254", false}, {"64:ff9b::a00:1", false},
		{"64:ff9b::a9fe:a9fe", false}, {"2002:a00:1::1", false}, {"2002:7f00:1::1", false}, {"::127.0.0.1", false},
		{"2001:0:4136:e378:8000:63bf:3fff:fdd2", false}, {"2001:db8::5efe:10.0.0.1", false}, {"2600::5efe:10.0.0.1", false},
		{"8.8.4.4", false},
	} {
		addr := netip.MustParseAddr(c.addr)
		if got := mayDial(&action.Route{}, addr.Unmap(), own); got != c.public {
			t.Errorf("%s: may be dialled is %v, want %v", c.addr, got, c.public)
		}
	}
}

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
