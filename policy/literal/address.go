package literal

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Port reports whether s is a port that something can listen on.
func Port(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

// Server reads the address of a DNS server, with or without its port.
func Server(s string) (netip.AddrPort, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.AddrPortFrom(a, 53), nil
	}
	return netip.ParseAddrPort(s)
}

// WebServer reports whether s is the URL of a web server, without an account.
func WebServer(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil
}

// SecretServer reports whether s is a web server that a secret may be sent to: over
// TLS, or on this very host, as an agent of a Vault is.
func SecretServer(s string) bool {
	if !WebServer(s) {
		return false
	}
	u, err := url.Parse(s)
	if err != nil {
		return false
	}
	host := u.Hostname()
	return u.Scheme == "https" || host == "localhost" || host == "127.0.0.1" || host == "::1"
}

// Tag reports whether s is a tag of a tailnet.
func Tag(s string) bool {
	name, ok := strings.CutPrefix(s, "tag:")
	return ok && name != ""
}
