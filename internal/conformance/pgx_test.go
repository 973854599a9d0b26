//go:build e2e

package conformance

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// pgxSetup is what pgx's own tests want of a database, as their README says.
const pgxSetup = `
CREATE EXTENSION hstore;
CREATE EXTENSION ltree;
CREATE DOMAIN uint64 AS numeric(20,0);
`

// pgxUser must exist for a test of how access rights are written.
const pgxUser = `CREATE USER " tricky, ' } "" \ test user " SUPERUSER PASSWORD 'secret';`

// TestPgxSuites runs the tests of the driver itself, none left out, against the
// server and through a gateway without a rule. A program cannot tell the two
// apart that passes the same tests.
func TestPgxSuites(t *testing.T) {
	s := newSite(t, `posture = "open"`, "", "CREATE DATABASE direct; CREATE DATABASE through;"+pgxUser)
	for _, name := range []string{"direct", "through"} {
		s.owner(name, pgxSetup)
	}
	src := pgxSource(t)
	for _, suite := range []struct {
		folder string
		least  int // what passes on a plain server, tests within tests aside
	}{
		{"pgproto3", 80},
		{"pgconn", 189},
		{"stdlib", 46}, // for database/sql
		{".", 280},
	} {
		t.Run(suite.folder, func(t *testing.T) {
			bin := compile(t, src, suite.folder)
			run := func(database, port string) func(...string) verdict {
				return func(more ...string) verdict {
					return runSuite(t, bin, filepath.Join(src, suite.folder), s.dsn(database, port), more...)
				}
			}
			itself, gateway := run("direct", fmt.Sprint(s.db.Port)), run("through", s.port)
			var direct, through verdict
			var both sync.WaitGroup
			both.Go(func() { direct = itself() })
			both.Go(func() { through = gateway() })
			both.Wait()
			direct, through = direct.again(t, itself), through.again(t, gateway)
			t.Logf("direct: %v; through the gateway: %v", direct, through)
			if direct.tops < suite.least || len(direct.fail) > 0 || direct.err != nil {
				t.Fatalf("the suite does not run as it should on the server itself (%v): %d pass, want %d:\n%s", direct.err, direct.tops, suite.least, direct.out)
			}
			for _, name := range direct.pass {
				if !slices.Contains(through.pass, name) {
					t.Errorf("%s passes on the server and not through the gateway:\n%s", name, through.about(name))
				}
			}
			if through.err != nil && !t.Failed() {
				t.Errorf("through the gateway: %v\n%s", through.err, through.out)
			}
		})
	}
}

// TestPgxOverTCP runs the tests of pgconn that want an address and an account of
// their own. One of them fails by design: an agent may call itself what it likes.
func TestPgxOverTCP(t *testing.T) {
	s := newSite(t, `posture = "open"`, "", "")
	src := pgxSource(t)
	tcp := s.dsn("postgres", s.port)
	bin := compile(t, src, "pgconn")
	run := func(more ...string) verdict {
		return runSuite(t, bin, filepath.Join(src, "pgconn"), tcp, append(more,
			"PGX_TEST_TCP_CONN_STRING="+tcp, "PGX_TEST_PLAIN_PASSWORD_CONN_STRING="+tcp, "PGX_TEST_SCRAM_PASSWORD_CONN_STRING="+tcp,
			"PGX_TEST_TLS_CONN_STRING="+strings.ReplaceAll(tcp, "sslmode=disable", "sslmode=require"))...)
	}
	v := run("-test.run=^(TestConnect|TestConnectWithOptions|TestConnectTLS|TestConnectInvalidUser|TestConnCheckConn|TestConnPing|"+
		"TestConnectTimeout|TestConnectWithConnectionRefused|TestFrontendFatalErrExec)$").again(t, run)
	for _, name := range []string{"TestConnCheckConn", "TestConnPing", "TestConnect/TCP", "TestConnect/Plain_password", "TestConnect/SCRAM_password", "TestConnectTLS/WithoutChannelBinding"} {
		if !slices.Contains(v.pass, name) {
			t.Errorf("%s does not pass:\n%s", name, v.about(name))
		}
	}
	if !slices.Equal(v.fail, []string{"TestConnectInvalidUser"}) {
		t.Errorf("these fail: %q", v.fail)
	}
}

