// Package probe tries whether a service can be reached: it walks the gateway's own
// way there, with the addresses, the proof and the account that an agent's action
// would get, and says how far it came. It sends nothing that an agent wrote.
package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/gateway/pool"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/vault"
)

// patience bounds the whole way.
const patience = 20 * time.Second

// A Dialer is the gateway's.
type Dialer interface {
	// Addresses resolves a route and keeps what may be dialled.
	Addresses(ctx context.Context, r *action.Route) ([]netip.Addr, error)
	Dial(ctx context.Context, r *action.Route) (net.Conn, netip.AddrPort, error)
}

// A Vault opens accounts.
type Vault interface {
	Credential(ctx context.Context, auth action.Auth) (*vault.Credential, error)
}

// A Try is what one protocol does with a fresh connection to host: it proves the
// other end, and then the account, which open gives; nil where there is none.
// It gives the TLS that was agreed on, nil without, and closes nothing.
type Try func(ctx context.Context, w protocols.Wire, svc *action.Service, host string, open func(context.Context) (*vault.Credential, error)) (*tls.ConnectionState, []action.Step)

// A Prober tries services. Mask takes every secret out of a text.
type Prober struct {
	Dialer Dialer
	Vault  Vault
	Tries  map[string]Try // by protocol
	Mask   func(string) string
}

var errUnproven = errors.New("the other end is not proven, so its secret stays closed; insecure_injection = true would send it all the same")

// Reach walks the way of a route, which somebody who asks for host gets, and gives
// every step that it took.
func (p *Prober) Reach(ctx context.Context, svc *action.Service, host string, r *action.Route) action.Contact {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c := action.Contact{Service: svc.Name, Host: host}
	p.walk(ctx, svc, r, &c)
	c.OK = true
	for i := range c.Steps {
		c.OK = c.OK && c.Steps[i].State != "failed"
		c.Steps[i].Says = p.Mask(c.Steps[i].Says)
	}
	return c
}

func (p *Prober) walk(ctx context.Context, svc *action.Service, r *action.Route, c *action.Contact) {
	begun := time.Now()
	found, err := p.Dialer.Addresses(ctx, r)
	if err != nil {
		c.Steps = append(c.Steps, action.Failed("dns", err))
		return
	}
	c.Steps = append(c.Steps, action.Step{Name: "dns", State: "ok", Says: fmt.Sprintf("%s is at %s", r.Host, join(found)), Took: time.Since(begun)})

	begun = time.Now()
	conn, at, err := p.Dialer.Dial(ctx, r)
	if err != nil {
		c.Steps = append(c.Steps, action.Failed("tcp", err))
		return
	}
	w := pool.NewWire(conn, at, r, p.certificate(r.Auth))
	defer w.Close()
	defer context.AfterFunc(ctx, func() { w.Close() })()
	c.Steps = append(c.Steps, action.Step{Name: "tcp", State: "ok", Says: fmt.Sprintf("connected to %s", at), Took: time.Since(begun)})

	try, ok := p.Tries[svc.Protocol]
	if !ok {
		c.Steps = append(c.Steps, action.Step{Name: "account", State: "skipped", Says: "of " + svc.Protocol + " nothing more can be told from here"})
		return
	}
	state, steps := try(ctx, w, svc, c.Host, p.opener(w, svc, r))
	c.Steps = append(c.Steps, steps...)
	c.Certificate = proof(r, state)
}

// opener opens the account of a route, for an end that is proven or may do without.
func (p *Prober) opener(w *pool.Wire, svc *action.Service, r *action.Route) func(context.Context) (*vault.Credential, error) {
	return func(ctx context.Context) (*vault.Credential, error) {
		if r.Auth == nil {
			return nil, nil
		}
		if !w.Proven() && (!svc.PlainInjection || r.Auth.InHandshake()) {
			return nil, errUnproven
		}
		return p.Vault.Credential(ctx, *r.Auth)
	}
}

// certificate gives how a connection gets the client certificate of an account; nil
// for an account that is shown in another way.
func (p *Prober) certificate(auth *action.Auth) func(context.Context) (*tls.Certificate, error) {
	if auth == nil || !auth.InHandshake() {
		return nil
	}
	return func(ctx context.Context) (*tls.Certificate, error) {
		cred, err := p.Vault.Credential(ctx, *auth)
		if err != nil {
			return nil, err
		}
		return cred.Certificate()
	}
}

// proof says what the other end proved itself by.
func proof(r *action.Route, state *tls.ConnectionState) *action.Certificate {
	if state == nil || len(state.PeerCertificates) == 0 {
		return nil
	}
	leaf := state.PeerCertificates[0]
	name := r.ServerName
	if name == "" {
		name = r.Host
	}
	return &action.Certificate{Name: name, Issuer: leaf.Issuer.String(), Expires: leaf.NotAfter}
}

func join(list []netip.Addr) string {
	words := make([]string, len(list))
	for i, a := range list {
		words[i] = a.String()
	}
	return strings.Join(words, ", ")
}
