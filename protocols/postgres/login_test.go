package postgres

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/answer"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/xdg-go/scram"
)

func plaintext(l *line) { l.service.Plaintext = true }

func as(user string) func(*line) {
	return func(l *line) {
		if user == "" {
			l.auth = nil
			return
		}
		l.auth = &action.Auth{Scheme: "password", Name: user, Secrets: []string{"app_db"}}
	}
}

func withSecret(secret string) func(*line) { return func(l *line) { l.secret = secret } }

// least states the weakest method that may take the service's password.
func least(method string) func(*line) { return func(l *line) { l.auth.Least = method } }

func TestWaysToLogIn(t *testing.T) {
	for _, c := range []struct {
		name string
		set  []func(*line)
		user string // that the agent sends
		want string
	}{
		{"SCRAM bound to TLS, as stated", []func(*line){as("scram_ro"), least("scram-sha-256-plus")}, "x", "scram_ro"},
		{"SCRAM in plain, stated as bound", []func(*line){as("scram_ro"), least("scram-sha-256-plus"), plaintext}, "x", "08006"},
		{"MD5 where SCRAM is stated", []func(*line){as("md5_ro"), least("scram-sha-256")}, "x", "08006"},
		{"clear text where MD5 is stated", []func(*line){as("clear_ro"), least("md5")}, "x", "08006"},
		{"MD5, as stated", []func(*line){as("md5_ro"), least("md5")}, "x", "md5_ro"},
		{"SCRAM where MD5 would do", []func(*line){as("scram_ro"), least("md5")}, "x", "scram_ro"},
		{"SCRAM bound to TLS", []func(*line){as("scram_ro")}, "x", "scram_ro"},
		{"a password as the server keeps it", []func(*line){as("prepped"), withSecret("pafiIX")}, "x", "prepped"},
		{"a password that SASLprep changes", []func(*line){as("prepped"), withSecret("p\u00ada\ufb01\u2168")}, "x", "prepped"},
		{"a password that is wrong", []func(*line){as("prepped"), withSecret("pafi")}, "x", "28P01"},
		{"SCRAM in plain", []func(*line){as("scram_ro"), plaintext}, "x", "scram_ro"},
		{"MD5", []func(*line){as("md5_ro")}, "x", "md5_ro"},
		{"MD5 in plain", []func(*line){as("md5_ro"), plaintext}, "x", "md5_ro"},
		{"clear text over TLS", []func(*line){as("clear_ro")}, "x", "clear_ro"},
		{"clear text in plain", []func(*line){as("clear_ro"), plaintext}, "x", "08006"},
		{"trust although there is a password", []func(*line){as("trusting")}, "x", "08006"},
		{"trust without an account", []func(*line){as("")}, "trusting", "trusting"},
		{"a password without an account", []func(*line){as("")}, "scram_ro", "08006"},
		{"an account that does not exist", []func(*line){as("nobody_here")}, "x", "28000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLine(t, c.set...)
			conn, err := pgx.Connect(t.Context(), strings.Replace(l.url(""), "anybody", c.user, 1))
			if err != nil {
				if code(err) != c.want {
					t.Errorf("%v, want %s", err, c.want)
				}
				await(t, "the record is closed", func() bool { got := l.find("connect"); return len(got) == 1 && got[0].done })
				if got := l.find("connect"); !got[0].result.Failed || strings.Contains(got[0].result.Err, password) {
					t.Errorf("records: %+v", got)
				}
				return
			}
			defer conn.Close(t.Context())
			var who string
			if err := conn.QueryRow(t.Context(), "SELECT current_user").Scan(&who); err != nil || who != c.want {
				t.Errorf("%q, %v, want %s", who, err, c.want)
			}
		})
	}
}

