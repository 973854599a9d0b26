package gateway

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
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
)

var (
	errNoName = errors.New("no name in the first bytes")
	errPeeked = errors.New("the ClientHello was read")
)

// peekName accepts a flow and reads its name: SNI, or Host. The flow it returns
// gives the accepted connection with nothing missing.
func peekName(ctx context.Context, nf netstack.Flow) (netstack.Flow, error) {
	c, err := nf.Accept()
	if err != nil {
		return nf, fmt.Errorf("accept from %s: %w", nf.Peer.Name, err)
	}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	if err := c.SetReadDeadline(time.Now().Add(peekTimeout)); err != nil {
		return nf, fmt.Errorf("peek at %s: %w", nf.Peer.Name, err)
	}
	seen := &recorder{Conn: c}
	name, err := nameIn(seen)
	if err != nil {
		c.Close()
		return nf, fmt.Errorf("peek at %s: %w", nf.Peer.Name, err)
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		return nf, fmt.Errorf("peek at %s: %w", nf.Peer.Name, err)
	}
	nf.Host = name
	nf.Accept = func() (net.Conn, error) { return &replay{Conn: c, first: seen.seen.Bytes()}, nil }
	return nf, nil
}

// nameIn reads the name out of a ClientHello (RFC 6066 §3) or a request head.
func nameIn(r *recorder) (string, error) {
	first := make([]byte, 1)
	if _, err := io.ReadFull(r, first); err != nil {
		return "", err
	}
	var name string
	var err error
	switch b := first[0]; {
	case b == 0x16:
		name, err = sni(r, first)
	case 'A' <= b && b <= 'Z':
		name, err = hostHeader(io.MultiReader(bytes.NewReader(first), r))
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if err == nil && name == "" {
		err = errNoName
	}
	return name, err
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
