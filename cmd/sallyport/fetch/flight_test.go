package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/lab"
	"sallyport.dev/sallyport/internal/node"
	"sallyport.dev/sallyport/internal/pki"
	"sallyport.dev/sallyport/internal/sigv4"
)

// stores stand in for every place that a secret is fetched from, by the documented
// answers of each.
type stores struct {
	broken atomic.Bool
	value  atomic.Pointer[string] // of every secret
}

func (s *stores) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	value := *s.value.Load()
	switch at := r.Host + r.URL.Path; {
	case s.broken.Load():
		http.Error(w, "out of order", http.StatusServiceUnavailable)
	case strings.HasPrefix(at, "vault.example.com/") && r.Header.Get("X-Vault-Token") != "hvs.1":
		http.Error(w, `{"errors":["permission denied"]}`, http.StatusForbidden)
	case at == "vault.example.com/v1/kv/data/db":
		fmt.Fprintf(w, `{"lease_id":"","lease_duration":0,"data":{"data":{"password":%q},"metadata":{"version":3}}}`, value)
	case at == "vault.example.com/v1/database/creds/app":
		fmt.Fprintf(w, `{"lease_id":"database/creds/app/a","renewable":true,"lease_duration":4,"data":{"username":"v-app","password":%q}}`, value)
	case at == "secretsmanager.eu-central-1.amazonaws.com/":
		if err := sigv4.Verify(r, body, "AKID", "the-key-of-this-machine", "secretsmanager"); err != nil {
			http.Error(w, `{"__type":"InvalidSignatureException"}`, http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, `{"ARN":"x","Name":"db","VersionId":"v","SecretString":%q}`, value)
	case at == "metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token":
		io.WriteString(w, `{"access_token":"ya29.machine","expires_in":3599,"token_type":"Bearer"}`) //nolint:errcheck // the gateway may be gone
	case at == "secretmanager.googleapis.com/v1/projects/p/secrets/s/versions/latest:access" && r.Header.Get("Authorization") == "Bearer ya29.machine":
		sum := crc32.Checksum([]byte(value), crc32.MakeTable(crc32.Castagnoli))
		fmt.Fprintf(w, `{"name":"projects/1/secrets/s/versions/7","payload":{"data":%q,"dataCrc32c":"%d"}}`, base64.StdEncoding.EncodeToString([]byte(value)), sum)
	default:
		http.Error(w, "{}", http.StatusNotFound)
	}
}

// reached leads what the process itself asks for to the stores, until the test ends.
func reached(t *testing.T, s *stores) {
	t.Helper()
	ca, err := pki.New("stores")
	if err != nil {
		t.Fatal(err)
	}
	cert, err := ca.Issue("vault.example.com", "secretsmanager.eu-central-1.amazonaws.com", "secretmanager.googleapis.com")
	if err != nil {
		t.Fatal(err)
	}
	secure, plain := httptest.NewUnstartedServer(s), httptest.NewServer(s)
	secure.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	secure.StartTLS()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca.PEM())
	usual := http.DefaultTransport
	http.DefaultTransport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		var d net.Dialer
		if strings.HasSuffix(addr, ":443") {
			return d.DialContext(ctx, network, secure.Listener.Addr().String())
		}
		return d.DialContext(ctx, network, plain.Listener.Addr().String())
	}}
	t.Cleanup(func() {
		http.DefaultTransport = usual
		secure.Close()
		plain.Close()
	})
}

const everySource = `
gateway {
  wireguard {
    listen = ":0"
  }
}
secret "file" { file = %[1]q }
secret "exec" {
  exec    = [%[2]q]
  refresh = "10s"
}
secret "vault" {
  vault {
    address = "https://vault.example.com"
    path    = "kv/data/db"
    field   = "password"
    auth    = { token_file = %[3]q }
  }
  refresh = "10s"
}
secret "lease" {
  vault {
    address = "https://vault.example.com"
    path    = "database/creds/app"
    field   = "password"
    auth    = { token_file = %[3]q }
  }
}
secret "aws" {
  aws     = "arn:aws:secretsmanager:eu-central-1:1:secret:db"
  refresh = "10s"
}
secret "gcp" {
  gcp     = "projects/p/secrets/s"
  refresh = "10s"
}
`

