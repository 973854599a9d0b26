package node_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport.dev/sallyport/dashboard/door"
	"sallyport.dev/sallyport/internal/lab"
	"sallyport.dev/sallyport/internal/node"
	"sallyport.dev/sallyport/internal/pki"

	"tailscale.com/ipn/store/mem"
	"tailscale.com/net/netns"
	"tailscale.com/tailcfg"
	"tailscale.com/tsnet"
	"tailscale.com/tstest/integration"
	"tailscale.com/tstest/integration/testcontrol"
	"tailscale.com/types/logger"
)

// An office is a tailnet with a gateway in it.
type office struct {
	t       *testing.T
	control *testcontrol.Server
	url     string
	o       node.Options
	logs    *lab.Buffer
	n       *node.Node
	ca      *x509.CertPool
}

// newOffice starts one; https says whether the tailnet gives certificates.
func newOffice(t *testing.T, https bool) *office {
	t.Helper()
	netns.SetEnabled(false)
	f := &office{t: t, ca: x509.NewCertPool()}
	f.control = &testcontrol.Server{
		DERPMap:        integration.RunDERPAndSTUN(t, logger.Discard, "127.0.0.1"),
		MagicDNSDomain: "corp.ts.net", Logf: logger.Discard, AllOnline: true,
		TagOwners: map[string][]string{"tag:sallyport": nil, "tag:ci": nil, "tag:kiosk": nil},
	}
	if https {
		f.control.DNSConfig = &tailcfg.DNSConfig{Proxied: true}
	}
	web := httptest.NewUnstartedServer(f.control)
	f.control.HTTPTestServer = web
	web.Start()
	t.Cleanup(func() { web.CloseClientConnections(); web.Close() })
	f.url = web.URL
	f.o, f.logs = options(t, f.rules(""))
	if https {
		f.certify("gate.corp.ts.net")
	}
	f.n = start(t, f.o)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := f.n.TS.Up(ctx); err != nil {
		t.Fatalf("%v\n%s", err, f.logs)
	}
	return f
}

func (f *office) rules(more string) string {
	return fmt.Sprintf(`
gateway {
  tailnet {
    hostname    = "gate"
    control_url = %q
    tags        = ["tag:sallyport"]
  }
}
service "lan" {
  hosts = ["10.40.0.0/16:443"]
}
role "ci" {
  members = ["tag:ci"]
  use     = [service.lan]
}
%s`, f.url, more)
}

// say puts more into the configuration.
func (f *office) say(more string) {
	f.t.Helper()
	before := f.n.Rules.Current()
	put(f.t, f.o.Config, f.rules(more))
	f.n.Rules.Reload(f.t.Context())
	if f.n.Rules.Current() == before {
		f.t.Fatalf("the configuration was not taken:\n%s", f.logs)
	}
}

// authority is one for the whole process, which reads its roots once.
var authority = sync.OnceValues(func() (*pki.Authority, error) { return pki.New("office") })

// TestMain has the process trust authority, before anything reads the roots.
func TestMain(m *testing.M) {
	code, err := trusting(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func trusting(m *testing.M) (code int, err error) {
	ca, err := authority()
	if err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "sallyport-node-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	root := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(root, ca.PEM(), 0o600); err != nil {
		return 0, err
	}
	if err := os.Setenv("SSL_CERT_FILE", root); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// certify lays a certificate where the library keeps those it got, by an
// authority that this process trusts.
func (f *office) certify(name string) {
	f.t.Helper()
	ca, err := authority()
	if err != nil {
		f.t.Fatal(err)
	}
	f.ca.AppendCertsFromPEM(ca.PEM())
	cert, key, err := ca.IssuePEM(name)
	if err != nil {
		f.t.Fatal(err)
	}
	dir := filepath.Join(f.o.State, "tailnet", "certs")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Chmod(f.o.State, 0o700); err != nil {
		f.t.Fatal(err)
	}
	put(f.t, filepath.Join(dir, name+".crt"), string(cert))
	put(f.t, filepath.Join(dir, name+".key"), string(key))
}

// A machine is another node of the tailnet, with a browser.
type machine struct {
	*tsnet.Server
	f    *office
	http *http.Client
}

func (f *office) machine(name string, tags ...string) *machine {
	f.t.Helper()
	m := &machine{f: f, Server: &tsnet.Server{
		Dir: f.t.TempDir(), Store: new(mem.Store), Ephemeral: true, Hostname: name, AdvertiseTags: tags,
		ControlURL: f.url, AuthKey: "tskey-x", Logf: logger.Discard, UserLogf: logger.Discard,
	}}
	f.t.Cleanup(func() { m.Close() })
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	if _, err := m.Up(ctx); err != nil {
		f.t.Fatal(err)
	}
	m.http = &http.Client{Timeout: patience / 3, Transport: &http.Transport{ // so that eventually asks again
		DialContext:       func(ctx context.Context, network, addr string) (net.Conn, error) { return m.dial(ctx, network, addr) },
		TLSClientConfig:   &tls.Config{RootCAs: f.ca, ServerName: "gate.corp.ts.net"},
		DisableKeepAlives: true,
	}}
	return m
}

// dial goes to the gateway, whatever the name.
func (m *machine) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	v4, _ := m.f.n.TS.Gateway()
	return m.Dial(ctx, network, net.JoinHostPort(v4.String(), port))
}

// ask sends a request to the gateway and gives the status and the text.
func (m *machine) ask(method, url, body string, header ...string) (int, string) {
	m.f.t.Helper()
	r, err := http.NewRequestWithContext(m.f.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		m.f.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := m.http.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		m.f.t.Fatal(err)
	}
	for _, c := range resp.Cookies() {
		m.f.t.Logf("%s %s sets %s", method, url, c.Name)
	}
	return resp.StatusCode, string(b)
}

// eventually polls until a request has the status; what the tailnet tells of its
// nodes takes a moment.
func (m *machine) eventually(status int, method, url string) string {
	m.f.t.Helper()
	var got int
	var text string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if got, text = m.ask(method, url, ""); got == status {
			return text
		}
	}
	m.f.t.Fatalf("%s %s is %d, not %d: %s\n%s", method, url, got, status, text, m.f.logs)
	return ""
}

