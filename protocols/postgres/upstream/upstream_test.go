package upstream

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/protocols/postgres/wire"
	"sallyport.dev/sallyport/vault"

	"github.com/jackc/pgx/v5/pgproto3"
)

// A server is a connection to one that says what a test wrote down.
type server struct {
	net.Conn
	says  *bytes.Reader
	heard bytes.Buffer
}

func (s *server) Read(b []byte) (int, error)  { return s.says.Read(b) }
func (s *server) Write(b []byte) (int, error) { return s.heard.Write(b) }
func (s *server) SetDeadline(time.Time) error { return nil }

// start opens a session on a server that says this.
func start(says []byte, login Login) (*Greeting, *server, error) {
	c := &server{says: bytes.NewReader(says)}
	stream, err := wire.NewStream(c, nil, wire.NewPool())
	if err != nil {
		return nil, c, err
	}
	g, err := Start(context.Background(), c, stream, login)
	return g, c, err
}

// script encodes what a server says.
func script(ms ...pgproto3.BackendMessage) []byte {
	var b []byte
	for _, m := range ms {
		b, _ = m.Encode(b)
	}
	return b
}

func canary() *vault.Secret {
	s := vault.NewSecret([]byte("canary-pw"))
	return &s
}

func TestStart(t *testing.T) {
	ok, ready := &pgproto3.AuthenticationOk{}, &pgproto3.ReadyForQuery{TxStatus: 'I'}
	key := func(n int) *pgproto3.BackendKeyData {
		return &pgproto3.BackendKeyData{ProcessID: 7, SecretKey: make([]byte, n)}
	}
	down := func(v uint32, options ...string) *pgproto3.NegotiateProtocolVersion {
		return &pgproto3.NegotiateProtocolVersion{NewestMinorProtocol: v, UnrecognizedOptions: options}
	}
	for _, c := range []struct {
		name    string
		version uint32
		says    []byte
		want    string // the length of the key, or a part of the error
	}{
		{"3.0", wire.Version30, script(ok, key(4), ready), "4"},
		{"no key at all", wire.Version30, script(ok, ready), "0"},
		{"3.2", wire.Version32, script(ok, key(32), ready), "32"},
		{"the longest key", wire.Version32, script(ok, key(256), ready), "256"},
		{"3.2 answered with 3.0", wire.Version32, script(down(wire.Version30), ok, key(4), ready), "4"},
		{"with the minor version alone", wire.Version32, script(down(0), ok, key(4), ready), "4"},
		{"a longer key", wire.Version32, script(ok, key(257), ready), "BackendKeyData of 261 bytes"},
		{"a long key in 3.0", wire.Version32, script(down(wire.Version30), ok, key(5), ready), "BackendKeyData of 9 bytes"},
		{"an answer that is newer", wire.Version32, script(down(wire.Version32+1), ok, key(4), ready), "answers protocol"},
		{"another protocol", wire.Version32, script(down(2<<16), ok, key(4), ready), "answers protocol"},
		{"options that nobody sent", wire.Version32, script(down(wire.Version30, "_pq_.x"), ok, key(4), ready), "what nobody asked for"},
		{"too late", wire.Version32, script(ok, down(wire.Version30), key(4), ready), "before the server was ready"},
		{"twice", wire.Version32, script(down(wire.Version30), down(wire.Version30), ok, ready), "where an authentication request belongs"},
	} {
		g, heard, err := start(c.says, Login{Version: c.version, User: "u"})
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = fmt.Sprint(len(g.Key))
		}
		if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		if v := binary.BigEndian.Uint32(heard.heard.Bytes()[4:]); v != c.version {
			t.Errorf("%s: asked for %#x", c.name, v)
		}
	}
}

// T31: what a server says of a password is masked before it is cut to a line, wherever
// in its words it stands, and although it holds what no line may.
func TestT31_WordsAreMaskedBeforeTheyAreCut(t *testing.T) {
	const secret = "canary\npw-of-the-account"
	password := vault.NewSecret([]byte(secret))
	login := Login{Version: wire.Version30, User: "u", Password: &password, Words: func(s string) string {
		return strings.ReplaceAll(s, secret, strings.Repeat("*", len(secret)))
	}}
	for n := range 520 {
		said := strings.Repeat("x", n) + secret
		_, _, err := start(script(&pgproto3.ErrorResponse{Code: "28P01", Message: said}), login)
		if err == nil || strings.Contains(err.Error(), "can") || strings.Contains(err.Error(), "pw") {
			t.Fatalf("after %d: %v", n, err)
		}
		g, _, err := start(script(&pgproto3.AuthenticationOk{}, &pgproto3.ParameterStatus{Name: "server_version", Value: said}, &pgproto3.ReadyForQuery{TxStatus: 'I'}),
			Login{Version: wire.Version30, User: "u", Words: login.Words})
		if err != nil {
			t.Fatal(err)
		}
		if v := g.Setting["server_version"]; strings.Contains(v, "can") || strings.Contains(v, "pw") {
			t.Fatalf("after %d: %q", n, v)
		}
	}
}

