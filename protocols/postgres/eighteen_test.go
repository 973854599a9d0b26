package postgres

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/internal/notrun"
	"sallyport.dev/sallyport/internal/pgserver"
	"sallyport.dev/sallyport/internal/pki"
	"sallyport.dev/sallyport/protocols/postgres/upstream"
	"sallyport.dev/sallyport/protocols/postgres/wire"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

// An eighteen is a server of major 18: it speaks direct TLS and protocol 3.2,
// which Debian's does not.
type eighteen struct {
	*pgserver.Server
	pool *x509.CertPool
}

func startEighteen(t *testing.T) eighteen {
	t.Helper()
	ca, err := pki.New("eighteen")
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := ca.IssuePEM("db.test")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string][]byte{"crt": cert, "key": key} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := pgserver.Start(t.Context(), pgserver.Options{
		Major: 18, Password: password, Cert: filepath.Join(dir, "crt"), Key: filepath.Join(dir, "key"),
	})
	if errors.Is(err, pgserver.ErrMissing) {
		notrun.Skip(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca.PEM())
	return eighteen{s, pool}
}

// line is a gateway in front of the server.
func (e eighteen) line(t *testing.T, set ...func(*line)) *line {
	t.Helper()
	account := func(l *line) {
		l.auth = &action.Auth{Scheme: "password", Name: "postgres", Secrets: []string{"app_db"}}
	}
	return newLineTo(t, e.Address(), e.pool, append([]func(*line){account}, set...)...)
}

// libpq18 is the folder of the client library that came with the server, for the
// psql of another major.
func libpq18(t *testing.T) string {
	t.Helper()
	lib, err := filepath.Abs("../../.cache/postgres/18/lib")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(lib, "libpq.so.5")); err != nil {
		notrun.Skip(t, "no libpq of major 18 (contrib/dev/npm-postgres 18)")
	}
	return lib
}

// A tape keeps what was written to the server, connection by connection.
type tape struct {
	mu  sync.Mutex
	all [][]byte
}

func (t *tape) see(b []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = append(t.all, bytes.Clone(b))
}

// packets gives what was written that looks like a packet of the connection
// phase with this code.
func (t *tape) packets(code uint32) [][]byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out [][]byte
	for _, b := range t.all {
		if len(b) >= 8 && int(binary.BigEndian.Uint32(b)) == len(b) && binary.BigEndian.Uint32(b[4:]) == code {
			out = append(out, b)
		}
	}
	return out
}

func (t *tape) first() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.all) == 0 {
		return nil
	}
	return t.all[0]
}

// through connects pgx by a line to the maintenance database.
func through(t *testing.T, l *line, settings string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), fmt.Sprintf("postgres://anybody:anything@127.0.0.1:%d/postgres?%s", l.port(), settings))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

func fetch(t *testing.T, c *pgx.Conn, query string) string {
	t.Helper()
	var got string
	if err := c.QueryRow(t.Context(), query).Scan(&got); err != nil {
		t.Fatal(err)
	}
	return got
}

// asleep waits until the server sleeps for such a session: what it is told before it
// has read a query cancels nothing.
func asleep(t *testing.T, l *line, such string) {
	t.Helper()
	c := through(t, l, "sslmode=disable")
	await(t, "the server sleeps", func() bool {
		return fetch(t, c, "SELECT count(*)::text FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND "+such) == "1"
	})
}

// interrupt cancels a query that runs, as pgx does when its context ends.
func interrupt(t *testing.T, l *line, c *pgx.Conn) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		_, err := c.Exec(t.Context(), "SELECT pg_sleep(60)")
		done <- err
	}()
	asleep(t, l, fmt.Sprint("pid = ", c.PgConn().PID()))
	if err := c.PgConn().CancelRequest(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; code(err) != "57014" {
		t.Errorf("the query ended with %v", err)
	}
}

