package lab_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/lab"
)

const certified = `
gateway {
  wireguard {
    listen = ":0"
  }
}
service "api" {
  hosts = ["api.example.com"]
  tls   = { ca = file("upstreams.pem") }
  auth = by_role({
    role.reader = mtls(secret.reader_cert, secret.reader_key)
    role.writer = mtls(secret.writer_cert, secret.writer_key)
  })
}
role "reader" { use = [service.api] }
role "writer" { use = [service.api] }
`

// A strict is an upstream that knows clients by certificate, and every connection by
// the one client that it belongs to.
type strict struct {
	mu      sync.Mutex
	owners  map[string]string // remote address -> common name
	shared  []string
	resumed int
	seen    http.Header
}

func (s *strict) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.TLS.PeerCertificates[0].Subject.CommonName
	s.mu.Lock()
	defer s.mu.Unlock()
	if was, ok := s.owners[r.RemoteAddr]; ok && was != name {
		s.shared = append(s.shared, was+" and "+name)
	}
	if s.owners[r.RemoteAddr] = name; r.TLS.DidResume {
		s.resumed++
	}
	s.seen = r.Header
	if r.Header.Get("X-Close") != "" {
		w.Header().Set("Connection", "close")
	}
	fmt.Fprint(w, name)
}

// connections gives how many connections belonged to a client.
func (s *strict) connections(name string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, owner := range s.owners {
		if owner == name {
			n++
		}
	}
	return n
}

func pair(l *lab.Lab, name, cn string) {
	cert, key := l.Certificate(cn, time.Now().Add(time.Hour))
	l.Secret(name+"_cert", cert)
	l.Secret(name+"_key", key)
}

// asks sends one request and gives what came back.
func asks(t *testing.T, c *http.Client, last bool) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.example.com/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Client-Cert", ":c3Bvb2ZlZA==:")
	r.Header.Set("X-Forwarded-Client-Cert", "Subject=\"CN=writer\"")
	if last {
		r.Header.Set("X-Close", "yes")
	}
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(resp.StatusCode, " ", string(b))
}

// Each role is its own client of the upstream, over TLS 1.2 and 1.3, on connections
// and TLS sessions that no other role uses, and a new certificate on new ones.
func TestAClientCertificateForEachRole(t *testing.T) {
	for version, name := range map[uint16]string{tls.VersionTLS12: "TLS 1.2", tls.VersionTLS13: "TLS 1.3"} {
		t.Run(name, func(t *testing.T) {
			l := lab.New(t, certified)
			up := &strict{owners: map[string]string{}}
			l.Mutual("api.example.com", up, func(c *tls.Config) { c.MinVersion, c.MaxVersion = version, version })
			pair(l, "reader", "reader-1")
			pair(l, "writer", "writer-1")
			reader, writer := l.Agent("r", "reader").HTTP(), l.Agent("w", "writer").HTTP()
			for i := range 4 {
				if got := asks(t, reader, i == 1); got != "200 reader-1" {
					t.Fatal(got, l.Logs)
				}
				if got := asks(t, writer, false); got != "200 writer-1" {
					t.Fatal(got, l.Logs)
				}
			}
			if r, w := up.connections("reader-1"), up.connections("writer-1"); r != 2 || w != 1 || len(up.shared) > 0 {
				t.Errorf("%d connections of the reader, %d of the writer, shared: %q", r, w, up.shared)
			}
			if up.resumed == 0 {
				t.Error("no TLS session was resumed")
			}
			if up.seen.Get("Client-Cert") != "" || up.seen.Get("X-Forwarded-Client-Cert") != "" {
				t.Errorf("the agent told the upstream who it is: %v", up.seen)
			}
			pair(l, "reader", "reader-2")
			for range 2 {
				if got := asks(t, reader, false); got != "200 reader-2" {
					t.Error("after the rotation:", got)
				}
			}
			if got := asks(t, writer, false); got != "200 writer-1" || up.connections("writer-1") != 1 {
				t.Error("the writer's rotation:", got)
			}
			if r := l.Records("service:api agent:r", 1); len(r) == 0 || !strings.HasPrefix(r[0].Secret, "reader_cert@") {
				t.Errorf("the record: %+v", r)
			}
		})
	}
}

