package netstack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"sallyport.dev/sallyport/action"
)

const (
	// GatewayName is the name by which agents reach the gateway itself.
	GatewayName = "sallyport.internal"

	dnsPort = 53
	dotPort = 853 // DNS over TLS and QUIC would go around the names we answer

	// lingerTime and lingerBytes bound the reading on after our last byte: a
	// close with unread data is a reset, and takes our answer from the agent.
	lingerTime  = time.Second
	lingerBytes = 256 << 10
	// goneTime bounds the wait until a closed connection has left the stack.
	goneTime = 30 * time.Second
)

var (
	errCut   = errors.New("the agent was removed, frozen, given a new key or has expired")
	errOver  = errors.New("the flow is over")
	errTaken = errors.New("the flow was accepted before")
	errStop  = errors.New("the gateway stops")
)

// An Offer is a connection that an agent has begun, as its transport sees it.
type Offer struct {
	Src, Dst netip.AddrPort
	Own      bool // Dst is the gateway itself
	// Accept completes the handshake, unless ctx ends. Refuse resets; the Server
	// calls exactly one of the two, once.
	Accept func(ctx context.Context) (Conn, error)
	Refuse func()
}

// A Conn is an accepted connection.
type Conn interface {
	net.Conn
	CloseWrite() error
	// Abort resets the connection; Reads and Writes that wait return.
	Abort()
	// Gone waits until a closed connection has nothing more to deliver.
	Gone(patience time.Duration) bool
}

// A Server stands between the transports and the Handler: it tells who an offer
// comes from, keeps each agent within its limits, and ends what must end. Its
// zero value with Handler, Peers and Names set works; the fields must not change
// once it serves.
type Server struct {
	Handler  Handler
	Peers    Peers
	Names    Names
	Resolver Resolver // nil: DNS is refused
	Log      *slog.Logger
	Limits   Limits

	agents agents
	serves sync.WaitGroup
}

// Serve sees one offer through, from identity to the end of the flow. It returns
// when nothing of the flow is left, and runs in the caller's goroutine.
func (s *Server) Serve(ctx context.Context, o Offer) {
	peer, host, ok := s.identify(o)
	if !ok {
		o.Refuse()
		return
	}
	ctx, cancel := context.WithCancelCause(ctx)
	f := &flow{offer: o, cancel: cancel}
	slot, ok := s.agents.flow(peer.ID, s.Limits, f)
	if !ok {
		cancel(errOver)
		o.Refuse()
		s.log().Debug("flow refused", "agent", peer.Name, "dst", o.Dst.String(), "err", "too many flows")
		return
	}
	f.slot = slot
	defer slot.release(f)
	defer f.finish(ctx)
	// A cut that came between identify and flow saw nothing of this one.
	if _, ok := s.Peers.Lookup(o.Src.Addr()); !ok {
		return
	}
	accept := func() (net.Conn, error) { return f.accept(ctx) }
	s.serve(ctx, Flow{Peer: peer, Host: host, Src: o.Src, Dst: o.Dst, Accept: accept})
}

// identify tells whose offer it is and what it is for; false: nobody's, or for
// what is never served.
func (s *Server) identify(o Offer) (*action.Peer, string, bool) {
	peer, ok := s.Peers.Lookup(o.Src.Addr())
	if !ok || o.Dst.Port() == dotPort {
		return nil, "", false
	}
	if o.Dst.Port() == dnsPort {
		return peer, "", s.Resolver != nil
	}
	if o.Own {
		return peer, GatewayName, true
	}
	host, known := s.Names.Lookup(o.Dst.Addr())
	return peer, host, !known || host != ""
}

func (s *Server) serve(ctx context.Context, arg Flow) {
	err := s.handle(ctx, arg)
	switch {
	case err == nil || errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF):
	case ctx.Err() != nil:
		s.log().Debug("flow ended", "agent", arg.Peer.Name, "dst", arg.Dst.String(), "err", context.Cause(ctx))
	default:
		s.log().Warn("flow failed", "agent", arg.Peer.Name, "dst", arg.Dst.String(), "host", arg.Host, "err", err)
	}
}

// handle calls the Handler, or answers DNS, and turns a panic into an error.
func (s *Server) handle(ctx context.Context, arg Flow) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = panicked(r)
		}
	}()
	if arg.Dst.Port() != dnsPort {
		return s.Handler.ServeFlow(ctx, arg)
	}
	conn, err := arg.Accept()
	if err != nil {
		return err
	}
	return serveDNS(conn, arg.Peer, s.Resolver)
}

// panicked describes a panic without the value, which may hold anything: only
// the runtime's own errors are known to carry no data of the agent's.
func panicked(r any) error {
	if e, ok := r.(runtime.Error); ok {
		return fmt.Errorf("panic: %w\n%s", e, debug.Stack())
	}
	return fmt.Errorf("panic: a %T\n%s", r, debug.Stack())
}

// Cut ends every flow of an agent at once and admits none of it until the caller,
// who now takes the agent out of its transport, calls open.
func (s *Server) Cut(peerID string) (open func()) { return s.agents.cut(peerID, errCut) }

// Track counts fn as a part of the Server, so that Stop waits for it; it reports
// false, and does not call fn, once the Server stops.
func (s *Server) Track(fn func()) bool {
	if !s.agents.enter(&s.serves) {
		return false
	}
	defer s.serves.Done()
	fn()
	return true
}

// Stop ends every flow and waits until none is left.
func (s *Server) Stop() {
	s.agents.stop(errStop)
	s.serves.Wait()
}

func (s *Server) log() *slog.Logger {
	if s.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Log
}