func TestStartUpErrorsAreTheServersOwn(t *testing.T) {
	db := needDatabase(t)
	limit := func(n int) {
		if out, err := db.psql("postgres", fmt.Sprintf("ALTER ROLE md5_ro CONNECTION LIMIT %d", n)); err != nil {
			t.Fatal(err, out)
		}
	}
	limit(0)
	defer limit(-1)
	for _, c := range []struct{ name, user, database, settings, code string }{
		{"no such database", "scram_ro", "missing", "", "3D000"},
		{"too many connections", "md5_ro", "app", "", "53300"},
		{"a value that it does not take", "scram_ro", "app", "&TimeZone=Nowhere/Land", "22023"},
		{"no such account", "nobody_here", "app", "", "28000"},
	} {
		l := newLine(t, as(c.user), plaintext)
		tell := func(user string, port int) *pgconn.PgError {
			t.Helper()
			_, err := pgx.Connect(t.Context(), fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/%s?sslmode=disable%s", user, password, port, c.database, c.settings))
			var said *pgconn.PgError
			if !errors.As(err, &said) {
				t.Fatalf("%s: %v", c.name, err)
			}
			return said
		}
		direct, through := tell(c.user, db.port), tell("anybody", l.port())
		if *direct != *through || through.Code != c.code {
			t.Errorf("%s:\n%+v, and through the gateway\n%+v", c.name, *direct, *through)
		}
	}
}

func TestStartUpParameters(t *testing.T) {
	l := newLine(t)
	cl := l.ready(t, "application_name", "it", "options", `-c TimeZone=Asia/Tokyo --search_path=pg_temp,\ public`, "DateStyle", "German")
	cl.send(query("SELECT current_setting('application_name')||'|'||current_setting('TimeZone')||'|'||current_setting('search_path')||'|'||current_setting('DateStyle')"))
	if got := cl.until('Z'); !strings.Contains(got, "C:SELECT 1") {
		t.Error(got)
	}
	out, err := l.psql("&application_name=it&options=-c%20TimeZone%3DAsia/Tokyo", "SHOW application_name; SHOW TimeZone;")
	if err != nil || out != "it\nAsia/Tokyo" {
		t.Errorf("%v: %s", err, out)
	}
	for _, bad := range [][]string{
		{"statement_timeout", "0"},
		{"options", "-c session_preload_libraries=x"},
		{"options", "-W 5"},
		{"replication", "true"},
		{"replication", "database"},
		{"client_encoding", "SJIS"},
		{"options", "-c client_encoding=GBK"},
		{"role", "root"},
		{"search_path", "evil, pg_catalog"},
		{"options", `-c search_path="pg_catalog",x`},
	} {
		if got := l.open(t, bad...).until('E'); got != "E:42501" {
			t.Errorf("%v: %s", bad, got)
		}
	}
	for _, r := range l.find("connect")[2:] {
		if r.decision.Verdict != action.Deny {
			t.Errorf("%+v", r.decision)
		}
	}
	if l.dials != 2 {
		t.Errorf("%d dials, want 2", l.dials)
	}
}

func TestDatabasesBindBeforeRules(t *testing.T) {
	l := newLine(t, func(l *line) { l.service.Databases = []string{"reports"} })
	if got := l.open(t).until('E'); got != "E:42501" {
		t.Error(got)
	}
	if l.dials != 0 {
		t.Error("it was dialled")
	}
}

func TestADeniedConnectDoesNotDial(t *testing.T) {
	l := newLine(t, func(l *line) {
		l.decide = func(*action.Action) action.Decision { return action.Decision{Reason: "not at night"} }
	})
	if got := l.open(t).until('E'); got != "E:42501" {
		t.Error(got)
	}
	if got := l.find("connect"); len(got) != 1 || l.dials != 0 {
		t.Errorf("%d dials, %+v", l.dials, got)
	}
}

func TestAgentsMayInsistOnTLS(t *testing.T) {
	l := newLine(t)
	for _, how := range []string{"require", "prefer"} {
		out, err := l.psql("&sslmode="+how, "SELECT 'through ' || 'TLS'; \\conninfo")
		if err != nil || !strings.Contains(out, "through TLS") || !strings.Contains(out, "TLSv1.3") {
			t.Errorf("%s: %v: %s", how, err, out)
		}
	}
	c, err := pgx.Connect(t.Context(), fmt.Sprintf("postgres://a:b@127.0.0.1:%d/app?sslmode=require&sslnegotiation=direct", l.port()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	if _, err := c.Exec(t.Context(), "SELECT 1"); err != nil {
		t.Error(err)
	}
}

func TestDirectTLSNeedsItsName(t *testing.T) {
	l := newLine(t)
	c := tls.Client(l.raw(t), &tls.Config{InsecureSkipVerify: true})
	if _, err := c.Write([]byte{0, 0, 0, 9, 0, 3, 0, 0, 0}); err != nil {
		return
	}
	if n, err := c.Read(make([]byte, 1)); err == nil {
		t.Errorf("%d bytes answered", n)
	}
}

var (
	sslRequest = []byte{0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f}
	gssRequest = []byte{0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30}
)

func TestT38_BytesAheadOfTLSAreRefused(t *testing.T) {
	startup, err := (&pgproto3.StartupMessage{ProtocolVersion: 196608, Parameters: map[string]string{"user": "u", "database": "app"}}).Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"with SSLRequest":    append(append([]byte{}, sslRequest...), startup...),
		"with GSSENCRequest": append(append([]byte{}, gssRequest...), startup...),
	} {
		l := newLine(t)
		c := l.raw(t)
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(c)
		if err != nil && !strings.Contains(err.Error(), "reset") {
			t.Fatal(err)
		}
		if len(got) > 0 {
			t.Errorf("%s: answered %q", name, got)
		}
		if len(l.find("connect")) != 0 {
			t.Errorf("%s: the injected start-up was taken", name)
		}
	}
}

func TestT38_GSSIsRefusedOnceAndTLSStillPossible(t *testing.T) {
	l := newLine(t)
	c := l.raw(t)
	one := make([]byte, 1)
	for i, step := range []struct {
		send []byte
		want byte
	}{{gssRequest, 'N'}, {sslRequest, 'S'}} {
		if _, err := c.Write(step.send); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, one); err != nil || one[0] != step.want {
			t.Fatalf("step %d: %q, %v", i, one, err)
		}
	}
	if err := tls.Client(c, &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"}).Handshake(); err != nil {
		t.Error(err)
	}
	c = l.raw(t)
	c.Write(gssRequest)
	io.ReadFull(c, one)
	c.Write(gssRequest)
	if b, _ := io.ReadAll(c); len(b) > 0 && b[0] == 'N' {
		t.Errorf("a second GSS request was answered %q", b)
	}
}

func TestT38_CancelKeysAreOursAndBoundToTheAgent(t *testing.T) {
	l := newLine(t)
	cl := l.ready(t)
	cl.send(query("SELECT pg_backend_pid()"))
	var pid string
	fmt.Sscanf(cl.until('Z'), "D:%s", &pid)
	if pid != fmt.Sprint(cl.key.ProcessID) {
		t.Errorf("process id %d towards the agent, %s on the server", cl.key.ProcessID, pid)
	}
	other := newLine(t, func(o *line) { o.proto, o.agent = l.proto, "agent-2" })
	cl.send(query("SELECT pg_sleep(1)"))
	await(t, "the query runs", func() bool { return len(l.find("query")) == 2 })
	other.cancel(t, cl.key)
	wrong := cl.key
	wrong.SecretKey = []byte{1, 2, 3, 4}
	l.cancel(t, wrong)
	if got := cl.until('Z'); !strings.HasSuffix(got, "C:SELECT 1 Z:I") {
		t.Errorf("cancelled by a stranger: %s", got)
	}
	if len(other.find("cancel"))+len(l.find("cancel")) != 0 {
		t.Error("a foreign request became an action")
	}
	// The server itself must not know the agent's key.
	direct, err := net.Dial("tcp", l.db)
	if err != nil {
		t.Fatal(err)
	}
	defer direct.Close()
	cl.send(query("SELECT pg_sleep(0.5)"))
	b, _ := (&pgproto3.CancelRequest{ProcessID: cl.key.ProcessID, SecretKey: cl.key.SecretKey}).Encode(nil)
	direct.Write(b)
	if got := cl.until('Z'); !strings.HasSuffix(got, "C:SELECT 1 Z:I") {
		t.Errorf("the agent holds the server's own key: %s", got)
	}
}

func TestProtocolVersions(t *testing.T) {
	l := newLine(t)
	for _, c := range []struct {
		version uint32
		option  string
		negot   uint32
		key     int
	}{
		{3 << 16, "", 0, 4},
		{3<<16 | 2, "", 3 << 16, 4}, // the server speaks no 3.2
		{3<<16 | 9999, "", 3 << 16, 4},
		{3<<16 | 1, "", 3 << 16, 4},
		{3 << 16, "_pq_.new_thing", 3 << 16, 4},
	} {
		conn := l.raw(t)
		fe := pgproto3.NewFrontend(conn, conn)
		m := map[string]string{"user": "u", "database": "app"}
		if c.option != "" {
			m[c.option] = "on"
		}
		fe.Send(&pgproto3.StartupMessage{ProtocolVersion: c.version, Parameters: m})
		if err := fe.Flush(); err != nil {
			t.Fatal(err)
		}
		var negot uint32
		key := 0
		for done := false; !done; {
			got, err := fe.Receive()
			if err != nil {
				t.Fatal(err)
			}
			switch got := got.(type) {
			case *pgproto3.NegotiateProtocolVersion:
				negot = got.NewestMinorProtocol
				if c.option != "" && (len(got.UnrecognizedOptions) != 1 || got.UnrecognizedOptions[0] != c.option) {
					t.Errorf("options %q", got.UnrecognizedOptions)
				}
			case *pgproto3.BackendKeyData:
				key = len(got.SecretKey)
			case *pgproto3.ReadyForQuery:
				done = true
			}
		}
		if negot != c.negot || key != c.key {
			t.Errorf("%#x: negotiated %#x with a key of %d bytes, want %#x and %d", c.version, negot, key, c.negot, c.key)
		}
	}
}

func TestMalformedStartUps(t *testing.T) {
	packet := func(n uint32, body string) []byte {
		b := make([]byte, 4)
		binary.BigEndian.PutUint32(b, n)
		return append(b, body...)
	}
	for name, b := range map[string][]byte{
		"too short":       packet(7, "\x00\x03\x00"),
		"too long":        packet(10001, "\x00\x03\x00\x00"),
		"protocol 2":      packet(9, "\x00\x02\x00\x00\x00"),
		"no end":          packet(13, "\x00\x03\x00\x00user\x00"),
		"twice":           packet(23, "\x00\x03\x00\x00user\x00a\x00user\x00b\x00\x00"),
		"behind the end":  packet(10, "\x00\x03\x00\x00\x00x"),
		"value missing":   packet(14, "\x00\x03\x00\x00user\x00\x00"),
		"HTTP":            []byte("GET / HTTP/1.1\r\nHost: db\r\n\r\n"),
		"cancel too long": packet(512, "\x04\xd2\x16\x2e"+strings.Repeat("x", 504)),
	} {
		l := newLine(t)
		c := l.raw(t)
		c.Write(b)
		got, err := io.ReadAll(c)
		if err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%s: not closed: %v", name, err)
		}
		if name != "cancel too long" && !strings.Contains(string(got), "08P01") && !strings.Contains(string(got), "28000") {
			t.Errorf("%s: %q", name, got)
		}
		if l.dials != 0 {
			t.Errorf("%s: dialled", name)
		}
	}
}