func TestOperatorsComeByTheTailnet(t *testing.T) {
	f := newOffice(t, false)
	at := f.n.API.Status().Dashboard
	if len(at) != 1 || !strings.HasPrefix(at[0], "http://100.") || !strings.HasSuffix(at[0], ":8484") {
		t.Fatalf("the dashboard is at %v", at)
	}
	base := at[0]
	ana := f.machine("laptop")
	var s door.Standing
	if err := json.Unmarshal([]byte(ana.eventually(200, "GET", base+"/api/v1/session")), &s); err != nil {
		t.Fatal(err)
	}
	if s.Caller == nil || s.Caller.Person.Via != "tailnet" || !strings.Contains(s.Caller.From, "laptop (100.") || len(s.Notes) == 0 {
		t.Fatalf("%+v", s)
	}
	login := s.Caller.Person.Name
	if got, text := ana.ask("GET", base+"/api/v1/status", ""); got != 403 {
		t.Errorf("without a right: %d %s", got, text)
	}
	f.say(fmt.Sprintf("operators {\n  viewers = [%q]\n}\n", login))
	if got, text := ana.ask("GET", base+"/api/v1/status", ""); got != 200 {
		t.Errorf("a viewer: %d %s", got, text)
	}
	if got, _ := ana.ask("POST", base+"/api/v1/agents/freeze", ""); got != 403 {
		t.Errorf("a viewer freezes: %d", got)
	}
	for _, host := range []string{"http://gate:8484", "http://gate.corp.ts.net:8484", "http://gate", "http://gate.corp.ts.net"} {
		if got, text := ana.ask("GET", host+"/api/v1/status", ""); got != 200 {
			t.Errorf("by %s: %d %s", host, got, text)
		}
	}
	if got, _ := ana.ask("GET", "http://evil.test:8484/api/v1/status", ""); got != 421 {
		t.Errorf("by a rebound name: %d", got)
	}
	if got, _ := ana.ask("POST", base+"/api/v1/agents/freeze", "", "Origin", "http://evil.test"); got != 403 {
		t.Errorf("from another site: %d", got)
	}
	if n := len(f.n.Roster.List()); n != 0 {
		t.Errorf("a visit made %d agents: %+v\n%s", n, f.n.Roster.List(), f.logs)
	}
	f.control.SetGlobalAppCaps(tailcfg.PeerCapMap{"sallyport.dev/cap/sallyport": {`{"role":"editor"}`}})
	ana.eventually(200, "POST", base+"/api/v1/agents/freeze")

	// An agent with a tag and a role does not even reach the port.
	ci := f.machine("ci-1", "tag:ci")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, port := range []string{"8484", "443"} {
		if c, err := ci.dial(ctx, "tcp", "gate:"+port); err == nil {
			c.SetReadDeadline(time.Now().Add(patience)) //nolint:errcheck // the read says it
			fmt.Fprint(c, "GET /api/v1/session HTTP/1.0\r\nHost: gate\r\n\r\n")
			if b, err := io.ReadAll(c); len(b) > 0 {
				t.Errorf("an agent reads %q, %v at port %s", b, err, port)
			}
			c.Close()
		}
	}

	// The laptop gets a role: its address proves nothing any more.
	f.say(fmt.Sprintf("operators {\n  admins = [%q]\n}\nrole \"dev\" {\n  members = [\"user:%s\"]\n  use     = [service.lan]\n}\n", login, login))
	if got, text := ana.ask("GET", base+"/api/v1/status", ""); got != 401 {
		t.Errorf("an agent beside its operator: %d %s", got, text)
	}
	if got, text := ana.ask("GET", "http://sallyport.internal/whoami", ""); got != 200 || !strings.Contains(text, `"agent":"laptop@`) {
		t.Errorf("the pages of agents: %d %s", got, text)
	}
	if err := json.Unmarshal([]byte(ana.eventually(200, "GET", base+"/api/v1/session")), &s); err != nil || !s.Agent {
		t.Errorf("%+v, %v", s, err)
	}
	if got, text := ana.ask("GET", "https://gate.corp.ts.net/api/v1/session", ""); got != 0 {
		t.Errorf("TLS without a certificate: %d %s", got, text)
	}
}

