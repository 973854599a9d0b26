package dns

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"
)

const (
	arpa4 = ".in-addr.arpa"
	arpa6 = ".ip6.arpa"
)

// addrs gives the addresses of an id.
func (p *Pool) addrs(id uint32) (v4, v6 netip.Addr) {
	a4 := p.v4.Addr().As4()
	binary.BigEndian.PutUint32(a4[:], binary.BigEndian.Uint32(a4[:])+id)
	a6 := p.v6.Addr().As16()
	binary.BigEndian.PutUint32(a6[12:], id)
	return netip.AddrFrom4(a4), netip.AddrFrom16(a6)
}

// id is the inverse of addrs; addr is of one of the prefixes.
func (p *Pool) id(addr netip.Addr) (uint32, bool) {
	var id uint32
	if addr.Is4() {
		a, base := addr.As4(), p.v4.Addr().As4()
		id = binary.BigEndian.Uint32(a[:]) - binary.BigEndian.Uint32(base[:])
	} else {
		a := addr.As16()
		id = binary.BigEndian.Uint32(a[12:])
	}
	v4, v6 := p.addrs(id)
	return id, id >= 1 && id <= p.size && (addr == v4 || addr == v6)
}

// canonical turns a name off the wire into the form that services are declared
// in. ok is false for what no service can declare: anything but letters,
// digits, hyphens and underscores between the dots.
func canonical(wireName string) (name string, ok bool) {
	name = strings.ToLower(strings.TrimSuffix(wireName, "."))
	for i := range len(name) {
		if !hostByte(name[i]) {
			return "", false
		}
	}
	return name, name != ""
}

func hostByte(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.'
}

// blocked reports names whose existence would turn resolvers away from us:
// Firefox's canary and the discovery of designated resolvers (RFC 9462).
func blocked(name string) bool {
	return name == "use-application-dns.net" || name == "resolver.arpa" || strings.HasSuffix(name, ".resolver.arpa")
}

func isReverse(name string) bool {
	return strings.HasSuffix(name, arpa4) || strings.HasSuffix(name, arpa6)
}

// reverseAddr reads the address out of a reverse name. One address has exactly
// one spelling; all others are no address.
func reverseAddr(name string) (netip.Addr, bool) {
	if s, ok := strings.CutSuffix(name, arpa4); ok {
		var a [4]byte
		labels := strings.Split(s, ".")
		if len(labels) != len(a) {
			return netip.Addr{}, false
		}
		for i, l := range labels {
			n, err := strconv.ParseUint(l, 10, 8)
			if err != nil || strconv.FormatUint(n, 10) != l {
				return netip.Addr{}, false
			}
			a[len(a)-1-i] = byte(n)
		}
		return netip.AddrFrom4(a), true
	}
	var a [16]byte
	labels := strings.Split(strings.TrimSuffix(name, arpa6), ".")
	if len(labels) != 2*len(a) {
		return netip.Addr{}, false
	}
	for i, l := range labels {
		n, err := strconv.ParseUint(l, 16, 8)
		if err != nil || len(l) != 1 {
			return netip.Addr{}, false
		}
		a[len(a)-1-i/2] |= byte(n) << (4 * (i % 2))
	}
	return netip.AddrFrom16(a), true
}
