// Package peek reads the name that a connection is for out of its first bytes:
// SNI, or Host. It answers nothing but a refusal, and what it read is not lost to
// the protocol that serves the connection afterwards.
package peek

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"sallyport.dev/sallyport/netstack"
)

const (
	peekTimeout = 10 * time.Second
	maxPeek     = 64 << 10 // a ClientHello, or the head of a request
	// refuseTimeout is what an agent has to take in why it is refused.
	refuseTimeout = 250 * time.Millisecond
)

var (
	errNoName = errors.New("no name in the first bytes")
	errPeeked = errors.New("the ClientHello was read")
)

// A Flow is one whose name was read from its first bytes. Its Accept gives
// the accepted connection with nothing missing.
type Flow struct {
	netstack.Flow
	conn  net.Conn
	plain bool // HTTP without TLS
}

// Name accepts a flow and reads its name: SNI, or Host.
func Name(ctx context.Context, nf netstack.Flow) (*Flow, error) {
	c, err := nf.Accept()
	if err != nil {
		return nil, fmt.Errorf("accept from %s: %w", nf.Peer.Name, err)
	}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	p := &Flow{Flow: nf, conn: c}
	if err := p.read(); err != nil {
		c.Close()
		return nil, fmt.Errorf("peek at %s: %w", nf.Peer.Name, err)
	}
	return p, nil
}

func (p *Flow) read() error {
	if err := p.conn.SetReadDeadline(time.Now().Add(peekTimeout)); err != nil {
		return err
	}
	seen := &recorder{Conn: p.conn}
	var err error
	if p.Host, p.plain, err = nameIn(seen); err != nil {
		return err
	}
	p.Accept = func() (net.Conn, error) { return &replay{Conn: p.conn, first: seen.seen.Bytes()}, nil }
	return p.conn.SetReadDeadline(time.Time{})
}

// Refuse tells a plain HTTP client why; whoever speaks TLS would see only a
// certificate that it must not trust, and is hung up on.
func (p *Flow) Refuse(reason string) {
	if p.plain {
		body, err := json.Marshal(map[string]any{"type": "about:blank", "title": "Forbidden", "status": http.StatusForbidden, "detail": reason})
		if err == nil && p.conn.SetWriteDeadline(time.Now().Add(refuseTimeout)) == nil {
			fmt.Fprintf(p.conn, "HTTP/1.1 403 Forbidden\r\nContent-Type: application/problem+json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(body), body)
		}
	}
	p.conn.Close()
}

// nameIn reads the name out of a ClientHello (RFC 6066 §3) or a request head.
func nameIn(r *recorder) (name string, plain bool, err error) {
	first := make([]byte, 1)
	if _, err := io.ReadFull(r, first); err != nil {
		return "", false, err
	}
	switch b := first[0]; {
	case b == 0x16:
		name, err = sni(r, first)
	case 'A' <= b && b <= 'Z':
		plain = true
		name, err = hostHeader(io.MultiReader(bytes.NewReader(first), r))
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if err == nil && name == "" {
		err = errNoName
	}
	return name, plain, err
}

// sni lets crypto/tls read the ClientHello, over several records if need be,
// and answers nothing.
func sni(r *recorder, first []byte) (string, error) {
	var name string
	hello := &replay{Conn: r, first: first, mute: true}
	err := tls.Server(hello, &tls.Config{
		GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			name = h.ServerName
			return nil, errPeeked
		},
	}).Handshake()
	if errors.Is(err, errPeeked) {
		return name, nil
	}
	return "", fmt.Errorf("read the ClientHello: %w", err)
}

func hostHeader(r io.Reader) (string, error) {
	req, err := http.ReadRequest(bufio.NewReaderSize(io.LimitReader(r, maxPeek), 4<<10))
	if err != nil {
		return "", fmt.Errorf("read the request head: %w", err)
	}
	host := req.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return host, nil
}

// A recorder keeps what was read, up to maxPeek bytes.
type recorder struct {
	net.Conn
	seen bytes.Buffer
}

func (r *recorder) Read(b []byte) (int, error) {
	if r.seen.Len() >= maxPeek {
		return 0, fmt.Errorf("more than %d bytes without a name", maxPeek)
	}
	n, err := r.Conn.Read(b[:min(len(b), maxPeek-r.seen.Len())])
	r.seen.Write(b[:n])
	return n, err
}

// A replay gives first, then the rest of the connection. A mute one swallows
// what is written and cannot be closed.
type replay struct {
	net.Conn
	first []byte
	mute  bool
}

func (r *replay) Read(b []byte) (int, error) {
	if len(r.first) > 0 {
		n := copy(b, r.first)
		r.first = r.first[n:]
		return n, nil
	}
	return r.Conn.Read(b)
}

func (r *replay) Write(b []byte) (int, error) {
	if r.mute {
		return len(b), nil
	}
	return r.Conn.Write(b)
}

func (r *replay) Close() error {
	if r.mute {
		return nil
	}
	return r.Conn.Close()
}

// CloseWrite half-closes where the connection can.
func (r *replay) CloseWrite() error {
	if c, ok := r.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return r.Close()
}
