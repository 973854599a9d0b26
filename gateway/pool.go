package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols"
)

const (
	maxIdlePerService = 256 // pooled links of one key; more are closed after their exchange
	idleSweep         = 30 * time.Second
	idleSweeps        = 3 // a link without traffic for this many sweeps is retired: 90 s
	sessionTickets    = 256
)

var errForeign = errors.New("the other link is not this agent's")

// A poolKey is all that makes two links interchangeable. The protocol chooses
// only kind.
type poolKey struct {
	service, host, serverName string
	port                      uint16
	plaintext                 bool
	auth                      string
	generation, terms         uint64
	kind                      string
}

// A linked is a protocol's link and the wire it was made of.
type linked struct {
	link    protocols.Link
	wire    *wire
	key     poolKey
	flow    *flow // whose own it is; nil: pooled
	service string
	peer    string

	seen  uint64 // traffic at the last sweep
	quiet int    // sweeps without traffic
}

// A pool holds every live link, the pooled and the flows' own.
type pool struct {
	mu     sync.Mutex
	free   map[poolKey][]*linked
	byLink map[protocols.Link]*linked
	byWire map[*wire]*linked
	shared map[poolKey]chan struct{} // a dial that others wait for
	caches map[string]tls.ClientSessionCache
}

// link gives a pooled link with room, or a fresh one.
func (g *Gateway) link(ctx context.Context, f *flow, r *action.Route, open protocols.Open) (*linked, error) {
	if open.Beside != nil {
		return g.beside(ctx, f, r, open)
	}
	if open.Pool == "" {
		return g.dialLink(ctx, f, f, r, poolKey{}, open, netip.AddrPort{})
	}
	key := g.key(r, open.Pool)
	for {
		l, wait := g.pool.take(key, open.Shared)
		if l != nil {
			return l, nil
		}
		if wait == nil {
			break
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	if open.Shared {
		defer g.pool.dialled(key)
	}
	return g.dialLink(ctx, f, nil, r, key, open, netip.AddrPort{})
}

func (g *Gateway) key(r *action.Route, kind string) poolKey {
	k := poolKey{
		service: r.Service, host: r.Host, port: r.Port,
		serverName: r.ServerName, plaintext: r.Plaintext, kind: kind, terms: r.Terms,
	}
	if r.Auth != nil {
		k.auth = r.Auth.Scheme + "\x00" + r.Auth.Name
		for _, s := range r.Auth.Secrets {
			k.auth += "\x00" + s
		}
		k.generation = g.Vault.Generation(*r.Auth)
	}
	return k
}

// beside dials the very address of a live link of the same agent and service.
func (g *Gateway) beside(ctx context.Context, f *flow, r *action.Route, open protocols.Open) (*linked, error) {
	g.pool.mu.Lock()
	other := g.pool.byLink[open.Beside]
	g.pool.mu.Unlock()
	if other == nil || other.service != r.Service || other.peer != f.peer.Load().ID {
		return nil, errForeign
	}
	return g.dialLink(ctx, f, f, other.wire.route, poolKey{}, open, other.wire.address)
}

// dialLink makes a fresh link; owner is the flow it dies with, nil for the pool.
func (g *Gateway) dialLink(ctx context.Context, f, owner *flow, r *action.Route, key poolKey, open protocols.Open, at netip.AddrPort) (*linked, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	w, err := g.wire(ctx, r, at)
	if err != nil {
		return nil, err
	}
	w.at = w.address.String()
	l := &linked{wire: w, key: key, flow: owner, service: r.Service, peer: f.peer.Load().ID}
	if owner != nil && !owner.keep(w) {
		w.Close()
		return nil, errFlowEnded
	}
	if l.link, err = open.Dress(ctx, w); err != nil {
		w.Close()
		if owner != nil {
			owner.drop(w)
		}
		return nil, err
	}
	if !g.pool.add(l) {
		l.link.Retire() // one too many to keep: closed after its exchange
	}
	return l, nil
}

// wire dials a route, or exactly at.
func (g *Gateway) wire(ctx context.Context, r *action.Route, at netip.AddrPort) (*wire, error) {
	w := &wire{route: r, address: at, cache: g.pool.tickets(r), closed: g.pool.forget}
	var err error
	if at.IsValid() {
		if w.Conn, err = g.Dialer.connect(ctx, at); err != nil {
			return nil, fmt.Errorf("dial %s: %w", at, err)
		}
		return w, nil
	}
	if w.Conn, w.address, err = g.Dialer.dial(ctx, r); err != nil {
		return nil, err
	}
	return w, nil
}

// take gives a link with room. With neither a link nor a channel to wait on the
// caller must dial, and call dialled after a shared dial.
func (p *pool) take(key poolKey, shared bool) (*linked, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.free[key]
	for i := len(list) - 1; i >= 0; i-- { // the warmest first
		if list[i].link.Take() {
			return list[i], nil
		}
	}
	if !shared {
		return nil, nil
	}
	if wait := p.shared[key]; wait != nil {
		return nil, wait
	}
	if p.shared == nil {
		p.shared = make(map[poolKey]chan struct{})
	}
	p.shared[key] = make(chan struct{})
	return nil, nil
}

// dialled wakes those who waited for a shared dial.
func (p *pool) dialled(key poolKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.shared[key])
	delete(p.shared, key)
}

// add keeps a link; it reports false for a pooled one that is one too many.
func (p *pool) add(l *linked) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byLink == nil {
		p.free = make(map[poolKey][]*linked)
		p.byLink = make(map[protocols.Link]*linked)
		p.byWire = make(map[*wire]*linked)
	}
	p.byLink[l.link], p.byWire[l.wire] = l, l
	if l.flow != nil {
		return true
	}
	if len(p.free[l.key]) >= maxIdlePerService {
		return false
	}
	p.free[l.key] = append(p.free[l.key], l)
	return true
}

// forget drops a closed wire and its link.
func (p *pool) forget(w *wire) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.byWire[w]
	if l == nil {
		return
	}
	delete(p.byWire, w)
	delete(p.byLink, l.link)
	p.unlist(l)
	if l.flow != nil {
		l.flow.drop(w)
	}
}

// unlist takes a link out of the free list; callers hold mu.
func (p *pool) unlist(l *linked) {
	list := p.free[l.key]
	for i, other := range list {
		if other == l {
			list[i] = list[len(list)-1]
			list[len(list)-1] = nil
			p.free[l.key] = list[:len(list)-1]
			break
		}
	}
	if len(p.free[l.key]) == 0 {
		delete(p.free, l.key)
	}
}

// retire takes the links that stale picks out of the pool; those that hold them
// finish first.
func (p *pool) retire(stale func(*linked) bool) {
	p.mu.Lock()
	var old []*linked
	for _, list := range p.free {
		for _, l := range list {
			if stale(l) {
				old = append(old, l)
			}
		}
	}
	for _, l := range old {
		p.unlist(l)
	}
	p.mu.Unlock()
	for _, l := range old {
		l.link.Retire()
	}
}

// tickets gives the TLS session cache of a service and the name it must prove.
func (p *pool) tickets(r *action.Route) tls.ClientSessionCache {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := fmt.Sprintf("%x %s", r.Terms, r.Host)
	if p.caches == nil || len(p.caches) > sessionTickets {
		p.caches = make(map[string]tls.ClientSessionCache)
	}
	c := p.caches[key]
	if c == nil {
		c = tls.NewLRUClientSessionCache(8)
		p.caches[key] = c
	}
	return c
}