// A scripted server answers a start-up with what a test says.
func scripted(t *testing.T, answer func(net.Conn)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				c.SetDeadline(time.Now().Add(enough))
				answer(c)
			}()
		}
	}()
	return ln.Addr().String()
}

// hearStartUp reads a start-up packet.
func hearStartUp(c net.Conn) {
	head := make([]byte, 4)
	io.ReadFull(c, head)
	io.CopyN(io.Discard, c, int64(binary.BigEndian.Uint32(head))-4)
}

func say(c net.Conn, ms ...pgproto3.BackendMessage) {
	for _, m := range ms {
		b, _ := m.Encode(nil)
		c.Write(b)
	}
}

// hear reads one message and gives its body.
func hear(c net.Conn) string {
	head := make([]byte, 5)
	if _, err := io.ReadFull(c, head); err != nil {
		return ""
	}
	body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
	io.ReadFull(c, body)
	return string(body)
}

// takeMD5 is a server that is content with any MD5 hash.
func takeMD5(c net.Conn) {
	say(c, &pgproto3.AuthenticationMD5Password{Salt: [4]byte{1, 2, 3, 4}})
	hear(c)
	welcome(c)
}

// takeSCRAM is a server that knows the password.
func takeSCRAM(c net.Conn) {
	server, err := scram.SHA256.NewServer(func(string) (scram.StoredCredentials, error) {
		client, err := scram.SHA256.NewClient("", password, "")
		if err != nil {
			return scram.StoredCredentials{}, err
		}
		return client.GetStoredCredentialsWithError(scram.KeyFactors{Salt: "salty salty salt", Iters: 4096})
	})
	if err != nil {
		return
	}
	conv := server.NewConversation()
	say(c, &pgproto3.AuthenticationSASL{AuthMechanisms: []string{"SCRAM-SHA-256"}})
	first := hear(c)
	challenge, err := conv.Step(first[strings.Index(first, "n,,"):])
	if err != nil {
		return
	}
	say(c, &pgproto3.AuthenticationSASLContinue{Data: []byte(challenge)})
	proof, err := conv.Step(hear(c))
	if err != nil {
		return
	}
	say(c, &pgproto3.AuthenticationSASLFinal{Data: []byte(proof)})
	welcome(c)
}

