package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/gateway/pool"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/vault"
)

var errNotAllowed = errors.New("this action may reach nothing")

// A pass is one action on its way: what was judged, and the only way out.
type pass struct {
	g      *Gateway
	f      *flow
	act    *action.Action
	waiter protocols.Waiter // nil: nobody is told of a wait
	start  time.Time
	cancel context.CancelCauseFunc

	revoked  atomic.Pointer[func()] // what its protocol does when it is not allowed any more
	rules    atomic.Pointer[ruling]
	decision action.Decision
	yes      []action.Asking // what was answered with yes, by these very rules
	asked    []action.Asking // what was asked last
	room     room            // that it holds of the limits of rules
	quiet    bool            // a prelude that passed leaves no record
	stops    bool            // the gateway's own: not judged
	begun    bool
	heldOut  bool
	injected atomic.Pointer[vault.Credential]
	address  atomic.Pointer[string]
	route    atomic.Pointer[action.Route] // of the link it uses

	facts   sync.Mutex // held by Learn, which may wait for the agent; Recheck only tries
	learned action.Need
	running atomic.Bool // judged, allowed, and not over
	left    atomic.Bool // Forward returned
	over    atomic.Bool // written down
}

// A ruling is the policy that judged a pass.
type ruling struct{ Policy }

var (
	_ protocols.Upstream = (*pass)(nil)
	_ protocols.Held     = (*pass)(nil)
)

// judge settles what may be done. The rules are looked at again after the action
// counts as running, so that a swap either is seen here or finds the action in
// Recheck.
func (p *pass) judge(ctx context.Context, ex protocols.Exchange) {
	if p.stops {
		p.rules.Store(&ruling{p.g.Policy()})
		p.decision = action.Decision{Verdict: action.Allow, Reason: "The gateway stops what may not go on."}
		p.running.Store(true)
		return
	}
	p.waiter, _ = ex.(protocols.Waiter)
	for {
		rules := p.g.Policy()
		p.running.Store(false)
		p.rules.Store(&ruling{rules})
		p.decision = p.decide(ctx, ex)
		p.quiet = p.act.Prelude && p.decision.Verdict == action.Allow
		p.running.Store(p.decision.Verdict == action.Allow)
		if p.act.Kind == kindConnect && p.decision.Verdict == action.Allow {
			p.f.entry.Store(p.act)
		}
		if p.decision.Verdict != action.Allow || p.g.Policy() == rules {
			break
		}
	}
}

// write has what was settled written down, before anything is done.
func (p *pass) write(ctx context.Context) {
	if p.quiet {
		return
	}
	defer p.giveBack()
	p.explain(p.rules.Load().Policy)
	if err := p.g.Journal.Begin(ctx, p.act, p.decision); err != nil {
		p.running.Store(false)
		p.decision, p.asked = action.Decision{Reason: "The audit log cannot take another record."}, nil
		return
	}
	p.begun = true
}

// decide is one round under one set of rules: what the rules need to know is
// learned, and whoever must be asked is asked.
func (p *pass) decide(ctx context.Context, ex protocols.Exchange) action.Decision {
	p.asked = nil
	understand := func() action.Decision { return p.understand(ctx, ex) }
	d := p.count(ctx, understand(), understand)
	if p.act.Prelude && d.Verdict == action.Ask {
		d.Verdict = action.Allow
	}
	if p.answered(d) {
		d.Verdict = action.Allow
	}
	if d.Verdict != action.Ask {
		return d
	}
	if err := p.learn(ctx, ex, action.Whole); err != nil {
		return action.Decision{Rule: d.Rule, Reason: "Too large to be approved."}
	}
	return p.settle(ctx, d)
}

// understand has the rules judge, with all the facts that they need. A prelude that
// only what follows can decide is left to it.
func (p *pass) understand(ctx context.Context, ex protocols.Exchange) action.Decision {
	d := p.rules.Load().Decide(p.act)
	for d.Need != 0 {
		missing := d.Need &^ (p.learned | action.Later)
		switch {
		case missing != 0:
		case p.act.Prelude && d.Need == action.Later:
			return action.Decision{Verdict: action.Ask}
		default: // pending after Learn: a bug of the protocol
			return action.Decision{Reason: "The request could not be understood."}
		}
		if err := p.learn(ctx, ex, missing); err != nil {
			return action.Decision{Reason: "The request is incomplete."}
		}
		d = p.rules.Load().Decide(p.act)
	}
	return d
}

