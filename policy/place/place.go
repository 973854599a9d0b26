// Package place knows how destinations are written and which declaration a
// destination belongs to: names, suffixes, addresses, networks, ports. It brings
// every spelling of an address into one form before it compares. It knows
// nothing of agents, roles or rules.
package place

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// A Kind is a way to say where; a lower one is more specific.
type Kind uint8

// The kinds, in the order in which they are looked at.
const (
	Name   Kind = iota // db.internal
	Suffix             // *.example.com: any depth, not example.com itself
	Addr               // 10.0.0.5
	Net                // 10.0.0.0/8
	Any                // *
)

// A Place is one element of a service's hosts.
type Place struct {
	Kind   Kind
	Name   string       // of Name; of Suffix without "*."
	Prefix netip.Prefix // of Addr and Net
	Port   uint16       // 0: the defaults of the protocol
}

// A Target is what an upstream names: a host to dial and, if stated, a port.
type Target struct {
	Host string
	Addr netip.Addr // valid when Host is an address
	Port uint16
}

// Parse reads a name, *.suffix, IP, CIDR or "*", each with an optional port.
func Parse(s string) (Place, error) {
	host, port, err := splitPort(s)
	if err != nil {
		return Place{}, err
	}
	switch {
	case host == "*":
		return Place{Kind: Any, Port: port}, nil
	case strings.HasPrefix(host, "*."):
		name, err := Canonical(host[2:])
		return Place{Kind: Suffix, Name: name, Port: port}, err
	case strings.Contains(host, "/"):
		p, err := network(host)
		return Place{Kind: Net, Prefix: p, Port: port}, err
	}
	if a, err := netip.ParseAddr(host); err == nil {
		if a.Zone() != "" {
			return Place{}, fmt.Errorf("%q has a zone, which names nothing on another machine", s)
		}
		a = Unmap(a)
		return Place{Kind: Addr, Prefix: netip.PrefixFrom(a, a.BitLen()), Port: port}, nil
	}
	name, err := Canonical(host)
	return Place{Kind: Name, Name: name, Port: port}, err
}

// ParseTarget reads host, host:port, address or [address]:port.
func ParseTarget(s string) (Target, error) {
	p, err := Parse(s)
	switch {
	case err != nil:
		return Target{}, err
	case p.Kind == Name:
		return Target{Host: p.Name, Port: p.Port}, nil
	case p.Kind == Addr:
		return Target{Host: p.Prefix.Addr().String(), Addr: p.Prefix.Addr(), Port: p.Port}, nil
	}
	return Target{}, fmt.Errorf("%q is not one host", s)
}

// splitPort takes host and port apart; an IPv6 address with a port stands in
// brackets.
func splitPort(s string) (host string, port uint16, err error) {
	if rest, ok := strings.CutPrefix(s, "["); ok {
		inside, after, closed := strings.Cut(rest, "]")
		if !closed || !strings.Contains(inside, ":") {
			return "", 0, fmt.Errorf("%q: brackets hold an IPv6 address or network", s)
		}
		if after == "" {
			return inside, 0, nil
		}
		text, ok := strings.CutPrefix(after, ":")
		if !ok {
			return "", 0, fmt.Errorf("%q: a port follows the bracket as ]:443", s)
		}
		port, err = parsePort(text)
		return inside, port, err
	}
	switch strings.Count(s, ":") {
	case 0:
		return s, 0, nil
	case 1:
		host, text, _ := strings.Cut(s, ":")
		port, err = parsePort(text)
		return host, port, err
	}
	return s, 0, nil
}

func parsePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 || s[0] == '+' || s[0] == '0' {
		return 0, fmt.Errorf("%q is no port; a port is 1 to 65535", s)
	}
	return uint16(n), nil
}

// network reads a CIDR; its address must be the first of the network, so that
// nobody declares more than he reads.
func network(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is no network; write it like 10.4.0.0/24", s)
	}
	if p != p.Masked() {
		return netip.Prefix{}, fmt.Errorf("%q has bits behind its length; the network is %s", s, p.Masked())
	}
	bits := p.Bits() - 96
	if v4 := Unmap(p.Addr()); v4.Is4() && p.Addr().Is6() && bits >= 0 {
		return v4.Prefix(bits)
	}
	return p, nil
}

func (p Place) String() string {
	host := p.Name
	switch p.Kind {
	case Suffix:
		host = "*." + p.Name
	case Any:
		host = "*"
	case Addr:
		host = p.Prefix.Addr().String()
	case Net:
		host = p.Prefix.String()
	}
	if p.Port == 0 {
		return host
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + strconv.Itoa(int(p.Port))
}
