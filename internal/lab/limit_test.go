package lab_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"sallyport.dev/sallyport/internal/lab"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Statements count once each, however they are sent: parsed and bound, by name and
// again, in a pipeline, as text; and no number of sessions at once exceeds a limit.
func TestALimitCountsStatementsOnce(t *testing.T) {
	l := lab.New(t, mainJob+`
rule "a few rows" {
  on        = [service.db]
  verbs     = ["insert"]
  limit     = "10/hour"
  verdict   = "allow"
  otherwise = "deny"
}
`)
	l.Secret("db", "upstream-password")
	up := l.Postgres("db.example.com")
	admin, err := pgx.Connect(t.Context(), up.URL("postgres", "upstream-password", "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(context.Background())
	if _, err := admin.Exec(t.Context(), "CREATE TABLE rows (n int)"); err != nil {
		t.Fatal(err)
	}
	a := l.Agent("laptop")
	connect := func() *pgx.Conn {
		c, err := a.PG(t.Context(), "postgres://x@db.example.com/postgres?sslmode=disable")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close(context.Background()) })
		return c
	}
	c := connect()
	must := func(_ pgconn.CommandTag, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%v; the log:\n%s", err, l.Logs)
		}
	}
	must(c.Exec(t.Context(), "INSERT INTO rows VALUES ($1)", 1))
	must(c.Exec(t.Context(), "INSERT INTO rows VALUES ($1)", 2)) // by the name of before
	must(c.Exec(t.Context(), "INSERT INTO rows VALUES (3)", pgx.QueryExecModeSimpleProtocol))
	must(c.Exec(t.Context(), "INSERT INTO rows VALUES (4); INSERT INTO rows VALUES (5)", pgx.QueryExecModeSimpleProtocol)) // one message
	batch := &pgx.Batch{}
	batch.Queue("INSERT INTO rows VALUES ($1)", 6)
	batch.Queue("INSERT INTO rows VALUES ($1)", 7)
	if err := c.SendBatch(t.Context(), batch).Close(); err != nil {
		t.Fatal(err)
	}
	// Six of ten are counted: four are left for twenty tries at once.
	var wg sync.WaitGroup
	var went atomic.Int32
	for range 4 {
		c := connect()
		wg.Go(func() {
			for range 5 {
				_, err := c.Exec(t.Context(), "INSERT INTO rows VALUES ($1)", 0)
				var refused *pgconn.PgError
				switch {
				case err == nil:
					went.Add(1)
				case !errors.As(err, &refused) || refused.Code != "42501":
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	var rows int
	if err := admin.QueryRow(t.Context(), "SELECT count(*) FROM rows").Scan(&rows); err != nil {
		t.Fatal(err)
	}
	if went.Load() != 4 || rows != 11 {
		t.Errorf("%d went through, and there are %d rows, want 4 and 11", went.Load(), rows)
	}
}