// settle asks, and remembers a yes for the case that the rules change meanwhile.
func (p *pass) settle(ctx context.Context, d action.Decision) action.Decision {
	if p.waiter != nil {
		var stop func()
		ctx, stop = p.waiter.Wait(ctx, d)
		defer stop()
	}
	got := p.g.Approvals.Settle(ctx, p.act, d)
	if got.Verdict == action.Allow {
		p.yes = append(p.yes, d.Asks...)
	}
	if got.Verdict == action.Deny {
		p.asked = d.Asks
	}
	return got
}

// answered reports whether d is an ask whose every rule has its yes.
func (p *pass) answered(d action.Decision) bool {
	if d.Verdict != action.Ask {
		return false
	}
	for _, a := range d.Asks {
		if !slices.ContainsFunc(p.yes, a.Same) {
			return false
		}
	}
	return len(d.Asks) > 0
}

func (p *pass) learn(ctx context.Context, ex protocols.Exchange, n action.Need) error {
	if n &^= p.learned; n == 0 {
		return nil
	}
	p.learned |= n
	p.facts.Lock()
	defer p.facts.Unlock()
	if err := ex.Learn(ctx, n); err != nil {
		return fmt.Errorf("learn of %s: %w", p.act.ID, err)
	}
	return nil
}

// recheck cancels the action if rules would refuse it by now. It does not wait:
// while facts are being learned the action is not running, and judge looks at
// the rules again.
func (p *pass) recheck(rules Policy) {
	if p.stops || !p.running.Load() || p.rules.Load().Policy == rules || !p.facts.TryLock() {
		return
	}
	d := rules.Decide(p.act)
	p.facts.Unlock()
	if d.Verdict == action.Deny && d.Need == 0 || p.leadsElsewhere(rules) {
		p.running.Store(false)
		p.cancel(errRevoked)
		p.tellRevoked()
	}
}

// tellRevoked tells the protocol, once.
func (p *pass) tellRevoked() {
	if f := p.revoked.Swap(nil); f != nil {
		(*f)()
	}
}

// leadsElsewhere reports whether the action's link was made on other terms, or
// as another account, than rules give the service: a WebSocket may live for days.
func (p *pass) leadsElsewhere(rules Policy) bool {
	was := p.route.Load()
	if was == nil {
		return false
	}
	now, err := rules.Route(p.act)
	return err != nil || !sameWay(was, now)
}

// Link is the only way out: an allowed action, its own service, its own account.
func (p *pass) Link(ctx context.Context, open protocols.Open) (protocols.Link, *vault.Credential, error) {
	if !p.running.Load() || p.left.Load() {
		return nil, nil, errNotAllowed
	}
	if p.stops {
		return p.beside(ctx, open)
	}
	route, err := p.rules.Load().Route(p.act)
	if err != nil {
		return nil, nil, fmt.Errorf("route to %s: %w", p.act.Service.Name, err)
	}
	if !p.shows(route.Auth) {
		return nil, nil, fmt.Errorf("service %s: %w of %s in its %s", p.act.Service.Name, vault.ErrUnshown, route.Auth.Placeholder, route.Auth.Slot())
	}
	want := pool.Want{Route: route, Open: open, Peer: p.f.peer.Load().ID, Owner: p.f, Dialer: p.g.Dialer}
	if route.Auth != nil {
		want.Generation = p.g.Vault.Generation(*route.Auth)
		want.Certificate = p.certificate(*route.Auth)
	}
	if want.Certificate != nil {
		// A pooled connection and a resumed session show what they began with, and are
		// good for no longer.
		if _, err := want.Certificate(ctx); err != nil {
			return nil, nil, err
		}
	}
	l, err := p.g.pool.Link(ctx, want)
	if err != nil {
		return nil, nil, fmt.Errorf("reach %s: %w", p.act.Service.Name, &protocols.Unreached{Err: err})
	}
	p.address.Store(&l.Wire.At)
	p.route.Store(route)
	if route.Auth == nil {
		return l.Link, nil, nil
	}
	cred, err := p.open(ctx, l, *route.Auth)
	if err != nil {
		l.Link.Retire()
		l.Wire.Close()
		return nil, nil, err
	}
	p.injected.Store(cred)
	return l.Link, cred, nil
}

