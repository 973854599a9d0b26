package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/vault"
)

// A bench is a gateway whose every neighbour is a fake that counts.
type bench struct {
	*Gateway
	upstream *httptest.Server
	rules    atomic.Pointer[rules]
	gone     atomic.Bool // the agent was removed
	answer   func(context.Context, action.Decision) action.Decision
	serve    func(context.Context, protocols.Flow, protocols.Do) error
	vaultErr error
	beginErr error

	dials, opens atomic.Int32
	generation   atomic.Uint64

	mu    sync.Mutex
	begun []action.Decision
	ended []action.Result
}

// rules is a Policy of one service and one answer.
type rules struct {
	service  *action.Service
	decision action.Decision
	route    action.Route
}

func (r *rules) Resolve(_ *action.Peer, host string, dst netip.AddrPort) action.Resolution {
	switch {
	case r.service == nil:
		return action.Resolution{Reason: "no role uses it"}
	case host == "" && dst.Port() == 443:
		return action.Resolution{NeedsName: true}
	case host != "" && host != "example.com":
		return action.Resolution{Reason: "no service claims " + host}
	}
	return action.Resolution{Service: r.service}
}

func (r *rules) Decide(*action.Action) action.Decision { return r.decision }

func (r *rules) Route(*action.Action) (*action.Route, error) { return &r.route, nil }

// newBench makes a gateway in front of one TLS upstream; every action gets
// verdict v.
func newBench(t *testing.T, v action.Verdict) *bench {
	t.Helper()
	up := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(up.Close)
	roots := x509.NewCertPool()
	roots.AddCert(up.Certificate())
	at := netip.MustParseAddrPort(up.Listener.Addr().String())
	b := &bench{upstream: up}
	b.rules.Store(&rules{
		service:  &action.Service{Name: "svc", Protocol: "fake", Injects: true},
		decision: action.Decision{Verdict: v, Asks: asks(v)},
		route: action.Route{
			Service: "svc", Host: at.Addr().String(), Port: at.Port(), ServerName: "example.com", Roots: roots,
			Permit: []netip.Prefix{netip.PrefixFrom(at.Addr(), 32)},
			Auth:   &action.Auth{Scheme: "bearer", Secrets: []string{"k"}},
		},
	})
	b.Gateway = &Gateway{
		Policy:    func() Policy { return b.rules.Load() },
		Protocols: protocols.Set{"fake": b},
		Peers:     b, Approvals: b, Journal: b, Vault: b, Leaves: b,
		Now: time.Now,
		Dialer: &Dialer{Connect: func(ctx context.Context, at netip.AddrPort) (net.Conn, error) {
			b.dials.Add(1)
			var d net.Dialer
			return d.DialContext(ctx, "tcp", at.String())
		}},
	}
	return b
}

func asks(v action.Verdict) []action.Asking {
	if v == action.Ask {
		return []action.Asking{{Rule: "careful"}}
	}
	return nil
}

// swap puts rules with another verdict in force.
func (b *bench) swap(v action.Verdict) {
	next := *b.rules.Load()
	next.decision = action.Decision{Verdict: v, Asks: asks(v)}
	b.rules.Store(&next)
	b.Recheck()
}

func (b *bench) Name() string { return "fake" }

func (b *bench) Serve(ctx context.Context, f protocols.Flow, do protocols.Do) error {
	return b.serve(ctx, f, do)
}

func (b *bench) Current(string) (*action.Peer, bool) { return agent, !b.gone.Load() }

func (b *bench) Settle(ctx context.Context, _ *action.Action, d action.Decision) action.Decision {
	return b.answer(ctx, d)
}

func (b *bench) Begin(_ context.Context, _ *action.Action, d action.Decision) error {
	if b.beginErr != nil {
		return b.beginErr
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.begun = append(b.begun, d)
	return nil
}

func (b *bench) End(_ *action.Action, _ action.Decision, r action.Result) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = append(b.ended, r)
}

