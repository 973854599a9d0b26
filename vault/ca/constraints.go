package ca

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// gatewayName is always permitted, so that no set of constraints is empty: an
// empty one would permit everything.
const gatewayName = "sallyport.internal"

// maxCommonName is ub-common-name of RFC 5280.
const maxCommonName = 64

// constraints are what an issuing CA is good for. A domain permits itself and
// what is below it, as RFC 5280 has it.
type constraints struct {
	domains []string       // sorted, none below another; nil: any name
	nets    []netip.Prefix // sorted; none: no address
}

// parseConstraints reads host names, *.suffixes, addresses, CIDRs, and "*".
func parseConstraints(names []string) (constraints, error) {
	c := constraints{domains: []string{gatewayName}}
	anyName := false
	for _, name := range names {
		if name == "*" {
			anyName = true
			continue
		}
		if p, ok := parsePrefix(name); ok {
			c.nets = append(c.nets, p)
			continue
		}
		domain := strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(name, "*."), "."))
		if !hostname(domain) {
			return constraints{}, fmt.Errorf("%q is neither a host name nor an address", name)
		}
		c.domains = append(c.domains, domain)
	}
	c.domains = outermost(c.domains)
	if anyName {
		c.domains = nil
	}
	slices.SortFunc(c.nets, comparePrefix)
	c.nets = slices.Compact(c.nets)
	return c, nil
}

// outermost sorts domains and leaves out what stands below another.
func outermost(domains []string) []string {
	slices.Sort(domains)
	domains = slices.Compact(domains)
	return slices.DeleteFunc(slices.Clone(domains), func(d string) bool {
		return slices.ContainsFunc(domains, func(above string) bool { return strings.HasSuffix(d, "."+above) })
	})
}

func comparePrefix(a, b netip.Prefix) int {
	if c := a.Addr().Compare(b.Addr()); c != 0 {
		return c
	}
	return a.Bits() - b.Bits()
}

func parsePrefix(s string) (netip.Prefix, bool) {
	if addr, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), true
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err == nil && !p.Addr().Is4In6()
}

// hostname reports whether s may stand in a certificate and be asked for by SNI.
func hostname(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, r := range label {
			if r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') {
				return false
			}
		}
	}
	return true
}

func (c constraints) equal(d constraints) bool {
	return (c.domains == nil) == (d.domains == nil) && slices.Equal(c.domains, d.domains) && slices.Equal(c.nets, d.nets)
}

// permit reports whether a leaf may carry name, in its canonical form.
func (c constraints) permit(name string) bool {
	if addr, err := netip.ParseAddr(name); err == nil {
		return slices.ContainsFunc(c.nets, func(p netip.Prefix) bool { return p.Contains(addr) })
	}
	if c.domains == nil {
		return hostname(name)
	}
	return hostname(name) && slices.ContainsFunc(c.domains, func(d string) bool {
		return name == d || strings.HasSuffix(name, "."+d)
	})
}

// apply writes c into an issuing CA's template.
func (c constraints) apply(tmpl *x509.Certificate) {
	tmpl.PermittedDNSDomainsCritical = true
	tmpl.PermittedDNSDomains = c.domains
	v4, v6 := false, false
	for _, p := range c.nets {
		v4, v6 = v4 || p.Addr().Is4(), v6 || p.Addr().Is6()
		tmpl.PermittedIPRanges = append(tmpl.PermittedIPRanges, ipNet(p))
	}
	// A list of permitted addresses forbids the other family only for some
	// verifiers, and without a list everything is permitted.
	if !v4 {
		tmpl.ExcludedIPRanges = append(tmpl.ExcludedIPRanges, ipNet(netip.MustParsePrefix("0.0.0.0/0")))
	}
	if !v6 {
		tmpl.ExcludedIPRanges = append(tmpl.ExcludedIPRanges, ipNet(netip.MustParsePrefix("::/0")))
	}
}

func constraintsOf(cert *x509.Certificate) constraints {
	c := constraints{domains: cert.PermittedDNSDomains}
	for _, n := range cert.PermittedIPRanges {
		if addr, ok := netip.AddrFromSlice(n.IP); ok {
			ones, _ := n.Mask.Size()
			c.nets = append(c.nets, netip.PrefixFrom(addr, ones))
		}
	}
	return c
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// canonical gives the one spelling of a name under which its leaf is kept.
func canonical(name string) string {
	if addr, err := netip.ParseAddr(name); err == nil {
		return addr.Unmap().WithZone("").String()
	}
	return strings.ToLower(strings.TrimSuffix(name, "."))
}

// leafTemplate is the certificate of one canonical name, without its dates.
func leafTemplate(name string) *x509.Certificate {
	tmpl := &x509.Certificate{
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	if addr, err := netip.ParseAddr(name); err == nil {
		tmpl.IPAddresses = []net.IP{addr.AsSlice()} // no common name: OpenSSL would hold it against the host names
		return tmpl
	}
	tmpl.DNSNames = []string{name}
	if len(name) <= maxCommonName {
		tmpl.Subject = pkix.Name{CommonName: name}
	}
	return tmpl
}