// beside gives what stops an action all that it needs: the address of the link that
// the action has, and no account.
func (p *pass) beside(ctx context.Context, open protocols.Open) (protocols.Link, *vault.Credential, error) {
	if open.Beside == nil {
		return nil, nil, errNotAllowed
	}
	l, err := p.g.pool.Link(ctx, pool.Want{
		Route: &action.Route{Service: p.act.Service.Name}, Open: open, Peer: p.f.peer.Load().ID, Owner: pool.Nobody{}, Dialer: p.g.Dialer,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("reach %s: %w", p.act.Service.Name, &protocols.Unreached{Err: err})
	}
	p.address.Store(&l.Wire.At)
	return l.Link, nil, nil
}

// open gives the credential for a peer that is proven, and for no other unless
// the service spells that out.
func (p *pass) open(ctx context.Context, l *pool.Linked, auth action.Auth) (*vault.Credential, error) {
	if !l.Wire.Proven() && (!p.act.Service.PlainInjection || auth.InHandshake()) {
		return nil, fmt.Errorf("service %s: the upstream is not proven, its secret stays closed", p.act.Service.Name)
	}
	cred, err := p.g.Vault.Credential(ctx, auth)
	if err != nil {
		return nil, fmt.Errorf("credential of %s: %w", p.act.Service.Name, err)
	}
	return cred, nil
}

// certificate gives how a connection gets the client certificate of an account; nil
// for an account that is shown in another way.
func (p *pass) certificate(auth action.Auth) func(context.Context) (*tls.Certificate, error) {
	if !auth.InHandshake() {
		return nil
	}
	return func(ctx context.Context) (*tls.Certificate, error) {
		cred, err := p.g.Vault.Credential(ctx, auth)
		if err != nil {
			return nil, fmt.Errorf("credential of %s: %w", p.act.Service.Name, err)
		}
		return cred.Certificate()
	}
}

// Hold keeps the record open after Forward returned.
func (p *pass) Hold(revoked func()) protocols.Held {
	p.heldOut = true
	p.revoked.Store(&revoked)
	if !p.running.Load() { // since a moment ago
		p.tellRevoked()
	}
	return p
}

// Check judges the same action again if the rules have changed since.
func (p *pass) Check(ctx context.Context) action.Decision {
	rules := p.g.Policy()
	if p.rules.Load().Policy == rules && p.running.Load() {
		return p.decision
	}
	judge := func() action.Decision { return rules.Decide(p.act) }
	d := p.count(ctx, judge(), judge)
	switch {
	case d.Need != 0:
		return action.Decision{Reason: "The rules have changed; send it again."}
	case p.answered(d):
		d.Verdict = action.Allow
	case d.Verdict == action.Ask:
		d = p.settle(ctx, d)
	}
	return d
}

// Done closes the record; the first call counts.
func (p *pass) Done(r action.Result, err error) { p.finish(r, err) }

// leave ends the pass when Forward or Refuse has returned.
func (p *pass) leave(r action.Result, err error) {
	p.left.Store(true)
	if p.heldOut && err == nil {
		return
	}
	p.finish(r, err)
}

// finish writes the end of the action down, once.
func (p *pass) finish(r action.Result, err error) {
	if p.over.Swap(true) {
		return
	}
	p.running.Store(false)
	p.revoked.Store(nil)
	p.f.mu.Lock()
	delete(p.f.running, p)
	p.f.mu.Unlock()
	p.cancel(pool.ErrEnded)
	if p.quiet || !p.begun {
		return
	}
	if err != nil {
		r.Failed, r.Err = true, err.Error()
	}
	if cred := p.injected.Load(); cred != nil {
		r.Injected, r.Secret = true, cred.Label()
	}
	if at := p.address.Load(); at != nil && r.Upstream == "" {
		r.Upstream = *at
	}
	r.Duration = p.g.Now().Sub(p.start)
	p.g.Journal.End(p.act, p.decision, r)
}
