package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/protocols/postgres/wire"
)

// A Link is a session's end of its one connection to the server.
type Link struct {
	Conn   net.Conn             // TLS, unless the service is plaintext
	State  *tls.ConnectionState // of the TLS, nil without
	Stream *wire.Stream         // what the server says

	raw net.Conn
}

var _ protocols.Link = (*Link)(nil)

// NewLink makes a link of a connection that is dressed; raw is what TLS runs on.
func NewLink(conn, raw net.Conn, pool *sync.Pool) (*Link, error) {
	stream, err := wire.NewStream(conn, nil, pool)
	return &Link{Conn: conn, Stream: stream, raw: raw}, err
}

// Take refuses: a session shares its link with nobody.
func (l *Link) Take() bool { return false }

// Retire closes the connection.
func (l *Link) Retire() { l.raw.Close() } //nolint:errcheck // it is given up

// Dress makes links of fresh connections: with TLS unless the service is
// plaintext.
func Dress(svc *action.Service, pool *sync.Pool) func(context.Context, protocols.Wire) (protocols.Link, error) {
	return func(ctx context.Context, w protocols.Wire) (protocols.Link, error) {
		if svc.Plaintext {
			return NewLink(w, w, pool)
		}
		c, err := secure(ctx, w, svc.DirectTLS)
		if err != nil {
			return nil, err
		}
		l, err := NewLink(c, w, pool)
		if err != nil {
			return nil, err
		}
		state := c.ConnectionState()
		l.State = &state
		return l, nil
	}
}

// alpn is the protocol name that direct TLS must agree on.
const alpn = "postgresql"

var errALPN = errors.New("direct TLS: the server does not answer with the protocol name postgresql")

// secure starts TLS: asked for first, or at once, and then the server must say
// that it took the bytes for PostgreSQL's.
func secure(ctx context.Context, w protocols.Wire, direct bool) (*tls.Conn, error) {
	if !direct {
		if err := RequestTLS(ctx, w); err != nil {
			return nil, err
		}
	}
	c, err := w.Secure(ctx, alpn)
	if err != nil {
		return nil, err
	}
	if direct && c.ConnectionState().NegotiatedProtocol != alpn {
		return nil, errALPN
	}
	return c, nil
}
