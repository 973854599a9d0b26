package place

import (
	"fmt"
	"net/netip"
	"strings"
)

// maxName is what DNS allows for a name in text.
const maxName = 253

// Canonical brings a host name into the one form that is compared: lower case,
// no dot at the end. It refuses what is no name, and what some resolver would
// read as an address: 127.1, 0x7f.0.0.1, 2130706433.
func Canonical(name string) (string, error) {
	n := strings.TrimSuffix(name, ".")
	if n == "" || len(n) > maxName {
		return "", fmt.Errorf("%q is no host name", name)
	}
	upper := false
	for rest := n; rest != ""; {
		label, after, more := strings.Cut(rest, ".")
		if !goodLabel(label) || more && after == "" {
			return "", fmt.Errorf("%q is no host name: letters, digits and dashes between dots; write others as xn--", name)
		}
		rest = after
	}
	if last := n[strings.LastIndexByte(n, '.')+1:]; numeric(last) {
		return "", fmt.Errorf("%q looks like an address; write addresses as 10.0.0.5 or fd00::7", name)
	}
	for i := range len(n) {
		upper = upper || n[i] >= 'A' && n[i] <= 'Z'
	}
	if upper {
		n = strings.ToLower(n)
	}
	return n, nil
}

func goodLabel(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		c := s[i] | 0x20
		if !(c >= 'a' && c <= 'z' || s[i] >= '0' && s[i] <= '9' || s[i] == '-' || s[i] == '_') {
			return false
		}
	}
	return true
}

// numeric reports whether a last label makes the whole an address to someone:
// all digits, or 0x and hexadecimal digits.
func numeric(label string) bool {
	digits := strings.Trim(label, "0123456789") == ""
	hex := len(label) >= 2 && (label[:2] == "0x" || label[:2] == "0X") &&
		strings.Trim(label[2:], "0123456789abcdefABCDEF") == ""
	return digits || hex
}

// Unmap brings an address into the one form that is compared: IPv4 that is
// mapped into IPv6 (::ffff:10.0.0.5) or translated (64:ff9b::10.0.0.5) is IPv4,
// and a zone means nothing here.
func Unmap(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if !a.Is6() {
		return a
	}
	b := a.As16()
	if nat64 := [12]byte{0, 0x64, 0xff, 0x9b}; [12]byte(b[:12]) == nat64 {
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return a
}

// Public reports whether a canonical name belongs to the public tree: it has a
// dot and its last label is not reserved for private or special use.
func Public(name string) bool {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return false
	}
	switch name[i+1:] {
	case "localhost", "local", "internal", "lan", "home", "corp", "intranet", "private",
		"test", "invalid", "example", "onion", "alt", "arpa", "localdomain":
		return false
	}
	return true
}
