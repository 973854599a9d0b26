package lab_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"sallyport.dev/sallyport/internal/lab"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const catalogJob = `
gateway {
  wireguard {
    listen = ":0"
  }
}

service "db" {
  protocol = "postgres"
  hosts    = ["db.example.com"]
  auth     = password("postgres", secret.db)
  tls      = "disable"
  catalog  = true
  insecure_injection = true
}

role "agents" {
  use = [service.db]
}

rule "payments stay where they are" {
  on      = [service.db]
  tables  = ["shop.payments"]
  verdict = "deny"
}

rule "nobody reads names" {
  on      = [service.db]
  columns = ["people.name"]
  verdict = "deny"
}

rule "orders may be written" {
  on      = [service.db]
  verbs   = ["insert"]
  tables  = ["shop.orders", "shop.new_orders"]
  verdict = "allow"
}

rule "only the shop" {
  on      = [service.db]
  verbs   = ["select"]
  when    = !alltrue([for t in sql.tables_expanded : startswith(t, "shop.") || startswith(t, "pg_catalog.")])
  verdict = "deny"
}
`

const catalogWorld = `
CREATE SCHEMA shop; CREATE SCHEMA other;
CREATE TABLE shop.payments (id int, amount int);
CREATE TABLE shop.people (id int, name text);
CREATE TABLE shop.orders (id int, paid int);
CREATE TABLE other.things (id int);
CREATE VIEW shop.totals AS SELECT sum(amount) FROM shop.payments;
CREATE VIEW shop.nicer AS SELECT * FROM shop.totals;
CREATE VIEW shop.new_orders AS SELECT id FROM shop.orders;
CREATE VIEW shop.faceless AS SELECT id FROM shop.people;
CREATE VIEW shop.faces AS SELECT id, upper(name) AS face FROM shop.people;
CREATE VIEW shop.elsewhere AS SELECT * FROM other.things;
CREATE VIEW shop.sly AS SELECT id FROM shop.orders;
CREATE RULE sly AS ON INSERT TO shop.sly DO INSTEAD INSERT INTO shop.payments VALUES (NEW.id, 0);
ALTER ROLE postgres SET search_path = shop;
`

// An agent goes through views to what a rule denies.
func TestADeniedTableIsDeniedBehindAView(t *testing.T) {
	l := lab.New(t, catalogJob)
	l.Secret("db", "upstream-password")
	server := l.Postgres("db.example.com")
	direct, err := pgx.Connect(t.Context(), server.URL("postgres", "upstream-password", "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer direct.Close(context.Background())
	if _, err := direct.Exec(t.Context(), catalogWorld); err != nil {
		t.Fatal(err)
	}
	c, err := l.Agent("laptop").PG(t.Context(), "postgres://x@db.example.com/postgres?sslmode=disable")
	if err != nil {
		t.Fatalf("%v; the log:\n%s", err, l.Logs)
	}
	defer c.Close(context.Background())
	denied := 0
	for _, step := range []struct{ sql, want string }{
		{"SELECT * FROM payments", "42501"},
		{"SELECT * FROM totals", "42501"},
		{"SELECT * FROM shop.nicer", "42501"},
		{"SELECT face FROM faces", "42501"},
		{"SELECT id FROM faceless", ""},
		{"SELECT id FROM people", ""},
		{"SELECT name FROM people", "42501"},
		{"SELECT * FROM elsewhere", "42501"},
		{"INSERT INTO new_orders VALUES (1)", ""},
		{"INSERT INTO orders VALUES (1)", ""},
		{"INSERT INTO sly VALUES (1)", "42501"},
		{"SELECT relname FROM pg_class LIMIT 1", ""},
		{"SELECT count(*) FROM orders", ""},
		{"SELECT 1", ""},
	} {
		var refused *pgconn.PgError
		_, err := c.Exec(t.Context(), step.sql)
		switch {
		case step.want == "" && err != nil:
			t.Errorf("%s: %v", step.sql, err)
		case step.want != "" && (!errors.As(err, &refused) || refused.Code != step.want):
			t.Errorf("%s: %v, want %s", step.sql, err, step.want)
		}
		if step.want != "" {
			denied++
		}
	}
	if got := l.API.Status().Accounts["db"]; len(got) != 1 || !strings.Contains(got[0], "is a superuser") {
		t.Errorf("the status warns of %q", got)
	}
	l.Records("service:db verdict:deny", denied)
	looks := 0
	for _, r := range l.Records("service:db verdict:allow", 1+1+7) {
		if r.Kind == "catalog" {
			looks++
			if r.Outcome != "done" || r.Rows == 0 || !r.Injected || r.Upstream == "" {
				t.Errorf("the look-up: %+v", r)
			}
		}
	}
	if looks != 1 {
		t.Errorf("%d look-ups", looks)
	}
	l.Clean("upstream-password")
}
