package inside_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
)

// echoDNS answers with the question and who asked it; an empty one is none.
type echoDNS struct{}

func (echoDNS) Answer(p *action.Peer, query []byte, stream bool) []byte {
	if len(query) == 0 {
		return nil
	}
	return fmt.Appendf(nil, "%s %v %s", p.Name, stream, query)
}

// A node of a tailnet asks its exit node for names over HTTP, at a port that the
// tailnet announces. Nothing else is there.
func TestNamesOverHTTP(t *testing.T) {
	in, _ := pages()
	in.Resolver, in.Asks = echoDNS{}, func(at netip.AddrPort) bool { return at.Port() == 41641 }
	agent, _, accepted := visit(t, in, 41641)
	r := bufio.NewReader(agent)
	for _, tc := range []struct {
		method, path, kind, body string
		status                   int
		want                     string
	}{
		{"POST", "/dns-query", "application/dns-message", "q", 200, "laptop true q"},
		{"POST", "/dns-query", "text/plain", "q", 415, "want application/dns-message"},
		{"POST", "/dns-query", "application/dns-message", "", 400, "no question"},
		{"GET", "/dns-query", "application/dns-message", "", 405, ""},
		{"GET", "/ca.pem", "", "", 404, ""},
		{"POST", "/dns-query", "application/dns-message", strings.Repeat("q", 5000), 400, "too large"},
	} {
		go fmt.Fprintf(agent, "%s %s HTTP/1.1\r\nHost: 100.64.0.1\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", tc.method, tc.path, tc.kind, len(tc.body), tc.body)
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != tc.status || !strings.Contains(string(body), tc.want) {
			t.Errorf("%s %s with %d bytes of %s: %d %q", tc.method, tc.path, len(tc.body), tc.kind, resp.StatusCode, body)
		}
	}
	if !*accepted {
		t.Error("not accepted")
	}
}

func TestNoOtherPortIsOpen(t *testing.T) {
	in, _ := pages()
	in.Resolver, in.Asks = echoDNS{}, func(at netip.AddrPort) bool { return at.Port() == 41641 }
	if _, done, accepted := visit(t, in, 41642); <-done != nil || *accepted {
		t.Error("it was accepted")
	}
}