func TestDemands(t *testing.T) {
	a := Account{"app_db", "10.0.0.7:5432", "ro"}
	var m Memory
	for _, c := range []struct {
		name   string
		note   Method
		stated Method
		asked  Method
		ok     bool
	}{
		{"nothing known", 0, 0, Clear, true},
		{"as before", SCRAM, 0, SCRAM, true},
		{"better than before", SCRAM, 0, Bound, true},
		{"weaker than before", SCRAM, 0, MD5, false},
		{"no channel binding any more", Bound, 0, SCRAM, false},
		{"stated, weaker than before", Bound, Clear, Clear, true},
		{"stated, stronger than before", Clear, SCRAM, MD5, false},
	} {
		if c.note != 0 {
			m.Note(a, c.note)
		}
		if err := m.Demand(a, c.stated).allows(c.asked); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if d := m.Demand(Account{"app_db", "10.0.0.8:5432", "ro"}, 0); d.Least != 0 {
		t.Errorf("another address is held to %s", d.Least)
	}
	for i := range 2 * maxAccounts {
		m.Note(Account{Address: fmt.Sprint(i)}, MD5)
	}
	if len(m.last) > maxAccounts {
		t.Errorf("%d accounts are remembered", len(m.last))
	}
	for _, name := range []string{"", "password", "md5", "scram-sha-256", "scram-sha-256-plus"} {
		got, err := ParseMethod(name)
		if err != nil || name != "" && got.String() != name {
			t.Errorf("%q: %s, %v", name, got, err)
		}
	}
	for _, name := range []string{"trust", "scram", "SCRAM-SHA-256"} {
		if got, err := ParseMethod(name); err == nil {
			t.Errorf("%q is %s", name, got)
		}
	}
}

// encrypted is a TLS connection to a server with a certificate of this key.
func encrypted(t *testing.T, key crypto.Signer) *tls.ConnectionState {
	t.Helper()
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{cert}}
}

func TestMechanisms(t *testing.T) {
	usual, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, hashless, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		state   *tls.ConnectionState
		offered string
		by      Method
		first   string // how the client's first message begins
	}{
		{"both over TLS", encrypted(t, usual), mechanism + " " + mechanismPlus, Bound, "p=tls-server-end-point,"},
		{"no binding offered, which the server can tell from one hidden", encrypted(t, usual), mechanism, SCRAM, "y,"},
		{"a certificate that cannot be bound to", encrypted(t, hashless), mechanism + " " + mechanismPlus, SCRAM, "n,"},
		{"in plain", nil, mechanism, SCRAM, "n,"},
		{"binding alone, in plain", nil, mechanismPlus, 0, ""},
		{"something else", encrypted(t, usual), "OAUTHBEARER", 0, ""},
	} {
		conv, by, err := conversation(Login{Password: canary(), Encrypted: c.state}, strings.Fields(c.offered))
		if by != c.by || (err == nil) != (c.by != 0) {
			t.Errorf("%s: %s, %v", c.name, by, err)
		}
		if err != nil {
			continue
		}
		if first, err := conv.Step(""); err != nil || !strings.HasPrefix(first, c.first) {
			t.Errorf("%s: %q, %v", c.name, first, err)
		}
	}
}

func TestCancelNeedsAKey(t *testing.T) {
	c := &server{says: bytes.NewReader(nil)}
	if err := Cancel(t.Context(), c, 7, nil); err == nil || c.heard.Len() > 0 {
		t.Errorf("%v, and the server heard %x", err, c.heard.Bytes())
	}
	if err := Cancel(t.Context(), c, 7, make([]byte, 32)); err != nil || c.heard.Len() != 12+32 {
		t.Errorf("%v, and the server heard %x", err, c.heard.Bytes())
	}
}

// FuzzStart holds that no server panics or hangs the gateway, and that none sees
// the password in plain text without TLS.
func FuzzStart(f *testing.F) {
	ok, ready := &pgproto3.AuthenticationOk{}, &pgproto3.ReadyForQuery{TxStatus: 'I'}
	f.Add(script(&pgproto3.NegotiateProtocolVersion{NewestMinorProtocol: wire.Version30}, ok, ready))
	f.Add(script(&pgproto3.AuthenticationMD5Password{}, ok, &pgproto3.ParameterStatus{Name: "a", Value: "b"}, ready))
	f.Add(script(&pgproto3.AuthenticationCleartextPassword{}, ok, ready))
	f.Add(script(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{mechanism, mechanismPlus}}, &pgproto3.AuthenticationSASLContinue{Data: []byte("r=a,s=YQ==,i=4096")}))
	f.Add(script(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "28P01", Message: "no"}))
	f.Fuzz(func(t *testing.T, says []byte) {
		g, c, err := start(says, Login{Version: wire.Version32, User: "u", Password: canary()})
		if bytes.Contains(c.heard.Bytes(), canary().Reveal()) {
			t.Error("the password travelled in clear text")
		}
		if err == nil && (g.By == 0 || g.By == Clear) {
			t.Errorf("logged in by %s", g.By)
		}
	})
}
