package policy

import (
	"crypto/x509"
	"fmt"
	"net/netip"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/account"
	"sallyport.dev/sallyport/policy/hclconf"
	"sallyport.dev/sallyport/policy/place"
)

// A route is what a service declares about its other end.
type route struct {
	claims   []place.Claim
	own      *place.Table // the same claims, owned by their kind
	upstream place.Target // zero: the host that was asked for
	permit   []netip.Prefix
	tls      hclconf.TLS
	roots    *x509.CertPool
	account  *account.Account // nil: the service takes no credential
	terms    uint64
}

// Route says how an allowed action reaches its service. It fails if the place
// is, by now, not that service's: its account must not follow the agent there.
func (p *Policy) Route(a *action.Action) (*action.Route, error) {
	s, err := p.ownService(a)
	if err != nil {
		return nil, err
	}
	if res := p.Resolve(a.Peer, a.Host, a.Dst); res.Service != &s.Service {
		return nil, fmt.Errorf("service %s: %s is not its place: %s", s.Name, a.Dst, res.Reason)
	}
	auth, refused := s.account(p.member(a.Peer, p.now()))
	if refused != "" {
		return nil, fmt.Errorf("service %s: %s", s.Name, refused)
	}
	d, err := destination(a.Host, a.Dst)
	if err != nil {
		return nil, fmt.Errorf("service %s: %w", s.Name, err)
	}
	r := &action.Route{
		Service: s.Name, Host: d.Name, Port: d.Port, Permit: s.route.permit,
		Plaintext: s.Plaintext, ServerName: s.route.tls.ServerName, Roots: s.route.roots, Auth: auth, Terms: s.route.terms,
	}
	if !s.named(d) {
		r.Host = d.Addr.String() // the address brought the agent here; the name is only what it says
	}
	s.redirect(r)
	r.Public = s.onlyPublic(d)
	return r, nil
}

// account gives the account that an agent has at the service, nil where there is
// none, or says why it may not have one.
func (s *service) account(m *membership) (auth *action.Auth, refused string) {
	if s.route.account == nil {
		return nil, ""
	}
	return s.route.account.Of(m.Roles)
}

// redirect dials the upstream instead. One that is declared by name proves that
// name; one that is an address proves the name that was asked for.
func (s *service) redirect(r *action.Route) {
	up := s.route.upstream
	if up.Host == "" {
		return
	}
	asked := r.Host
	r.Host = up.Host
	if up.Port != 0 {
		r.Port = up.Port
	}
	r.PermitAny = !up.Addr.IsValid()
	if r.ServerName != "" || !up.Addr.IsValid() {
		return
	}
	if _, err := netip.ParseAddr(asked); err != nil {
		r.ServerName = asked
	}
}

// onlyPublic reports whether nothing but "*" brought the agent here.
func (s *service) onlyPublic(d place.Dest) bool {
	if s.route.upstream.Host != "" {
		return false
	}
	for _, i := range s.route.own.Find(d) {
		return i == int(place.Any)
	}
	return true
}

// named reports whether a declared name of the service brought the agent there.
func (s *service) named(d place.Dest) bool {
	return d.Name != "" && s.route.own.Find(place.Dest{Name: d.Name, Port: d.Port}) != nil
}
