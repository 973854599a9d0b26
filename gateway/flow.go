package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/gateway/pool"
	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/protocols"
)

// farewell is how long a protocol has to say goodbye once its flow is ended.
const farewell = 250 * time.Millisecond

var errRevoked = errors.New("access was withdrawn")

var _ pool.Owner = (*flow)(nil)

// A flow is one open agent connection of one service.
type flow struct {
	g       *Gateway
	peer    atomic.Pointer[action.Peer]
	service *action.Service
	host    string
	dst     netip.AddrPort
	accept  func() (net.Conn, error)
	end     context.CancelCauseFunc
	unwatch func() bool
	entry   atomic.Pointer[action.Action] // that its session began with; nil: none
	drain   context.Context               // done once the rules are others than it was opened under
	retire  context.CancelFunc
	rules   atomic.Pointer[ruling] // that it was last looked at by

	mu      sync.Mutex
	closed  bool
	conn    net.Conn                // the agent's end, once accepted
	running map[*pass]struct{}      // begun and not yet written down
	own     map[*pool.Wire]struct{} // upstream connections that die with the flow
}

// open counts a flow as running before its protocol sees it, so that Recheck
// finds every flow.
func (g *Gateway) open(ctx context.Context, nf netstack.Flow, s *action.Service) (*flow, context.Context) {
	f := &flow{
		g: g, service: s, host: nf.Host, dst: nf.Dst, accept: nf.Accept,
		running: make(map[*pass]struct{}), own: make(map[*pool.Wire]struct{}),
	}
	f.peer.Store(nf.Peer)
	f.rules.Store(&ruling{g.Policy()})
	f.drain, f.retire = context.WithCancel(context.Background())
	ctx, f.end = context.WithCancelCause(ctx)
	f.unwatch = context.AfterFunc(ctx, func() {
		time.AfterFunc(farewell, f.sever)
	})
	g.flows.add(f)
	g.recheckFlow(f) // rules or agent may have changed since the flow was resolved
	return f, ctx
}

func (f *flow) toProtocol() protocols.Flow {
	return protocols.Flow{
		Peer: f.peer.Load(), Service: f.service, Host: f.host, Dst: f.dst,
		Accept: f.acceptConn, Leaf: f.leaf, Placeholders: f.watch(), Drain: f.drain,
	}
}

// acceptConn completes the agent's handshake and keeps its end, so that sever
// can close it.
func (f *flow) acceptConn() (net.Conn, error) {
	c, err := f.accept()
	if err != nil {
		return nil, fmt.Errorf("accept from %s: %w", f.peer.Load().Name, err)
	}
	f.mu.Lock()
	f.conn = c
	closed := f.closed
	f.mu.Unlock()
	if closed {
		c.Close()
		return nil, pool.ErrEnded
	}
	return c, nil
}

// leaf mints only names that this agent would be brought to this very service by.
func (f *flow) leaf(name string) (*tls.Certificate, error) {
	host := name
	dst := f.dst
	if addr, err := netip.ParseAddr(name); err == nil {
		host, dst = "", netip.AddrPortFrom(addr.Unmap(), f.dst.Port())
	}
	peer := f.peer.Load()
	r := f.g.Policy().Resolve(peer, host, dst)
	if r.Service == nil || r.Service.Name != f.service.Name {
		return nil, fmt.Errorf("%q is no name of service %s", name, f.service.Name)
	}
	return f.g.Leaves.LeafLimited(name, func() bool { return f.g.sessions.mayMint(peer, f.g.Now()) })
}

// begin makes the pass of one action and counts it as running. What stops another
// belongs to the session that its flow began in: the agent's may have been ended.
func (f *flow) begin(ctx context.Context, ex protocols.Exchange) (context.Context, *pass) {
	now, a := f.g.Now(), ex.Action()
	peer := f.peer.Load()
	own, ok := ex.(protocols.Stopper)
	stops := ok && own.Stops()
	if entry := f.entry.Load(); stops && entry != nil {
		a.Session = entry.Session
	} else {
		a.Session = f.g.sessions.of(peer, now)
	}
	a.ID, a.Time = action.NewID(now), now
	a.Peer, a.Service, a.Dst = peer, f.service, f.dst
	if a.Host == "" {
		a.Host = f.host
	}
	p := &pass{g: f.g, f: f, act: a, start: now, stops: stops}
	ctx, p.cancel = context.WithCancelCause(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running[p] = struct{}{}
	return ctx, p
}

// sever closes both ends; whoever still reads or writes gets an error.
func (f *flow) sever() {
	f.mu.Lock()
	f.closed = true
	conn, wires := f.conn, f.own
	f.own = nil
	f.mu.Unlock()
	if conn != nil {
		conn.Close()
	}
	for w := range wires {
		w.Close()
	}
}

// close ends what the protocol left open: links, and actions that were held.
func (f *flow) close() {
	f.unwatch()
	f.end(pool.ErrEnded)
	f.g.flows.remove(f)
	f.sever()
	for _, p := range f.passes() {
		p.finish(action.Result{}, pool.ErrEnded)
	}
}

// passes lists the running actions.
func (f *flow) passes() []*pass {
	f.mu.Lock()
	defer f.mu.Unlock()
	ps := make([]*pass, 0, len(f.running))
	for p := range f.running {
		ps = append(ps, p)
	}
	return ps
}

// Keep makes w die with the flow; it reports whether the flow still lives.
func (f *flow) Keep(w *pool.Wire) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || f.own == nil {
		return false
	}
	f.own[w] = struct{}{}
	return true
}

