//go:build e2e

package e2e

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/pgserver"
	"sallyport.dev/sallyport/internal/pulse"

	"github.com/jackc/pgx/v5"
)

const psqlURL = "postgres://anyone:anything@db.e2e.example/postgres?sslmode=require"

// TestTheMainJob is the promise of the product, with unmodified programs: they
// pass, are refused, are asked about, and never see a secret.
func TestTheMainJob(t *testing.T) {
	require(t)
	s := newSite(t)
	s.fill("CREATE TABLE scratch (n int)")
	m := newMachine(t)
	m.join(s.enrol("laptop"))
	var seen strings.Builder // every byte that the agent's programs printed
	try := func(args ...string) (string, error) {
		out, err := m.try(args...)
		seen.WriteString(out)
		return out, err
	}
	must := func(want string, args ...string) {
		t.Helper()
		if out, err := try(args...); err != nil || !strings.Contains(out, want) {
			t.Fatalf("%s: %v, want %q in\n%s\n%s", strings.Join(args, " "), err, want, out, s.logged())
		}
	}
	refused := func(want string, args ...string) {
		t.Helper()
		if out, err := try(args...); err == nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v, want a failure with %q in\n%s", strings.Join(args, " "), err, want, out)
		}
	}
	pem := filepath.Join(m.dir, "sallyport.pem")
	must("", "curl", "-fsS", "http://sallyport.internal/ca.pem", "-o", pem)
	must(`"agent":"laptop"`, "curl", "-fsS", "http://sallyport.internal/whoami")
	must("api.e2e.example", "curl", "-fsS", "http://sallyport.internal/manifest")

	must("hello from the upstream", "curl", "-fsS", "--cacert", pem, "https://api.e2e.example/v1/things?q=1")
	if got, want := <-s.seen, `GET /v1/things?q=1 auth="Bearer `+canary+`" body=0`; got != want {
		t.Errorf("the upstream saw %s, want %s", got, want)
	}
	must("", "curl", "-fsS", "--http1.1", "--cacert", pem, "https://api.e2e.example/big", "-o", "/dev/null")
	must("", "curl", "-fsS", "-6", "--cacert", pem, "https://api.e2e.example/six")
	<-s.seen
	refused("403", "curl", "-fsS", "-X", "DELETE", "--cacert", pem, "https://api.e2e.example/v1/things/1")
	refused("", "curl", "-fsS", "--cacert", pem, "https://elsewhere.example/")
	refused("(7)", "curl", "-sS", "--max-time", "50", "http://203.0.113.7:8080/")
	refused("(7)", "curl", "-sS", "--max-time", "50", "https://[2001:db8::7]:8443/")
	must("no service claims", "curl", "-sS", "--max-time", "50", "http://203.0.113.7/") // the name may come with the request

	asked := make(chan string, 1)
	go func() { asked <- s.approveNext() }()
	must("hello from the upstream", "curl", "-fsS", "--cacert", pem, "-d", "order=7", "https://api.e2e.example/v1/refunds")
	if what := <-asked; !strings.Contains(what, "POST") {
		t.Errorf("asked about %s", what)
	}

	psql := func(sql string) []string { return []string{"psql", "-XAtv", "ON_ERROR_STOP=1", psqlURL, "-c", sql} }
	must("2", psql("SELECT 1 + 1")...)
	must("INSERT 0 3", psql("INSERT INTO scratch SELECT generate_series(1, 3)")...)
	must("3", psql("SELECT count(*) FROM scratch")...)
	refused("42501", "psql", "-XAtv", "VERBOSITY=verbose", "-v", "ON_ERROR_STOP=1", psqlURL, "-c", "DROP TABLE scratch")
	must("3", psql("SELECT count(*) FROM scratch")...)
	refused("", psql("SELECT rolpassword FROM pg_authid")...)

	if out := s.sallyport("", "audit", "verify"); !strings.Contains(out, "whole") {
		t.Errorf("audit verify: %s", out)
	}
	s.searchFor(canary, seen.String())
}

// approveNext says yes to the next ask, as an operator does.
func (s *site) approveNext() string {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		var list []struct{ ID, Summary string }
		if json.Unmarshal([]byte(s.sallyport("", "approvals", "ls", "--json")), &list) == nil && len(list) > 0 {
			s.sallyport("", "approvals", "approve", list[0].ID)
			return list[0].Summary
		}
	}
	return "nothing"
}

// searchFor fails the test if a secret stands in what the agent saw, in the log,
// or in any file of the state directory.
func (s *site) searchFor(secret, agentSaw string) {
	s.t.Helper()
	if strings.Contains(agentSaw, secret) {
		s.t.Error("the agent saw the secret")
	}
	if strings.Contains(s.logged(), secret) {
		s.t.Error("the log holds the secret")
	}
	err := filepath.WalkDir(filepath.Join(s.dir, "state"), func(path string, d os.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil // the gateway writes, and takes away what it needs no more
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(b), secret) {
			s.t.Errorf("%s holds the secret", path)
		}
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	})
	must(s.t, err)
}

