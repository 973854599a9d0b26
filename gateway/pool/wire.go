package pool

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols"
)

// A Wire is one upstream connection, to an address that was checked.
type Wire struct {
	net.Conn
	At    string        // the address in words, for records
	Route *action.Route // it was dialled for

	address netip.AddrPort
	cache   tls.ClientSessionCache
	show    func(context.Context) (*tls.Certificate, error) // nil: no client certificate
	proven  atomic.Bool                                     // Secure verified the other end
	traffic atomic.Uint64                                   // reads and writes so far, for the idle sweep
	once    sync.Once
	closed  func(*Wire)
}

var _ protocols.Wire = (*Wire)(nil)

// Secure starts TLS as the service demands and returns once the other end is
// proven.
func (w *Wire) Secure(ctx context.Context, alpn ...string) (*tls.Conn, error) {
	if w.Route.Plaintext {
		return nil, fmt.Errorf("service %s speaks without TLS", w.Route.Service)
	}
	name := w.Route.ServerName
	if name == "" {
		name = w.Route.Host
	}
	conf := &tls.Config{
		ServerName:         name,
		RootCAs:            w.Route.Roots,
		NextProtos:         alpn,
		MinVersion:         tls.VersionTLS12,
		ClientSessionCache: w.cache,
	}
	shown := false
	if w.show != nil { // asked for when the other end is proven, not before
		conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			shown = true
			return w.show(ctx)
		}
	}
	c := tls.Client(w, conf)
	if err := c.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("TLS with %s at %s: %w", name, w.address, tlsCause(err))
	}
	if w.show != nil && !shown && !c.ConnectionState().DidResume {
		return nil, fmt.Errorf("TLS with %s at %s: %w", name, w.address, errUnasked)
	}
	w.proven.Store(true)
	return c, nil
}

var errUnasked = errors.New("it asks for no client certificate, so the service's account would not be shown")

// Proven reports whether Secure verified the other end.
func (w *Wire) Proven() bool { return w.proven.Load() }

// tlsCause says in words what was wrong with a certificate.
func tlsCause(err error) error {
	var unknown x509.UnknownAuthorityError
	if errors.As(err, &unknown) {
		return fmt.Errorf("the certificate is signed by an unknown authority (name its CA with tls = { ca = file(…) }): %w", err)
	}
	return err
}

func (w *Wire) Read(b []byte) (int, error) {
	w.traffic.Add(1)
	return w.Conn.Read(b)
}

func (w *Wire) Write(b []byte) (int, error) {
	w.traffic.Add(1)
	return w.Conn.Write(b)
}

// NetConn is the connection below, for those who ask the kernel whether its other
// end is still there.
func (w *Wire) NetConn() net.Conn { return w.Conn }

// Close closes the connection and forgets it, once.
func (w *Wire) Close() error {
	err := net.ErrClosed
	w.once.Do(func() {
		err = w.Conn.Close()
		w.closed(w)
	})
	return err
}

// CloseWrite half-closes where the connection can.
func (w *Wire) CloseWrite() error {
	if c, ok := w.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return w.Close()
}
