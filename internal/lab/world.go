package lab

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/notrun"
	"sallyport.dev/sallyport/internal/pgserver"
	"sallyport.dev/sallyport/internal/pki"
)

// A world is the internet of a lab: names, public addresses that they stand for,
// and what answers there, on loopback.
type world struct {
	ca *pki.Authority // signs upstreams

	mu    sync.Mutex
	names map[string]netip.Addr
	hosts map[netip.Addr]string // address -> listener
	dials []netip.AddrPort      // every dial of the gateway
}

func newWorld(t testing.TB) *world {
	t.Helper()
	ca, err := pki.New("lab upstreams")
	must(t, err)
	return &world{ca: ca, names: make(map[string]netip.Addr), hosts: make(map[netip.Addr]string)}
}

// roots prove the upstreams.
func (w *world) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(w.ca.PEM())
	return pool
}

// place puts a listener into the world under a name.
func (w *world) place(name, listener string) netip.Addr {
	w.mu.Lock()
	defer w.mu.Unlock()
	addr, ok := w.names[name]
	if !ok {
		addr = netip.AddrFrom4([4]byte{93, 184, 216, byte(len(w.names) + 1)}) // public, and never dialled
		if literal, err := netip.ParseAddr(name); err == nil {
			addr = literal
		}
		w.names[name] = addr
	}
	w.hosts[addr] = listener
	return addr
}

func (w *world) resolve(_ context.Context, host string) ([]netip.Addr, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	addr, ok := w.names[host]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return []netip.Addr{addr}, nil
}

func (w *world) connect(ctx context.Context, at netip.AddrPort) (net.Conn, error) {
	w.mu.Lock()
	w.dials = append(w.dials, at)
	listener, ok := w.hosts[at.Addr()]
	w.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("nothing of the lab is at %s", at)
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", listener)
}

// transport leads the gateway itself to the servers of the lab, and on loopback.
func (w *world) transport() *http.Transport {
	return &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		w.mu.Lock()
		if listener, ok := w.hosts[w.names[host]]; ok {
			addr = listener
		}
		w.mu.Unlock()
		var d net.Dialer
		return d.DialContext(ctx, network, addr)
	}, TLSHandshakeTimeout: patience}
}

// Dials gives every address that the gateway dialled.
func (l *Lab) Dials() []netip.AddrPort {
	l.world.mu.Lock()
	defer l.world.mu.Unlock()
	return append([]netip.AddrPort(nil), l.world.dials...)
}

// HTTPS serves a name, or a literal address, over TLS with h2 and http/1.1.
func (l *Lab) HTTPS(name string, h http.Handler) *httptest.Server {
	l.t.Helper()
	cert, err := l.world.ca.Issue(name)
	must(l.t, err)
	srv := httptest.NewUnstartedServer(h)
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	srv.EnableHTTP2 = true
	srv.Config.ErrorLog = quiet()
	srv.StartTLS()
	l.t.Cleanup(srv.Close)
	l.world.place(name, srv.Listener.Addr().String())
	return srv
}

// Mutual serves a name over TLS to clients that show a certificate of the lab's CA;
// configure may change the TLS before it starts.
func (l *Lab) Mutual(name string, h http.Handler, configure func(*tls.Config)) *httptest.Server {
	l.t.Helper()
	cert, err := l.world.ca.Issue(name)
	must(l.t, err)
	srv := httptest.NewUnstartedServer(h)
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: l.world.roots()}
	configure(srv.TLS)
	srv.Config.ErrorLog = quiet()
	srv.StartTLS()
	l.t.Cleanup(srv.Close)
	l.world.place(name, srv.Listener.Addr().String())
	return srv
}

// Certificate gives a client certificate of the lab's CA and its key, in PEM.
func (l *Lab) Certificate(name string, until time.Time) (cert, key string) {
	l.t.Helper()
	c, k, err := l.world.ca.IssueClientPEM(name, until)
	must(l.t, err)
	return string(c), string(k)
}

// Proof gives what a server of this name proves itself with.
func (l *Lab) Proof(name string) *tls.Config {
	l.t.Helper()
	c, k, err := l.world.ca.IssuePEM(name)
	must(l.t, err)
	pair, err := tls.X509KeyPair(c, k)
	must(l.t, err)
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
}

// HTTP serves a name without TLS.
func (l *Lab) HTTP(name string, h http.Handler) *httptest.Server {
	l.t.Helper()
	srv := httptest.NewServer(h)
	l.t.Cleanup(srv.Close)
	l.world.place(name, srv.Listener.Addr().String())
	return srv
}

// TCP serves a name with a function per connection.
func (l *Lab) TCP(name string, serve func(net.Conn)) {
	l.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(l.t, err)
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer context.AfterFunc(ctx, func() { c.Close() })()
				defer c.Close()
				serve(c)
			})
		}
	})
	l.t.Cleanup(func() { ln.Close(); stop(); wg.Wait() })
	l.world.place(name, ln.Addr().String())
}

// Refusing has a name lead to where nobody listens, and gives that address: the near
// end of a connection, which no other program is given meanwhile.
func (l *Lab) Refusing(name string) string {
	l.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(l.t, err)
	l.t.Cleanup(func() { ln.Close() })
	c, err := net.Dial("tcp", ln.Addr().String())
	must(l.t, err)
	l.t.Cleanup(func() { c.Close() })
	l.world.place(name, c.LocalAddr().String())
	return c.LocalAddr().String()
}

// Postgres runs a real server under a name, with TLS for whoever asks for it; its
// superuser is postgres with the password "upstream-password", and it knows clients by
// the lab's CA where a line of pg_hba.conf admits them so. Without a server on
// this machine the test is listed as not run.
func (l *Lab) Postgres(name string, admit ...string) *pgserver.Server {
	l.t.Helper()
	if _, err := pgserver.Find("postgres"); err != nil {
		notrun.Skip(l.t, err.Error())
	}
	cert, key, err := l.world.ca.IssuePEM(name)
	must(l.t, err)
	o := pgserver.Options{Password: "upstream-password", Log: io.Discard, HBA: admit, Cert: filepath.Join(l.t.TempDir(), "crt"), Key: filepath.Join(l.t.TempDir(), "key"), Clients: filepath.Join(l.t.TempDir(), "ca")}
	must(l.t, os.WriteFile(o.Clients, l.world.ca.PEM(), 0o600))
	must(l.t, os.WriteFile(o.Cert, cert, 0o600))
	must(l.t, os.WriteFile(o.Key, key, 0o600))
	srv, err := pgserver.Start(l.t.Context(), o)
	must(l.t, err)
	l.t.Cleanup(func() { srv.Close() }) //nolint:errcheck // its folder is temporary
	l.world.place(name, srv.Address())
	return srv
}

// A Buffer is a log that can be searched while it is written.
type Buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