func welcome(c net.Conn) {
	say(c, &pgproto3.AuthenticationOk{}, &pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{1, 2, 3, 4}}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
	io.Copy(io.Discard, c)
}

func TestAServerMayNotAskForLessThanBefore(t *testing.T) {
	ways := make(chan func(net.Conn), 1)
	address := scripted(t, func(c net.Conn) { hearStartUp(c); (<-ways)(c) })
	proto := New()
	for i, c := range []struct {
		name  string
		way   func(net.Conn)
		least string
		user  string
		want  string
	}{
		{"MD5 first", takeMD5, "", "a", "Z:I"},
		{"then something better", takeSCRAM, "", "a", "Z:I"},
		{"then MD5 again", takeMD5, "", "a", "md5, which is weaker than the scram-sha-256 that it took before"},
		{"another account has its own memory", takeMD5, "", "b", "Z:I"},
		{"a stated method goes before", takeMD5, "md5", "a", "Z:I"},
		{"and is remembered", takeMD5, "", "a", "Z:I"},
		{"a stated method is the least", takeMD5, "scram-sha-256", "a", "md5, which is weaker than the scram-sha-256 that the service demands"},
	} {
		ways <- c.way
		l := newLineTo(t, address, nil, plaintext, as(c.user), least(c.least), func(l *line) { l.proto = proto })
		got := l.open(t).until('Z')
		if c.want == "Z:I" {
			if got != c.want {
				t.Errorf("%d, %s: %s", i, c.name, got)
			}
			continue
		}
		await(t, "the record", func() bool { r := l.find("connect"); return len(r) == 1 && r[0].done })
		if r := l.find("connect")[0].result; !strings.Contains(r.Err, c.want) || !strings.HasPrefix(got, "E:08006") {
			t.Errorf("%d, %s: %s, %q", i, c.name, got, r.Err)
		}
	}
}