// What stands in the way of a certificate is refused, and an operator learns why.
func TestAClientCertificateThatCannotBeShown(t *testing.T) {
	l := lab.New(t, certified)
	srv := l.Mutual("api.example.com", &strict{owners: map[string]string{}}, func(*tls.Config) {})
	agent := l.Agent("r", "reader").HTTP()
	cert, key := l.Certificate("reader", time.Now().Add(time.Hour))
	over, overKey := l.Certificate("reader", time.Now().Add(-time.Minute))
	for i, c := range []struct{ what, cert, key, want string }{
		{"the key of another", cert, overKey, "are no certificate and its key in PEM"},
		{"no PEM", "hello", key, "are no certificate and its key in PEM"},
		{"one that is over", over, overKey, `the certificate "reader_cert" ended at`},
	} {
		l.Secret("reader_cert", c.cert)
		l.Secret("reader_key", c.key)
		got := asks(t, agent, true)
		if !strings.HasPrefix(got, "502") || strings.Contains(got, "ended") {
			t.Errorf("%s: the agent sees %s", c.what, got)
		}
		if r := l.Records("service:api", i+1)[i]; !strings.Contains(r.Error, c.want) {
			t.Errorf("%s: the record says %q", c.what, r.Error)
		}
	}
	l.Secret("reader_cert", cert)
	l.Secret("reader_key", key)
	if got := asks(t, agent, true); got != "200 reader" {
		t.Error(got)
	}
	srv.Close()
	l.HTTPS("api.example.com", &strict{owners: map[string]string{}})
	if got := asks(t, agent, true); !strings.HasPrefix(got, "502") {
		t.Errorf("an upstream that does not ask for the certificate: %s", got)
	}
	if r := l.Records("service:api", 5)[4]; !strings.Contains(r.Error, "asks for no client certificate") {
		t.Errorf("the record says %q", r.Error)
	}
	l.Clean(strings.Split(key, "\n")[1])
}

// T18: what was proven with a certificate, connections that are kept and TLS sessions that
// could be resumed, is good until the certificate ends, though the upstream would go on.
func TestT18_NothingOutlivesAClientCertificate(t *testing.T) {
	for version, name := range map[uint16]string{tls.VersionTLS12: "TLS 1.2", tls.VersionTLS13: "TLS 1.3"} {
		t.Run(name, func(t *testing.T) {
			l := lab.New(t, certified)
			up := &strict{owners: map[string]string{}}
			l.Mutual("api.example.com", up, func(c *tls.Config) { c.MinVersion, c.MaxVersion = version, version })
			agent := l.Agent("r", "reader").HTTP()
			ready, sent := false, 0
			for life := 2 * time.Second; !ready; life *= 4 { // as long as a busy machine needs for two requests
				if life > time.Minute {
					t.Fatal(l.Logs)
				}
				end := time.Now().Add(life)
				cert, key := l.Certificate("reader", end)
				l.Secret("reader_cert", cert)
				l.Secret("reader_key", key)
				first, second := asks(t, agent, true), asks(t, agent, false)
				ready, sent = first == "200 reader" && second == "200 reader", sent+2
				time.Sleep(time.Until(end.Add(time.Second))) // it ends, to the second
			}
			if up.resumed == 0 {
				t.Error("no TLS session was resumed")
			}
			had := up.connections("reader")
			for _, last := range []bool{true, true} { // on the connection that is kept, and on another
				if got := asks(t, agent, last); !strings.HasPrefix(got, "502") {
					t.Errorf("after its end: %s", got)
				}
			}
			if now := up.connections("reader"); now != had {
				t.Errorf("%d connections more", now-had)
			}
			r := l.Records("service:api agent:r verdict:allow", sent+2)
			for _, r := range r[len(r)-2:] {
				if !strings.Contains(r.Error, `the certificate "reader_cert" ended at`) {
					t.Errorf("the record says %q", r.Error)
				}
			}
			pair(l, "reader", "reader-2")
			if got := asks(t, agent, false); got != "200 reader-2" {
				t.Error("with another:", got)
			}
		})
	}
}

// A PostgreSQL server takes the certificate for its user.
func TestAClientCertificateForPostgres(t *testing.T) {
	l := lab.New(t, `
gateway {
  wireguard {
    listen = ":0"
  }
}
service "db" {
  protocol = "postgres"
  hosts    = ["db.example.com"]
  tls      = { ca = file("upstreams.pem") }
  auth = by_role({
    role.reader = mtls(secret.cert, secret.key)
    role.writer = mtls("postgres", secret.cert, secret.key)
  })
}
role "reader" { use = [service.db] }
role "writer" { use = [service.db] }
`)
	database(t, l, "db.example.com", "hostssl all ro all cert")
	cert, key := l.Certificate("ro", time.Now().Add(time.Hour))
	l.Secret("cert", cert)
	l.Secret("key", key)
	reader, writer := l.Agent("r", "reader"), l.Agent("w", "writer")
	if got := whoami(t, reader, "postgres://x:y@db.example.com/postgres?sslmode=disable"); !strings.HasPrefix(got, "ro at ") {
		t.Error(got, l.Logs)
	}
	if got := whoami(t, writer, "postgres://x:y@db.example.com/postgres?sslmode=disable"); !strings.HasPrefix(got, "08006") {
		t.Error("a user that the certificate is not for:", got)
	}
	l.Clean(strings.Split(key, "\n")[1])
}
