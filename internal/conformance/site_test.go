//go:build e2e

package conformance

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/lab"
	"sallyport.dev/sallyport/internal/pgserver"
)

// patience bounds every program that a test runs.
const patience = 2 * time.Minute

// compiling bounds what compiles one.
const compiling = 8 * time.Minute

// configuration has one database with TLS on both sides; %s is what the service
// and the rules add.
const configuration = `
gateway {
  wireguard {
    listen = ":0"
  }
}

service "db" {
  protocol = "postgres"
  hosts    = ["db.example.com"]
  auth     = password("postgres", secret.db)
  tls      = { ca = file("upstreams.pem") }
  %s
}

role "agents" {
  use = [service.db]
}
`

// A site is a gateway before a real server, and the agent's way to it.
type site struct {
	*lab.Lab
	t     *testing.T
	db    *pgserver.Server
	agent string
	port  string // of the gateway, on 127.0.0.1
}

// newSite runs a site whose database was set up with some SQL.
func newSite(t *testing.T, service, rules, setup string) *site {
	t.Helper()
	s := &site{Lab: lab.New(t, fmt.Sprintf(configuration, service)+rules), t: t}
	s.Secret("db", "upstream-password")
	s.db = s.Postgres("db.example.com")
	s.owner("postgres", setup)
	return s.as(t, "laptop")
}

// as gives the same site to a test, with another agent.
func (s *site) as(t *testing.T, agent string) *site {
	t.Helper()
	_, port, err := net.SplitHostPort(s.Plug(agent, "db.example.com", 5432))
	must(t, err)
	return &site{Lab: s.Lab, t: t, db: s.db, agent: agent, port: port}
}

// dsn is how a program reaches a database at a port of this machine.
func (s *site) dsn(database, port string) string {
	return fmt.Sprintf("host=127.0.0.1 port=%s user=postgres password=upstream-password dbname=%s sslmode=disable", port, database)
}

// owner runs SQL on the server itself, each statement by itself, and gives the
// last value that it returns.
func (s *site) owner(database, sql string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", s.dsn(database, fmt.Sprint(s.db.Port)))
	cmd.Stdin = strings.NewReader(sql)
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s: %v: %s", sql, err, out)
	}
	return strings.TrimSpace(string(out))
}

// run runs a program with variables of its own and gives all it printed.
func (s *site) run(env []string, program string, args ...string) (string, error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(cmd.Environ(), env...)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
