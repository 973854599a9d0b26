package http

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/protocols/http/origin"
	"sallyport.dev/sallyport/vault"
	"sallyport.dev/sallyport/vault/scrub"
)

const canary = "s3cr3t-canary-9f2e7a"

// masked is what an agent sees of it in an answer that echoes it.
const masked = "********************"

// A bench is one service with a real origin behind it and a gateway that does
// what the test says.
type bench struct {
	drain   context.Context // of every flow; nil: never
	secret  string          // of the service
	used    scrub.Set       // what answers are searched for
	t       testing.TB
	p       *Protocol
	svc     *action.Service
	host    string
	dst     netip.AddrPort
	auth    *action.Auth
	decide  func(*action.Action) action.Decision
	settle  func(context.Context, *action.Action, action.Decision) action.Decision
	mutate  func(*exchange) // between the yes and the sending
	linkErr error
	wire    func(testing.TB) (agent, gateway net.Conn) // of agents; TCP unless it is set

	server string         // host:port
	roots  *x509.CertPool // of the origin
	tls    bool           // the origin speaks TLS

	ca *authority

	mu      sync.Mutex
	records []record
	dials   int
	opens   int
	pool    []*origin.Link
	served  sync.WaitGroup
	over    bool // nobody is served any more; guarded by mu
	errs    []error
}

type record struct {
	act *action.Action
	d   action.Decision
	res action.Result
	err error
}

// newBench serves handler over TLS as "api.example" on port 443.
func newBench(t testing.TB, handler http.Handler) *bench {
	b := bareBench(t)
	if handler != nil {
		srv := httptest.NewUnstartedServer(handler)
		srv.Config.ErrorLog = log.New(io.Discard, "", 0)
		srv.TLS = &tls.Config{Certificates: []tls.Certificate{*b.ca.leaf(t, "api.example")}}
		srv.StartTLS()
		t.Cleanup(srv.Close)
		b.server, b.tls, b.roots = srv.Listener.Addr().String(), true, b.ca.pool
	}
	return b
}

func bareBench(t testing.TB) *bench {
	b := &bench{
		t: t, p: New(), ca: newAuthority(t), secret: canary, wire: tcpPair,
		svc:  &action.Service{Name: "api", Protocol: "http"},
		host: "api.example", dst: netip.MustParseAddrPort("198.18.0.7:443"),
	}
	b.decide = func(*action.Action) action.Decision { return action.Decision{Verdict: action.Allow} }
	t.Cleanup(func() {
		b.mu.Lock()
		b.over = true
		for _, l := range b.pool {
			l.Kill()
		}
		b.mu.Unlock()
		done := make(chan struct{})
		go func() { b.served.Wait(); close(done) }()
		select {
		case <-done:
		case <-time.After(time.Minute):
			t.Error("Serve did not return")
		}
	})
	return b
}

// plainOrigin serves handler without TLS.
func (b *bench) plainOrigin(handler http.Handler) {
	srv := httptest.NewServer(handler)
	b.t.Cleanup(func() { srv.CloseClientConnections(); go srv.Close() })
	b.server, b.tls = srv.Listener.Addr().String(), false
	b.svc.Plaintext = true
}

// rawOrigin runs f on every connection, without TLS.
func (b *bench) rawOrigin(f func(net.Conn)) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				f(c)
			}()
		}
	}()
	b.server, b.tls = l.Addr().String(), false
	b.svc.Plaintext = true
}

// dial opens a connection of an agent and serves it until the test is over.
func (b *bench) dial(ctx context.Context) net.Conn {
	agent := b.connect(ctx)
	b.t.Cleanup(func() { agent.Close() })
	return agent
}

func (b *bench) connect(ctx context.Context) net.Conn {
	agent, gateway := b.wire(b.t)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over { // a transport begins more connections than it needs, and may be late with one
		gateway.Close()
		return agent
	}
	b.served.Add(1)
	go func() {
		defer b.served.Done()
		defer gateway.Close()
		err := b.p.Serve(ctx, protocols.Flow{
			Peer:    &action.Peer{ID: "peer-1", Name: "tester"},
			Service: b.svc, Host: b.host, Dst: b.dst, Drain: b.drain,
			Accept: func() (net.Conn, error) { return gateway, nil },
			Leaf: func(name string) (*tls.Certificate, error) {
				if name != "api.example" && name != "198.18.0.7" {
					return nil, fmt.Errorf("no service of this agent is called %s", name)
				}
				return b.ca.leaf(b.t, name), nil
			},
		}, b.do)
		b.mu.Lock()
		b.errs = append(b.errs, err)
		b.mu.Unlock()
	}()
	return agent
}

// client is an agent's HTTP client whose every connection leads to the service.
func (b *bench) client(h2 bool) *http.Client {
	tr := &http.Transport{
		DialContext:        func(ctx context.Context, _, _ string) (net.Conn, error) { return b.dial(context.Background()), nil },
		TLSClientConfig:    &tls.Config{RootCAs: b.ca.pool},
		ForceAttemptHTTP2:  h2,
		DisableCompression: true,
	}
	b.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{
		Transport:     tr,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       time.Minute,
	}
}

// tlsDial is a raw TLS connection of an agent.
func (b *bench) tlsDial(protos ...string) *tls.Conn {
	c := tls.Client(b.dial(context.Background()), &tls.Config{RootCAs: b.ca.pool, ServerName: "api.example", NextProtos: protos})
	if err := c.Handshake(); err != nil {
		b.t.Fatal(err)
	}
	return c
}

var errPanicked = errors.New("the protocol gave up")

