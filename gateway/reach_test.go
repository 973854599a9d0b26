package gateway

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
)

// TestT06_WhatTheGatewayReachesForItself proves that a name which the operator wrote
// may lead into the own network but never to what no name may lead to, and that
// what others named leads to the public internet only.
func TestT06_WhatTheGatewayReachesForItself(t *testing.T) {
	names := map[string]string{"hooks.test": "10.1.2.3", "public.test": "93.184.216.34", "meta.test": "169.254.169.254", "loop.test": "127.0.0.1"}
	d := &Dialer{
		Resolve: func(_ context.Context, host string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr(names[host])}, nil
		},
		Own: func() ([]netip.Addr, error) { return nil, nil },
		Connect: func(context.Context, netip.AddrPort) (net.Conn, error) {
			a, b := net.Pipe()
			b.Close()
			return a, nil
		},
	}
	for _, c := range []struct {
		addr            string
		operator, other bool
	}{
		{"public.test:443", true, true},
		{"hooks.test:443", true, false},
		{"loop.test:443", true, false},
		{"meta.test:80", false, false},
		{"10.1.2.3:443", true, false},
		{"169.254.169.254:80", true, false}, // written down by the operator
		{"93.184.216.34:443", true, true},
		{"hooks.test", false, false},
		{"hooks.test:x", false, false},
	} {
		for by, reach := range map[bool]func(context.Context, string, string) (net.Conn, error){true: d.Reach, false: d.ReachPublic} {
			want := c.other
			if by {
				want = c.operator
			}
			conn, err := reach(t.Context(), "tcp", c.addr)
			if (err == nil) != want {
				t.Errorf("%s, operator %v: %v", c.addr, by, err)
			}
			if err == nil {
				conn.Close()
			} else if c.addr == "meta.test:80" && !errors.Is(err, ErrGuarded) {
				t.Errorf("%s: %v", c.addr, err)
			}
		}
	}
}
