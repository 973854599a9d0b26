package entry

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"sallyport.dev/sallyport/protocols/postgres/wire"
)

var errNoLeaf = errors.New("no certificate")

func noLeaf(string) (*tls.Certificate, error) { return nil, errNoLeaf }

var (
	sslRequest = []byte{0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f}
	startup    = append([]byte{0, 0, 0, 17}, "\x00\x03\x00\x00user\x00bo\x00\x00"...)
)

func TestT10_ASlowStartUpEnds(t *testing.T) {
	agent, conn := net.Pipe()
	defer agent.Close()
	defer conn.Close()
	go func() {
		for _, b := range []byte{0, 0, 0} { // and never the rest
			agent.Write([]byte{b})
		}
	}()
	d := Door{Leaf: noLeaf, Timeout: 50 * time.Millisecond}
	if _, err := d.Open(t.Context(), conn); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
}

func TestOpenEndsWithItsContext(t *testing.T) {
	agent, conn := net.Pipe()
	defer agent.Close()
	defer conn.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	got := make(chan error)
	go func() {
		_, err := (&Door{Leaf: noLeaf}).Open(ctx, conn)
		got <- err
	}()
	cancel(gone)
	if err := <-got; !errors.Is(err, gone) {
		t.Error(err)
	}
}

func TestWithoutACertificateTLSIsDeclined(t *testing.T) {
	agent, conn := net.Pipe()
	defer agent.Close()
	defer conn.Close()
	answer := make(chan byte, 1)
	go func() {
		agent.Write(sslRequest)
		b := make([]byte, 1)
		io.ReadFull(agent, b)
		answer <- b[0]
		agent.Write(startup)
	}()
	e, err := (&Door{Leaf: noLeaf}).Open(t.Context(), conn)
	if err != nil || e.Startup.Get("user") != "bo" {
		t.Errorf("%+v, %v", e, err)
	}
	if b := <-answer; b != 'N' {
		t.Errorf("answered %q", b)
	}
}

func TestT38_NothingIsReadAheadOfTLS(t *testing.T) {
	gss := []byte{0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30}
	for name, sent := range map[string][]byte{
		"with SSLRequest":                 append(bytes.Clone(sslRequest), startup...),
		"with GSSENCRequest":              append(bytes.Clone(gss), startup...),
		"with SSLRequest behind GSS":      append(append(bytes.Clone(gss), sslRequest...), startup...),
		"a second SSLRequest in one read": append(bytes.Clone(sslRequest), sslRequest...),
	} {
		c := &tape{in: bytes.NewReader(sent)}
		if e, err := (&Door{Leaf: noLeaf}).Open(t.Context(), c); !errors.Is(err, errEarly) || c.out.Len() > 0 {
			t.Errorf("%s: %+v, %v, answered %q", name, e, err, c.out.Bytes())
		}
	}
}

func TestRead(t *testing.T) {
	start := func(pairs ...string) *wire.Startup {
		s := &wire.Startup{Version: wire.Version30}
		for i := 0; i+1 < len(pairs); i += 2 {
			s.Parameters = append(s.Parameters, wire.Parameter{Name: pairs[i], Value: pairs[i+1]})
		}
		return s
	}
	for _, c := range []struct {
		name string
		in   *wire.Startup
		want string // parameters, or the SQLSTATE of the bar
	}{
		{"nothing", start("user", "bo"), ""},
		{"no user", start("database", "app"), "28000"},
		{"passed", start("user", "bo", "application_name", "x", "TimeZone", "UTC"), "application_name=x TimeZone=UTC "},
		{"options yield to names", start("user", "bo", "TimeZone", "UTC", "options", "-c timezone=X -c extra_float_digits=3"), "TimeZone=UTC extra_float_digits=3 "},
		{"UTF8 in its spellings", start("user", "bo", "client_encoding", "'utf-8'"), "client_encoding=UTF8 "},
		{"ASCII", start("user", "bo", "client_encoding", "SQL_ASCII"), "client_encoding=SQL_ASCII "},
		{"another encoding", start("user", "bo", "client_encoding", "BIG5"), "42501"},
		{"no replication", start("user", "bo", "replication", "off"), ""},
		{"replication", start("user", "bo", "replication", "1"), "42501"},
		{"a setting of the server", start("user", "bo", "log_statement", "none"), "42501"},
		{"the same hidden in options", start("user", "bo", "options", "--log-statement=none"), "42501"},
		{"what a SET may change", start("user", "bo", "jit", "off", "default_transaction_isolation", "serializable"), "jit=off default_transaction_isolation=serializable "},
		{"read only, never back", start("user", "bo", "options", "-c default_transaction_read_only=on"), "default_transaction_read_only=on "},
		{"read and write", start("user", "bo", "options", "-c default_transaction_read_only=off"), "42501"},
		{"strings as of old", start("user", "bo", "standard_conforming_strings", "off"), "42501"},
		{"a role", start("user", "bo", "options", "-c role=postgres"), "42501"},
		{"a setting of the application's", start("user", "bo", "enable_app.tenant", "7"), "42501"},
		{"a switch of the server's", start("user", "bo", "options", "-P"), "42501"},
		{"a quoted catalogue", start("user", "bo", "search_path", `"PG_CATALOG", x`), "42501"},
	} {
		w, bar := Read(c.in)
		got := ""
		for _, p := range w.Parameters {
			got += p.Name + "=" + p.Value + " "
		}
		if bar != nil {
			got = bar.Code
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if w, _ := Read(start("user", "bo")); w.Database != "bo" {
		t.Errorf("database %q", w.Database)
	}
}

// A tape is a connection of given bytes.
type tape struct {
	net.Conn
	in  *bytes.Reader
	out bytes.Buffer
}

func (t *tape) Read(b []byte) (int, error)      { return t.in.Read(b) }
func (t *tape) Write(b []byte) (int, error)     { return t.out.Write(b) }
func (t *tape) SetDeadline(time.Time) error     { return nil }
func (t *tape) SetReadDeadline(time.Time) error { return nil }

// FuzzOpen holds that no bytes at the beginning of a connection panic or hang,
// and that what comes out is whole.
func FuzzOpen(f *testing.F) {
	f.Add(append(append([]byte{}, sslRequest...), startup...))
	f.Add(startup)
	f.Add([]byte("\x00\x00\x00\x10\x04\xd2\x16\x2e\x00\x00\x00\x01\x00\x00\x00\x02"))
	f.Add([]byte("\x16\x03\x01\x00\x05hello"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := &tape{in: bytes.NewReader(b)}
		e, err := (&Door{Leaf: noLeaf}).Open(context.Background(), c)
		if err != nil {
			return
		}
		if (e.Startup == nil) == (e.Cancel == nil) {
			t.Error("neither, or both")
		}
		if e.Startup != nil {
			Read(e.Startup)
		}
	})
}
