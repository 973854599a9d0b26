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

// authenticate answers what the server asks for until it is satisfied. With a
// password the server must have asked for it, and SCRAM must have proved that it
// knows it too; without one only trust will do.
func authenticate(c net.Conn, s *wire.Stream, login Login) error {
	proved := false
	for {
		kind, data, err := request(s)
		if err != nil {
			return err
		}
		if kind != authOK && login.Password == nil {
			return ErrNoAccount
		}
		switch kind {
		case authOK:
			if login.Password != nil && !proved {
				return ErrNoPassword
			}
			return nil
		case authClear:
			if login.Encrypted == nil {
				return errClear
			}
			err = answer(c, string(login.Password.Reveal()))
		case authMD5:
			if len(data) != 4 {
				return fmt.Errorf("%w: a salt of %d bytes", wire.ErrMalformed, len(data))
			}
			err = answer(c, md5Password(login.User, login.Password.Reveal(), data))
		case authSASL:
			err = sasl(c, s, login, data)
		default:
			return fmt.Errorf("the server asks for authentication of kind %d, which is not supported", kind)
		}
		if err != nil {
			return err
		}
		if proved {
			return fmt.Errorf("%w: a second authentication", wire.ErrMalformed)
		}
		proved = true
	}
}

// request gives the kind and a copy of the data of the next authentication request.
func request(s *wire.Stream) (kind uint32, data []byte, err error) {
	m, raw, err := next(s)
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
func sasl(c net.Conn, s *wire.Stream, login Login, offer []byte) error {
	conv, name, err := conversation(login, strings.Split(strings.TrimRight(string(offer), "\x00"), "\x00"))
	if err != nil {
		return err
	}
	first, err := conv.Step("")
	if err != nil {
		return fmt.Errorf("SCRAM: %w", err)
	}
	msg, err := (&pgproto3.SASLInitialResponse{AuthMechanism: name, Data: []byte(first)}).Encode(nil)
	if err := write(c, msg, err); err != nil {
		return err
	}
	kind, data, err := request(s)
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
	msg, err = (&pgproto3.SASLResponse{Data: []byte(proof)}).Encode(nil)
	if err := write(c, msg, err); err != nil {
		return err
	}
	kind, data, err = request(s)
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
func conversation(login Login, offered []string) (*scram.ClientConversation, string, error) {
	password := string(login.Password.Reveal())
	client, err := scram.SHA256.NewClient("", password, "")
	if err != nil { // like the server: a password that SASLprep refuses is taken as it is
		if client, err = scram.SHA256.NewClientUnprepped("", password, ""); err != nil {
			return nil, "", fmt.Errorf("SCRAM: %w", err)
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
		return client.NewConversationWithChannelBinding(binding), mechanismPlus, nil
	case !slices.Contains(offered, mechanism):
		return nil, "", fmt.Errorf("the server offers %q, none of which is supported", offered)
	case canBind:
		return client.NewConversationAdvertisingChannelBinding(), mechanism, nil
	}
	return client.NewConversation(), mechanism, nil
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
