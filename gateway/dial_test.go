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

// TestT06_NoServiceLeadsBackToTheGateway proves that neither a wide prefix nor a name
// of a service opens the gateway's own doors: only its very address, written down.
func TestT06_NoServiceLeadsBackToTheGateway(t *testing.T) {
	d := &Dialer{
		Resolve: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("100.64.0.7")}, nil
		},
		Own: func() ([]netip.Addr, error) { return []netip.Addr{netip.MustParseAddr("10.4.0.2")}, nil },
		Self: func() []netip.AddrPort {
			return []netip.AddrPort{
				netip.MustParseAddrPort("100.64.0.7:0"), netip.MustParseAddrPort("[fd7a:115c:a1e0::7]:0"), netip.MustParseAddrPort("10.90.0.1:0"),
				netip.MustParseAddrPort("127.0.0.1:8484"), netip.MustParseAddrPort("0.0.0.0:8443"),
			}
		},
		Connect: func(context.Context, netip.AddrPort) (net.Conn, error) {
			a, b := net.Pipe()
			b.Close()
			return a, nil
		},
	}
	wide := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	for _, c := range []struct {
		host   string
		port   uint16
		name   bool     // the upstream is declared by name
		permit []string // more than that: nil is wide
		ok     bool
	}{
		{"100.64.0.7", 8484, false, nil, false},
		{"100.64.0.7", 443, false, []string{"100.64.0.0/10"}, false},
		{"100.64.0.7", 443, false, []string{"100.64.0.6/31"}, false},
		{"100.64.0.7", 443, false, []string{"100.64.0.8/32", "100.64.0.0/10"}, false},
		{"100.64.0.7", 443, false, []string{"100.64.0.0/10", "100.64.0.7/32"}, true}, // written down
		{"100.64.0.8", 443, false, nil, true},
		{"::ffff:100.64.0.7", 443, false, nil, false},
		{"64:ff9b::100.64.0.7", 443, false, nil, false},
		{"fd7a:115c:a1e0::7", 443, false, nil, false},
		{"fd7a:115c:a1e0::7", 443, false, []string{"fd7a:115c:a1e0::7/128"}, true},
		{"fd7a:115c:a1e0::8", 443, false, nil, true},
		{"10.90.0.1", 80, false, nil, false},
		{"gate.corp.ts.net", 443, false, nil, false}, // is 100.64.0.7
		{"gate.corp.ts.net", 443, true, nil, false},
		{"127.0.0.1", 8484, false, nil, false},
		{"127.0.0.1", 5432, false, nil, true},
		{"127.0.0.1", 8443, false, nil, false}, // listens everywhere
		{"127.9.9.9", 8443, false, nil, false},
		{"::1", 8443, false, nil, false},
		{"0.0.0.0", 8484, false, nil, false}, // is loopback
		{"10.4.0.2", 8443, false, nil, false},
		{"10.4.0.3", 8443, false, nil, true},
		{"10.4.0.2", 5432, false, nil, true},
	} {
		r := &action.Route{Host: c.host, Port: c.port, PermitAny: c.name, Permit: wide}
		if c.name {
			r.Permit = nil
		}
		if c.permit != nil {
			r.Permit = nil
			for _, p := range c.permit {
				r.Permit = append(r.Permit, netip.MustParsePrefix(p))
			}
		}
		conn, _, err := d.Dial(t.Context(), r)
		if (err == nil) != c.ok || err != nil && !errors.Is(err, ErrGuarded) {
			t.Errorf("%s:%d, permitted %v: %v", c.host, c.port, r.Permit, err)
		}
		if err == nil {
			conn.Close()
		}
	}
	if c, err := d.ReachPublic(t.Context(), "tcp", "100.64.0.7:443"); !errors.Is(err, ErrGuarded) {
		t.Errorf("what others named leads to %v, %v", c, err)
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
	if _, _, err := d.Dial(t.Context(), route); err == nil || asked != 1 {
		t.Errorf("first dial: %v after %d look-ups", err, asked)
	}
	if len(dialled) != 1 || dialled[0].String() != "93.184.216.34:443" {
		t.Errorf("dialled %v", dialled)
	}
	if _, _, err := d.Dial(t.Context(), route); !errors.Is(err, ErrGuarded) {
		t.Errorf("second dial: %v, want %v", err, ErrGuarded)
	}
	if len(dialled) != 1 {
		t.Errorf("dialled %v", dialled)
	}
}
