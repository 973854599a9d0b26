package policy

import (
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/place"
)

// Resolve says which service a connection is for: the most specific declaration
// of the place, and of the services that share it the one that the roles of the
// agent use. host is the name the agent used, "" when it dialled an address; the
// address counts where nobody declares the name.
func (p *Policy) Resolve(peer *action.Peer, host string, dst netip.AddrPort) action.Resolution {
	return p.resolve(peer, host, dst, p.now())
}

func (p *Policy) resolve(peer *action.Peer, host string, dst netip.AddrPort, now time.Time) action.Resolution {
	if peer == nil {
		return action.Resolution{Reason: "The agent is unknown."}
	}
	d, err := destination(host, dst)
	if err != nil {
		return action.Resolution{Reason: fmt.Sprintf("The destination cannot be right: %s.", err)}
	}
	m := p.member(peer, now)
	owners := p.places.Find(d)
	if owners == nil {
		return p.unclaimed(m, d)
	}
	var found *service
	for _, i := range owners {
		if !m.uses[i] {
			continue
		}
		if found != nil {
			return action.Resolution{Reason: fmt.Sprintf(
				"The roles of %s use two services at %s, %q and %q, and only one can be meant.", called(peer), show(d), found.Name, p.services[i].Name)}
		}
		found = p.services[i]
	}
	if found == nil {
		return action.Resolution{Reason: fmt.Sprintf(
			"No role of %s uses service %q, which is at %s.", called(peer), p.services[owners[0]].Name, show(d))}
	}
	return action.Resolution{Service: &found.Service}
}

// unclaimed refuses a destination, or asks for a name if only a name can tell:
// the agent dialled an address, on a port where one of its services has names.
func (p *Policy) unclaimed(m *membership, d place.Dest) action.Resolution {
	if d.Name == "" {
		for _, s := range p.services {
			if m.uses[s.index] && s.sniffs(d.Port) {
				return action.Resolution{NeedsName: true}
			}
		}
	}
	return action.Resolution{Reason: fmt.Sprintf("No service declares %s.", show(d))}
}

// sniffs reports whether a name peeked from the first bytes can lead to the
// service on this port.
func (s *service) sniffs(port uint16) bool {
	if s.Protocol != "http" {
		return false
	}
	for i := range s.route.claims {
		c := &s.route.claims[i]
		if c.Kind == place.Addr || c.Kind == place.Net {
			continue
		}
		for _, p := range c.Ports() {
			if p == port {
				return true
			}
		}
	}
	return false
}

// destination brings what the agent asked for into canonical form.
func destination(host string, dst netip.AddrPort) (place.Dest, error) {
	d := place.Dest{Port: dst.Port()}
	if dst.Addr().IsValid() {
		d.Addr = place.Unmap(dst.Addr())
	}
	if host == "" {
		if !d.Addr.IsValid() {
			return d, fmt.Errorf("neither a name nor an address")
		}
		return d, nil
	}
	if a, err := netip.ParseAddr(host); err == nil {
		if a = place.Unmap(a); d.Addr.IsValid() && d.Addr != a {
			return d, fmt.Errorf("%s was dialled and %s is named", d.Addr, a)
		}
		d.Addr = a
		return d, nil
	}
	name, err := place.Canonical(host)
	d.Name = name
	return d, err
}

func show(d place.Dest) string {
	if d.Name != "" {
		return d.Name + ":" + strconv.Itoa(int(d.Port))
	}
	return netip.AddrPortFrom(d.Addr, d.Port).String()
}

// called names an agent in a sentence.
func called(peer *action.Peer) string {
	if peer.Name == "" {
		return "this agent"
	}
	return fmt.Sprintf("agent %q", peer.Name)
}

// Declares reports whether a name leads to a service of the agent on any port,
// and whether only through a suffix or "*".
func (p *Policy) Declares(peer *action.Peer, name string) (declared, wildcard bool) {
	canonical, err := place.Canonical(name)
	if err != nil || peer == nil {
		return false, false
	}
	m := p.member(peer, p.now())
	claims := p.places.Covers(canonical)
	for i := range claims {
		c := &claims[i]
		if !m.uses[c.Owner] {
			continue
		}
		for _, port := range c.Ports() {
			r := p.Resolve(peer, canonical, netip.AddrPortFrom(netip.Addr{}, port))
			if r.Service != nil && r.Service.Name == p.services[c.Owner].Name {
				return true, c.Kind != place.Name
			}
		}
	}
	return false, false
}
