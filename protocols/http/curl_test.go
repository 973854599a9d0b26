package http

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/internal/notrun"
	"sallyport.dev/sallyport/protocols"
)

// listen serves what connects to the address that it gives, as if it came out of a
// tunnel.
func (b *bench) listen() string {
	l := b.loopback()
	b.serveOn(l)
	return l.Addr().String()
}

func (b *bench) loopback() net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { l.Close() })
	return l
}

// serveOn is listen on a listener that is there.
func (b *bench) serveOn(l net.Listener) {
	b.served.Add(1)
	go func() {
		defer b.served.Done()
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b.served.Add(1)
			go func() {
				defer b.served.Done()
				defer c.Close()
				b.p.Serve(context.Background(), protocols.Flow{ //nolint:errcheck // curl says what was wrong
					Peer: &action.Peer{ID: "peer-1", Name: "curl"}, Service: b.svc, Host: b.host, Dst: b.dst,
					Accept: func() (net.Conn, error) { return c, nil },
					Leaf:   func(name string) (*tls.Certificate, error) { return b.ca.leaf(b.t, name), nil },
				}, b.do)
			}()
		}
	}()
}

// curl as it is, with nothing but the root certificate.
func TestCurl(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		notrun.Skip(t, "curl is not installed (curl)")
	}
	b := newBench(t, http.HandlerFunc(echo))
	b.auth, b.svc.Injects = &action.Auth{Scheme: "bearer", Secrets: []string{"s"}}, true
	b.decide = func(a *action.Action) action.Decision {
		if strings.HasPrefix(a.Summary, "DELETE") {
			return action.Decision{Rule: "no", Reason: "Not here."}
		}
		return action.Decision{Verdict: action.Allow}
	}
	dir := t.TempDir()
	root, large := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "large")
	for name, data := range map[string][]byte{
		root:  pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.ca.cert.Raw}),
		large: []byte(strings.Repeat("z", 1<<20)),
	} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	addr := b.listen()
	for _, tt := range []struct {
		name, want string
		args       []string
	}{
		{"get", `GET api.example /a/c?x=1 auth="Bearer ` + masked + `" body=""`, []string{"https://api.example/a/./b/../c?x=1"}},
		{"own token", `auth="Bearer ` + masked, []string{"-H", "Authorization: Bearer mine", "https://api.example/"}},
		{"post", `body="a=1"`, []string{"-d", "a=1", "https://api.example/"}},
		{"large, waiting for 100", `zzz"` + "\n200", []string{"-T", large, "-H", "Expect: 100-continue", "https://api.example/"}},
		{"chunked", `zzz"` + "\n200", []string{"-T", large, "-H", "Transfer-Encoding: chunked", "--http1.1", "https://api.example/"}},
		{"refused", `"reason":"Not here."`, []string{"-X", "DELETE", "https://api.example/"}},
		{"two on one connection", `GET api.example /2`, []string{"https://api.example/1", "https://api.example/2"}},
	} {
		for _, version := range []string{"--http1.1", "--http2"} {
			t.Run(tt.name+version, func(t *testing.T) {
				args := append([]string{"-sS", "--max-time", "60", "--cacert", root, "-w", "\n%{http_code}", version, "--connect-to", "api.example:443:" + addr}, tt.args...)
				out, err := exec.CommandContext(t.Context(), curl, args...).CombinedOutput()
				if err != nil || !strings.Contains(string(out), tt.want) {
					t.Errorf("%v: %.100q … %q, want %q", err, out, out[max(0, len(out)-100):], tt.want)
				}
			})
		}
	}
}