// Drop forgets an upstream connection that closed by itself.
func (f *flow) Drop(w *pool.Wire) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.own, w)
}

// A flowSet is every open flow.
type flowSet struct {
	mu  sync.Mutex
	all map[*flow]struct{}
}

func (s *flowSet) add(f *flow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = make(map[*flow]struct{})
	}
	s.all[f] = struct{}{}
}

func (s *flowSet) remove(f *flow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, f)
}

func (s *flowSet) list() []*flow {
	s.mu.Lock()
	defer s.mu.Unlock()
	fs := make([]*flow, 0, len(s.all))
	for f := range s.all {
		fs = append(fs, f)
	}
	return fs
}

// Recheck looks at every open flow again: those whose agent or service is gone
// are ended, running actions that would now be refused are cancelled. Call it
// after every change of the rules and of an agent; it does not wait for flows.
func (g *Gateway) Recheck() {
	for _, f := range g.flows.list() {
		g.recheckFlow(f)
	}
	g.pool.RetireRotated(g.Vault.Generation) // a secret has a newer version
}

func (g *Gateway) recheckFlow(f *flow) {
	peer, ok := g.Peers.Current(f.peer.Load().ID)
	if !ok {
		f.end(errRevoked)
		return
	}
	f.peer.Store(peer)
	rules := g.Policy()
	r := rules.Resolve(peer, f.host, f.dst)
	if r.Service == nil || !reflect.DeepEqual(r.Service, f.service) || f.leadsElsewhere(rules) {
		f.end(errRevoked)
		return
	}
	if !f.mayEnter(peer, rules) {
		f.end(errRevoked)
		return
	}
	if f.rules.Load().Policy != rules {
		f.rules.Store(&ruling{rules}) // the others may go
		f.retire()
	}
	for _, p := range f.passes() {
		p.recheck(rules)
	}
}

// kindConnect is the kind of the action that a session begins with.
const kindConnect = "connect"

// mayEnter reports whether the session of the flow could begin by these rules: one
// that is idle has no action running that would show what they say.
func (f *flow) mayEnter(peer *action.Peer, rules Policy) bool {
	entry := f.entry.Load()
	if entry == nil {
		return true
	}
	again := *entry
	again.Peer = peer
	d := rules.Decide(&again)
	return d.Verdict != action.Deny || d.Need != 0
}

// leadsElsewhere reports whether an upstream connection of the flow's own was
// made on other terms, or as another account, than these rules give the service.
// A newer version of the same secret is no reason: rotating one cuts nothing.
func (f *flow) leadsElsewhere(rules Policy) bool {
	f.mu.Lock()
	wires := make([]*pool.Wire, 0, len(f.own))
	for w := range f.own {
		wires = append(wires, w)
	}
	f.mu.Unlock()
	if len(wires) == 0 {
		return false
	}
	now, err := rules.Route(&action.Action{Peer: f.peer.Load(), Service: f.service, Host: f.host, Dst: f.dst})
	if err != nil {
		return true
	}
	for _, w := range wires {
		if !sameWay(w.Route, now) {
			return true
		}
	}
	return false
}

// sameWay reports whether two routes lead to the same service on the same terms,
// as the same account.
func sameWay(a, b *action.Route) bool {
	return a.Terms == b.Terms && reflect.DeepEqual(a.Auth, b.Auth)
}

// Open reports how many flows are open, by agent name.
func (g *Gateway) Open() map[string]int {
	open := make(map[string]int)
	for _, f := range g.flows.list() {
		open[f.peer.Load().Name]++
	}
	return open
}
