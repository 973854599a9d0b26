// Package reach finds the way to a service that an operator wants to try: which
// host, by which role's account. It asks the rules in force, as an agent's action
// would, so that nothing is reached that they do not declare.
package reach

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/dashboard/services"
	"sallyport.dev/sallyport/gateway/probe"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/policy/presets/card"
)

// atOnce bounds how many services are tried at a time.
const atOnce = 4

var errBusy = errors.New("other services are being tried; try again in a moment")

// A Reacher tries services on behalf of operators.
type Reacher struct {
	rules  func() *policy.Policy
	prober *probe.Prober
	slots  chan struct{}
}

// New makes a Reacher.
func New(rules func() *policy.Policy, p *probe.Prober) *Reacher {
	return &Reacher{rules, p, make(chan struct{}, atOnce)}
}

// Reach tries the way to a service; what the wish leaves open is chosen.
func (r *Reacher) Reach(ctx context.Context, name string, wish services.Wish) (action.Contact, error) {
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	default:
		return action.Contact{}, route.Fault{Status: http.StatusTooManyRequests, Err: errBusy}
	}
	p := r.rules()
	i := slices.IndexFunc(p.Services(), func(s *action.Service) bool { return s.Name == name })
	if i < 0 {
		return action.Contact{}, route.NotFound("there is no service %q", name)
	}
	svc, listed := p.Services()[i], p.Listed()[i]
	role, err := roleOf(listed, wish.Role)
	if err != nil {
		return action.Contact{}, err
	}
	host, port, err := place(svc, listed.Hosts, wish.Host)
	if err != nil {
		return action.Contact{}, err
	}
	way, err := p.Route(asked(svc, role, host, port))
	if err != nil {
		return action.Contact{}, route.Conflict("%w", err)
	}
	shown := host
	if port != usual(svc) {
		shown += ":" + strconv.Itoa(int(port))
	}
	c := r.prober.Reach(ctx, svc, shown, way)
	c.Role = role
	return c, nil
}

// asked is an action at a service as an agent of a role would do it.
func asked(svc *action.Service, role, host string, port uint16) *action.Action {
	at := netip.IPv4Unspecified() // a name stands for no address here
	if literal, err := netip.ParseAddr(host); err == nil {
		host, at = "", literal
	}
	return &action.Action{
		Service: svc, Host: host, Dst: netip.AddrPortFrom(at, port),
		Peer: &action.Peer{ID: "probe", Name: "the gateway itself", Enrolled: []string{role}},
	}
}

func roleOf(s policy.Listed, wish string) (string, error) {
	switch {
	case len(s.Roles) == 0:
		return "", route.Conflict("no role uses service %q; give it to one first: use = [service.%[1]s]", s.Name)
	case wish == "":
		return s.Roles[0], nil
	case !slices.Contains(s.Roles, wish):
		return "", route.BadRequest("role %q does not use service %q", wish, s.Name)
	}
	return wish, nil
}

// usual is the port that a place of the service means where it states none.
func usual(svc *action.Service) uint16 {
	switch {
	case svc.Protocol == "postgres":
		return 5432
	case svc.Plaintext:
		return 80
	}
	return 443
}

// place picks the host: the one that is wished, or the first that is one place and
// no more.
func place(svc *action.Service, hosts []string, wish string) (string, uint16, error) {
	for _, h := range append([]string{wish}, hosts...) {
		if h == "" || strings.ContainsAny(h, "*/") {
			continue
		}
		host, port := h, usual(svc)
		if at, err := netip.ParseAddrPort(h); err == nil {
			return at.Addr().String(), at.Port(), nil
		}
		if before, after, found := strings.Cut(h, ":"); found && !strings.Contains(after, ":") {
			n, err := strconv.ParseUint(after, 10, 16)
			if err != nil {
				return "", 0, route.BadRequest("%q is no host with a port", h)
			}
			host, port = before, uint16(n)
		}
		return host, port, nil
	}
	return "", 0, route.BadRequest("service %q declares no single host (%s); say which one to try", svc.Name, cmp.Or(strings.Join(hosts, ", "), "none"))
}

// Presets gives every preset of the build, for people.
func Presets() ([]services.Preset, error) {
	cards, err := card.List()
	if err != nil {
		return nil, err
	}
	list := make([]services.Preset, len(cards))
	for i, c := range cards {
		list[i] = services.Preset{
			Name: c.Name, Description: c.Description, About: c.About, Protocol: c.Protocol, Hosts: c.Hosts, Auth: c.Auth,
			Secrets: c.Secrets, Posture: c.Posture, Probe: c.Probe, Operations: c.Operations, HCL: c.HCL,
		}
	}
	return list, nil
}
