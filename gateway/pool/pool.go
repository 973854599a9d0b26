// Package pool holds the gateway's connections to upstreams: those that the actions
// of one account share, and those that die with the flow they were made for. It
// dials nothing by itself and opens no secret.
package pool

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols"
)

const (
	maxIdlePerService = 256 // pooled links of one key; more are closed after their exchange
	idleSweeps        = 3   // a link without traffic for this many sweeps is retired: 90 s
	sessionTickets    = 256

	// DialTimeout bounds resolving, connecting and TLS of one upstream connection.
	DialTimeout = 10 * time.Second
	// Sweep is how often RetireIdle is called.
	Sweep = 30 * time.Second
)

// ErrEnded means that the flow that a connection was for ended first.
var ErrEnded = errors.New("the connection ended first")

var errForeign = errors.New("the other link is not this agent's")

// A Dialer reaches a route: at an address that it found and checked, or at one that
// was checked before.
type Dialer interface {
	Dial(ctx context.Context, r *action.Route) (net.Conn, netip.AddrPort, error)
	DialAt(ctx context.Context, at netip.AddrPort) (net.Conn, error)
}

// An Owner is a flow that connections die with. Keep reports whether it still lives.
type Owner interface {
	Keep(w *Wire) bool
	Drop(w *Wire)
}

// A Want says which connection is wanted, and for whom.
type Want struct {
	Route      *action.Route
	Open       protocols.Open
	Peer       string // the id of the agent
	Owner      Owner  // its flow
	Generation uint64 // of the secrets of the route's account
	// Certificate gives the client certificate that the connection shows, once its
	// other end is proven; nil: none.
	Certificate func(context.Context) (*tls.Certificate, error)
	Dialer      Dialer
}

// A slot is all that makes two links interchangeable. The protocol chooses only
// kind.
type slot struct {
	service, host, serverName string
	port                      uint16
	plaintext                 bool
	auth                      string
	generation, terms         uint64
	kind                      string
}

// A Linked is a protocol's link and the wire it was made of.
type Linked struct {
	Link protocols.Link
	Wire *Wire

	key     slot
	owner   Owner // whose own it is; nil: pooled
	service string
	peer    string

	seen  uint64 // traffic at the last sweep
	quiet int    // sweeps without traffic
}

// A Pool holds every live link, the pooled and the flows' own. The zero Pool is
// empty.
type Pool struct {
	mu     sync.Mutex
	free   map[slot][]*Linked
	byLink map[protocols.Link]*Linked
	byWire map[*Wire]*Linked
	shared map[slot]chan struct{} // a dial that others wait for
	caches map[string]tls.ClientSessionCache
}