// TestARestartBringsAgentsBack: ready in 2 s, and the agent is back within 15 s,
// without a word on its side.
func TestARestartBringsAgentsBack(t *testing.T) {
	require(t)
	s := newSite(t)
	m := newMachine(t)
	m.join(s.enrol("laptop"))
	m.run("curl", "-fsS", "http://sallyport.internal/whoami")
	await(t, "the gateway to write down where its agent is", func() bool {
		info, err := os.Stat(filepath.Join(s.dir, "state/wireguard.state"))
		return err == nil && info.Size() > 0
	})
	var ready, back time.Duration
	for range restarts {
		ready, back = s.comesBack(m)
		if ready <= 2*time.Second && back <= 15*time.Second {
			break
		}
	}
	if ready > 2*time.Second || back > 15*time.Second {
		t.Errorf("ready after %v, want 2 s; the agent is back after %v, want 15 s", ready, back)
	}
	if out := s.sallyport("", "audit", "verify"); !strings.Contains(out, "whole") {
		t.Errorf("audit verify after kill -9: %s", out)
	}
}

// restarts is how often a restart is measured: whatever else this machine does makes
// one slower, and none faster.
const restarts = 3

// comesBack kills the gateway, and measures how soon it is there again, and its agent.
func (s *site) comesBack(m *machine) (ready, back time.Duration) {
	s.t.Helper()
	s.stop(syscall.SIGKILL)
	clock := pulse.Start()
	defer clock.Stop()
	began := time.Now()
	s.start()
	ready = clock.Since(began)
	out := m.run("curl", "-fsS", "--retry", "20", "--retry-connrefused", "--retry-all-errors", "--retry-delay", "1", "--max-time", "15", "http://sallyport.internal/whoami")
	back = clock.Since(began)
	if !strings.Contains(out, "laptop") {
		s.t.Errorf("back with %s", out)
	}
	s.t.Logf("ready after %v, back after %v", ready, back)
	return ready, back
}

// TestAFrozenAgentIsCutOff: within a second, and it comes back when unfrozen; a
// new key makes the old configuration worthless.
func TestAFrozenAgentIsCutOff(t *testing.T) {
	require(t)
	s := newSite(t)
	m := newMachine(t)
	m.join(s.enrol("laptop"))
	m.run("curl", "-fsS", "http://sallyport.internal/whoami")
	s.sallyport("", "agent", "freeze", "laptop")
	if out, err := m.try("curl", "-sS", "--max-time", "2", "http://sallyport.internal/whoami"); err == nil {
		t.Errorf("a frozen agent got %s", out)
	}
	s.sallyport("", "agent", "unfreeze", "laptop")
	m.run("curl", "-fsS", "--retry", "10", "--retry-all-errors", "--retry-delay", "1", "--max-time", "10", "http://sallyport.internal/whoami")
	if out := s.sallyport("", "agent", "show", "laptop"); !strings.Contains(out, "api") || strings.Contains(out, "never") {
		t.Errorf("agent show:\n%s", out)
	}
}

// TestPgbenchThroughTheTunnel runs the standard load in its three protocols.
func TestPgbenchThroughTheTunnel(t *testing.T) {
	require(t)
	pgbench, err := pgbenchPath()
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t)
	s.fill("CREATE TABLE pgbench_accounts (aid int PRIMARY KEY, bid int, abalance int, filler char(84))",
		"INSERT INTO pgbench_accounts SELECT g, 1, 0, '' FROM generate_series(1, 1000) g")
	m := newMachine(t)
	m.join(s.enrol("laptop"))
	script := filepath.Join(m.dir, "select.sql")
	must(t, os.WriteFile(script, []byte("\\set aid random(1, 1000)\nSELECT abalance FROM pgbench_accounts WHERE aid = :aid;\n"), 0o644))
	for _, mode := range []string{"simple", "extended", "prepared"} {
		out := m.run(pgbench, "-n", "-M", mode, "-c", "8", "-t", "50", "-f", script, psqlURL)
		if !strings.Contains(out, "number of transactions actually processed: 400/400") {
			t.Errorf("pgbench -M %s:\n%s", mode, out)
		}
	}
	const statements = 3 * 400
	await(t, "a record of every statement", func() bool {
		got := s.sallyport("", "log", "service:db verdict:allow limit:10000", "--json")
		return strings.Count(got, `"kind":"query"`)+strings.Count(got, `"kind":"execute"`) >= statements
	})
}

func pgbenchPath() (string, error) { return pgserver.Find("pgbench") }

// fill runs SQL on the server itself, as its owner.
func (s *site) fill(statements ...string) {
	s.t.Helper()
	c, err := pgx.Connect(s.t.Context(), s.db.URL("postgres", canary, "postgres"))
	must(s.t, err)
	defer c.Close(s.t.Context())
	for _, sql := range statements {
		_, err := c.Exec(s.t.Context(), sql)
		must(s.t, err)
	}
}