func TestServersThatCheat(t *testing.T) {
	startup, send := hearStartUp, say
	scramFirst := func(iterations int, final string) func(net.Conn) {
		return func(c net.Conn) {
			startup(c)
			send(c, &pgproto3.AuthenticationSASL{AuthMechanisms: []string{"SCRAM-SHA-256"}})
			b := make([]byte, 512)
			n, _ := c.Read(b)
			nonce := string(b[:n])
			nonce = nonce[strings.Index(nonce, "r=")+2:]
			send(c, &pgproto3.AuthenticationSASLContinue{Data: fmt.Appendf(nil, "r=%sxyz,s=c2FsdHNhbHQ=,i=%d", nonce, iterations)})
			c.Read(b)
			if final != "" {
				send(c, &pgproto3.AuthenticationSASLFinal{Data: []byte(final)})
			}
			send(c, &pgproto3.AuthenticationOk{}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
			io.Copy(io.Discard, c)
		}
	}
	for name, s := range map[string]struct {
		answer func(net.Conn)
		want   string
	}{
		"lets anybody in": {func(c net.Conn) {
			startup(c)
			send(c, &pgproto3.AuthenticationOk{}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
		}, "asked for no password"},
		"asks in clear text": {func(c net.Conn) { startup(c); send(c, &pgproto3.AuthenticationCleartextPassword{}) }, "clear-text"},
		"skips its proof":    {scramFirst(4096, ""), "SCRAM ends with request 0"},
		"proves wrongly":     {scramFirst(4096, "v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="), "does not prove"},
		"wants much work":    {scramFirst(10_000_000, ""), "10000000 iterations"},
		"wants little work":  {scramFirst(1, ""), "SCRAM"},
		"asks for Kerberos":  {func(c net.Conn) { startup(c); send(c, &pgproto3.AuthenticationGSS{}) }, "kind 7"},
		"talks nonsense":     {func(c net.Conn) { startup(c); c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) }, "malformed"},
		"promises a lot":     {func(c net.Conn) { startup(c); c.Write([]byte{'R', 0x3f, 0xff, 0xff, 0xff, 0, 0}) }, "bytes during start-up"},
		"hangs up":           {startup, "EOF"},
		"negotiates nothing": {func(c net.Conn) {
			startup(c)
			send(c, &pgproto3.NegotiateProtocolVersion{NewestMinorProtocol: 3 << 16})
		}, "answers protocol 0x30000 with 0x30000"},
		"negotiates upwards": {func(c net.Conn) {
			startup(c)
			send(c, &pgproto3.NegotiateProtocolVersion{NewestMinorProtocol: 3<<16 | 2})
		}, "answers protocol 0x30000 with 0x30002"},
		"asks twice": {func(c net.Conn) {
			startup(c)
			send(c, &pgproto3.AuthenticationMD5Password{})
			hear(c)
			send(c, &pgproto3.AuthenticationMD5Password{})
		}, "a second authentication"},
		"gives a long key in 3.0": {func(c net.Conn) {
			startup(c)
			send(c, &pgproto3.AuthenticationMD5Password{})
			hear(c)
			send(c, &pgproto3.AuthenticationOk{}, &pgproto3.BackendKeyData{SecretKey: make([]byte, 32)}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
		}, "BackendKeyData of 36 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLineTo(t, scripted(t, s.answer), nil, plaintext)
			if got := l.open(t).until('E'); got != "E:08006" {
				t.Error(got)
			}
			await(t, "the record", func() bool { r := l.find("connect"); return len(r) == 1 && r[0].done })
			if got := l.find("connect")[0].result; !strings.Contains(got.Err, s.want) || strings.Contains(got.Err, password) {
				t.Errorf("%q, want %q", got.Err, s.want)
			}
		})
	}
}

// T31: a server that quotes the password where its words are cut has none of it recorded.
func TestT31_NoRecordHoldsAPartOfThePassword(t *testing.T) {
	for n := 500 - len(keeperPassword) - 1; n <= 501; n++ {
		server := scripted(t, func(c net.Conn) {
			hearStartUp(c)
			say(c, &pgproto3.ErrorResponse{Severity: "FATAL", Code: "28P01", Message: strings.Repeat("x", n) + keeperPassword})
		})
		l := newLineTo(t, server, nil, plaintext, withSecret(keeperPassword))
		if got := l.open(t).until('E'); got != "E:28P01" {
			t.Error(got)
		}
		await(t, "the record", func() bool { r := l.find("connect"); return len(r) == 1 && r[0].done })
		if got := l.find("connect")[0].result; strings.Contains(got.Err, keeperPassword[:2]) {
			t.Fatalf("after %d: %q", n, got.Err)
		}
	}
}

func TestAServerWithoutTLSGetsNoPassword(t *testing.T) {
	asked := make(chan string, 10)
	address := scripted(t, func(c net.Conn) {
		b := make([]byte, 8)
		io.ReadFull(c, b)
		c.Write([]byte{'N'})
		rest, _ := io.ReadAll(c)
		asked <- string(rest)
	})
	l := newLineTo(t, address, x509.NewCertPool())
	if got := l.open(t).until('E'); got != "E:08006" {
		t.Error(got)
	}
	if rest := <-asked; rest != "" {
		t.Errorf("it was told %q", rest)
	}
}

// Whoever stands between may put words ahead of the server's TLS (CVE-2021-23222)
// or in place of it (CVE-2024-10977); they are nobody's word.
func TestT38_WordsAheadOfTheServersTLSAreNotItsOwn(t *testing.T) {
	forged, err := (&pgproto3.ErrorResponse{Severity: "FATAL", Code: "28000", Message: "send your password to evil.example"}).Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, answer := range map[string][]byte{
		"behind the yes": append([]byte{'S'}, forged...),
		"instead of it":  forged,
	} {
		more := make(chan string, 1)
		address := scripted(t, func(c net.Conn) {
			io.ReadFull(c, make([]byte, 8))
			c.Write(answer)
			rest, _ := io.ReadAll(c)
			more <- string(rest)
		})
		l := newLineTo(t, address, x509.NewCertPool())
		if got := l.open(t).until('E'); got != "E:08006" {
			t.Errorf("%s: the agent hears %s", name, got)
		}
		if rest := <-more; strings.Contains(rest, password) || strings.Contains(rest, "scram_ro") {
			t.Errorf("%s: the server hears %q", name, rest)
		}
	}
}

func TestDirectTLSNeedsTheServersName(t *testing.T) {
	cert, key, pool, err := selfSigned("db.test")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan int64, 1)
	address := scripted(t, func(c net.Conn) { // a web server, say
		n, _ := io.Copy(io.Discard, tls.Server(c, &tls.Config{Certificates: []tls.Certificate{pair}}))
		heard <- n
	})
	l := newLineTo(t, address, pool, func(l *line) { l.service.DirectTLS = true })
	if got := l.open(t).until('E'); got != "E:08006" {
		t.Error(got)
	}
	if n := <-heard; n != 0 {
		t.Errorf("it was told %d bytes", n)
	}
}

func TestAServerThatDiesIsReported(t *testing.T) {
	l := newLine(t)
	cl := l.ready(t)
	cl.send(query("SELECT pg_terminate_backend(pg_backend_pid())"))
	if got := cl.until('Z'); got != "D:t E:57P01 end: unexpected EOF" {
		t.Error(got)
	}
	l.served.Wait()
	if len(l.serves) != 1 || !errors.Is(l.serves[0], answer.ErrServer) {
		t.Errorf("%v", l.serves)
	}
}
