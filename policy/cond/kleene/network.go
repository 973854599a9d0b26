package kleene

import "net/netip"

// InNetwork reports whether ip is in the network, however either is spelt; what
// is no address, or no network, is unknown.
func InNetwork(network netip.Prefix, ip string) Tri {
	addr, err := netip.ParseAddr(ip)
	if err != nil || !network.IsValid() {
		return Unknown
	}
	return Truth(unmap(network).Contains(addr.Unmap().WithZone("")))
}

// unmap gives the IPv4 network of one that is spelt as IPv4 in IPv6.
func unmap(p netip.Prefix) netip.Prefix {
	const mapped = 96
	if p.Addr().Is4In6() && p.Bits() >= mapped {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mapped)
	}
	return p
}
