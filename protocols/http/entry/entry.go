// Package entry takes an agent's connection in: plain or TLS by its first byte,
// under a certificate of the name that was asked for, and gives it to net/http as
// the one connection of a listener. It reads no request.
package entry

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/protocols/http/normal"
)

const (
	handshakeTimeout = 10 * time.Second
	recordHandshake  = 0x16 // first byte of a TLS ClientHello
)

// NewTLS makes the settings that every connection begins with. Session tickets are
// sealed with a key of this process.
func NewTLS() *tls.Config {
	c := &tls.Config{
		MinVersion:                  tls.VersionTLS12,
		NextProtos:                  []string{"h2", "http/1.1"},
		DynamicRecordSizingDisabled: true,
	}
	var key [32]byte
	rand.Read(key[:]) //nolint:errcheck // crypto/rand.Read never returns an error
	c.SetSessionTicketKeys([][32]byte{key})
	return c
}

// A Door is where a connection leads.
type Door struct {
	Name string // that was asked for, normalised; "" when an address was dialled
	Dst  netip.AddrPort
	Leaf func(name string) (*tls.Certificate, error)
	// Git is said of services whose git pushes are read: they are offered HTTP/1.1
	// alone, since git's libcurl may stop for good in an upload over HTTP/2 once the
	// stream's window was used up (curl 7.88).
	Git bool
}

// An Opened connection is ready for requests.
type Opened struct {
	Conn   net.Conn // a *tls.Conn where it is secure
	Name   string   // of the door, or else of the hello
	Secure bool     // TLS
}

// Open looks at the first byte and ends TLS where it is TLS. base is NewTLS's. The
// caller closes conn if it fails.
func (d Door) Open(ctx context.Context, base *tls.Config, conn net.Conn) (*Opened, error) {
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
		return &Opened{Conn: pc, Name: d.Name}, nil
	}
	tc := tls.Server(pc, d.config(base))
	if err := tc.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	o := &Opened{Conn: tc, Name: d.Name, Secure: true}
	if o.Name == "" {
		o.Name = normal.Name(tc.ConnectionState().ServerName)
	}
	return o, nil
}

// config is the server's end for this connection. The name is checked with every
// hello, since a resumed session asks for no certificate.
func (d Door) config(base *tls.Config) *tls.Config {
	c := base.Clone()
	if d.Git {
		c.NextProtos = slices.DeleteFunc(slices.Clone(c.NextProtos), func(p string) bool { return p == "h2" })
	}
	c.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		if sni := normal.Name(h.ServerName); sni != "" && d.Name != "" && sni != d.Name {
			return nil, fmt.Errorf("the hello names %q, the connection is for %q", sni, d.Name)
		}
		if sni := normal.Name(h.ServerName); sni != "" && d.Name == "" {
			_, err := d.Leaf(sni)
			return nil, err
		}
		return nil, nil
	}
	c.GetCertificate = func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
		switch {
		case d.Name != "":
			return d.Leaf(d.Name)
		case h.ServerName != "":
			return d.Leaf(normal.Name(h.ServerName))
		}
		return d.Leaf(d.Dst.Addr().Unmap().String())
	}
	return c
}
