package lab_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/lab"
	"sallyport.dev/sallyport/internal/pgserver"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Two servers, both on port 5432 by name and at one address by port; one of them
// has an account for each role.
const twoDatabases = `
gateway {
  wireguard {
    listen = ":0"
  }
}

service "orders" {
  protocol  = "postgres"
  hosts     = ["orders.example.com", "10.9.0.1:5432"]
  upstream  = "orders.example.com"
  databases = ["postgres"]
  tls       = { ca = file("upstreams.pem") }
  auth = by_role({
    role.analyst = password("%s", secret.account)
    role.writer  = password("rw", secret.account, "scram-sha-256-plus")
  })
}

service "reports" {
  protocol = "postgres"
  hosts    = ["reports.example.com", "10.9.0.1:5433"]
  upstream = "reports.example.com"
  tls      = { ca = file("upstreams.pem") }
  auth     = password("postgres", secret.reports)
}

role "analyst" { use = [service.orders, service.reports] }
role "writer" { use = [service.orders] }
role "guest" { use = [service.orders] }
`

// database starts a server with the accounts ro and rw.
func database(t *testing.T, l *lab.Lab, name string, admit ...string) *pgserver.Server {
	t.Helper()
	s := l.Postgres(name, admit...)
	c, err := pgx.Connect(t.Context(), s.URL("postgres", "upstream-password", "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	if _, err := c.Exec(t.Context(), "CREATE ROLE ro LOGIN PASSWORD 'account-password'; CREATE ROLE rw LOGIN PASSWORD 'account-password'"); err != nil {
		t.Fatal(err)
	}
	return s
}

// whoami says as whom an agent is connected and to which server, or why not.
func whoami(t *testing.T, a *lab.Agent, url string) string {
	t.Helper()
	c, err := a.PG(t.Context(), url)
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return refused.Code + " " + refused.Message
	}
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	defer c.Close(t.Context())
	var who string
	if err := c.QueryRow(t.Context(), "SELECT current_user || ' at ' || inet_server_port()").Scan(&who); err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	return who
}

