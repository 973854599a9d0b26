package upstream

import (
	"crypto/md5" //nolint:gosec // the protocol's own scheme
	"encoding/hex"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"sallyport.dev/sallyport/protocols/postgres/wire"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/xdg-go/scram"
)

// maxIterations bounds the work that a server may ask for; PostgreSQL's default
// is 4,096.
const maxIterations = 600_000

// The authentication requests of the protocol.
const (
	authOK           = 0
	authClear        = 3
	authMD5          = 5
	authSASL         = 10
	authSASLContinue = 11
	authSASLFinal    = 12
)

const (
	mechanism     = "SCRAM-SHA-256"
	mechanismPlus = "SCRAM-SHA-256-PLUS"
)

// authenticate answers what the server asks for until it is satisfied, and gives
// the method that satisfied it. With a password the server must have asked for
// it, once, and in no weaker way than is demanded; SCRAM must have proved that the
// server knows it too. Without one only trust will do.
func authenticate(c net.Conn, s *wire.Stream, login Login) (Method, error) {
	var by Method
	for {
		kind, data, err := request(s, &login)
		switch {
		case err != nil:
			return 0, err
		case kind == authOK && login.Password != nil && by == 0:
			return 0, ErrNoPassword
		case kind == authOK:
			return by, nil
		case login.Password == nil:
			return 0, ErrNoAccount
		case by != 0:
			return 0, fmt.Errorf("%w: a second authentication", wire.ErrMalformed)
		}
		if by, err = prove(c, s, login, kind, data); err != nil {
			return 0, err
		}
	}
}

// prove answers one request for a password.
func prove(c net.Conn, s *wire.Stream, login Login, kind uint32, data []byte) (Method, error) {
	switch kind {
	case authClear:
		if login.Encrypted == nil {
			return 0, errClear
		}
		if err := login.Demand.allows(Clear); err != nil {
			return 0, err
		}
		return Clear, answer(c, string(login.Password.Reveal()))
	case authMD5:
		if len(data) != 4 {
			return 0, fmt.Errorf("%w: a salt of %d bytes", wire.ErrMalformed, len(data))
		}
		if err := login.Demand.allows(MD5); err != nil {
			return 0, err
		}
		return MD5, answer(c, md5Password(login.User, login.Password.Reveal(), data))
	case authSASL:
		return sasl(c, s, login, data)
	}
	return 0, fmt.Errorf("the server asks for authentication of kind %d, which is not supported", kind)
}

// request gives the kind and a copy of the data of the next authentication request.
func request(s *wire.Stream, login *Login) (kind uint32, data []byte, err error) {
	m, raw, err := next(s, login)
	if err != nil {
		return 0, nil, err
	}
	if m.Type != 'R' || m.Body() < 4 {
		return 0, nil, fmt.Errorf("%w: %q where an authentication request belongs", wire.ErrMalformed, m.Type)
	}
	body := slices.Clone(raw[wire.HeaderLen:])
	if err := s.Drop(); err != nil {
		return 0, nil, err
	}
	kind = uint32(body[0])<<24 | uint32(body[1])<<16 | uint32(body[2])<<8 | uint32(body[3])
	return kind, body[4:], nil
}

func answer(c net.Conn, text string) error {
	msg, err := (&pgproto3.PasswordMessage{Password: text}).Encode(nil)
	return write(c, msg, err)
}

func write(c net.Conn, msg []byte, err error) error {
	if err != nil {
		return fmt.Errorf("authentication: %w", err)
	}
	if _, err := c.Write(msg); err != nil {
		return fmt.Errorf("authentication: %w", err)
	}
	return nil
}

func md5Password(user string, password, salt []byte) string {
	inner := md5.Sum(append(slices.Clone(password), user...)) //nolint:gosec // see the import
	outer := md5.Sum(append([]byte(hex.EncodeToString(inner[:])), salt...))
	return "md5" + hex.EncodeToString(outer[:])
}

