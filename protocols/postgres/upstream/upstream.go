// Package upstream opens a PostgreSQL session on a fresh connection with a real
// account: TLS request, start-up and authentication, by hand, so that no
// environment, no password file and no lost byte comes in between. It forwards
// no agent's statement and never shows a password to a server that was not asked
// for in the configured way.
package upstream

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"sallyport.dev/sallyport/protocols/postgres/hearsay"
	"sallyport.dev/sallyport/protocols/postgres/wire"
	"sallyport.dev/sallyport/vault"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Timeout bounds the whole of a start-up, TLS aside.
const Timeout = 30 * time.Second

// maxGreeting bounds what a server may say before it is ready.
const maxGreeting = 64 << 10

// A Login is what a session is opened with.
type Login struct {
	Version    uint32 // that is asked for: wire.Version30 or wire.Version32
	User       string
	Password   *vault.Secret // nil: the service has no account, only trust will do
	Demand     Demand
	Parameters []wire.Parameter     // in order; of one name the last one counts
	Encrypted  *tls.ConnectionState // nil: plaintext
	// Words takes secrets out of what the server says; nil: there are none.
	Words func(string) string
}

// A Greeting is what a server said until it was ready.
type Greeting struct {
	Version uint32 // that is spoken
	By      Method // that proved the password
	PID     uint32
	Key     []byte
	Before  []byte // raw ParameterStatus and NoticeResponse messages
	Ready   byte   // transaction status
	Setting map[string]string
}

// Encode appends the greeting as an agent gets it, with a cancel key of ours.
func (g *Greeting) Encode(b, secret []byte) ([]byte, error) {
	b, err := (&pgproto3.AuthenticationOk{}).Encode(b)
	if err != nil {
		return nil, fmt.Errorf("greeting: %w", err)
	}
	b, err = (&pgproto3.BackendKeyData{ProcessID: g.PID, SecretKey: secret}).Encode(append(b, g.Before...))
	if err != nil {
		return nil, fmt.Errorf("greeting: %w", err)
	}
	b, err = (&pgproto3.ReadyForQuery{TxStatus: g.Ready}).Encode(b)
	if err != nil {
		return nil, fmt.Errorf("greeting: %w", err)
	}
	return b, nil
}

// A Refusal is the server's own error, to be passed on as it stands.
type Refusal struct {
	Raw  []byte // the whole ErrorResponse
	Code string // SQLSTATE, or hearsay.Unclear
	Text string // on one line, without secrets
}

func (r *Refusal) Error() string { return fmt.Sprintf("the server says %s: %s", r.Code, r.Text) }

var (
	// ErrNoPassword means that the server let anybody in where an account is
	// configured: it is not the server that the operator meant.
	ErrNoPassword = errors.New("the server asked for no password although the service has one")
	// ErrNoAccount means that the server wants a password and the service has none.
	ErrNoAccount = errors.New("the server asks for a password and the service has no auth")
	errNoKey     = errors.New("cancel: the server gave the session no key to cancel it by")
	errUnproved  = errors.New("SCRAM: the server did not prove that it knows the password")
	errClear     = errors.New("the server asks for a clear-text password over a connection without TLS")
)

// RequestTLS asks for TLS on a fresh connection. It reads exactly one byte, so
// that nothing sent ahead of the handshake is ever taken for the server's word.
func RequestTLS(ctx context.Context, c net.Conn) error {
	stop := Guard(ctx, c)
	defer stop()
	msg, err := (&pgproto3.SSLRequest{}).Encode(nil)
	if err != nil {
		return fmt.Errorf("ask for TLS: %w", err)
	}
	if _, err := c.Write(msg); err != nil {
		return fmt.Errorf("ask for TLS: %w", err)
	}
	var answer [1]byte
	if _, err := io.ReadFull(c, answer[:]); err != nil {
		return fmt.Errorf("ask for TLS: %w", err)
	}
	if answer[0] != 'S' {
		return fmt.Errorf("the server offers no TLS (it said %q)", answer[0])
	}
	return nil
}

// Cancel writes a cancel request and waits until the server has taken it.
func Cancel(ctx context.Context, c net.Conn, pid uint32, key []byte) error {
	if len(key) == 0 {
		return errNoKey
	}
	stop := Guard(ctx, c)
	defer stop()
	msg, err := (&pgproto3.CancelRequest{ProcessID: pid, SecretKey: key}).Encode(nil)
	if err != nil {
		return fmt.Errorf("cancel: %w", err)
	}
	if _, err := c.Write(msg); err != nil {
		return fmt.Errorf("cancel: %w", err)
	}
	var b [1]byte
	if _, err := c.Read(b[:]); err != nil && !errors.Is(err, io.EOF) {
		return nil //nolint:nilerr // a reset is as good an answer as an end
	}
	return nil
}

