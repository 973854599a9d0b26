package lab_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/lab"
	"sallyport.dev/sallyport/internal/pulse"

	"github.com/jackc/pgx/v5/pgconn"
)

const canary = "sk-canary-1f6c2b9d0e7a4f53"

const mainJob = `
gateway {
  wireguard {
    listen = ":0"
  }
}

service "api" {
  hosts = ["api.example.com"]
  auth  = bearer(secret.api)
  tls   = { ca = file("upstreams.pem") }
}

service "db" {
  protocol = "postgres"
  hosts    = ["db.example.com"]
  auth     = password("postgres", secret.db)
  tls      = "disable"
  insecure_injection = true
}

service "echo" {
  protocol = "tcp"
  hosts    = ["echo.example.com:7"]
}

role "agents" {
  use = [service.api, service.db, service.echo]
}

rule "echo is open" {
  on      = [service.echo]
  verdict = "allow"
}

rule "no unbounded writes" {
  on      = [service.db]
  verbs   = ["update", "delete"]
  unless  = sql.has_where
  verdict = "deny"
  reason  = "Add a WHERE clause."
}
`

// origin answers with what it saw of the credential, as a hash would not do in
// real life: the tests compare, and search the rest for it.
func origin(seen chan<- string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		seen <- fmt.Sprintf("%s %s auth=%q body=%q", r.Method, r.URL.RequestURI(), r.Header.Get("Authorization"), body)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"ok":true}`)
	})
}

func TestHTTPIsInjectedDeniedAndAsked(t *testing.T) {
	l := lab.New(t, mainJob)
	l.Secret("api", canary)
	seen := make(chan string, 16)
	l.HTTPS("api.example.com", origin(seen))
	c := l.Agent("laptop").HTTP()

	get := func(method, path, body string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, "https://api.example.com"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer placeholder")
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}

	if code, body := get("GET", "/v1/things?q=1", ""); code != 200 || body != `{"ok":true}` {
		t.Fatalf("GET: %d %s; the log:\n%s", code, body, l.Logs)
	}
	if got, want := <-seen, `GET /v1/things?q=1 auth="Bearer `+canary+`" body=""`; got != want {
		t.Errorf("upstream saw %s, want %s", got, want)
	}
	code, denied := get("DELETE", "/v1/things/1", "")
	if code != 403 || !strings.Contains(denied, "action_id") {
		t.Errorf("DELETE: %d %s", code, denied)
	}
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		if r := l.Answer(true); !strings.Contains(r.Summary, "POST") || !strings.Contains(r.Sample, "hello") {
			t.Errorf("asked for %+v", r)
		}
	}()
	if code, body := get("POST", "/v1/things", "hello"); code != 200 {
		t.Errorf("POST with a yes: %d %s", code, body)
	}
	<-answered
	if got := <-seen; !strings.Contains(got, `body="hello"`) {
		t.Errorf("upstream saw %s", got)
	}
	go l.Answer(false)
	if code, body := get("POST", "/v1/things", "again"); code != 403 {
		t.Errorf("POST with a no: %d %s", code, body)
	}
	records := l.Records("service:api", 4)
	for i, want := range []string{"allow", "deny", "allow", "deny"} {
		if records[i].Verdict != want {
			t.Errorf("record %d: %s, want %s", i, records[i].Verdict, want)
		}
	}
	l.Clean(canary, denied)
}

func TestPostgresIsInjectedAndDenied(t *testing.T) {
	l := lab.New(t, mainJob)
	l.Secret("db", "upstream-password")
	l.Postgres("db.example.com")
	a := l.Agent("laptop")
	c, err := a.PG(t.Context(), "postgres://anyone:anything@db.example.com/postgres?sslmode=require")
	if err != nil {
		t.Fatalf("%v; the log:\n%s", err, l.Logs)
	}
	defer c.Close(context.Background())
	var n int
	if err := c.QueryRow(t.Context(), "SELECT count(*) FROM pg_class WHERE relkind = $1", "r").Scan(&n); err != nil || n == 0 {
		t.Fatalf("SELECT: %d, %v", n, err)
	}
	var refused *pgconn.PgError
	if _, err := c.Exec(t.Context(), "DROP TABLE users"); !errors.As(err, &refused) || refused.Code != "42501" {
		t.Errorf("DROP TABLE: %v", err)
	}
	if err := c.QueryRow(t.Context(), "SELECT 1").Scan(&n); err != nil {
		t.Errorf("the session is of no use after a refusal: %v", err)
	}
	l.Records("service:db verdict:deny", 1)
	l.Clean("upstream-password", fmt.Sprint(refused))
}

func TestTCPIsJudgedAtConnect(t *testing.T) {
	l := lab.New(t, mainJob)
	l.TCP("echo.example.com", func(c net.Conn) { io.Copy(c, c) }) //nolint:errcheck // an echo ends when its client does
	c, err := l.Agent("laptop").DialContext(t.Context(), "tcp", "echo.example.com:7")
	if err != nil {
		t.Fatalf("%v; the log:\n%s", err, l.Logs)
	}
	defer c.Close()
	fmt.Fprintln(c, "hello")
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil || line != "hello\n" {
		t.Errorf("echo: %q, %v", line, err)
	}
}

func TestWhatIsNotDeclaredIsRefusedAtOnce(t *testing.T) {
	l := lab.New(t, mainJob)
	a := l.Agent("laptop")
	if _, err := a.DialContext(t.Context(), "tcp", "elsewhere.example:443"); err == nil {
		t.Error("an undeclared name has an address")
	}
	clock := pulse.Start()
	defer clock.Stop()
	began := time.Now()
	for _, at := range []string{"192.0.2.1:22", "10.0.0.1:5432", "[2001:db8::1]:8443", "198.18.200.1:443"} {
		if c, err := a.DialContext(t.Context(), "tcp", at); err == nil {
			c.Close()
			t.Errorf("%s was accepted", at)
		}
	}
	if took := clock.Since(began); took > 20*time.Second {
		t.Errorf("refusals took %v", took)
	}
	l.Records("verdict:deny", 3) // a virtual IP that stands for nothing is reset before anyone is asked
}

func TestRemovingAnAgentEndsItsConnections(t *testing.T) {
	l := lab.New(t, mainJob)
	l.TCP("echo.example.com", func(c net.Conn) { io.Copy(c, c) }) //nolint:errcheck // likewise
	a := l.Agent("laptop")
	c, err := a.DialContext(t.Context(), "tcp", "echo.example.com:7")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(c, "hello")
	if _, err := c.Read(make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	if err := l.Roster.Remove(t.Context(), "laptop"); err != nil {
		t.Fatal(err)
	}
	clock := pulse.Start()
	defer clock.Stop()
	for begin := time.Now(); len(l.Gateway.Open()) > 0 && clock.Since(begin) < time.Second; {
		time.Sleep(5 * time.Millisecond)
	}
	if open := l.Gateway.Open(); len(open) > 0 {
		t.Errorf("still open after a second: %v", open)
	}
}

func TestAReloadReachesOpenSessions(t *testing.T) {
	l := lab.New(t, mainJob)
	l.Secret("db", "upstream-password")
	l.Postgres("db.example.com")
	c, err := l.Agent("laptop").PG(t.Context(), "postgres://x@db.example.com/postgres?sslmode=disable")
	if err != nil {
		t.Fatalf("%v; the log:\n%s", err, l.Logs)
	}
	defer c.Close(context.Background())
	const q = "SELECT count(*) FROM pg_class"
	if _, err := c.Exec(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	l.Reload(mainJob + "\nrule \"closed\" {\n  on = [service.db]\n  tables = [\"pg_class\"]\n  verdict = \"deny\"\n}\n")
	var refused *pgconn.PgError
	if _, err := c.Exec(t.Context(), q); !errors.As(err, &refused) || refused.Code != "42501" {
		t.Errorf("after the reload: %v", err)
	}
}

func TestT15_NamesThatDisagreeAreRefused(t *testing.T) {
	l := lab.New(t, mainJob)
	l.Secret("api", canary)
	seen := make(chan string, 1)
	l.HTTPS("api.example.com", origin(seen))
	a := l.Agent("laptop")
	raw, err := a.DialContext(t.Context(), "tcp", "api.example.com:443")
	if err != nil {
		t.Fatal(err)
	}
	conf := a.TLS("http/1.1")
	conf.ServerName = "api.example.com"
	c := tls.Client(raw, conf)
	defer c.Close()
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: other.example\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("Host that is not SNI: %s", resp.Status)
	}
	raw, err = a.DialContext(t.Context(), "tcp", "api.example.com:443")
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	conf = a.TLS("http/1.1")
	conf.ServerName = "other.example"
	if err := tls.Client(raw, conf).HandshakeContext(t.Context()); err == nil {
		t.Error("a certificate for a name of no service")
	}
}

func TestTheGatewayIntroducesItself(t *testing.T) {
	l := lab.New(t, mainJob)
	c := l.Agent("laptop").HTTP()
	for path, want := range map[string]string{
		"/ca.pem": "BEGIN CERTIFICATE", "/whoami": `"agent":"laptop"`, "/manifest": "api.example.com",
	} {
		resp, err := c.Get("http://sallyport.internal" + path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s: %v\n%s", path, err, b)
		}
	}
}

func TestASecretWithoutAValueIsSaidSo(t *testing.T) {
	l := lab.New(t, mainJob)
	l.HTTPS("api.example.com", origin(make(chan string, 1)))
	resp, err := l.Agent("laptop").HTTP().Get("https://api.example.com/v1/things")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusBadGateway || !strings.Contains(string(b), "has no value") {
		t.Errorf("%s: %s (%v)", resp.Status, b, err)
	}
}
