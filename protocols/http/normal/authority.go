package normal

import (
	"net/netip"
	"strconv"
	"strings"
)

// Authority reads a Host field: the name in small letters without a final dot, or
// the address without brackets, and the port, 0 if none is stated.
func Authority(s string) (name string, port uint16, err error) {
	name = s
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return "", 0, ErrAuthority
		}
		addr, err := netip.ParseAddr(s[1:end])
		if err != nil || !addr.Is6() || addr.Zone() != "" {
			return "", 0, ErrAuthority
		}
		if port, err = portOf(s[end+1:]); err != nil {
			return "", 0, err
		}
		return addr.String(), port, nil
	}
	if i := strings.IndexByte(s, ':'); i >= 0 {
		name = s[:i]
		if port, err = portOf(s[i:]); err != nil {
			return "", 0, err
		}
	}
	name = Name(name)
	if name == "" || len(name) > 253 {
		return "", 0, ErrAuthority
	}
	for i := 0; i < len(name); i++ {
		if c := name[i]; !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '.' || c == '-' || c == '_') {
			return "", 0, ErrAuthority
		}
	}
	if strings.Contains(name, "..") || name[0] == '.' || name[len(name)-1] == '.' {
		return "", 0, ErrAuthority
	}
	return name, port, nil
}

// Name brings a host name to small letters and takes its final dot.
func Name(s string) string { return strings.TrimSuffix(strings.ToLower(s), ".") }

func portOf(s string) (uint16, error) {
	if s == "" || s == ":" {
		return 0, nil
	}
	if s[0] != ':' || s[1] == '+' || len(s) > 6 {
		return 0, ErrAuthority
	}
	n, err := strconv.ParseUint(s[1:], 10, 16)
	if err != nil || n == 0 {
		return 0, ErrAuthority
	}
	return uint16(n), nil
}
