// Package tcp serves opaque streams: a connection is one action, judged before
// it is made, and its bytes are relayed unread. It also serves what another
// protocol must not look into. It parses nothing and injects nothing.
package tcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols"
)

// idleLimit ends a stream in which nothing moves; shells sleep over lunch.
const idleLimit = 4 * time.Hour

// A Protocol serves opaque streams.
type Protocol struct {
	relay protocols.Relay
}

var _ protocols.Protocol = (*Protocol)(nil)

// New makes the protocol.
func New() *Protocol {
	return &Protocol{relay: protocols.Relay{Idle: idleLimit}}
}

// Name is how a service asks for it.
func (*Protocol) Name() string { return "tcp" }

// Facts describes an opaque stream: nothing but what every connection has.
func Facts() action.FactTable {
	return action.FactTable{Protocol: "tcp", New: func() action.Facts { return new(Stream) }}
}

// A Stream is the facts of an opaque stream; host, address and port are the
// Action's own.
type Stream struct{}

// Trial makes the action that a connection to t.URL would be: host:port, or a URL.
func Trial(svc *action.Service, t action.Trial) (*action.Action, error) {
	host, dst, err := target(t.URL)
	if err != nil {
		return nil, fmt.Errorf("service %s: %w", svc.Name, err)
	}
	return newAction(&protocols.Flow{Service: svc, Host: host, Dst: dst}), nil
}

func target(s string) (string, netip.AddrPort, error) {
	scheme, rest, found := strings.Cut(s, "://")
	if !found {
		scheme, rest = "", s
	}
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		rest = rest[:i]
	}
	u, err := url.Parse("//" + rest)
	if err != nil {
		return "", netip.AddrPort{}, fmt.Errorf("%q is not host:port", s)
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[scheme]
	}
	n, err := strconv.ParseUint("0"+port, 10, 16)
	if err != nil {
		return "", netip.AddrPort{}, fmt.Errorf("%q has no port", s)
	}
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil {
		return "", netip.AddrPortFrom(addr, uint16(n)), nil
	}
	return strings.ToLower(u.Hostname()), netip.AddrPortFrom(netip.Addr{}, uint16(n)), nil
}

// Serve asks once, for the connection itself, and accepts it only when the other
// end is there, so that an agent sees a refusal as a refused connection.
func (p *Protocol) Serve(ctx context.Context, f protocols.Flow, do protocols.Do) error {
	return do(ctx, &stream{p: p, f: f, act: newAction(&f)})
}

func newAction(f *protocols.Flow) *action.Action {
	where := f.Host
	if where == "" && f.Dst.Addr().IsValid() {
		where = f.Dst.Addr().String()
	}
	return &action.Action{
		Peer: f.Peer, Service: f.Service, Host: f.Host, Dst: f.Dst,
		Kind:    "connect",
		Summary: "connect " + net.JoinHostPort(where, strconv.Itoa(int(f.Dst.Port()))),
		Parts:   []action.Part{{Facts: new(Stream), Effects: action.EffectUnknown}},
	}
}

// A stream is the one exchange of an opaque connection.
type stream struct {
	p   *Protocol
	f   protocols.Flow
	act *action.Action
}

func (s *stream) Action() *action.Action { return s.act }

// Learn has nothing to gather: what will be sent does not exist yet, and what is
// approved is the connection.
func (s *stream) Learn(context.Context, action.Need) error { return nil }

// Refuse leaves the connection unaccepted, which resets it.
func (s *stream) Refuse(context.Context, action.Decision) error { return nil }

var errCredential = errors.New("an opaque stream can carry no credential")

// Forward connects, accepts the agent and relays until the stream is over.
func (s *stream) Forward(ctx context.Context, up protocols.Upstream) (res action.Result, err error) {
	start := time.Now()
	defer func() { res.Duration = time.Since(start) }()
	l, cred, err := up.Link(ctx, protocols.Open{Dress: dress})
	if err != nil {
		return action.Result{Status: "refused", Failed: true, Err: err.Error()}, nil
	}
	wire := l.(link).Wire
	defer wire.Close()
	if cred != nil {
		return action.Result{Status: "refused", Failed: true, Err: errCredential.Error()}, nil
	}
	res.Upstream = wire.RemoteAddr().String()
	agent, err := s.f.Accept()
	if err != nil {
		res.Status, res.Failed, res.Err = "refused", true, err.Error()
		return res, fmt.Errorf("accept %s: %w", s.act.Summary, err)
	}
	n, err := s.p.relay.Run(ctx, agent, wire)
	res.Status, res.Sent, res.Received = "closed", n.Sent, n.Received
	if err != nil {
		res.Status, res.Err = "cut", err.Error()
	}
	if bug := (*protocols.Panic)(nil); errors.As(err, &bug) {
		return res, fmt.Errorf("relay %s: %w\n%s", s.act.Summary, bug, bug.Stack())
	}
	return res, nil
}

// A link is the wire as it is; it carries one stream and is never pooled.
type link struct{ protocols.Wire }

func dress(_ context.Context, w protocols.Wire) (protocols.Link, error) { return link{w}, nil }

func (link) Take() bool { return false }

// Retire does nothing: the one stream that holds the wire closes it when it is over.
func (link) Retire() {}
