package http

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/protocols/http/ask"
	"sallyport.dev/sallyport/protocols/http/normal"
)

const (
	handshakeTimeout = 10 * time.Second
	headTimeout      = 10 * time.Second
	idleTimeout      = 60 * time.Second
	goodbye          = 200 * time.Millisecond // of the 250 ms that Serve has
	headLimit        = 64 << 10
	maxStreams       = 100
	streamWindow     = 256 << 10
	connWindow       = 1 << 20
	recordHandshake  = 0x16 // first byte of a TLS ClientHello
)

// A site is one connection of an agent to one service.
type site struct {
	ask.Place
	p    *Protocol
	flow protocols.Flow
	do   protocols.Do

	writeBy time.Time // deadline in force for writes to the agent; HTTP/1.1 only

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
	front, err := s.open(ctx, conn)
	if err != nil {
		conn.Close()
		return fmt.Errorf("%s to %s: %w", f.Peer.Name, f.Service.Name, err)
	}
	s.run(ctx, front)
	return s.bug()
}

// open looks at the first byte and ends TLS where it is TLS.
func (s *site) open(ctx context.Context, conn net.Conn) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	stop := protocols.After(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) }) //nolint:errcheck // a closed connection ends the read as well
	pc := &peeked{Conn: conn}
	first, err := pc.peek()
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("first byte: %w", err)
	}
	if first != recordHandshake {
		return pc, nil
	}
	s.Secure = true
	tc := tls.Server(pc, s.tlsConfig())
	if err := tc.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	if s.Name == "" {
		s.Name = normal.Name(tc.ConnectionState().ServerName)
	}
	return tc, nil
}

// tlsConfig is the server's end for this connection. The name is checked with
// every hello, since a resumed session asks for no certificate.
func (s *site) tlsConfig() *tls.Config {
	c := s.p.tls.Clone()
	c.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		if sni := normal.Name(h.ServerName); sni != "" && s.Name != "" && sni != s.Name {
			return nil, fmt.Errorf("the hello names %q, the connection is for %q", sni, s.Name)
		}
		if sni := normal.Name(h.ServerName); sni != "" && s.Name == "" {
			_, err := s.flow.Leaf(sni)
			return nil, err
		}
		return nil, nil
	}
	c.GetCertificate = func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
		switch {
		case s.Name != "":
			return s.flow.Leaf(s.Name)
		case h.ServerName != "":
			return s.flow.Leaf(normal.Name(h.ServerName))
		}
		return s.flow.Leaf(s.flow.Dst.Addr().Unmap().String())
	}
	return c
}

// run serves HTTP on conn and returns when the connection is over and every
// handler, hijacked ones included, has returned.
func (s *site) run(ctx context.Context, conn net.Conn) {
	l := &single{conn: conn, done: make(chan struct{})}
	srv := &http.Server{
		Handler:                      s,
		ReadHeaderTimeout:            headTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               headLimit,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     s.errorLog(),
		BaseContext:                  func(net.Listener) context.Context { return ctx },
		ConnState: func(_ net.Conn, st http.ConnState) {
			if st == http.StateClosed || st == http.StateHijacked {
				l.Close()
			}
		},
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          maxStreams,
			MaxReceiveBufferPerStream:     streamWindow,
			MaxReceiveBufferPerConnection: connWindow,
			WriteByteTimeout:              stallTimeout,
		},
	}
	stop := protocols.After(ctx, func() {
		bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
		defer cancel()
		if srv.Shutdown(bye) != nil {
			srv.Close()
		}
		l.Close()
	})
	srv.Serve(l) //nolint:errcheck // it ends with the one connection, however that ends
	stop()
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.active.Wait()
	conn.Close()
}

// errorLog carries what net/http complains about. That agents write nonsense or
// go away is not news, so it is for debugging only.
func (s *site) errorLog() *log.Logger {
	h := slog.DiscardHandler
	if s.p.Log != nil {
		h = s.p.Log.Handler()
	}
	return slog.NewLogLogger(h, slog.LevelDebug)
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
	if !s.enter() {
		panic(http.ErrAbortHandler)
	}
	defer s.active.Done()
	defer s.abort()
	a, p := ask.Read(s.Place, r)
	if s.p.open.Enter(s.Peer.ID) {
		defer s.p.open.Leave(s.Peer.ID)
	} else {
		p = a.Crowded()
	}
	x := &exchange{Ask: a, site: s, w: w, r: r, came: time.Now()}
	x.announce()
	defer x.done()
	if p != nil && p.Location != "" {
		x.answer(p)
		return
	}
	var ex protocols.Exchange = x
	if p != nil {
		ex = unread{x, p}
	}
	err := s.do(r.Context(), ex)
	if protocols.IsPanic(err) {
		s.broke(err)
	}
	if err != nil || !x.began {
		panic(http.ErrAbortHandler)
	}
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

// A single is a listener that has one connection to give.
type single struct {
	conn net.Conn
	mu   sync.Mutex
	gave bool // guarded by mu
	once sync.Once
	done chan struct{}
}

func (l *single) Accept() (net.Conn, error) {
	l.mu.Lock()
	gave := l.gave
	l.gave = true
	l.mu.Unlock()
	if !gave {
		return l.conn, nil
	}
	<-l.done
	return nil, net.ErrClosed
}

func (l *single) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *single) Addr() net.Addr { return l.conn.LocalAddr() }

// A peeked connection gives its first byte twice.
type peeked struct {
	net.Conn
	first [1]byte
	have  bool
}

func (c *peeked) peek() (byte, error) {
	n, err := c.Conn.Read(c.first[:])
	if n == 1 {
		c.have = true
		return c.first[0], nil
	}
	return 0, err
}

func (c *peeked) Read(b []byte) (int, error) {
	if c.have && len(b) > 0 {
		c.have = false
		return copy(b, c.first[:]), nil
	}
	return c.Conn.Read(b)
}

// CloseWrite ends one direction, where the connection can.
func (c *peeked) CloseWrite() error {
	if h, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return nil
}
