package lab_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/lab"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/jackc/pgx/v5/pgproto3"
)

// holds signs again what a token says, as RDS does, and compares.
func holds(t *testing.T, token, key string) error {
	t.Helper()
	u, err := url.Parse("https://" + token)
	if err != nil {
		return err
	}
	q := u.Query()
	when, err := time.Parse("20060102T150405Z", q.Get("X-Amz-Date"))
	if err != nil || time.Since(when) > time.Minute || q.Get("Action") != "connect" || q.Get("DBUser") != "agent" || q.Get("X-Amz-Expires") != "900" {
		return fmt.Errorf("it says %v", q)
	}
	plain := url.Values{"Action": q["Action"], "DBUser": q["DBUser"], "X-Amz-Expires": q["X-Amz-Expires"]}
	req, err := http.NewRequest(http.MethodGet, "https://"+u.Host+"/?"+plain.Encode(), nil)
	if err != nil {
		return err
	}
	const nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	again, _, err := v4.NewSigner().PresignHTTP(t.Context(), aws.Credentials{AccessKeyID: "AKIDRDS", SecretAccessKey: key}, req, nothing, "rds-db", "eu-central-1", when)
	if err != nil {
		return err
	}
	if again != "https://"+token {
		return fmt.Errorf("the signature of %s does not hold", token)
	}
	return nil
}

// rds speaks as a database of RDS does: TLS, then a token as the password.
func rds(t *testing.T, conf *tls.Config, key string, c net.Conn, said func(string)) error {
	b := pgproto3.NewBackend(c, c)
	if m, err := b.ReceiveStartupMessage(); err != nil {
		return err
	} else if _, ok := m.(*pgproto3.SSLRequest); !ok {
		return fmt.Errorf("it begins with %T", m)
	}
	c.Write([]byte("S")) //nolint:errcheck // the next read fails
	secure := tls.Server(c, conf)
	b = pgproto3.NewBackend(secure, secure)
	if _, err := b.ReceiveStartupMessage(); err != nil {
		return err
	}
	b.Send(&pgproto3.AuthenticationCleartextPassword{})
	if err := b.Flush(); err != nil {
		return err
	}
	if err := b.SetAuthType(pgproto3.AuthTypeCleartextPassword); err != nil {
		return err
	}
	m, err := b.Receive()
	if err != nil {
		return err
	}
	password, ok := m.(*pgproto3.PasswordMessage)
	if !ok {
		return fmt.Errorf("%T in place of a password", m)
	}
	said(password.Password)
	if err := holds(t, password.Password, key); err != nil {
		b.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "28000", Message: "PAM authentication failed for user \"agent\": " + err.Error()})
		return b.Flush()
	}
	b.Send(&pgproto3.AuthenticationOk{})
	for _, kv := range [][2]string{{"server_version", "15.4"}, {"client_encoding", "UTF8"}, {"standard_conforming_strings", "on"}, {"integer_datetimes", "on"}} {
		b.Send(&pgproto3.ParameterStatus{Name: kv[0], Value: kv[1]})
	}
	return serve(b, password.Password)
}

// serve answers every query with the token, which a server has no business to do.
func serve(b *pgproto3.Backend, token string) error {
	b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	for {
		if err := b.Flush(); err != nil {
			return err
		}
		m, err := b.Receive()
		if err != nil {
			return err
		}
		if _, ok := m.(*pgproto3.Query); !ok {
			continue
		}
		b.Send(&pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{{Name: []byte("t"), DataTypeOID: 25, DataTypeSize: -1, TypeModifier: -1}}})
		b.Send(&pgproto3.DataRow{Values: [][]byte{[]byte(token)}})
		b.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")})
		b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	}
}

// A database of RDS is logged in to with a token that the gateway signs: one for all who
// come, another after its quarter of an hour.
func TestADatabaseOfRDS(t *testing.T) {
	const name, key = "app.abc.eu-central-1.rds.amazonaws.com", "the/secret+access/key-of-aws"
	l := lab.New(t, `
gateway {
  wireguard {
    listen = ":0"
  }
}
service "db" {
  protocol = "postgres"
  hosts    = ["`+name+`"]
  tls      = { ca = file("upstreams.pem") }
  auth     = aws_sigv4({ user = "agent", key = secret.key_id, secret = secret.key })
}
role "everyone" { use = [service.db] }
`)
	conf := l.Proof(name)
	var mu sync.Mutex
	seen := map[string]int{}
	l.TCP(name, func(c net.Conn) {
		err := rds(t, conf, key, c, func(token string) {
			mu.Lock()
			defer mu.Unlock()
			seen[token]++
		})
		if err != nil && t.Context().Err() == nil {
			t.Log(err)
		}
	})
	l.Secret("key_id", "AKIDRDS")
	l.Secret("key", "another-key-of-aws")
	agent := l.Agent("ci")
	var got string
	connect := func() error {
		c, err := agent.PG(t.Context(), "postgres://x:y@"+name+"/app?sslmode=disable&default_query_exec_mode=simple_protocol")
		if err != nil {
			return err
		}
		defer c.Close(t.Context())
		return c.QueryRow(t.Context(), "select 'hello'").Scan(&got)
	}
	if err := connect(); err == nil || strings.Contains(err.Error(), "X-Amz") {
		t.Errorf("with a wrong key: %v", err)
	}
	l.Secret("key", key)
	for range 3 {
		if err := connect(); err != nil {
			t.Fatal(err, l.Logs)
		}
	}
	if strings.Contains(got, "X-Amz") || !strings.Contains(got, "***") {
		t.Errorf("the token comes back: %s", got)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(seen) != 2 {
		t.Errorf("%d tokens were made", len(seen))
	}
	for token := range seen {
		l.Clean(token)
	}
	l.Clean(key)
	l.Clean("X-Amz-Signature") // the database quotes the token that it does not take
}