func TestT33_SeveralDatabasesAndAccounts(t *testing.T) {
	l := lab.New(t, fmt.Sprintf(twoDatabases, "ro"))
	l.Secret("account", "account-password")
	l.Secret("reports", "upstream-password")
	orders, reports := database(t, l, "orders.example.com"), l.Postgres("reports.example.com")
	analyst, writer := l.Agent("an-analyst", "analyst"), l.Agent("a-writer", "writer")
	both, guest := l.Agent("both", "analyst", "writer"), l.Agent("a-guest", "guest")
	at := func(user string, s *pgserver.Server) string { return fmt.Sprintf("%s at %d", user, s.Port) }
	for _, c := range []struct {
		name  string
		agent *lab.Agent
		url   string
		want  string
	}{
		{"by name", analyst, "postgres://a:b@orders.example.com/postgres?sslmode=disable", at("ro", orders)},
		{"by another name, on the same port", analyst, "postgres://a:b@reports.example.com/postgres?sslmode=require", at("postgres", reports)},
		{"by an address", analyst, "postgres://a@10.9.0.1/postgres?sslmode=disable", at("ro", orders)},
		{"by the same address on another port", analyst, "postgres://a@10.9.0.1:5433/postgres?sslmode=verify-full", at("postgres", reports)},
		{"another role, another account", writer, "postgres://postgres:upstream-password@orders.example.com/postgres?sslmode=verify-full", at("rw", orders)},
		{"a database that is not offered", writer, "postgres://a@orders.example.com/template1?sslmode=disable", "42501 database \"template1\" is not one that the service orders offers"},
		{
			"two accounts are one too many", both, "postgres://a@orders.example.com/postgres?sslmode=disable",
			"42501 sallyport refused this connection: The roles analyst and writer of this agent have different accounts here; it may be in only one of them.",
		},
		{
			"a role without an account", guest, "postgres://rw:account-password@orders.example.com/postgres?sslmode=disable",
			"42501 sallyport refused this connection: The accounts here belong to roles, and this agent is in none of these: analyst, writer.",
		},
	} {
		if got := whoami(t, c.agent, c.url); got != c.want {
			t.Errorf("%s: %s, want %s; the log:\n%s", c.name, got, c.want, l.Logs)
		}
	}
	if c, err := writer.DialContext(t.Context(), "tcp", "10.9.0.1:5433"); err == nil {
		c.Close()
		t.Error("an agent reached a database that its role does not use")
	}

	// An open session ends when its role gets another account.
	c, err := analyst.PG(t.Context(), "postgres://a@orders.example.com/postgres?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	l.Reload(fmt.Sprintf(twoDatabases, "rw"))
	ended, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	if _, err := c.WaitForNotification(ended); err == nil || ended.Err() != nil {
		t.Errorf("the session goes on as another account: %v", err)
	}
	if got := whoami(t, analyst, "postgres://a@orders.example.com/postgres?sslmode=disable"); got != at("rw", orders) {
		t.Errorf("after the reload: %s", got)
	}
	l.Clean("account-password")
	l.Clean("upstream-password")
}

// What an upstream must prove before it hears an account's name.
func TestT18_ADatabaseMustProveItsName(t *testing.T) {
	const conf = `
gateway {
  wireguard {
    listen = ":0"
  }
}
service "known" {
  protocol = "postgres"
  hosts    = ["db.example.com"]
  auth     = password("postgres", secret.db)
  tls      = { ca = file("upstreams.pem") }
}
service "unknown_ca" {
  protocol = "postgres"
  hosts    = ["unknown.example.com"]
  upstream = "db.example.com"
  auth     = password("postgres", secret.db)
}
service "other_name" {
  protocol = "postgres"
  hosts    = ["other.example.com"]
  upstream = "db.example.com"
  auth     = password("postgres", secret.db)
  tls      = {
    ca          = file("upstreams.pem")
    server_name = "other.example.com"
  }
}
service "address" {
  protocol = "postgres"
  hosts    = ["93.184.216.1"]
  auth     = password("postgres", secret.db)
  tls      = { ca = file("upstreams.pem") }
}
service "address_with_name" {
  protocol = "postgres"
  hosts    = ["93.184.216.1:5433"]
  auth     = password("postgres", secret.db)
  tls      = {
    ca          = file("upstreams.pem")
    server_name = "db.example.com"
  }
}
role "agents" { use = [service.known, service.unknown_ca, service.other_name, service.address, service.address_with_name] }
`
	l := lab.New(t, conf)
	l.Secret("db", "upstream-password")
	l.Postgres("db.example.com") // the first name of a lab is at 93.184.216.1
	a := l.Agent("laptop")
	for _, c := range []struct{ service, host, want, why string }{
		{"known", "db.example.com", "postgres at", ""},
		{"unknown_ca", "unknown.example.com", "08006", "signed by an unknown authority"},
		{"other_name", "other.example.com", "08006", "not other.example.com"},
		{"address", "93.184.216.1", "08006", "doesn't contain any IP SANs"},
		{"address_with_name", "93.184.216.1:5433", "postgres at", ""},
	} {
		got := whoami(t, a, "postgres://a@"+c.host+"/postgres?sslmode=disable")
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %s, want %s; the log:\n%s", c.host, got, c.want, l.Logs)
		}
		if c.why == "" {
			continue
		}
		if r := l.Records("service:"+c.service, 1)[0]; !strings.Contains(r.Error, c.why) {
			t.Errorf("%s: recorded as %q, want %q", c.host, r.Error, c.why)
		}
	}
}

func TestT33_AccountsByRoleOverHTTP(t *testing.T) {
	const conf = `
gateway {
  wireguard {
    listen = ":0"
  }
}
service "api" {
  hosts = ["api.example.com"]
  tls   = { ca = file("upstreams.pem") }
  auth = by_role({
    role.reader = bearer(secret.reader)
    role.editor = header("X-Api-Key", secret.editor)
  })
}
role "reader" { use = [service.api] }
role "editor" { use = [service.api] }
`
	l := lab.New(t, conf)
	l.Secret("reader", "reader-secret-value")
	l.Secret("editor", "editor-secret-value")
	seen := make(chan string, 4)
	l.HTTPS("api.example.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Get("Authorization") + " " + r.Header.Get("X-Api-Key")
	}))
	reader, editor := l.Agent("one", "reader").HTTP(), l.Agent("two", "editor").HTTP()
	both := l.Agent("three", "reader", "editor").HTTP()
	for _, c := range []struct {
		name   string
		client *http.Client
		code   int
		want   string
	}{
		{"reader", reader, 200, "Bearer reader-secret-value "},
		{"editor", editor, 200, " editor-secret-value"},
		{"reader again", reader, 200, "Bearer reader-secret-value "},
		{"both", both, 403, ""},
	} {
		resp, err := c.client.Get("https://api.example.com/")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.code {
			t.Errorf("%s: %d", c.name, resp.StatusCode)
		}
		if c.code != 200 {
			continue
		}
		if got := <-seen; got != c.want {
			t.Errorf("%s: the upstream saw %q", c.name, got)
		}
	}
	if len(seen) > 0 {
		t.Errorf("an agent without an account came through: %q", <-seen)
	}
}
