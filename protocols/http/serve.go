package http

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/protocols/http/ask"
	"sallyport.dev/sallyport/protocols/http/entry"
	"sallyport.dev/sallyport/protocols/http/mark"
	"sallyport.dev/sallyport/protocols/http/normal"
)

const (
	headTimeout  = 10 * time.Second
	idleTimeout  = 60 * time.Second
	goodbye      = 200 * time.Millisecond // of the 250 ms that Serve has
	headLimit    = 64 << 10
	maxStreams   = 100
	streamWindow = 256 << 10
	connWindow   = 1 << 20
)

// A site is one connection of an agent to one service.
type site struct {
	ask.Place
	p    *Protocol
	flow protocols.Flow
	do   protocols.Do

	framing *entry.Framing  // of HTTP/1.1
	alive   context.Context // until the connection is over
	begun   context.Context // until the first request, or until it is clear that none comes
	begin   func()          // ends it

	mu     sync.Mutex
	closed bool           // no handler may start any more; guarded by mu
	broken error          // the first panic; guarded by mu
	active sync.WaitGroup // handlers; Add only under mu
}

// Serve ends the agent's TLS, if it speaks TLS, and answers its requests until
// the connection or ctx ends. A pass-through service is served unseen.
func (p *Protocol) Serve(ctx context.Context, f protocols.Flow, do protocols.Do) error {
	if f.Service.Passthrough {
		return p.opaque.Serve(ctx, f, do)
	}
	conn, err := f.Accept()
	if err != nil {
		return fmt.Errorf("accept %s for %s: %w", f.Peer.Name, f.Service.Name, err)
	}
	s := &site{p: p, flow: f, do: do, Place: ask.Place{
		Peer: f.Peer, Service: f.Service, Name: normal.Name(f.Host), Dst: f.Dst,
	}}
	door := entry.Door{Name: s.Name, Dst: f.Dst, Leaf: f.Leaf, Git: slices.Contains(f.Service.Readings, "git")}
	front, err := door.Open(ctx, p.tls, conn)
	if err != nil {
		conn.Close()
		return fmt.Errorf("%s to %s: %w", f.Peer.Name, f.Service.Name, err)
	}
	s.Name, s.Secure = front.Name, front.Secure
	conn, s.framing = front.Watch()
	defer p.lines.Enter(f.Peer.ID, s.framing == nil)()
	s.run(ctx, conn)
	return s.bug()
}

// run serves HTTP on conn and returns when the connection is over and every
// handler, hijacked ones included, has returned.
func (s *site) run(ctx context.Context, conn net.Conn) {
	var hangUp context.CancelFunc
	s.alive, hangUp = context.WithCancel(ctx)
	defer hangUp()
	s.begun, s.begin = context.WithCancel(context.Background())
	l := entry.NewSingle(conn, hangUp)
	srv := &http.Server{
		Handler:                      s,
		ReadHeaderTimeout:            headTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               headLimit,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     entry.ErrorLog(s.p.Log),
		BaseContext:                  func(net.Listener) context.Context { return s.alive },
		ConnState:                    l.Follow,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          maxStreams,
			MaxReceiveBufferPerStream:     streamWindow,
			MaxReceiveBufferPerConnection: connWindow,
			WriteByteTimeout:              stallTimeout,
		},
	}
	drained := s.drain(ctx, srv)
	stop := protocols.After(ctx, func() {
		bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
		defer cancel()
		if srv.Shutdown(bye) != nil {
			srv.Close()
		}
		l.Close()
	})
	srv.Serve(l) //nolint:errcheck // it ends with the one connection, however that ends
	s.begin()
	drained()
	stop()
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.active.Wait()
	l.End()
}

// drain has the connection end once nothing runs on it, when the gateway wants
// that, and not before its first request: net/http would drop that unanswered. The
// func it gives waits for an end that has begun.
func (s *site) drain(ctx context.Context, srv *http.Server) (wait func() bool) {
	if s.flow.Drain == nil {
		return func() bool { return true }
	}
	return protocols.After(s.flow.Drain, func() {
		<-s.begun.Done()
		srv.Shutdown(ctx) //nolint:errcheck // what runs ends in its own time, or with the flow
	})
}

// enter counts a handler; false means that Serve no longer waits for any.
func (s *site) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.active.Add(1)
	return true
}

// ServeHTTP makes an exchange of one request and sees it through.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.begin()
	if !s.enter() {
		panic(http.ErrAbortHandler)
	}
	defer s.active.Done()
	defer s.abort()
	last := s.framing.Doubtful(r)
	shown, over := mark.Look(s.flow.Placeholders, r, s.inspected(), s)
	defer over()
	a, p := ask.Read(s.Place, r)
	a.Act.Shown = shown
	counted := s.p.open.Enter(s.Peer.ID)
	if counted {
		defer s.p.open.Leave(s.Peer.ID)
	} else {
		p = a.Crowded()
	}
	x := &exchange{Ask: a, site: s, w: w, r: r, came: time.Now(), last: last}
	x.announce()
	defer x.done()
	if p != nil && p.Location != "" {
		x.answer(p)
		s.p.lines.Land(s.Peer.ID, w, r, counted)
		return
	}
	var ex protocols.Exchange = x
	if p != nil {
		ex = unread{x, p}
	}
	ctx := r.Context()
	if r.ProtoMajor == 1 && s.alive != nil {
		ctx = s.alive // net/http's own ends no sooner while this runs, and costs more
	}
	err := s.do(ctx, ex)
	if protocols.IsPanic(err) {
		s.broke(err)
	}
	if err != nil || !x.began {
		panic(http.ErrAbortHandler)
	}
	s.p.lines.Land(s.Peer.ID, w, r, counted)
}

// inspected is how much of a body is held to be looked at.
func (s *site) inspected() int64 {
	return min(cmp.Or(s.Service.BodyInspectLimit, defaultHold), maxHold)
}

// Take reserves n bytes of the agent's share, or fails at once.
func (s *site) Take(n int64) (release func(), err error) {
	return s.p.held.Take(s.Peer.ID, n, s.p.HoldMemory)
}

// abort keeps what a handler died of; net/http then ends its stream or connection.
func (s *site) abort() {
	r := recover()
	if r == nil {
		return
	}
	if r != http.ErrAbortHandler { //nolint:errorlint // net/http compares it, too
		s.broke(protocols.Caught(r))
	}
	panic(http.ErrAbortHandler)
}

// broke remembers a bug for Serve to return, whose caller logs it.
func (s *site) broke(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken == nil {
		s.broken = err
	}
}

func (s *site) bug() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var p *protocols.Panic
	if !errors.As(s.broken, &p) {
		return nil
	}
	return fmt.Errorf("a request of %s to %s: %w\n%s", s.Peer.Name, s.Service.Name, p, p.Stack())
}
