package inside_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/dashboard/inside"
	"sallyport.dev/sallyport/netstack"
)

// next is where flows to anything else end.
type next struct{ hosts chan string }

func (n next) ServeFlow(_ context.Context, f netstack.Flow) error {
	n.hosts <- f.Host
	return nil
}

func pages() (*inside.Pages, next) {
	n := next{make(chan string, 8)}
	return &inside.Pages{
		Next: n, CA: func() []byte { return []byte("PEM\n") },
		Roles: func(*action.Peer) []string { return []string{"buyer"} },
		Manifest: func(p *action.Peer) (string, string, any) {
			return "# " + p.Name, "export AGENT='" + p.Name + "'", map[string]string{"agent": p.Name}
		},
		Logger: slog.New(slog.DiscardHandler),
	}, n
}

// visit opens a flow to the gateway itself. The end of ServeFlow closes the
// agent's end, as the transport does.
func visit(t *testing.T, in *inside.Pages, port uint16) (agent net.Conn, done <-chan error, accepted *bool) {
	t.Helper()
	agent, gateway := net.Pipe()
	t.Cleanup(func() { agent.Close() })
	over, took := make(chan error, 1), false
	f := netstack.Flow{
		Peer: &action.Peer{ID: "1", Name: "laptop", Addr: netip.MustParseAddr("10.77.0.2")},
		Host: netstack.GatewayName, Dst: netip.AddrPortFrom(netip.MustParseAddr("10.77.0.1"), port),
		Accept: func() (net.Conn, error) { took = true; return gateway, nil },
	}
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	go func() {
		err := in.ServeFlow(ctx, f)
		gateway.Close()
		over <- err
	}()
	return agent, over, &took
}

func TestThePagesInside(t *testing.T) {
	in, _ := pages()
	for _, tt := range []struct {
		request string
		status  int
		want    string
	}{
		{"GET / HTTP/1.1", 200, "as agent laptop"},
		{"GET /ca.pem HTTP/1.1", 200, "PEM\n"},
		{"GET /whoami HTTP/1.1", 200, `"roles":["buyer"]`},
		{"GET /manifest HTTP/1.1", 200, "# laptop"},
		{"GET /manifest HTTP/1.1\r\nAccept: application/json", 200, `{"agent":"laptop"}`},
		{"HEAD /ca.pem HTTP/1.1", 200, ""},
		{"GET /ca.pem HTTP/1.0", 200, "PEM\n"},
		{"GET /nothing HTTP/1.1", 404, ""},
		{"GET /ca.pem/ HTTP/1.1", 404, ""},
		{"GET /api/v1/agents HTTP/1.1", 404, ""},
		{"GET /metrics HTTP/1.1", 404, ""},
		{"POST /ca.pem HTTP/1.1", 405, ""},
		{"DELETE / HTTP/1.1", 405, ""},
		{"GET /../ca.pem HTTP/1.1", 307, ""},
		{"GET nonsense HTTP/1.1", 400, ""},
	} {
		c, done, _ := visit(t, in, 80)
		method, _, _ := strings.Cut(tt.request, " ")
		go fmt.Fprintf(c, "%s\r\nHost: sallyport.internal\r\nConnection: close\r\n\r\n", tt.request)
		resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
		if err != nil {
			t.Errorf("%s: %v", tt.request, err)
			continue
		}
		b, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != tt.status || !strings.Contains(string(b), tt.want) {
			t.Errorf("%s: %d, %v, want %d with %q:\n%s", tt.request, resp.StatusCode, err, tt.status, tt.want, b)
		}
		if method == "HEAD" && len(b) > 0 {
			t.Errorf("%s has a body: %q", tt.request, b)
		}
		c.Close()
		if err := <-done; err != nil {
			t.Errorf("%s ends with %v", tt.request, err)
		}
	}
}

func TestOnlyPort80IsOpenInside(t *testing.T) {
	in, _ := pages()
	for _, port := range []uint16{1, 22, 79, 81, 443, 5432, 8080, 8484, 51820} {
		c, done, accepted := visit(t, in, port)
		c.Close()
		if err := <-done; err != nil || *accepted {
			t.Errorf("port %d: accepted %v, %v", port, *accepted, err)
		}
	}
}

func TestOtherFlowsGoOn(t *testing.T) {
	in, n := pages()
	for _, host := range []string{"", "api.example.com", "x.sallyport.internal"} {
		if err := in.ServeFlow(t.Context(), netstack.Flow{Peer: &action.Peer{}, Host: host, Dst: netip.MustParseAddrPort("198.18.0.1:80")}); err != nil {
			t.Fatal(err)
		}
		if got := <-n.hosts; got != host {
			t.Errorf("%q went on as %q", host, got)
		}
	}
}

func TestAHeadInsideIsBounded(t *testing.T) {
	in, _ := pages()
	c, done, _ := visit(t, in, 80)
	go func() {
		fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: sallyport.internal\r\n")
		line := "X: " + strings.Repeat("x", 1000) + "\r\n"
		for range 1000 {
			if _, err := io.WriteString(c, line); err != nil {
				return
			}
		}
	}()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Fatalf("%v, %v", resp, err)
	}
	c.Close()
	<-done
}

func TestTheEndOfAFlowEndsItsPages(t *testing.T) {
	in, _ := pages()
	ctx, stop := context.WithCancel(t.Context())
	agent, gateway := net.Pipe()
	defer agent.Close()
	done := make(chan error, 1)
	go func() {
		done <- in.ServeFlow(ctx, netstack.Flow{
			Peer: &action.Peer{Name: "laptop"}, Host: netstack.GatewayName, Dst: netip.MustParseAddrPort("10.77.0.1:80"),
			Accept: func() (net.Conn, error) { return gateway, nil },
		})
	}()
	fmt.Fprint(agent, "GET /whoami HTTP/1.1\r\n") // and never an end
	stop()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("it ends with %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("it does not end")
	}
	failed := errors.New("gone")
	err := in.ServeFlow(t.Context(), netstack.Flow{
		Peer: &action.Peer{Name: "laptop"}, Host: netstack.GatewayName, Dst: netip.MustParseAddrPort("10.77.0.1:80"),
		Accept: func() (net.Conn, error) { return nil, failed },
	})
	if !errors.Is(err, failed) || !strings.Contains(err.Error(), "laptop") {
		t.Errorf("a failed accept: %v", err)
	}
}
