// Package guard tells public addresses from those that a name must not lead to.
// It knows the special-purpose registries and every way to hide an IPv4 address
// in an IPv6 one; it resolves nothing and dials nothing.
package guard

import (
	"net"
	"net/netip"
	"slices"
)

// never are addresses that no name may lead to, not even the name of a declared
// upstream: only an address written down literally opens them. Link-local holds
// the cloud's metadata services; 198.18.0.0/15 is our own pool of virtual IPs.
func never() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),
		netip.MustParsePrefix("169.254.0.0/16"),
		netip.MustParsePrefix("100.100.100.200/32"),
		netip.MustParsePrefix("192.0.0.192/32"),
		netip.MustParsePrefix("198.18.0.0/15"),
		netip.MustParsePrefix("224.0.0.0/4"),
		netip.MustParsePrefix("240.0.0.0/4"),
		netip.MustParsePrefix("::/128"),
		netip.MustParsePrefix("fe80::/10"),
		netip.MustParsePrefix("fec0::/10"),
		netip.MustParsePrefix("ff00::/8"),
		netip.MustParsePrefix("fd00:ec2::254/128"),
		netip.MustParsePrefix("fd20:ce::254/128"),
	}
}

// private are addresses that a name may lead to only when the operator declared
// them (IANA special-purpose registries, RFC 6890).
func private() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"),
		netip.MustParsePrefix("100.64.0.0/10"),
		netip.MustParsePrefix("127.0.0.0/8"),
		netip.MustParsePrefix("172.16.0.0/12"),
		netip.MustParsePrefix("192.0.0.0/24"),
		netip.MustParsePrefix("192.0.2.0/24"),
		netip.MustParsePrefix("192.88.99.0/24"),
		netip.MustParsePrefix("192.168.0.0/16"),
		netip.MustParsePrefix("198.51.100.0/24"),
		netip.MustParsePrefix("203.0.113.0/24"),
		netip.MustParsePrefix("::1/128"),
		netip.MustParsePrefix("100::/64"),
		netip.MustParsePrefix("2001:db8::/32"),
		netip.MustParsePrefix("3fff::/20"),
		netip.MustParsePrefix("5f00::/16"),
		netip.MustParsePrefix("fc00::/7"),
	}
}

// Forbidden reports whether no name may lead to addr.
func Forbidden(addr netip.Addr) bool {
	return within(never(), addr) || embedded(addr, Forbidden)
}

// Public reports whether addr is on the public internet and not our own.
func Public(addr netip.Addr, own []netip.Addr) bool {
	if !addr.IsValid() || Forbidden(addr) || within(private(), addr) || slices.Contains(own, addr) {
		return false
	}
	return !embedded(addr, func(v4 netip.Addr) bool { return !Public(v4, own) })
}

func within(list []netip.Prefix, addr netip.Addr) bool {
	for _, p := range list {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// embedded applies bad to the IPv4 address inside an IPv6 one: mapped and
// compatible (RFC 4291), NAT64 (RFC 6052, RFC 8215), 6to4 (RFC 3056), ISATAP
// (RFC 5214). A Teredo address (RFC 4380) is always bad.
func embedded(addr netip.Addr, bad func(netip.Addr) bool) bool {
	if !addr.Is6() {
		return false
	}
	b := addr.As16()
	v4 := func(i int) netip.Addr { return netip.AddrFrom4([4]byte(b[i : i+4])) }
	switch {
	case netip.MustParsePrefix("2001::/32").Contains(addr):
		return true
	case netip.MustParsePrefix("64:ff9b::/96").Contains(addr),
		netip.MustParsePrefix("64:ff9b:1::/48").Contains(addr),
		netip.MustParsePrefix("::ffff:0:0/96").Contains(addr),
		netip.MustParsePrefix("::ffff:0:0:0/96").Contains(addr):
		return bad(v4(12))
	case netip.MustParsePrefix("::/96").Contains(addr):
		return b[12] != 0 && bad(v4(12))
	case netip.MustParsePrefix("2002::/16").Contains(addr):
		return bad(v4(2))
	case b[8]&^0x02 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe:
		return bad(v4(12))
	}
	return false
}

// Self reports whether the gateway itself may be at an address. Here lists where it
// is: port 0 stands for all of them, an unspecified address for all of its host,
// which are own and loopback.
func Self(at netip.AddrPort, here []netip.AddrPort, own []netip.Addr) bool {
	for _, h := range here {
		if h.Port() != 0 && h.Port() != at.Port() {
			continue
		}
		is := func(a netip.Addr) bool { return a == h.Addr() || a.IsUnspecified() } // 0.0.0.0 leads to loopback
		if h.Addr().IsUnspecified() {
			is = func(a netip.Addr) bool { return a.IsLoopback() || a.IsUnspecified() || slices.Contains(own, a) }
		}
		if is(at.Addr()) || embedded(at.Addr(), is) {
			return true
		}
	}
	return false
}

// Own lists the addresses of the host's interfaces.
func Own() ([]netip.Addr, error) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var own []netip.Addr
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok {
			if addr, ok := netip.AddrFromSlice(n.IP); ok {
				own = append(own, addr.Unmap())
			}
		}
	}
	return own, nil
}
