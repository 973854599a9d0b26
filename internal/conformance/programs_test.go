//go:build e2e

package conformance

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/pgserver"
)

// script is the scene as psql plays it: \watch, \gdesc and \copy have protocols of
// their own, and \bind comes only with a later psql.
const script = `
\set VERBOSITY sqlstate
SELECT count(*) FROM users WHERE id <= 10 \gset allow_
\echo allow: :allow_count
DROP TABLE doomed;
\echo deny: :LAST_ERROR_SQLSTATE 1
BEGIN;
INSERT INTO scratch VALUES (1, 'gone');
DROP TABLE doomed;
\set denied :LAST_ERROR_SQLSTATE
SELECT 1;
\set failed :LAST_ERROR_SQLSTATE
ROLLBACK;
SELECT count(*) FROM scratch \gset rest_
\echo transaction: :denied :failed :rest_count
SELECT 1\; DROP TABLE doomed\; SELECT 2;
\echo pipeline: :LAST_ERROR_SQLSTATE 3
\copy scratch FROM program 'seq -f "%g	row" 1 500'
\copy scratch TO program 'wc -l | sed "s/^/copy: /"'
SELECT g AS id, repeat('x', 100) FROM generate_series(1, 100000) g \g |wc -l
DELETE FROM scratch WHERE id >= 0;
\d users
SELECT id FROM users WHERE id < 3 \gdesc
`

// told is what psql prints, with what \d says of a table.
const told = `allow: 10
ERROR:  42501
deny: 42501 1
ERROR:  42501
ERROR:  25P02
transaction: 42501 25P02 0
ERROR:  42501
pipeline: 42501 3
copy: 500
100000
               Table "public.users"
 Column |  Type   | Collation | Nullable | Default 
--------+---------+-----------+----------+---------
 id     | integer |           | not null | 
 name   | text    |           |          | 
Indexes:
    "users_pkey" PRIMARY KEY, btree (id)

 Column |  Type   
--------+---------
 id     | integer
(1 row)`

func (s *site) psql() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "psql", "-X", "-q", "-P", "pager=off", s.uri())
	cmd.Stdin = strings.NewReader("\\pset tuples_only on\n\\pset format unaligned\n" +
		strings.Replace(script, "\\d users", "\\pset tuples_only off\n\\pset format aligned\n\\d users", 1))
	out, err := cmd.CombinedOutput()
	if got := strings.TrimSpace(string(out)); err != nil || got != told {
		s.t.Errorf("%v; got:\n%s\nwant:\n%s", err, got, told)
	}
	s.interrupted()
}

// interrupted presses Ctrl-C while psql waits.
func (s *site) interrupted() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "psql", "-X", "-q", "-A", "-t", "-v", "VERBOSITY=sqlstate", "-c", slow, "-c", "SELECT 4", s.uri())
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	must(s.t, cmd.Start())
	s.await("the query runs", func() bool {
		return s.owner("postgres", "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = '"+slow+"'") == "1"
	})
	must(s.t, cmd.Process.Signal(syscall.SIGINT))
	cmd.Wait() //nolint:errcheck // what it prints tells
	if got := strings.TrimSpace(out.String()); !strings.Contains(got, "57014") {
		s.t.Errorf("Ctrl-C: %s", got)
	}
}

// await polls until ok, or fails.
func (s *site) await(what string, ok func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("waited in vain for: %s", what)
		}
	}
}

// TestPgbench runs the standard loads in the three protocols, one that only reads
// and one that writes, and one whose script is refused.
func TestPgbench(t *testing.T) {
	pgbench, err := pgserver.Find("pgbench")
	must(t, err)
	s := newSite(t, "", guard, scene)
	if out, err := s.run(nil, pgbench, "-i", "-q", "-n", s.dsn("postgres", fmt.Sprint(s.db.Port))); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, mode := range []string{"simple", "extended", "prepared"} {
		play := func() {
			for _, load := range []string{"select-only", "tpcb-like"} {
				out, err := s.run(nil, pgbench, "-n", "-M", mode, "-c", "4", "-t", "100", "-b", load, s.uri())
				if err != nil || !strings.Contains(out, "number of transactions actually processed: 400/400") {
					t.Errorf("%s, %s: %v\n%s", mode, load, err, out)
				}
			}
		}
		if mode == "prepared" { // it sends each text once
			play()
			continue
		}
		s.remembered(99, play)
	}
	drop := filepath.Join(t.TempDir(), "drop.sql")
	must(t, os.WriteFile(drop, []byte("BEGIN;\nDROP TABLE doomed;\nCOMMIT;\n"), 0o600))
	for _, mode := range []string{"simple", "extended", "prepared"} {
		out, err := s.run(nil, pgbench, "-n", "-M", mode, "-c", "1", "-t", "1", "-f", drop, s.uri())
		if err == nil || !strings.Contains(out, "Tables stay.") {
			t.Errorf("%s: %v\n%s", mode, err, out)
		}
	}
	s.standing(4) // pgbench goes on to run what could not be prepared
}

// restriction is a line of a dump with a key that is another one each time.
var restriction = regexp.MustCompile(`(?m)^\\(un)?restrict .*$`)

// TestDumpAndRestore copies a database out through the gateway, and back in, and
// meets a refusal where it would drop what is there.
func TestDumpAndRestore(t *testing.T) {
	s := newSite(t, `posture = "open"`, guard, scene+"CREATE VIEW v AS SELECT name FROM users; CREATE INDEX ON books (author_id); SELECT lo_from_bytea(4711, 'large');"+
		"CREATE DATABASE copy;")
	file := filepath.Join(t.TempDir(), "dump")
	if out, err := s.run(nil, "pg_dump", "-Fc", "-f", file, s.uri()); err != nil {
		t.Fatalf("pg_dump: %v\n%s", err, out)
	}
	into := strings.Replace(s.uri(), "dbname=postgres", "dbname=copy", 1)
	if out, err := s.run(nil, "pg_restore", "--exit-on-error", "-d", into, file); err != nil {
		t.Fatalf("pg_restore: %v\n%s", err, out)
	}
	plain := func(dsn string) string {
		out, err := s.run(nil, "pg_dump", dsn)
		must(t, err)
		return restriction.ReplaceAllString(out, "")
	}
	direct := s.dsn("postgres", fmt.Sprint(s.db.Port))
	want := plain(direct)
	for _, from := range []string{s.uri(), into} {
		if got := plain(from); got != want {
			t.Errorf("what is dumped differs; got:\n%s\nwant:\n%s", got, want)
		}
	}
	out, err := s.run(nil, "pg_restore", "--clean", "--exit-on-error", "-d", s.uri(), file)
	if err == nil || !strings.Contains(out, "Tables stay.") {
		t.Errorf("pg_restore --clean: %v\n%s", err, out)
	}
	s.standing(1)
}