const sourced = `
service %[1]q {
  hosts = ["%[1]s.example.com"]
  tls   = { ca = file("upstreams.pem") }
  auth  = bearer(secret.%[1]s)
}
`

// Every source fails while agents work, and comes back with another value: a value that
// was fetched goes on until it is too old, a lease that is over and a file that is gone
// refuse with a reason, and what comes back is used without a restart.
func TestEverySourceFailsMidFlight(t *testing.T) {
	s := &stores{}
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path+".new", []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	set := func(value string) {
		s.value.Store(&value)
		write("file", value+"\n", 0o600)
		write("value", value, 0o600)
	}
	set("the-first-value")
	reached(t, s)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKID")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "the-key-of-this-machine")
	program := write("exec", "#!/bin/sh\nexec cat "+filepath.Join(dir, "value")+"\n", 0o700)
	conf := fmt.Sprintf(everySource, filepath.Join(dir, "file"), program, write("token", "hvs.1\n", 0o600))
	lasting, ending := []string{"exec", "vault", "aws", "gcp"}, []string{"file", "lease"}
	all := append(lasting, ending...)
	for _, name := range all {
		conf += fmt.Sprintf(sourced, name)
	}
	conf += "role \"everyone\" { use = [service." + strings.Join(all, ", service.") + "] }\n"
	l := lab.NewWith(t, conf, func(o *node.Options) { o.Build.Remote = Remote })
	var sent sync.Map // host: the last token
	for _, name := range all {
		l.HTTPS(name+".example.com", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			sent.Store(name, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		}))
	}
	agent := l.Agent("ci").HTTP()
	ask := func(name string) (code int, token string) {
		resp, err := agent.Get("https://" + name + ".example.com/")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close() //nolint:errcheck // there is nothing in it
		if resp.StatusCode == http.StatusOK {
			got, _ := sent.Load(name)
			token, _ = got.(string)
		}
		return resp.StatusCode, token
	}
	until := func(what string, done func() bool) {
		t.Helper()
		for end := time.Now().Add(2 * time.Minute); !done(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				secrets, _ := json.Marshal(l.Vault.List())
				t.Fatalf("%s: not in time; %s\n%s", what, secrets, l.Logs)
			}
		}
	}
	for _, name := range all {
		until(name+" is there", func() bool { code, token := ask(name); return code == http.StatusOK && token == "the-first-value" })
	}
	s.broken.Store(true)
	for _, name := range []string{"file", "value"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	problem := func(name string) string {
		for _, i := range l.Vault.List() {
			if i.Name == name {
				return i.Problem
			}
		}
		return ""
	}
	for _, name := range lasting { // nothing stops while nobody has noticed, and nothing after
		until(name+" fails", func() bool {
			if code, token := ask(name); code != http.StatusOK || token != "the-first-value" {
				t.Fatalf("%s: %d %q while its source is down", name, code, token)
			}
			return strings.Contains(problem(name), "stays in use until")
		})
	}
	for _, name := range ending {
		until(name+" ends", func() bool { code, _ := ask(name); return code == http.StatusBadGateway })
		if problem(name) == "" || strings.Contains(problem(name), "the-first-value") {
			t.Errorf("%s: operators read %q", name, problem(name))
		}
		until(name+" is recorded as refused, with a reason", func() bool {
			for _, r := range l.Records("service:"+name, 1) {
				if strings.Contains(r.Error, fmt.Sprintf("secret %q", name)) {
					return true
				}
			}
			return false
		})
	}
	set("the-second-value")
	s.broken.Store(false)
	for _, name := range all {
		until(name+" is back", func() bool { code, token := ask(name); return code == http.StatusOK && token == "the-second-value" })
		if got := problem(name); got != "" {
			t.Errorf("%s: operators still read %q", name, got)
		}
	}
}
