package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync/atomic"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/gateway/guard"
	"sallyport.dev/sallyport/gateway/pool"
	"sallyport.dev/sallyport/netstack/socket"
)

// ErrGuarded means that a name led to an address that nobody declared and that
// is not public.
var ErrGuarded = errors.New("not a public address, and not declared")

// A Dialer is the only dial of the gateway. It resolves, checks the address and
// dials that very address, so that no second look-up can lead elsewhere.
type Dialer struct {
	// Resolve looks a name up; nil is the host's resolver.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	// Own lists the gateway's own addresses, asked at every dial; nil is those of
	// the host's interfaces.
	Own func() ([]netip.Addr, error)
	// Self lists where the gateway's own doors are, see guard.Self; asked at every
	// dial. Nil is nowhere.
	Self func() []netip.AddrPort
	// Connect opens the connection; nil is a TCP dial.
	Connect func(ctx context.Context, at netip.AddrPort) (net.Conn, error)
}

// Dial reaches a route. It tries the addresses in the order of the resolver.
func (d *Dialer) Dial(ctx context.Context, r *action.Route) (net.Conn, netip.AddrPort, error) {
	addrs, err := d.Addresses(ctx, r)
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	var last error
	for _, addr := range addrs {
		at := netip.AddrPortFrom(addr, r.Port)
		c, err := d.DialAt(ctx, at)
		if err == nil {
			return c, at, nil
		}
		last = fmt.Errorf("dial %s for %s: %w", at, r.Host, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, netip.AddrPort{}, last
}

// Addresses resolves a route and keeps what may be dialled.
func (d *Dialer) Addresses(ctx context.Context, r *action.Route) ([]netip.Addr, error) {
	found, err := d.resolve(ctx, r.Host)
	if err != nil {
		return nil, fmt.Errorf("resolve %s: %w", r.Host, err)
	}
	own, err := d.own()
	if err != nil {
		return nil, fmt.Errorf("list the host's own addresses: %w", err)
	}
	var here []netip.AddrPort
	if d.Self != nil {
		here = d.Self()
	}
	var good []netip.Addr
	for _, addr := range found {
		addr = addr.Unmap().WithZone("")
		if guard.Self(netip.AddrPortFrom(addr, r.Port), here, own) && !literal(r, addr) {
			continue
		}
		if mayDial(r, addr, own) {
			good = append(good, addr)
		}
	}
	if len(good) == 0 {
		return nil, fmt.Errorf("%s is at %v: %w", r.Host, found, ErrGuarded)
	}
	return good, nil
}

// Reach connects to what the operator named for the gateway itself, not for an
// agent: an address as it is written, a name wherever it leads but to what no name
// may lead to. It has the shape of net.Dialer.DialContext.
func (d *Dialer) Reach(ctx context.Context, _, address string) (net.Conn, error) {
	return d.reach(ctx, address, &action.Route{PermitAny: true})
}

// ReachPublic is Reach to the public internet only: what others have named.
func (d *Dialer) ReachPublic(ctx context.Context, _, address string) (net.Conn, error) {
	return d.reach(ctx, address, &action.Route{Public: true})
}

func (d *Dialer) reach(ctx context.Context, address string, r *action.Route) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("reach %s: %w", address, err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("reach %s: %w", address, err)
	}
	r.Host, r.Port = host, uint16(n)
	if a, err := netip.ParseAddr(host); err == nil && r.PermitAny {
		r.Permit = []netip.Prefix{netip.PrefixFrom(a.Unmap().WithZone(""), a.Unmap().BitLen())}
	}
	ctx, cancel := context.WithTimeout(ctx, pool.DialTimeout)
	defer cancel()
	c, _, err := d.Dial(ctx, r)
	return c, err
}

func (d *Dialer) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}, nil
	}
	if d.Resolve != nil {
		return d.Resolve(ctx, host)
	}
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// DialAt connects to an address that was checked before.
func (d *Dialer) DialAt(ctx context.Context, at netip.AddrPort) (net.Conn, error) {
	if d.Connect != nil {
		return d.Connect(ctx, at)
	}
	var nd net.Dialer
	c, err := nd.DialContext(ctx, "tcp", at.String())
	if err != nil {
		return nil, err
	}
	return socket.New(c), nil
}

func (d *Dialer) own() ([]netip.Addr, error) {
	if d.Own != nil {
		return d.Own()
	}
	return guard.Own()
}

// literal reports whether the very address is declared.
func literal(r *action.Route, addr netip.Addr) bool {
	return slices.Contains(r.Permit, netip.PrefixFrom(addr, addr.BitLen()))
}

// mayDial reports whether a route may lead to addr: what is declared may be
// anything, what is not must be public.
func mayDial(r *action.Route, addr netip.Addr, own []netip.Addr) bool {
	if r.Public {
		return guard.Public(addr, own)
	}
	if slices.ContainsFunc(r.Permit, func(p netip.Prefix) bool { return p.Contains(addr) }) {
		return true
	}
	if r.PermitAny {
		return !guard.Forbidden(addr)
	}
	return guard.Public(addr, own)
}

// ResolveAt looks names up at servers, tried in turn; with none, as the host does.
func ResolveAt(servers []netip.AddrPort) func(context.Context, string) ([]netip.Addr, error) {
	if len(servers) == 0 {
		return nil
	}
	var next atomic.Uint64
	r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, servers[int(next.Add(1)-1)%len(servers)].String())
	}}
	return func(ctx context.Context, host string) ([]netip.Addr, error) { return r.LookupNetIP(ctx, "ip", host) }
}
