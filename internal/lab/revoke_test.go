package lab_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/lab"
	"sallyport.dev/sallyport/internal/pulse"

	"github.com/jackc/pgx/v5"
)

// A change of a role or a rule that takes the access away ends connections that are
// idle, within a second. Sessions that keep something outlive every other change;
// of HTTP the next request opens another connection.
func TestIdleConnectionsEndWithTheAccess(t *testing.T) {
	for name, c := range map[string]struct {
		after string
		keeps bool
		open  func(*testing.T, *lab.Lab, *lab.Agent)
	}{
		"a role without the database": {strings.Replace(mainJob, "service.db, ", "", 1), true, idleSession},
		"a role that ended":           {strings.Replace(mainJob, "role \"agents\" {", "role \"agents\" {\n  until = \"2026-01-01T00:00:00Z\"", 1), true, idleSession},
		"a rule that denies it all":   {mainJob + "\nrule \"closed\" {\n  on      = [service.db]\n  verdict = \"deny\"\n}\n", true, idleSession},
		"a role without the service":  {strings.Replace(mainJob, "service.api, ", "", 1), false, idleRequest},
		"a rule that denies a path":   {mainJob + "\nrule \"closed\" {\n  on      = [service.api]\n  paths   = [\"/\"]\n  verdict = \"deny\"\n}\n", false, idleRequest},
	} {
		t.Run(name, func(t *testing.T) {
			l := lab.New(t, mainJob)
			c.open(t, l, l.Agent("laptop"))
			if len(l.Gateway.Open()) == 0 {
				t.Fatal("nothing is open")
			}
			if c.keeps {
				l.Reload(mainJob + "\nrule \"other\" {\n  on      = [service.api]\n  paths   = [\"/other\"]\n  verdict = \"deny\"\n}\n")
				if len(l.Gateway.Open()) == 0 {
					t.Fatal("a change that takes nothing away ended it")
				}
			}
			l.Reload(c.after)
			clock := pulse.Start()
			defer clock.Stop()
			for begin := time.Now(); len(l.Gateway.Open()) > 0; time.Sleep(5 * time.Millisecond) {
				if clock.Since(begin) > time.Second {
					t.Fatalf("still open after a second: %v", l.Gateway.Open())
				}
			}
		})
	}
}

// idleSession leaves a session of PostgreSQL open.
func idleSession(t *testing.T, l *lab.Lab, a *lab.Agent) {
	t.Helper()
	l.Secret("db", "upstream-password")
	l.Postgres("db.example.com")
	c, err := a.PG(t.Context(), "postgres://x@db.example.com/postgres?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	if _, err := c.Exec(t.Context(), "SELECT 1"); err != nil {
		t.Fatal(err)
	}
}

// idleRequest leaves a connection of HTTP open.
func idleRequest(t *testing.T, l *lab.Lab, a *lab.Agent) {
	t.Helper()
	l.Secret("api", canary)
	l.HTTPS("api.example.com", origin(make(chan string, 1)))
	raw, err := a.DialContext(t.Context(), "tcp", "api.example.com:443")
	if err != nil {
		t.Fatal(err)
	}
	conf := a.TLS("http/1.1")
	conf.ServerName = "api.example.com"
	c := tls.Client(raw, conf)
	t.Cleanup(func() { c.Close() })
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
}

// A statement does not outlive the access of its agent: the server is told to stop,
// whatever the rules say by then, and the record says so.
func TestARunningStatementEndsWithTheAccess(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *lab.Lab, *lab.Agent){
		"a session that an operator ended": func(t *testing.T, l *lab.Lab, _ *lab.Agent) {
			for id := range l.Gateway.Sessions() {
				if _, err := l.Gateway.EndSession(id); err != nil {
					t.Error(err)
				}
			}
		},
		"an agent that is frozen": func(t *testing.T, l *lab.Lab, a *lab.Agent) {
			if err := l.Roster.Freeze(t.Context(), a.Name); err != nil {
				t.Error(err)
			}
		},
		"an agent that is removed": func(t *testing.T, l *lab.Lab, a *lab.Agent) {
			if err := l.Roster.Remove(t.Context(), a.Name); err != nil {
				t.Error(err)
			}
		},
		"a role without the database": func(_ *testing.T, l *lab.Lab, _ *lab.Agent) {
			l.Reload(strings.Replace(mainJob, "service.db, ", "", 1))
		},
		"a rule that denies it all": func(_ *testing.T, l *lab.Lab, _ *lab.Agent) {
			l.Reload(mainJob + "\nrule \"closed\" {\n  on      = [service.db]\n  verdict = \"deny\"\n}\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := lab.New(t, mainJob)
			l.Secret("db", "upstream-password")
			server := l.Postgres("db.example.com")
			a := l.Agent("laptop")
			c, err := a.PG(t.Context(), "postgres://x@db.example.com/postgres?sslmode=disable")
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close(context.Background())
			direct := func() *pgx.Conn {
				c, err := pgx.Connect(t.Context(), server.URL("postgres", "upstream-password", "postgres"))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { c.Close(context.Background()) })
				return c
			}
			watcher := direct()
			// The statement waits for a lock that nobody gives back.
			holder := direct()
			for _, text := range []string{"CREATE TABLE outlive (id int)", "BEGIN; LOCK TABLE outlive IN ACCESS EXCLUSIVE MODE"} {
				if _, err := holder.Exec(t.Context(), text); err != nil {
					t.Fatal(err)
				}
			}
			await := func(what string, want int) {
				t.Helper()
				running := -1
				for begin := time.Now(); running != want; time.Sleep(20 * time.Millisecond) {
					const active = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%outlive%' AND pid <> pg_backend_pid()"
					if err := watcher.QueryRow(t.Context(), active).Scan(&running); err != nil {
						t.Fatal(err)
					}
					if time.Since(begin) > 30*time.Second {
						t.Fatalf("%s: %d are running\n%s", what, running, l.Logs)
					}
				}
			}
			over := make(chan error, 1)
			go func() {
				_, err := c.Exec(context.Background(), "SELECT count(*) FROM outlive")
				over <- err
			}()
			await("the statement runs", 1)
			end(t, l, a)
			await("the server stops", 0)
			if err := <-over; err == nil {
				t.Error("the agent has an answer")
			}
			r := l.Records("kind:cancel", 1)[0]
			if r.Verdict != "allow" || !strings.Contains(r.Summary, "access to this service has ended") {
				t.Errorf("%+v", r)
			}
		})
	}
}
