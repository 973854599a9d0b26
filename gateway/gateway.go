// Package gateway is the line that every agent connection walks: resolve, parse,
// decide, approve, write, reach, close. It owns the open flows, their running
// actions, the pool of upstream links and every dial. It knows no protocol's
// bytes and no rule's words.
package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/gateway/peek"
	"sallyport.dev/sallyport/gateway/pool"
	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/vault"
)

// A Policy is one immutable set of rules. Decision, route and account of an
// action come from the same one.
type Policy interface {
	Resolve(p *action.Peer, host string, dst netip.AddrPort) action.Resolution
	Decide(a *action.Action) action.Decision
	Route(a *action.Action) (*action.Route, error)
}

// Approvals asks people. Settle waits, at most until ctx ends; its zero answer
// denies.
type Approvals interface {
	Settle(ctx context.Context, a *action.Action, d action.Decision) action.Decision
}

// A Journal writes down what happens: Begin before anything leaves, End once.
type Journal interface {
	Begin(ctx context.Context, a *action.Action, d action.Decision) error
	End(a *action.Action, d action.Decision, r action.Result)
}

// A Vault opens the account of a service.
type Vault interface {
	Credential(ctx context.Context, auth action.Auth) (*vault.Credential, error)
	Generation(auth action.Auth) uint64
}

// Leaves gives certificates; mint is asked before one is made that is not there
// yet.
type Leaves interface {
	LeafLimited(name string, mint func() bool) (*tls.Certificate, error)
}

// Peers tells who an agent is by now; ok is false when it may do nothing more.
type Peers interface {
	Current(id string) (p *action.Peer, ok bool)
}

// A Gateway sees every flow through. Its fields are set before the first flow
// and not changed; New makes what it keeps.
type Gateway struct {
	Policy    func() Policy // the rules in force; never waits
	Protocols protocols.Set
	Peers     Peers
	Approvals Approvals
	Limits    Limits // nil: what has a limit is refused
	Journal   Journal
	Vault     Vault
	Leaves    Leaves
	Dialer    *Dialer
	Now       func() time.Time
	// Placeholders are what agents hold in place of keys; nil: nothing.
	Placeholders Placeholders

	flows    flowSet
	pool     pool.Pool
	sessions sessions
}

var _ netstack.Handler = (*Gateway)(nil)

// errPanicked stands as an action's error until Forward or Refuse has returned.
var errPanicked = errors.New("the protocol gave up")

// ServeFlow resolves one flow and lets its protocol serve it.
func (g *Gateway) ServeFlow(ctx context.Context, nf netstack.Flow) error {
	r := g.Policy().Resolve(nf.Peer, nf.Host, nf.Dst)
	if r.NeedsName {
		named, err := peek.Name(ctx, nf)
		if err != nil {
			return g.turnAway(ctx, nf, fmt.Sprintf("no service claims %s, and the connection names none", nf.Dst))
		}
		nf = named.Flow
		if r = g.Policy().Resolve(nf.Peer, nf.Host, nf.Dst); r.NeedsName { // it named an address
			r.Reason = "no service claims " + target(nf)
		}
		if r.Service == nil {
			named.Refuse(r.Reason)
		}
	}
	if r.Service == nil {
		return g.turnAway(ctx, nf, r.Reason)
	}
	proto, ok := g.Protocols[r.Service.Protocol]
	if !ok {
		return fmt.Errorf("service %s: unknown protocol %q", r.Service.Name, r.Service.Protocol)
	}
	f, ctx := g.open(ctx, nf, r.Service)
	defer f.close()
	err := proto.Serve(ctx, f.toProtocol(), func(ctx context.Context, ex protocols.Exchange) error {
		return g.exchange(ctx, f, ex)
	})
	if cause := context.Cause(ctx); errors.Is(cause, errRevoked) || errors.Is(cause, errSessionEnded) {
		return fmt.Errorf("%s to %s: %w", nf.Peer.Name, r.Service.Name, cause)
	}
	if err != nil {
		return fmt.Errorf("%s to %s: %w", nf.Peer.Name, r.Service.Name, err)
	}
	return nil
}

// exchange is the line for one ask: judge, record, forward or refuse, record.
func (g *Gateway) exchange(ctx context.Context, f *flow, ex protocols.Exchange) (err error) {
	ctx, p := f.begin(ctx, ex)
	var res action.Result
	err = errPanicked // until Forward or Refuse has returned
	defer func() { p.leave(res, err) }()

	p.judge(ctx, ex)
	if p.write(ctx); p.decision.Verdict != action.Allow {
		err = ex.Refuse(ctx, p.decision)
		return err
	}
	res, err = ex.Forward(ctx, p)
	return err
}

// turnAway records a flow that belongs to no service; returning without Accept
// resets it.
func (g *Gateway) turnAway(ctx context.Context, nf netstack.Flow, reason string) error {
	now := g.Now()
	a := &action.Action{
		ID: action.NewID(now), Time: now, Session: g.sessions.of(nf.Peer, now),
		Peer: nf.Peer, Service: &action.Service{}, Host: nf.Host, Dst: nf.Dst,
		Kind: "connect", Summary: "connect " + target(nf),
		Parts: []action.Part{{Effects: action.EffectUnknown}},
	}
	d := action.Decision{Reason: reason}
	if err := g.Journal.Begin(ctx, a, d); err != nil {
		return fmt.Errorf("%s to %s is refused but cannot be recorded: %w", nf.Peer.Name, target(nf), err)
	}
	g.Journal.End(a, d, action.Result{})
	return nil
}

// target names what a flow was for.
func target(nf netstack.Flow) string {
	if nf.Host == "" {
		return nf.Dst.String()
	}
	return fmt.Sprintf("%s:%d", nf.Host, nf.Dst.Port())
}
