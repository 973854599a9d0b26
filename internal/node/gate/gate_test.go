package gate

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sallyport.dev/sallyport/dashboard/door"
	"sallyport.dev/sallyport/internal/pki"

	"golang.org/x/sync/errgroup"
)

// serve serves gates with a handler that tells the entrance.
func serve(t *testing.T, g *Gates) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	group, ctx := errgroup.WithContext(ctx)
	err := g.Serve(ctx, group, func(e *door.Entrance, _ http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			uid, _ := door.UserOf(r.Context())
			fmt.Fprintf(w, "%s %v %s %s", e.URL, e.Hosts(), r.Proto, uid)
		})
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		if err := group.Wait(); err != nil {
			t.Error(err)
		}
	})
}

func fetch(t *testing.T, c *http.Client, url string) string {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func client(tls *tls.Config) *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: tls, DialContext: new(net.Dialer).DialContext, ForceAttemptHTTP2: true, DisableKeepAlives: true}}
}

func TestLocalhostIsBothFamilies(t *testing.T) {
	g := &Gates{Log: slog.New(slog.DiscardHandler)}
	if err := g.Open("localhost:0", "", ""); err != nil {
		t.Fatal(err)
	}
	serve(t, g)
	url := g.Local()
	if !strings.HasPrefix(url, "http://localhost:") || len(g.URLs()) != 1 {
		t.Fatalf("at %v", g.URLs())
	}
	port, _ := strconv.ParseUint(portOf(g.local[0]), 10, 16)
	if here := g.Here(); len(here) != len(g.local) || here[0] != netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port)) {
		t.Errorf("it says that it is at %v", here)
	}
	for _, host := range []string{"127.0.0.1", "[::1]"} {
		if host == "[::1]" && len(g.local) == 1 {
			continue // this machine has no IPv6
		}
		if got := fetch(t, client(nil), strings.Replace(url, "localhost", host, 1)); got != fmt.Sprintf("%s [localhost 127.0.0.1 ::1] HTTP/1.1 %d", url, os.Getuid()) {
			t.Errorf("%s: %q", host, got)
		}
	}
	again := &Gates{Log: g.Log}
	if err := again.Open(strings.TrimPrefix(url, "http://"), "", ""); err == nil {
		t.Error("two gateways on one port")
	}
}

// A port that is free for one family may be somebody's for the other: whoever asks for
// any port gets another.
func TestAnyPortIsFreeForBothFamilies(t *testing.T) {
	for range 1000 { // of the 28,000 that Linux chooses from
		l, err := net.Listen("tcp6", "[::1]:0")
		if err != nil {
			break // this machine has no IPv6
		}
		defer l.Close()
	}
	for range 200 {
		g := &Gates{Log: slog.New(slog.DiscardHandler)}
		if err := g.Open("localhost:0", "", ""); err != nil {
			t.Fatal(err)
		}
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// pipes is a listener of connections that are there already.
type pipes struct {
	net.Listener
	come chan net.Conn
	over chan struct{}
	once sync.Once
}

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.come:
		return c, nil
	case <-l.over:
		return nil, net.ErrClosed
	}
}

func (l *pipes) Close() error { l.once.Do(func() { close(l.over) }); return nil }

// The end waits for what runs, and for a moment only: neither a browser that has
// connected ahead nor a request without an end makes it fail.
func TestTheEndWaitsForAMoment(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"":                               shutdownTimeout, // it has connected, and asks nothing
		"GET / HTTP/1.0\r\n\r\n":         time.Second,
		"GET /for-ever HTTP/1.0\r\n\r\n": shutdownTimeout,
	} {
		synctest.Test(t, func(t *testing.T) {
			srv := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/" {
					time.Sleep(time.Second)
					return
				}
				<-r.Context().Done()
			})}
			l := &pipes{come: make(chan net.Conn), over: make(chan struct{})}
			served := make(chan error, 1)
			go func() { served <- srv.Serve(l) }()
			near, far := net.Pipe()
			l.come <- far
			if _, err := io.WriteString(near, text); err != nil {
				t.Fatal(err)
			}
			go io.Copy(io.Discard, near) //nolint:errcheck // what it says is not asked here
			synctest.Wait()
			ctx, stop := context.WithCancel(t.Context())
			began := time.Now()
			stop()
			err := End(ctx, srv)
			if took := time.Since(began).Round(time.Second); err != nil || took != want {
				t.Errorf("%q: %v after %v, want %v", text, err, took, want)
			}
			if err := <-served; !errors.Is(err, http.ErrServerClosed) {
				t.Errorf("%q: served until %v", text, err)
			}
		})
	}
}

// The node of a tailnet ends with the gateway, and may do so a moment earlier: that is
// no failure of its listeners.
func TestAListenerMayEndFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &pipes{come: make(chan net.Conn), over: make(chan struct{})}
		g := &Gates{Log: slog.New(slog.DiscardHandler), list: []gate{{l, &door.Entrance{}, nil}}}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		group, ctx := errgroup.WithContext(ctx)
		if err := g.Serve(ctx, group, func(_ *door.Entrance, h http.Handler) http.Handler { return h }, nil); err != nil {
			t.Fatal(err)
		}
		l.Close()
		synctest.Wait()
		stop()
		if err := group.Wait(); err != nil {
			t.Error(err)
		}
	})
}

func TestACertificateIsTakenAsSoonAsItIsThere(t *testing.T) {
	ca, err := pki.New("gate")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write := func(name string, at time.Time) {
		t.Helper()
		c, k, err := ca.IssuePEM(name)
		if err != nil {
			t.Fatal(err)
		}
		for path, b := range map[string][]byte{cert: c, key: k} {
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(path, at, at); err != nil {
				t.Fatal(err)
			}
		}
	}
	write("one.test", time.Now().Add(-time.Hour))
	g := &Gates{Log: slog.New(slog.DiscardHandler)}
	if err := g.Open("127.0.0.1:0", cert, key); err != nil {
		t.Fatal(err)
	}
	serve(t, g)
	if !strings.HasPrefix(g.Local(), "https://one.test:") {
		t.Fatalf("at %s", g.Local())
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca.PEM())
	at := strings.Replace(g.Local(), "one.test", "127.0.0.1", 1)
	if got := fetch(t, client(&tls.Config{RootCAs: roots, ServerName: "one.test"}), at); !strings.Contains(got, "[one.test] HTTP/2.0") {
		t.Errorf("%q", got)
	}
	write("two.test", time.Now())
	if got := fetch(t, client(&tls.Config{RootCAs: roots, ServerName: "two.test"}), at); !strings.Contains(got, "[two.test]") {
		t.Errorf("after a renewal: %q", got)
	}
	if err := os.WriteFile(cert, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := fetch(t, client(&tls.Config{RootCAs: roots, ServerName: "two.test"}), at); !strings.Contains(got, "[two.test]") {
		t.Errorf("with half a file: %q", got)
	}
	if err := new(Gates).Open("127.0.0.1:0", filepath.Join(dir, "none"), key); err == nil {
		t.Error("no certificate")
	}
}
