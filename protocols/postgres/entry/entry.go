// Package entry is the beginning of a PostgreSQL connection as an agent sees it:
// TLS, GSS, cancel requests and the start-up packet, up to the point where it is
// known which database is wanted. It asks for no password, because the network
// has proved who the agent is, and it talks to no server.
package entry

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"sallyport.dev/sallyport/protocols/postgres/refusal"
	"sallyport.dev/sallyport/protocols/postgres/wire"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Timeout bounds the whole phase.
const Timeout = 30 * time.Second

// alpn is the protocol name that direct TLS must agree on.
const alpn = "postgresql"

// recordHandshake begins a TLS connection that was not asked for with SSLRequest.
const recordHandshake = 0x16

// An Entry is a connection that has said what it wants: exactly one of Startup
// and Cancel is set.
type Entry struct {
	Conn    net.Conn
	Startup *wire.Startup
	Cancel  *wire.Cancel
	Ahead   []byte // what came right behind the start-up packet
}

// A Door opens connections of one service.
type Door struct {
	// Leaf gives the certificate for a name of the service.
	Leaf func(name string) (*tls.Certificate, error)
	Name string // the name the agent used, for clients that send none
	// Timeout replaces the usual one where it is set.
	Timeout time.Duration
}

// errEarly is plain text sent ahead of the TLS handshake, an injection.
var errEarly = errors.New("bytes ahead of the TLS handshake")

// Open reads what a connection wants. A malformed one is told so; the caller
// closes it.
func (d *Door) Open(ctx context.Context, conn net.Conn) (*Entry, error) {
	limit := d.Timeout
	if limit <= 0 {
		limit = Timeout
	}
	conn.SetDeadline(time.Now().Add(limit))                                     //nolint:errcheck // a connection without deadlines still ends with ctx
	end := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) }) //nolint:errcheck // likewise
	e, err := d.open(ctx, conn)
	if !end() {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("connection phase: %w", err)
	}
	conn.SetDeadline(time.Time{}) //nolint:errcheck // see above
	return e, nil
}

func (d *Door) open(ctx context.Context, conn net.Conn) (*Entry, error) {
	p, err := read(conn)
	if err != nil {
		return nil, tell(conn, err)
	}
	secured, gss := false, false
	if p.direct {
		if conn, err = d.secure(ctx, &replay{Conn: conn, ahead: p.ahead}, true); err != nil {
			return nil, err
		}
		if p, err = read(conn); err != nil {
			return nil, tell(conn, err)
		}
		secured = true
	}
	for {
		switch code := p.code(); {
		case p.direct:
			return nil, fmt.Errorf("%w: TLS within TLS", wire.ErrMalformed)
		case code == wire.CodeSSL && !secured:
			if len(p.ahead) > 0 {
				return nil, errEarly
			}
			if conn, err = d.answer(ctx, conn); err != nil {
				return nil, err
			}
			secured = true
		case code == wire.CodeGSS && !gss:
			if len(p.ahead) > 0 {
				return nil, errEarly
			}
			if _, err := conn.Write([]byte{'N'}); err != nil {
				return nil, fmt.Errorf("refuse GSS: %w", err)
			}
			gss = true
		case code == wire.CodeCancel:
			c, err := wire.ParseCancel(p.packet)
			return &Entry{Conn: conn, Cancel: c}, err
		default:
			return d.startup(conn, p)
		}
		if p, err = read(conn); err != nil {
			return nil, tell(conn, err)
		}
	}
}

// startup reads the start-up packet.
func (d *Door) startup(conn net.Conn, p packet) (*Entry, error) {
	s, err := wire.ParseStartup(p.packet)
	if err != nil {
		return nil, tell(conn, err)
	}
	return &Entry{Conn: conn, Startup: s, Ahead: p.ahead}, nil
}

// Negotiate encodes what an agent is told where its server speaks another version
// than it asked for, or an extension is not known; else nothing.
func Negotiate(s *wire.Startup, spoken uint32) ([]byte, error) {
	if s.Version == spoken && len(s.Extensions) == 0 {
		return nil, nil
	}
	b, err := (&pgproto3.NegotiateProtocolVersion{NewestMinorProtocol: spoken, UnrecognizedOptions: s.Extensions}).Encode(nil)
	if err != nil {
		return nil, fmt.Errorf("negotiate the version: %w", err)
	}
	return b, nil
}

// answer answers an SSLRequest: yes, if there is a certificate to show.
func (d *Door) answer(ctx context.Context, conn net.Conn) (net.Conn, error) {
	if _, err := d.Leaf(d.Name); err != nil {
		if _, err := conn.Write([]byte{'N'}); err != nil {
			return nil, fmt.Errorf("refuse TLS: %w", err)
		}
		return conn, nil
	}
	if _, err := conn.Write([]byte{'S'}); err != nil {
		return nil, fmt.Errorf("accept TLS: %w", err)
	}
	return d.secure(ctx, conn, false)
}

// secure is the server side of the handshake.
func (d *Door) secure(ctx context.Context, conn net.Conn, direct bool) (net.Conn, error) {
	c := tls.Server(conn, &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{alpn},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if hello.ServerName == "" {
				return d.Leaf(d.Name)
			}
			return d.Leaf(hello.ServerName)
		},
	})
	if err := c.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("TLS with the agent: %w", err)
	}
	if direct && c.ConnectionState().NegotiatedProtocol != alpn {
		return nil, errors.New("direct TLS without the protocol name postgresql")
	}
	return c, nil
}

// A packet is what stands at the beginning of a connection.
type packet struct {
	packet []byte
	ahead  []byte // read with it, and behind it
	direct bool   // TLS from the first byte; all of it is in ahead
}

func (p packet) code() uint32 {
	if len(p.packet) < 8 {
		return 0
	}
	return binary.BigEndian.Uint32(p.packet[4:])
}

// read reads one packet of the connection phase. The buffer follows the bytes
// that arrive, not the length that they announce.
func read(conn net.Conn) (packet, error) {
	buf := make([]byte, 0, 1<<10)
	size := 0
	for size == 0 || len(buf) < size {
		if len(buf) == cap(buf) {
			buf = append(make([]byte, 0, 2*cap(buf)), buf...)
		}
		n, err := conn.Read(buf[len(buf):min(cap(buf), wire.MaxStartup)])
		buf = buf[:len(buf)+n]
		if n == 0 && err != nil {
			return packet{}, err
		}
		if len(buf) > 0 && buf[0] == recordHandshake {
			return packet{ahead: buf, direct: true}, nil
		}
		if size == 0 && len(buf) >= 4 {
			if size, err = wire.PacketLen(buf); err != nil {
				return packet{}, err
			}
		}
	}
	return packet{packet: buf[:size], ahead: buf[size:]}, nil
}

// tell says to a client whose packet is malformed what is wrong; it gives err back.
func tell(conn net.Conn, err error) error {
	if !errors.Is(err, wire.ErrMalformed) {
		return err
	}
	if msg, bad := refusal.Fatal("08P01", err.Error(), "").Encode(nil); bad == nil {
		conn.Write(msg) //nolint:errcheck // the connection is given up
	}
	return err
}

// replay gives back what was read to find out that a connection begins with TLS.
type replay struct {
	net.Conn
	ahead []byte
}

func (r *replay) Read(b []byte) (int, error) {
	if len(r.ahead) == 0 {
		return r.Conn.Read(b)
	}
	n := copy(b, r.ahead)
	r.ahead = r.ahead[n:]
	return n, nil
}

var _ io.Reader = (*replay)(nil)