func (b *bench) do(ctx context.Context, ex protocols.Exchange) (err error) {
	r := record{act: ex.Action(), err: errPanicked}
	r.act.ID = "01TEST"
	defer func() {
		b.mu.Lock()
		b.records = append(b.records, r)
		b.mu.Unlock()
	}()
	if len(r.act.Parts) > 0 {
		for r.d = b.decide(r.act); r.d.Need != 0; r.d = b.decide(r.act) {
			if err := ex.Learn(ctx, r.d.Need); err != nil {
				r.d = action.Decision{Reason: "The request is incomplete."}
				break
			}
		}
	}
	if r.d.Verdict == action.Ask && b.settle != nil {
		if err := ex.Learn(ctx, action.Whole); err != nil {
			r.d = action.Decision{Reason: "Too large to be approved."}
		} else {
			waits, stop := ctx, func() {}
			if w, ok := ex.(protocols.Waiter); ok {
				waits, stop = w.Wait(ctx, r.d)
			}
			r.d = b.settle(waits, r.act, r.d)
			stop()
			if x, ok := ex.(*exchange); ok && b.mutate != nil {
				b.mutate(x)
			}
		}
	}
	if r.d.Verdict != action.Allow {
		r.err = ex.Refuse(ctx, r.d)
		return r.err
	}
	r.res, r.err = ex.Forward(ctx, &fakeUpstream{b: b})
	return r.err
}

func (b *bench) recorded() []record {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]record(nil), b.records...)
}

// waitRecords polls until n actions are over.
func (b *bench) waitRecords(n int) []record {
	b.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if r := b.recorded(); len(r) >= n {
			return r
		}
	}
	b.t.Fatalf("%d records, want %d", len(b.recorded()), n)
	return nil
}

// poll waits until ok, with a deadline.
func poll(t testing.TB, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not come about")
		}
	}
}

type fakeUpstream struct{ b *bench }

func (u *fakeUpstream) Hold(func()) protocols.Held { return nil }

func (u *fakeUpstream) Link(ctx context.Context, open protocols.Open) (protocols.Link, *vault.Credential, error) {
	b := u.b
	if b.linkErr != nil {
		return nil, nil, b.linkErr
	}
	l, err := b.take(ctx, open)
	if err != nil || b.auth == nil {
		return l, nil, err
	}
	b.mu.Lock()
	b.opens++
	b.mu.Unlock()
	cred, err := vault.NewCredential(*b.auth, vault.NewSecret([]byte(b.secret)))
	if err == nil {
		b.used.With("s", 1, []byte(b.secret))
		cred.LookFor(&b.used)
	}
	return l, cred, err
}

func (b *bench) take(ctx context.Context, open protocols.Open) (protocols.Link, error) {
	b.mu.Lock()
	for _, l := range b.pool {
		if l.Take() {
			b.mu.Unlock()
			return l, nil
		}
	}
	b.dials++
	b.mu.Unlock()
	c, err := net.Dial("tcp", b.server)
	if err != nil {
		return nil, err
	}
	got, err := open.Dress(ctx, &fakeWire{Conn: c, b: b})
	if err != nil {
		c.Close()
		return nil, err
	}
	b.mu.Lock()
	if l, ok := got.(*origin.Link); ok {
		b.pool = append(b.pool, l)
	}
	b.mu.Unlock()
	return got, nil
}

type fakeWire struct {
	net.Conn
	b *bench
}

func (w *fakeWire) NetConn() net.Conn { return w.Conn }

func (w *fakeWire) CloseWrite() error { return w.Conn.(*net.TCPConn).CloseWrite() }

func (w *fakeWire) Secure(ctx context.Context, alpn ...string) (*tls.Conn, error) {
	c := tls.Client(w, &tls.Config{RootCAs: w.b.roots, ServerName: "api.example", NextProtos: alpn})
	return c, c.HandshakeContext(ctx)
}

func tcpPair(t testing.TB) (net.Conn, net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := make(chan net.Conn, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			c = nil
		}
		got <- c
	}()
	a, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	g := <-got
	if g == nil {
		t.Fatal("accept failed")
	}
	return a, g
}

// An authority mints certificates, one key for all of them.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool

	mu     sync.Mutex
	leaves map[string]*tls.Certificate
}

func newAuthority(t testing.TB) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &authority{cert: cert, key: key, pool: pool, leaves: map[string]*tls.Certificate{}}
}

func (a *authority) leaf(t testing.TB, name string) *tls.Certificate {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.leaves[name]; c != nil {
		return c
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		tmpl.IPAddresses = []net.IP{ip}
	} else {
		tmpl.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	c := &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: a.key}
	a.leaves[name] = c
	return c
}

// body reads an answer whole.
func body(t testing.TB, resp *http.Response) string {
	t.Helper()
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("body: %v", err)
	}
	return string(b)
}

// raw writes bytes and reads until the connection ends or want is seen.
func raw(t testing.TB, c net.Conn, send, want string) string {
	t.Helper()
	if _, err := io.WriteString(c, send); err != nil {
		t.Fatal(err)
	}
	return until(t, c, want)
}

func until(t testing.TB, c net.Conn, want string) string {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(30 * time.Second))
	var got strings.Builder
	buf := make([]byte, 4096)
	for want == "" || !strings.Contains(got.String(), want) {
		n, err := c.Read(buf)
		got.Write(buf[:n])
		if err != nil {
			if want != "" || errors.Is(err, net.ErrClosed) {
				t.Fatalf("read %q, then %v; want %q", got.String(), err, want)
			}
			break
		}
	}
	return got.String()
}