// Link gives a pooled link with room, or a fresh one. It blocks while one is dialled.
func (p *Pool) Link(ctx context.Context, want Want) (*Linked, error) {
	if want.Open.Beside != nil {
		return p.beside(ctx, want)
	}
	if want.Open.Pool == "" {
		return p.dial(ctx, want, want.Owner, slot{}, netip.AddrPort{})
	}
	key := keyOf(want)
	for {
		l, wait := p.take(key, want.Open.Shared)
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
	if want.Open.Shared {
		defer p.dialled(key)
	}
	return p.dial(ctx, want, nil, key, netip.AddrPort{})
}

func keyOf(want Want) slot {
	r := want.Route
	k := slot{
		service: r.Service, host: r.Host, port: r.Port,
		serverName: r.ServerName, plaintext: r.Plaintext, kind: want.Open.Pool, terms: r.Terms,
	}
	if r.Auth != nil {
		k.auth, k.generation = account(r.Auth), want.Generation
	}
	return k
}

// account tells one account from another.
func account(auth *action.Auth) string {
	words := append(make([]string, 0, 8), auth.Scheme, auth.Name, auth.Spec)
	return strings.Join(append(words, auth.Secrets...), "\x00")
}

// beside dials the very address of a live link of the same agent and service.
func (p *Pool) beside(ctx context.Context, want Want) (*Linked, error) {
	p.mu.Lock()
	other := p.byLink[want.Open.Beside]
	p.mu.Unlock()
	if other == nil || other.service != want.Route.Service || other.peer != want.Peer {
		return nil, errForeign
	}
	want.Route = other.Wire.Route
	return p.dial(ctx, want, want.Owner, slot{}, other.Wire.address)
}

// dial makes a fresh link, to exactly at if that is given; owner is the flow it dies
// with, nil for the pool.
func (p *Pool) dial(ctx context.Context, want Want, owner Owner, key slot, at netip.AddrPort) (*Linked, error) {
	ctx, cancel := context.WithTimeout(ctx, DialTimeout)
	defer cancel()
	w, err := p.wire(ctx, want, at)
	if err != nil {
		return nil, err
	}
	w.At = w.address.String()
	l := &Linked{Wire: w, key: key, owner: owner, service: want.Route.Service, peer: want.Peer}
	if owner != nil && !owner.Keep(w) {
		w.Close()
		return nil, ErrEnded
	}
	if l.Link, err = want.Open.Dress(ctx, w); err != nil {
		w.Close()
		if owner != nil {
			owner.Drop(w)
		}
		return nil, err
	}
	if !p.add(l) {
		l.Link.Retire() // one too many to keep: closed after its exchange
	}
	return l, nil
}

// wire dials a route, or exactly at.
func (p *Pool) wire(ctx context.Context, want Want, at netip.AddrPort) (*Wire, error) {
	w := &Wire{Route: want.Route, address: at, cache: p.tickets(want), show: want.Certificate, closed: p.forget}
	var err error
	if at.IsValid() {
		if w.Conn, err = want.Dialer.DialAt(ctx, at); err != nil {
			return nil, fmt.Errorf("dial %s: %w", at, err)
		}
		return w, nil
	}
	if w.Conn, w.address, err = want.Dialer.Dial(ctx, want.Route); err != nil {
		return nil, err
	}
	return w, nil
}

// take gives a link with room. With neither a link nor a channel to wait on the
// caller must dial, and call dialled after a shared dial.
func (p *Pool) take(key slot, shared bool) (*Linked, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.free[key]
	for i := len(list) - 1; i >= 0; i-- { // the warmest first
		if list[i].Link.Take() {
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
		p.shared = make(map[slot]chan struct{})
	}
	p.shared[key] = make(chan struct{})
	return nil, nil
}

// dialled wakes those who waited for a shared dial.
func (p *Pool) dialled(key slot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.shared[key])
	delete(p.shared, key)
}

// add keeps a link; it reports false for a pooled one that is one too many.
func (p *Pool) add(l *Linked) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byLink == nil {
		p.free = make(map[slot][]*Linked)
		p.byLink = make(map[protocols.Link]*Linked)
		p.byWire = make(map[*Wire]*Linked)
	}
	p.byLink[l.Link], p.byWire[l.Wire] = l, l
	if l.owner != nil {
		return true
	}
	if len(p.free[l.key]) >= maxIdlePerService {
		return false
	}
	p.free[l.key] = append(p.free[l.key], l)
	return true
}

// forget drops a closed wire and its link.
func (p *Pool) forget(w *Wire) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.byWire[w]
	if l == nil {
		return
	}
	delete(p.byWire, w)
	delete(p.byLink, l.Link)
	p.unlist(l)
	if l.owner != nil {
		l.owner.Drop(w)
	}
}

// unlist takes a link out of the free list; callers hold mu.
func (p *Pool) unlist(l *Linked) {
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

// RetireAll takes every link out of the pool; those that hold them finish first.
func (p *Pool) RetireAll() { p.retire(func(*Linked) bool { return true }) }

// RetireIdle takes out the links that no byte passed for a few sweeps.
func (p *Pool) RetireIdle() { p.retire((*Linked).idle) }

// RetireRotated takes out the links whose account has another generation by now.
func (p *Pool) RetireRotated(generation func(action.Auth) uint64) {
	p.retire(func(l *Linked) bool {
		auth := l.Wire.Route.Auth
		return auth != nil && generation(*auth) != l.key.generation
	})
}

// idle reports whether no byte passed for the last few sweeps.
func (l *Linked) idle() bool {
	now := l.Wire.traffic.Load()
	if now != l.seen {
		l.seen, l.quiet = now, 0
		return false
	}
	l.quiet++
	return l.quiet >= idleSweeps
}

// retire takes the links that stale picks out of the pool; those that hold them
// finish first.
func (p *Pool) retire(stale func(*Linked) bool) {
	p.mu.Lock()
	var old []*Linked
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
		l.Link.Retire()
	}
}

// tickets gives the TLS session cache of an account of a service and the name it
// must prove: a resumed session is as good as the client certificate it began with.
func (p *Pool) tickets(want Want) tls.ClientSessionCache {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := fmt.Sprintf("%x %s", want.Route.Terms, want.Route.Host)
	if want.Route.Auth != nil {
		key += fmt.Sprintf(" %d %s", want.Generation, account(want.Route.Auth))
	}
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