// A node that has spoken as an agent once is one for good, whatever became of it
// since: its address is no proof of the person whose machine it is.
func TestT47_ANodeThatTheRosterKnowsProvesNobody(t *testing.T) {
	f := newOffice(t, false)
	base := f.n.API.Status().Dashboard[0]
	ana := f.machine("laptop")
	var s door.Standing
	if err := json.Unmarshal([]byte(ana.eventually(200, "GET", base+"/api/v1/session")), &s); err != nil || s.Caller == nil {
		t.Fatalf("%+v, %v", s, err)
	}
	f.say(fmt.Sprintf("operators {\n  admins = [%q]\n}\n", s.Caller.Person.Name))
	ana.eventually(200, "GET", base+"/api/v1/status")
	local, err := ana.LocalClient()
	if err != nil {
		t.Fatal(err)
	}
	self, err := local.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	roster, ctx := f.n.Roster, t.Context()
	for _, step := range []struct {
		state string
		do    func() error
	}{
		{"waiting", func() error { _, err := roster.Meet(ctx, string(self.Self.ID), "laptop"); return err }},
		{"approved, in a role that is gone", func() error { return roster.Approve(ctx, "laptop", []string{"gone"}) }},
		{"approved, in none", func() error { return roster.Approve(ctx, "laptop", nil) }},
		{"frozen", func() error { return roster.Freeze(ctx, "laptop") }},
		{"removed", func() error { return roster.Remove(ctx, "laptop") }},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		for _, ask := range []string{"GET /api/v1/status", "POST /api/v1/agents/laptop/approve", "POST /api/v1/passkeys/challenge"} {
			method, path, _ := strings.Cut(ask, " ")
			if got, text := ana.ask(method, base+path, ""); got != 401 {
				t.Errorf("%s: %s: %d %s", step.state, ask, got, text)
			}
		}
	}
}

func TestTheTailnetsNameHasTLS(t *testing.T) {
	f := newOffice(t, true)
	if at := f.n.API.Status().Dashboard; len(at) != 1 || at[0] != "https://gate.corp.ts.net" {
		t.Fatalf("the dashboard is at %v", at)
	}
	ana := f.machine("laptop")
	text := ana.eventually(200, "GET", "https://gate.corp.ts.net/api/v1/session")
	var s door.Standing
	if err := json.Unmarshal([]byte(text), &s); err != nil || s.Caller == nil || len(s.Notes) != 0 {
		t.Fatalf("%s, %v", text, err)
	}
	if _, err := os.Stat(filepath.Join(f.o.State, "tailnet", "certs")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the key of the certificate lies open: %v", err)
	}
	if got, text := ana.ask("GET", "https://gate.corp.ts.net/api/v1/session", ""); got != 200 {
		t.Errorf("with the sealed one: %d %s", got, text)
	}
	if got, text := ana.ask("GET", "http://gate:8484/api/v1/session", ""); got != 200 || !strings.Contains(text, s.Caller.Person.Name) {
		t.Errorf("the plain port leads to %d %s", got, text)
	}
	if got, text := ana.ask("GET", "http://gate/api/v1/session", ""); got != 200 || !strings.Contains(text, s.Caller.Person.Name) {
		t.Errorf("the bare name leads to %d %s", got, text)
	}
	if n := len(f.n.Roster.List()); n != 0 {
		t.Errorf("a visit made %d agents", n)
	}
	if got, text := ana.ask("POST", "http://gate:8484/api/v1/session", "{}"); got != 421 || !strings.Contains(text, "use https://gate.corp.ts.net") {
		t.Errorf("a login at the plain port: %d %s", got, text)
	}
	if got, text := ana.ask("GET", "https://evil.test/api/v1/session", ""); got != 421 {
		t.Errorf("by another name: %d %s", got, text)
	}
	c, err := ana.dial(t.Context(), "tcp", "gate:443")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := tls.Client(c, &tls.Config{RootCAs: f.ca, ServerName: "other.corp.ts.net"}).HandshakeContext(t.Context()); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("a certificate for another name: %v", err)
	}
}