// sasl runs SCRAM-SHA-256, bound to the server's certificate where both ends can,
// up to and including the server's proof.
func sasl(c net.Conn, s *wire.Stream, login Login, offer []byte) (Method, error) {
	conv, by, err := conversation(login, strings.Split(strings.TrimRight(string(offer), "\x00"), "\x00"))
	if err != nil {
		return 0, err
	}
	if err := login.Demand.allows(by); err != nil {
		return 0, err
	}
	first, err := conv.Step("")
	if err != nil {
		return 0, fmt.Errorf("SCRAM: %w", err)
	}
	name := mechanism
	if by == Bound {
		name = mechanismPlus
	}
	msg, err := (&pgproto3.SASLInitialResponse{AuthMechanism: name, Data: []byte(first)}).Encode(nil)
	if err := write(c, msg, err); err != nil {
		return 0, err
	}
	return by, exchange(c, s, &login, conv)
}

// exchange proves the password and has the server prove that it knows it.
func exchange(c net.Conn, s *wire.Stream, login *Login, conv *scram.ClientConversation) error {
	kind, data, err := request(s, login)
	if err != nil {
		return err
	}
	if kind != authSASLContinue {
		return fmt.Errorf("%w: SCRAM goes on with request %d", wire.ErrMalformed, kind)
	}
	if n := iterations(string(data)); n > maxIterations {
		return fmt.Errorf("SCRAM: the server asks for %d iterations, more than %d", n, maxIterations)
	}
	proof, err := conv.Step(string(data))
	if err != nil {
		return fmt.Errorf("SCRAM: %w", err)
	}
	msg, err := (&pgproto3.SASLResponse{Data: []byte(proof)}).Encode(nil)
	if err := write(c, msg, err); err != nil {
		return err
	}
	kind, data, err = request(s, login)
	if err != nil {
		return err
	}
	if kind != authSASLFinal {
		return fmt.Errorf("%w: SCRAM ends with request %d", wire.ErrMalformed, kind)
	}
	if _, err := conv.Step(string(data)); err != nil {
		return fmt.Errorf("SCRAM: the server does not prove that it knows the password: %w", err)
	}
	if !conv.Valid() {
		return errUnproved
	}
	return nil
}

// conversation picks the mechanism: with channel binding where the connection is
// encrypted and the server offers it.
func conversation(login Login, offered []string) (*scram.ClientConversation, Method, error) {
	password := string(login.Password.Reveal())
	client, err := scram.SHA256.NewClient("", password, "")
	if err != nil { // like the server: a password that SASLprep refuses is taken as it is
		if client, err = scram.SHA256.NewClientUnprepped("", password, ""); err != nil {
			return nil, 0, fmt.Errorf("SCRAM: %w", err)
		}
	}
	var binding scram.ChannelBinding
	if login.Encrypted != nil {
		// A certificate without a hash of its own (Ed25519) cannot be bound to.
		binding, err = scram.NewTLSServerEndpointBinding(login.Encrypted)
	}
	canBind := login.Encrypted != nil && err == nil
	switch {
	case canBind && slices.Contains(offered, mechanismPlus):
		return client.NewConversationWithChannelBinding(binding), Bound, nil
	case !slices.Contains(offered, mechanism):
		return nil, 0, fmt.Errorf("the server offers %q, none of which is supported", offered)
	case canBind: // a server that could have bound finds out that somebody hid it
		return client.NewConversationAdvertisingChannelBinding(), SCRAM, nil
	}
	return client.NewConversation(), SCRAM, nil
}

// iterations reads i= of the server's first message; 0 if there is none.
func iterations(first string) int {
	for field := range strings.SplitSeq(first, ",") {
		if v, ok := strings.CutPrefix(field, "i="); ok {
			n, err := strconv.Atoi(v)
			if err != nil {
				return maxIterations + 1
			}
			return n
		}
	}
	return 0
}
