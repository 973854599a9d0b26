package netstack

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

const (
	minSubnetBits = 8  // 16 million agents are enough
	maxSubnetBits = 30 // the gateway and one agent
	maxULABits    = 96 // leaves 32 bits for any IPv4 host part
)

// errFull means that the subnet has no address left to give.
var errFull = errors.New("the subnet is full")

// A Space is the overlay's addresses: an IPv4 subnet whose first host is the
// gateway, and an IPv6 prefix in which every host has its IPv4 host number.
type Space struct {
	Subnet netip.Prefix
	ULA    netip.Prefix // zero: no IPv6
}

// Check reports what is wrong with the space, if anything.
func (s Space) Check() error {
	if !s.Subnet.IsValid() || !s.Subnet.Addr().Is4() {
		return fmt.Errorf("subnet %q: want an IPv4 prefix", s.Subnet)
	}
	if b := s.Subnet.Bits(); b < minSubnetBits || b > maxSubnetBits {
		return fmt.Errorf("subnet %s: want a prefix of %d to %d bits", s.Subnet, minSubnetBits, maxSubnetBits)
	}
	if !s.ULA.IsValid() {
		return nil
	}
	if !s.ULA.Addr().Is6() || s.ULA.Addr().Is4In6() || s.ULA.Bits() > maxULABits {
		return fmt.Errorf("ula %s: want an IPv6 prefix of at most %d bits", s.ULA, maxULABits)
	}
	return nil
}

// Gateway is the gateway's own addresses; v6 is zero without a ULA.
func (s Space) Gateway() (v4, v6 netip.Addr) { return s.at(1), s.V6(s.at(1)) }

// V6 is the IPv6 address of the host at v4. No two hosts share one.
func (s Space) V6(v4 netip.Addr) netip.Addr {
	if !s.ULA.IsValid() || !s.Subnet.Contains(v4) {
		return netip.Addr{}
	}
	b := s.ULA.Masked().Addr().As16()
	binary.BigEndian.PutUint32(b[12:], binary.BigEndian.Uint32(b[12:])|s.host(v4))
	return netip.AddrFrom16(b)
}

// host is the number of v4 within the subnet.
func (s Space) host(v4 netip.Addr) uint32 {
	base, a := s.Subnet.Masked().Addr().As4(), v4.As4()
	return binary.BigEndian.Uint32(a[:]) - binary.BigEndian.Uint32(base[:])
}

// at is the address of host n.
func (s Space) at(n uint32) netip.Addr {
	b := s.Subnet.Masked().Addr().As4()
	binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])+n)
	return netip.AddrFrom4(b)
}

// allocate gives the lowest host address that no agent holds or has held within
// the quarantine.
func (s Space) allocate(agents map[string]Agent, now time.Time) (netip.Addr, error) {
	held := make(map[netip.Addr]bool, len(agents))
	for _, a := range agents {
		if a.Removed.IsZero() || now.Sub(a.Removed) < Quarantine {
			held[a.Addr] = true
		}
	}
	last := uint32(1)<<(32-s.Subnet.Bits()) - 2 // below the broadcast address
	for n := uint32(2); n <= last; n++ {
		if a := s.at(n); !held[a] {
			return a, nil
		}
	}
	return netip.Addr{}, errFull
}
