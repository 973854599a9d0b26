//go:build e2e && nightly

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/notrun"
	"sallyport.dev/sallyport/internal/pki"
)

// headscaleConfig is all that Headscale must be told, on one machine without the
// internet.
const headscaleConfig = `
server_url: https://198.51.100.1:8443
listen_addr: 198.51.100.1:8443
grpc_listen_addr: 127.0.0.1:50443
metrics_listen_addr: ""
tls_cert_path: %[1]s/server.crt
tls_key_path: %[1]s/server.key
noise: { private_key_path: %[1]s/noise.key }
prefixes: { v4: 100.64.0.0/10, v6: fd7a:115c:a1e0::/48, allocation: sequential }
derp:
  server:
    enabled: true
    region_id: 999
    region_code: here
    region_name: here
    stun_listen_addr: 198.51.100.1:3478
    private_key_path: %[1]s/derp.key
    automatically_add_embedded_derp_region: true
    ipv4: 198.51.100.1
  urls: []
  auto_update_enabled: false
disable_check_updates: true
ephemeral_node_inactivity_timeout: 30m
database: { type: sqlite, sqlite: { path: %[1]s/db.sqlite } }
policy: { mode: file, path: %[1]s/policy.json }
dns:
  magic_dns: true
  base_domain: corp.example
  override_local_dns: true
  nameservers: { global: [100.64.0.1] }
unix_socket: %[1]s/sock
unix_socket_permission: "0700"
log: { level: info }
`

// A headscale is a running one.
type headscale struct {
	t   *testing.T
	dir string
}

// newHeadscale makes what a control server needs, and starts none.
func newHeadscale(t *testing.T) *headscale {
	t.Helper()
	if _, err := os.Stat(filepath.Join(os.Getenv("SALLYPORT_BIN"), "headscale")); err != nil {
		notrun.Skip(t, "SALLYPORT_BIN names no folder with headscale; make nightly builds it")
	}
	h := &headscale{t: t, dir: t.TempDir()}
	ca, err := pki.New("e2e headscale")
	must(t, err)
	cert, key, err := ca.IssuePEM(cable)
	must(t, err)
	for name, text := range map[string]string{
		"server.crt": string(cert), "server.key": string(key), "roots.pem": string(ca.PEM()),
		"config.yaml": fmt.Sprintf(headscaleConfig, h.dir),
	} {
		must(t, os.WriteFile(filepath.Join(h.dir, name), []byte(text), 0o600))
	}
	return h
}

// start runs it with a policy.
func (h *headscale) start(policy string) {
	t := h.t
	t.Helper()
	must(t, os.WriteFile(filepath.Join(h.dir, "policy.json"), []byte(policy), 0o600))
	logs, err := os.Create(filepath.Join(h.dir, "log"))
	must(t, err)
	cmd := exec.Command(h.binary(), "-c", filepath.Join(h.dir, "config.yaml"), "serve")
	cmd.Stdout, cmd.Stderr = logs, logs
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)                                  //nolint:errcheck // it may have ended
		defer time.AfterFunc(patience, func() { cmd.Process.Kill() }).Stop() //nolint:errcheck // likewise
		cmd.Wait()                                                           //nolint:errcheck // it was told to
		text, _ := os.ReadFile(logs.Name())
		logs.Close()
		if t.Failed() {
			t.Logf("headscale: %s", text[max(0, len(text)-8000):])
		}
	})
	await(t, "headscale to answer", func() bool { _, err := h.try("users", "list"); return err == nil })
	h.run("users", "create", "ops")
}

func (h *headscale) binary() string { return filepath.Join(os.Getenv("SALLYPORT_BIN"), "headscale") }

// trust is the environment that makes programs trust it.
func (h *headscale) trust() string { return "SSL_CERT_FILE=" + filepath.Join(h.dir, "roots.pem") }

func (h *headscale) try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, h.binary(), append([]string{"-c", filepath.Join(h.dir, "config.yaml")}, args...)...).Output()
	return string(out), err
}

func (h *headscale) run(args ...string) string {
	h.t.Helper()
	out, err := h.try(args...)
	if err != nil {
		h.t.Fatalf("headscale %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// key makes an auth key for nodes with a tag.
func (h *headscale) key(tag string) string {
	h.t.Helper()
	var made struct{ Key string }
	must(h.t, json.Unmarshal([]byte(h.run("preauthkeys", "create", "-u", "1", "--tags", tag, "-o", "json")), &made))
	return made.Key
}

// TestHeadscale is the main job in a tailnet of Headscale's, with the policy that
// `sallyport setup tailnet` prints, and nothing set about names.
func TestHeadscale(t *testing.T) {
	require(t)
	m := newMachine(t)
	h := newHeadscale(t)
	s := newSiteOver(t, overTailnet("https://198.51.100.1:8443"), h.trust())
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	out, err := exec.CommandContext(ctx, s.binary(), "setup", "tailnet", "--gateway", filepath.Join(s.dir, "state/admin.sock")).Output()
	cancel()
	must(t, err)
	h.start(string(out))
	s.sallyport(h.key("tag:sallyport"), "secret", "set", "ts")
	s.joins()
	await(t, "the routes to be approved", func() bool { return len(s.standing().Tailnet.Refused) == 0 })
	m.logIn(m.tailscaled(h.trust()), "https://198.51.100.1:8443", h.key("tag:ci"))
	x := &trials{m: m, s: s}
	pem := filepath.Join(m.dir, "sallyport.pem")
	x.must("", "curl", "-fsS", "--retry", "5", "--retry-all-errors", "--retry-delay", "1", pemURL, "-o", pem)
	x.must(`"agent":"ci-1@tag:ci"`, "curl", "-fsS", "http://sallyport.internal/whoami")
	x.must("hello from the upstream", "curl", "-fsS", "--cacert", pem, "https://api.e2e.example/v1/things?q=1")
	<-s.seen
	x.must("", "curl", "-fsS", "-6", "--cacert", pem, "https://api.e2e.example/six")
	<-s.seen
	x.refused("(7)", "curl", "-sS", "--max-time", "50", "http://203.0.113.7:8080/")
	x.refused("(7)", "curl", "-sS", "--max-time", "50", "http://[2001:db8::7]:8080/")
	x.must("198.18.", "dig", "+time=10", "+tries=3", "+short", "@8.8.8.8", "api.e2e.example")
	x.must("NXDOMAIN", "dig", "+time=10", "+tries=3", "secret-data.elsewhere.example")
	x.must("2", "psql", "-XAtv", "ON_ERROR_STOP=1", psqlURL, "-c", "SELECT 1 + 1")
	s.searchFor(canary, x.seen.String())

	accessEnds(t, s, m, func() { h.run("nodes", "delete", "-i", "2", "--force") })
}
