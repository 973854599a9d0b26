//go:build e2e

package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/pgserver"
	"sallyport.dev/sallyport/internal/pki"
)

// canary is the secret that no agent, log or disk may ever show.
const canary = "sk-canary-7d1f0b5e2a9c4863"

// A transport is how agents reach the gateway: a block of its configuration, and
// who has the role without being enrolled into it, an attribute of it.
type transport struct{ block, members string }

var overWireGuard = transport{block: `wireguard {
    listen   = ":51820"
    endpoint = "198.51.100.1:51820"
  }`}

const configuration = `
gateway {
  state_dir = "%[1]s/state"
  %[4]s
}

service "api" {
  hosts    = ["api.e2e.example"]
  upstream = "%[2]s"
  auth     = bearer(secret.api)
  tls      = { ca = file("upstream.pem"), server_name = "api.e2e.example" }
}

service "db" {
  protocol  = "postgres"
  hosts     = ["db.e2e.example"]
  upstream  = "%[3]s"
  databases = ["postgres"]
  auth      = password("postgres", secret.db)
  tls       = { ca = file("upstream.pem"), server_name = "db.e2e.example" }
}

role "agents" {
  use = [service.api, service.db]
  %[5]s
}

rule "writes are fine on scratch" {
  on      = [service.db]
  tables  = ["scratch", "pgbench_*"]
  verbs   = ["insert", "select", "update", "copy"]
  verdict = "allow"
}

rule "posting needs a yes" {
  on      = [service.api]
  methods = ["POST"]
  verdict = "ask"
}
`

// A site is the gateway's side: upstreams, and the gateway as a process of its
// own.
type site struct {
	t    *testing.T
	dir  string
	log  string
	env  []string // more of the gateway's environment
	cmd  *exec.Cmd
	db   *pgserver.Server
	seen chan string // what the HTTPS upstream saw, when the test looks
}

// newSite starts upstreams and a gateway that holds their secrets.
func newSite(t *testing.T) *site {
	t.Helper()
	return newSiteOver(t, overWireGuard)
}

// newSiteOver is newSite with another transport, and with more in the gateway's
// environment.
func newSiteOver(t *testing.T, over transport, env ...string) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), env: env, seen: make(chan string, 64)}
	s.log = filepath.Join(s.dir, "gateway.log")
	t.Cleanup(func() {
		if text := s.logged(); t.Failed() {
			t.Logf("gateway: %s", text[max(0, len(text)-8000):])
		}
	})
	ca, err := pki.New("e2e upstreams")
	must(t, err)
	must(t, os.WriteFile(filepath.Join(s.dir, "upstream.pem"), ca.PEM(), 0o644))
	s.startDB(ca)
	conf := fmt.Sprintf(configuration, s.dir, s.startAPI(ca), s.db.Address(), over.block, over.members)
	must(t, os.WriteFile(filepath.Join(s.dir, "sallyport.hcl"), []byte(conf), 0o644))
	s.start()
	s.sallyport(canary, "secret", "set", "api")
	s.sallyport(canary, "secret", "set", "db")
	return s
}

func (s *site) startAPI(ca *pki.Authority) string {
	s.t.Helper()
	cert, err := ca.Issue("api.e2e.example")
	must(s.t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(s.t, err)
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		s.seen <- fmt.Sprintf("%s %s auth=%q body=%d", r.Method, r.URL.RequestURI(), r.Header.Get("Authorization"), n)
		fmt.Fprintln(w, "hello from the upstream")
	})
	mux.HandleFunc("/big", func(w http.ResponseWriter, _ *http.Request) {
		io.CopyN(w, zeros{}, 32<<20) //nolint:errcheck // the client's end is checked
	})
	srv := &http.Server{Handler: mux, TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}}, ErrorLog: log.New(io.Discard, "", 0)}
	go srv.ServeTLS(l, "", "") //nolint:errcheck // it ends with the test
	s.t.Cleanup(func() { srv.Close() })
	return l.Addr().String()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func (s *site) startDB(ca *pki.Authority) {
	s.t.Helper()
	cert, key, err := ca.IssuePEM("db.e2e.example")
	must(s.t, err)
	must(s.t, os.WriteFile(filepath.Join(s.dir, "db.crt"), cert, 0o600))
	must(s.t, os.WriteFile(filepath.Join(s.dir, "db.key"), key, 0o600))
	s.db, err = pgserver.Start(s.t.Context(), pgserver.Options{
		Password: canary, Cert: filepath.Join(s.dir, "db.crt"), Key: filepath.Join(s.dir, "db.key"),
	})
	must(s.t, err)
	s.t.Cleanup(func() { s.db.Close() })
}

// start runs the gateway and waits until it says that it is ready.
func (s *site) start() {
	s.t.Helper()
	logs, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(s.t, err)
	defer logs.Close()
	before := s.logged()
	s.cmd = exec.Command(s.binary(), "serve", "-c", filepath.Join(s.dir, "sallyport.hcl"))
	s.cmd.Stdout, s.cmd.Stderr = logs, logs
	s.cmd.Env = append(os.Environ(), s.env...)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(s.t, s.cmd.Start())
	s.t.Cleanup(func() { s.stop(syscall.SIGTERM) })
	await(s.t, "the gateway to be ready", func() bool {
		if s.cmd.ProcessState != nil {
			s.t.Fatalf("the gateway ended:\n%s", s.logged())
		}
		return strings.Contains(s.logged()[len(before):], `"ready"`)
	})
}

// stop ends the gateway with a signal.
func (s *site) stop(sig syscall.Signal) {
	if s.cmd.ProcessState != nil {
		return
	}
	s.cmd.Process.Signal(sig)                                              //nolint:errcheck // it may have ended
	defer time.AfterFunc(patience, func() { s.cmd.Process.Kill() }).Stop() //nolint:errcheck // likewise
	s.cmd.Wait()                                                           //nolint:errcheck // it was told to
}

func (s *site) binary() string { return filepath.Join(os.Getenv("SALLYPORT_BIN"), "sallyport") }

func (s *site) logged() string {
	b, err := os.ReadFile(s.log)
	if err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	return string(b)
}

// sallyport runs an operator's command, with stdin, that must succeed.
func (s *site) sallyport(stdin string, args ...string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.binary(), append(args, "--gateway", filepath.Join(s.dir, "state/admin.sock"))...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("sallyport %s: %v\n%s\n%s", strings.Join(args, " "), err, out, s.logged())
	}
	return string(out)
}

// enrol adds an agent and gives the path of its configuration.
func (s *site) enrol(name string, args ...string) string {
	s.t.Helper()
	conf := filepath.Join(s.t.TempDir(), "wg0.conf")
	s.sallyport("", append([]string{"agent", "add", name, "--conf", conf}, args...)...)
	return conf
}