// Start opens a session: it sends the start-up packet on c and reads s, the
// stream of c, until the server is ready. A *Refusal is the server's own error.
func Start(ctx context.Context, c net.Conn, s *wire.Stream, login Login) (*Greeting, error) {
	stop := Guard(ctx, c)
	defer stop()
	msg, err := wire.EncodeStartup(login.Version, append([]wire.Parameter{{Name: "user", Value: login.User}}, login.Parameters...))
	if err != nil {
		return nil, err
	}
	if _, err := c.Write(msg); err != nil {
		return nil, fmt.Errorf("start-up packet: %w", err)
	}
	version, err := negotiated(s, &login)
	if err != nil {
		return nil, err
	}
	by, err := authenticate(c, s, login)
	if err != nil {
		return nil, err
	}
	return greeting(s, &login, &Greeting{Version: version, By: by, Setting: make(map[string]string)})
}

// negotiated reads which version the server speaks: an older one than asked for,
// if that is the first thing it says.
func negotiated(s *wire.Stream, login *Login) (uint32, error) {
	asked := login.Version
	m, raw, err := next(s, login)
	if err != nil || m.Type != 'v' {
		return asked, err
	}
	body := raw[wire.HeaderLen:]
	if len(body) != 8 || binary.BigEndian.Uint32(body[4:]) != 0 {
		return 0, fmt.Errorf("%w: the server negotiates what nobody asked for", wire.ErrMalformed)
	}
	version := binary.BigEndian.Uint32(body)
	if version>>16 == 0 { // the minor one alone
		version |= wire.Version30
	}
	if version>>16 != wire.Version30>>16 || version >= asked {
		return 0, fmt.Errorf("%w: the server answers protocol %#x with %#x", wire.ErrMalformed, asked, version)
	}
	return version, s.Drop()
}

// maxKey is as long as a cancel key may be.
func maxKey(version uint32) int {
	if version >= wire.Version32 {
		return 256
	}
	return 4
}

// greeting reads from the end of the authentication to ReadyForQuery.
func greeting(s *wire.Stream, login *Login, g *Greeting) (*Greeting, error) {
	for {
		m, raw, err := next(s, login)
		if err != nil {
			return nil, err
		}
		body := raw[wire.HeaderLen:]
		switch m.Type {
		case 'S':
			if name, value, ok := wire.Pair(body); ok {
				g.Setting[name] = value
				if name == "server_version" { // for people; every other means what it is byte by byte
					g.Setting[name] = hearsay.Line(value, login.Words)
				}
			}
			g.Before = append(g.Before, raw...)
		case 'N':
			g.Before = append(g.Before, raw...)
		case 'K':
			if len(body) < 8 || len(body) > 4+maxKey(g.Version) {
				return nil, fmt.Errorf("%w: BackendKeyData of %d bytes", wire.ErrMalformed, len(body))
			}
			g.PID, g.Key = binary.BigEndian.Uint32(body), append([]byte(nil), body[4:]...)
		case 'Z':
			if len(body) != 1 {
				return nil, fmt.Errorf("%w: ReadyForQuery of %d bytes", wire.ErrMalformed, len(body))
			}
			g.Ready = body[0]
			return g, s.Drop()
		default:
			return nil, fmt.Errorf("%w: %q before the server was ready", wire.ErrMalformed, m.Type)
		}
		if len(g.Before) > maxGreeting {
			return nil, fmt.Errorf("%w: a greeting of more than %d bytes", wire.ErrMalformed, maxGreeting)
		}
		if err := s.Drop(); err != nil {
			return nil, err
		}
	}
}

// next gives a whole message of the start-up; an error of the server becomes a
// *Refusal.
func next(s *wire.Stream, login *Login) (wire.Message, []byte, error) {
	m, err := s.Next()
	if err != nil {
		return m, nil, fmt.Errorf("start-up: %w", err)
	}
	if m.Size > maxGreeting {
		return m, nil, fmt.Errorf("%w: %q of %d bytes during start-up", wire.ErrMalformed, m.Type, m.Size)
	}
	raw, err := s.Raw()
	if err != nil {
		return m, nil, fmt.Errorf("start-up: %w", err)
	}
	if m.Type == 'E' {
		body := raw[wire.HeaderLen:]
		return m, nil, &Refusal{
			Raw: append([]byte(nil), raw...), Code: hearsay.Code(wire.Field(body, 'C')), Text: hearsay.Line(wire.Field(body, 'M'), login.Words),
		}
	}
	return m, raw, nil
}

// Guard ends what blocks on c when ctx is done or the time is over.
func Guard(ctx context.Context, c net.Conn) (stop func()) {
	c.SetDeadline(time.Now().Add(Timeout)) //nolint:errcheck // a connection without deadlines still ends with ctx
	end := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
	return func() {
		if end() {
			c.SetDeadline(time.Time{}) //nolint:errcheck // see above
		}
	}
}