// pgxSource copies pgx, at the version of go.mod, to where it can be compiled
// with its tests.
func pgxSource(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), compiling)
	defer cancel()
	dir, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/jackc/pgx/v5").Output()
	must(t, err)
	src := filepath.Join(t.TempDir(), "pgx")
	must(t, os.CopyFS(src, os.DirFS(strings.TrimSpace(string(dir)))))
	return src
}

// compile builds the tests of one folder, without the race detector.
func compile(t *testing.T, src, folder string) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "suite")
	ctx, cancel := context.WithTimeout(t.Context(), compiling)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-trimpath", "-vet=off", "-o", bin, ".")
	cmd.Dir = filepath.Join(src, folder)
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("compile %s: %v\n%s", folder, err, out)
	}
	return bin
}

// A verdict is what a suite says about each of its tests.
type verdict struct {
	pass, skip, fail []string
	tops             int // of pass, those that are no test within a test
	out              string
	err              error
}

func (v verdict) String() string {
	return fmt.Sprintf("%d pass (%d with those within), %d skip, %d fail", v.tops, len(v.pass), len(v.skip), len(v.fail))
}

// temporary is a folder that stands in the name of a test, another one each time.
var temporary = regexp.MustCompile(`/tmp/[^']*/`)

// runSuite runs a suite against a database. What begins with a dash among more is
// an argument, the rest are variables.
func runSuite(t *testing.T, bin, dir, dsn string, more ...string) verdict {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, "-test.v", "-test.timeout=4m")
	cmd.WaitDelay = time.Second
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "PGX_TEST_DATABASE=" + dsn}
	for _, m := range more {
		if strings.HasPrefix(m, "-") {
			cmd.Args = append(cmd.Args, m)
			continue
		}
		cmd.Env = append(cmd.Env, m)
	}
	out, err := cmd.CombinedOutput()
	v := verdict{out: temporary.ReplaceAllString(string(out), "/tmp/"), err: err}
	for line := range strings.Lines(v.out) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), ": ")
		name, _, _ := strings.Cut(rest, " ")
		switch word {
		case "--- PASS":
			v.pass = append(v.pass, name)
			if !strings.Contains(name, "/") {
				v.tops++
			}
		case "--- SKIP":
			v.skip = append(v.skip, name)
		case "--- FAIL":
			v.fail = append(v.fail, name)
		}
	}
	return v
}

// again runs alone what has failed, twice at most: some tests depend on the clock, and
// two suites at once are a load.
func (v verdict) again(t *testing.T, run func(...string) verdict) verdict {
	t.Helper()
	for range 2 {
		late := v.failed()
		if late == "" {
			break
		}
		more := run("-test.run=" + late)
		t.Logf("alone once more, %s: %v", late, more)
		v.pass, v.tops, v.fail, v.err, v.out = append(v.pass, more.pass...), v.tops+more.tops, more.fail, more.err, v.out+more.out
	}
	return v
}

// failed is a pattern of the tests that failed, "" if none did.
func (v verdict) failed() string {
	var names []string
	for _, name := range v.fail {
		if !strings.Contains(name, "/") {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "^(" + strings.Join(names, "|") + ")$"
}

// about gives what was printed around the end of a test.
func (v verdict) about(name string) string {
	lines := strings.Split(v.out, "\n")
	for i, line := range lines {
		if strings.Contains(line, ": "+name+" ") {
			return strings.Join(lines[max(0, i-25):min(len(lines), i+25)], "\n")
		}
	}
	return "(it does not stand in the output)"
}