func TestMajor18(t *testing.T) {
	s := startEighteen(t)
	t.Run("direct TLS on both sides", func(t *testing.T) {
		var below, behind tape
		l := s.line(t, func(l *line) {
			l.service.DirectTLS, l.below, l.tap = true, below.see, behind.see
		})
		c := through(t, l, "sslmode=require&sslnegotiation=direct")
		if got := fetch(t, c, "SELECT 'TLS ' || ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"); got != "TLS true" {
			t.Error(got)
		}
		if b := below.first(); len(b) == 0 || b[0] != 0x16 {
			t.Errorf("the server heard %x first", b[:min(len(b), 8)])
		}
		if got := behind.packets(wire.CodeSSL); len(got) > 0 {
			t.Errorf("it was asked for TLS: %x", got)
		}
		interrupt(t, l, c) // the cancel goes by direct TLS, too
		if got := len(behind.packets(wire.CodeCancel)); got != 1 {
			t.Errorf("%d cancel requests behind TLS", got)
		}
	})
	t.Run("TLS that is asked for", func(t *testing.T) {
		var below tape
		l := s.line(t, func(l *line) { l.below = below.see })
		c := through(t, l, "sslmode=require&sslnegotiation=direct") // the two sides need not agree
		if got := fetch(t, c, "SHOW server_version"); !strings.HasPrefix(got, "18.") {
			t.Error(got)
		}
		if b := below.first(); !bytes.Equal(b, sslRequest) {
			t.Errorf("the server heard %x first", b)
		}
	})
	t.Run("protocol 3.2 on both sides", func(t *testing.T) {
		var behind tape
		l := s.line(t, func(l *line) { l.tap = behind.see })
		c := through(t, l, "sslmode=disable&min_protocol_version=3.2&max_protocol_version=3.2")
		if n := len(c.PgConn().SecretKey()); n != 32 {
			t.Errorf("the agent has a key of %d bytes", n)
		}
		if got := behind.packets(wire.Version32); len(got) != 1 {
			t.Errorf("%d start-up packets of 3.2", len(got))
		}
		interrupt(t, l, c)
		got := behind.packets(wire.CodeCancel)
		if len(got) != 1 || len(got[0]) != 12+32 || bytes.Contains(got[0], c.PgConn().SecretKey()) {
			t.Errorf("cancelled with %x", got)
		}
	})
	t.Run("a newer version than there is", func(t *testing.T) {
		l := s.line(t)
		conn := l.raw(t)
		fe := pgproto3.NewFrontend(conn, conn)
		fe.Send(&pgproto3.StartupMessage{ProtocolVersion: 3<<16 | 9999, Parameters: map[string]string{
			"user": "u", "database": "postgres", "_pq_.test_protocol_negotiation": "",
		}})
		if err := fe.Flush(); err != nil {
			t.Fatal(err)
		}
		m, err := fe.Receive()
		got, ok := m.(*pgproto3.NegotiateProtocolVersion)
		if !ok || got.NewestMinorProtocol != wire.Version32 || fmt.Sprint(got.UnrecognizedOptions) != "[_pq_.test_protocol_negotiation]" {
			t.Errorf("answered with %+v, %v", m, err)
		}
	})
	t.Run("protocol 3.0 stays 3.0", func(t *testing.T) {
		var behind tape
		l := s.line(t, func(l *line) { l.tap = behind.see })
		c := through(t, l, "sslmode=disable&max_protocol_version=3.0")
		interrupt(t, l, c)
		if got := behind.packets(wire.CodeCancel); len(got) != 1 || len(got[0]) != 12+4 || len(c.PgConn().SecretKey()) != 4 {
			t.Errorf("cancelled with %x", got)
		}
	})
	t.Run("SCRAM is bound to the certificate", func(t *testing.T) {
		l := s.line(t, func(l *line) { l.auth.Least = "scram-sha-256-plus" })
		fetch(t, through(t, l, "sslmode=disable"), "SELECT 'in'")
		if got := l.proto.methods.Demand(upstream.Account{Service: "app_db", Address: s.Address(), User: "postgres"}, 0); got.Least != upstream.Bound {
			t.Errorf("taken by %s", got.Least)
		}
	})
	t.Run("libpq of the same major", func(t *testing.T) {
		l := s.line(t, func(l *line) { l.service.DirectTLS = true })
		ctx, stop := context.WithTimeout(t.Context(), enough)
		defer stop()
		run := func(settings, text string) *exec.Cmd {
			cmd := exec.CommandContext(ctx, "psql", "-X", "-q", "-A", "-t", fmt.Sprintf("host=127.0.0.1 port=%d dbname=postgres user=a %s", l.port(), settings))
			cmd.Stdin = strings.NewReader(text)
			cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+libpq18(t))
			return cmd
		}
		const all = "sslmode=require sslnegotiation=direct min_protocol_version=3.2 channel_binding=disable"
		out, err := run(all, "SELECT 'through'; \\conninfo").CombinedOutput()
		if err != nil || !strings.Contains(string(out), "through") || !strings.Contains(string(out), "TLSv1.3") {
			t.Errorf("%v: %s", err, out)
		}
		var said bytes.Buffer
		long := run(all, "SELECT pg_sleep(60)")
		long.Stderr = &said
		if err := long.Start(); err != nil {
			t.Fatal(err)
		}
		asleep(t, l, "application_name = 'psql'")
		long.Process.Signal(os.Interrupt)
		if err := long.Wait(); !strings.Contains(said.String(), "canceling statement due to user request") {
			t.Errorf("%v: %s", err, said.String())
		}
	})
	t.Run("search_path is reported", func(t *testing.T) {
		c := through(t, s.line(t), "sslmode=disable&search_path=public")
		if got := c.PgConn().ParameterStatus("search_path"); got != "public" {
			t.Errorf("search_path %q", got)
		}
	})
}

// A server of another major answers 3.2 with 3.0, and so does the gateway: a client
// that insists hears the same as without it.
func TestProtocol32WithAServerThatSpeaks30(t *testing.T) {
	var behind tape
	l := newLine(t, func(l *line) { l.tap = behind.see })
	insist := fmt.Sprintf("postgres://a:b@127.0.0.1:%d/postgres?sslmode=disable&min_protocol_version=3.2", l.port())
	if c, err := pgx.Connect(t.Context(), insist); err == nil || !strings.Contains(err.Error(), "version too low") {
		t.Errorf("3.2 with a server of 3.0: %v", err)
		if err == nil {
			c.Close(t.Context())
		}
	}
	c := through(t, l, "sslmode=disable&max_protocol_version=3.2")
	if n := len(c.PgConn().SecretKey()); n != 4 {
		t.Errorf("the agent has a key of %d bytes", n)
	}
	interrupt(t, l, c)
	if got := behind.packets(wire.CodeCancel); len(got) != 1 || len(got[0]) != 12+4 {
		t.Errorf("cancelled with %x", got)
	}
}
