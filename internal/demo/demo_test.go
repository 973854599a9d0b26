package demo

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func newWorld(t *testing.T) *World {
	t.Helper()
	w, err := NewWorld(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return w
}

// direct is a tunnel that leads straight to the upstream: nobody adds a secret,
// nobody judges.
type direct struct{ addr string }

func (d direct) DialContext(ctx context.Context, network, _ string) (net.Conn, error) {
	var n net.Dialer
	return n.DialContext(ctx, network, d.addr)
}

// nobody is never asked.
type nobody struct{}

func (nobody) Approve(ctx context.Context) (string, error) {
	<-ctx.Done()
	return "", ctx.Err()
}

func TestTheShopWantsItsKey(t *testing.T) {
	w := newWorld(t)
	pem, err := os.ReadFile(filepath.Join(w.Dir, "shop-ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	c := &http.Client{Transport: &http.Transport{
		DialContext: direct{w.apiAddr}.DialContext, TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true,
	}}
	for key, want := range map[string]int{"": 401, "Bearer wrong": 401, "Bearer " + w.Secrets()["shop"]: 200} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+apiHost+"/v1/orders", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", key)
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want || w.injected() != (want == 200) {
			t.Errorf("with %q: %d, want %d; injected %v", key, resp.StatusCode, want, w.injected())
		}
	}
}

func TestTheSecretsAreNotInTheConfiguration(t *testing.T) {
	w := newWorld(t)
	b, err := os.ReadFile(w.Config())
	if err != nil {
		t.Fatal(err)
	}
	want := 1
	if w.HasDatabase() {
		want = 2
	}
	if got := len(w.Secrets()); got != want {
		t.Errorf("%d secrets, want %d", got, want)
	}
	for name, value := range w.Secrets() {
		if len(value) < 32 || strings.Contains(string(b), value) {
			t.Errorf("secret %s is short or stands in the configuration", name)
		}
	}
	if steps := len(w.Script(direct{}, nobody{})); steps != 6 && steps != 10 {
		t.Errorf("%d steps", steps)
	}
}

// TestTheScriptTellsWhatItSees plays steps against a front that allows, denies
// or fails; what they report must be what happened.
func TestTheScriptTellsWhatItSees(t *testing.T) {
	w := newWorld(t)
	answer := http.StatusOK
	front := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(answer)
		io.WriteString(rw, `{"reason":"Not you."}`)
	}))
	defer front.Close()
	a := &actor{w: w, tunnel: direct{front.Listener.Addr().String()}, op: nobody{}}
	if _, _, err := a.request("GET", "/")(t.Context()); err == nil {
		t.Error("a request without the CA")
	}
	a.http = front.Client()
	a.http.Transport.(*http.Transport).DialContext = a.tunnel.DialContext
	a.http.Transport.(*http.Transport).TLSClientConfig.InsecureSkipVerify = true // the front is nobody's certificate for the shop
	for _, tt := range []struct {
		status      int
		got, detail string
	}{
		{200, allowed, "200"}, {403, denied, "403 Not you."}, {502, "", "502"},
	} {
		answer = tt.status
		got, detail, err := a.request("GET", "/v1/orders")(t.Context())
		if err != nil || got != tt.got || !strings.HasPrefix(detail, tt.detail) {
			t.Errorf("%d: %q, %q, %v", tt.status, got, detail, err)
		}
	}
	answer = http.StatusOK
	if got, _, err := a.refund(t.Context()); err != nil || got != allowed {
		t.Errorf("a refund that nobody was asked about: %q, %v", got, err)
	}
	if got, detail, err := a.orders(t.Context()); err != nil || got != allowed || strings.Contains(detail, "real key") {
		t.Errorf("orders without a key: %q, %q, %v", got, detail, err)
	}
	if got, _, _ := a.connect("x:1")(t.Context()); got != allowed {
		t.Errorf("a connection that came about: %q", got)
	}
	front.Close()
	if got, detail, _ := a.connect("x:1")(t.Context()); got != refused || !strings.Contains(detail, "refused") {
		t.Errorf("a connection that did not: %q, %q", got, detail)
	}
	a.tunnel = unnamed{}
	if got, detail, _ := a.connect("x:1")(t.Context()); got != refused || !strings.Contains(detail, "no such name") {
		t.Errorf("a name that does not exist: %q, %q", got, detail)
	}
}

// unnamed knows no name.
type unnamed struct{}

func (unnamed) DialContext(_ context.Context, _, addr string) (net.Conn, error) {
	return nil, fmt.Errorf("dial: %w", &net.DNSError{Err: "no such host", Name: addr, IsNotFound: true})
}

func TestReasons(t *testing.T) {
	for text, want := range map[string]string{
		`{"reason":"a","detail":"b"}`: "a", `{"detail":"b"}`: "b", `{}`: "", "no JSON": "",
	} {
		if got := reason([]byte(text)); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	if first, second := random(), random(); first == second {
		t.Error("random repeats itself")
	}
}
