//go:build e2e

package conformance

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// slow is a query that reads for hours.
const slow = "SELECT count(*) FROM users a, users b, users c, users d"

// sqlstate gives the SQLSTATE of an error, and the reason if the gateway gives one.
func sqlstate(err error) string {
	var said *pgconn.PgError
	if !errors.As(err, &said) {
		return fmt.Sprint(err)
	}
	if strings.Contains(said.Message, "Tables stay.") {
		return said.Code + " Tables stay."
	}
	return said.Code
}

// config is how pgx reaches the gateway.
func (s *site) config() *pgx.ConnConfig {
	s.t.Helper()
	conf, err := pgx.ParseConfig("host=127.0.0.1 port=" + s.port + " user=anybody password=anything dbname=postgres")
	must(s.t, err)
	pem, err := os.ReadFile(s.ca())
	must(s.t, err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	conf.TLSConfig, conf.Fallbacks = &tls.Config{RootCAs: roots, ServerName: "db.example.com"}, nil
	return conf
}

// pgx plays the scene in Go.
func (s *site) pgx() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	c, err := pgx.ConnectConfig(ctx, s.config())
	must(s.t, err)
	defer c.Close(context.Background()) //nolint:errcheck // the test is over
	var got lines
	one := func(sql string, args ...any) (n int64) {
		must(s.t, c.QueryRow(ctx, sql, args...).Scan(&n))
		return n
	}
	refused := func(sql string) string {
		_, err := c.Exec(ctx, sql)
		return sqlstate(err)
	}
	got.say("allow:", one("SELECT count(*) FROM users WHERE id <= $1", 10))
	got.say("deny:", refused("DROP TABLE doomed"), one("SELECT 1"))

	tx, err := c.Begin(ctx)
	must(s.t, err)
	_, err = tx.Exec(ctx, "INSERT INTO scratch VALUES ($1, $2)", 1, "gone")
	must(s.t, err)
	denied, failed := refused("DROP TABLE doomed"), refused("SELECT 1")
	must(s.t, tx.Rollback(ctx))
	got.say("transaction:", denied, failed, one("SELECT count(*) FROM scratch"))

	var b pgx.Batch
	b.Queue("SELECT 1")
	b.Queue("DROP TABLE doomed")
	b.Queue("SELECT 2")
	got.say("pipeline:", sqlstate(c.SendBatch(ctx, &b).Close()), one("SELECT 3"))

	stop := again(func() { c.PgConn().CancelRequest(ctx) }) //nolint:errcheck // the query says so
	code := refused(slow)
	stop()
	got.say("cancel:", code, one("SELECT 4"))

	var rows [][]any
	for n := range 500 {
		rows = append(rows, []any{n, fmt.Sprint("row ", n)})
	}
	_, err = c.CopyFrom(ctx, pgx.Identifier{"scratch"}, []string{"id", "note"}, pgx.CopyFromRows(rows))
	must(s.t, err)
	var out bytes.Buffer
	_, err = c.PgConn().CopyTo(ctx, &out, "COPY scratch TO STDOUT")
	must(s.t, err)
	got.say("copy:", bytes.Count(out.Bytes(), []byte("\n")))

	all, err := c.Query(ctx, "SELECT g::int8, repeat('x', 100) FROM generate_series(1, 100000) g")
	must(s.t, err)
	var n, sum int64
	var text string
	_, err = pgx.ForEachRow(all, []any{&n, &text}, func() error { sum += n; return nil })
	must(s.t, err)
	got.say("large:", sum)
	s.heard(got)
}

// again does something every second until stop is called, which waits for it: a cancel
// that comes before its query cancels nothing.
func again(do func()) (stop func()) {
	over := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-over:
				return
			case <-tick.C:
				do()
			}
		}
	})
	return func() { close(over); all.Wait() }
}

// databaseSQL runs a program that plays the scene through database/sql. It is
// built beside pgx, whose pool this module does not need.
func (s *site) databaseSQL() {
	s.t.Helper()
	src := pgxSource(s.t)
	must(s.t, os.CopyFS(filepath.Join(src, "scene"), os.DirFS("testdata/database_sql")))
	bin := filepath.Join(s.t.TempDir(), "scene")
	ctx, cancel := context.WithTimeout(s.t.Context(), compiling)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", bin, "./scene")
	cmd.Dir, cmd.Env = src, append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("%v: %s", err, out)
	}
	s.says(seen, nil, bin, "host=127.0.0.1 port="+s.port+" user=anybody password=anything dbname=postgres sslmode=verify-ca sslrootcert="+s.ca())
}

// lines is what a client says.
type lines []string

func (l *lines) say(words ...any) { *l = append(*l, strings.TrimSpace(fmt.Sprintln(words...))) }

// heard compares what a client said.
func (s *site) heard(got lines) {
	s.t.Helper()
	if text := strings.Join(got, "\n"); text != seen {
		s.t.Errorf("got:\n%s\nwant:\n%s", text, seen)
	}
}
