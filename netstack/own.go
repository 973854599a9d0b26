package netstack

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/netip"
)

// Own derives a gateway's own IPv6 prefixes (RFC 4193) from its WireGuard key, so
// that they stay: one for agents, one for names.
func Own(private string) (agents, names netip.Prefix, err error) {
	raw, err := base64.StdEncoding.DecodeString(private)
	if err != nil {
		return agents, names, fmt.Errorf("WireGuard key: %w", err)
	}
	sum := sha256.Sum256(append([]byte("sallyport ula "), raw...))
	var a [16]byte
	a[0] = 0xfd
	copy(a[1:6], sum[:5])
	a[7] = 1
	agents = netip.PrefixFrom(netip.AddrFrom16(a), 64)
	a[7] = 2
	return agents, netip.PrefixFrom(netip.AddrFrom16(a), 64), nil
}