func (b *bench) Credential(_ context.Context, auth action.Auth) (*vault.Credential, error) {
	if b.vaultErr != nil {
		return nil, b.vaultErr
	}
	b.opens.Add(1)
	return vault.NewCredential(auth, vault.NewSecret([]byte("canary")))
}

func (b *bench) Generation(action.Auth) uint64 { return b.generation.Load() }

func (b *bench) LeafLimited(name string, mint func() bool) (*tls.Certificate, error) {
	if !mint() {
		return nil, errors.New("too many new names: " + name)
	}
	return &tls.Certificate{}, nil
}

// flow runs one flow of the agent through serve.
func (b *bench) flow(t *testing.T, serve func(context.Context, protocols.Flow, protocols.Do) error) error {
	t.Helper()
	b.serve = serve
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	return b.ServeFlow(t.Context(), netstack.Flow{
		Peer: agent, Host: "example.com", Dst: netip.MustParseAddrPort("198.18.0.1:443"),
		Accept: func() (net.Conn, error) { return far, nil },
	})
}

// records checks how many records were begun and ended.
func (b *bench) records(t *testing.T, want int) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.begun) != want || len(b.ended) != want {
		t.Errorf("%d records begun and %d ended, want %d of each", len(b.begun), len(b.ended), want)
	}
}

var agent = &action.Peer{ID: "a1", Name: "laptop"}

// A deed is an Exchange that opens one link and remembers what happened to it.
type deed struct {
	act     action.Action
	forward func(context.Context, protocols.Upstream) (action.Result, error)
	refused *action.Decision
	waited  bool
	learned action.Need
}

func (d *deed) Action() *action.Action { return &d.act }

func (d *deed) Learn(_ context.Context, n action.Need) error {
	d.learned |= n
	return nil
}

func (d *deed) Forward(ctx context.Context, up protocols.Upstream) (action.Result, error) {
	if d.forward != nil {
		return d.forward(ctx, up)
	}
	_, _, err := up.Link(ctx, secured)
	return action.Result{Status: "200"}, err
}

func (d *deed) Refuse(_ context.Context, dec action.Decision) error {
	d.refused = &dec
	return nil
}

func (d *deed) Wait(ctx context.Context, _ action.Decision) (context.Context, func()) {
	d.waited = true
	return ctx, func() {}
}

// A link is one TLS connection that carries one exchange at a time.
type link struct {
	wire net.Conn
	busy atomic.Bool
}

func (l *link) Take() bool { return l.busy.CompareAndSwap(false, true) }
func (l *link) Retire()    { l.wire.Close() }

func dress(ctx context.Context, w protocols.Wire) (protocols.Link, error) {
	if _, err := w.Secure(ctx); err != nil {
		return nil, err
	}
	l := &link{wire: w}
	l.busy.Store(true)
	return l, nil
}

var (
	secured = protocols.Open{Dress: dress}
	pooled  = protocols.Open{Pool: "h1", Dress: dress}
	bare    = protocols.Open{Dress: func(_ context.Context, w protocols.Wire) (protocols.Link, error) {
		return &link{wire: w}, nil
	}}
)

// usePool runs one action over a pooled link, gives the link back, and tells
// which one it was.
func (b *bench) usePool(t *testing.T) protocols.Link {
	t.Helper()
	var got protocols.Link
	d := &deed{forward: func(ctx context.Context, up protocols.Upstream) (action.Result, error) {
		l, _, err := up.Link(ctx, pooled)
		if err != nil {
			return action.Result{}, err
		}
		got = l
		l.(*link).busy.Store(false)
		return action.Result{}, nil
	}}
	if err := b.flow(t, func(ctx context.Context, _ protocols.Flow, do protocols.Do) error { return do(ctx, d) }); err != nil {
		t.Fatal(err)
	}
	return got
}
