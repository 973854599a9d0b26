//go:build e2e

package conformance

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport.dev/sallyport/internal/notrun"
)

// scene is what every client finds: tables to read, one to work on, one that must
// still be there in the end.
const scene = `
CREATE TABLE users (id int PRIMARY KEY, name text);
INSERT INTO users SELECT n, 'user ' || n FROM generate_series(1, 1000) n;
CREATE TABLE doomed (id int);
CREATE TABLE scratch (id int, note text);
CREATE TABLE authors (id serial PRIMARY KEY, name text);
CREATE TABLE books (id serial PRIMARY KEY, title text, author_id int REFERENCES authors);
`

// guard lets an agent read everything and work on what it was given.
const guard = `
rule "some tables are the agent's" {
  on      = [service.db]
  tables  = ["scratch", "authors", "books", "pgbench_*"]
  verdict = "allow"
}

rule "tables stay" {
  on      = [service.db]
  verbs   = ["drop"]
  verdict = "deny"
  reason  = "Tables stay."
}
`

// TestClients lets every client play the same scene, each as an agent of its own.
func TestClients(t *testing.T) {
	s := newSite(t, "", guard, scene)
	for _, c := range []struct {
		name string
		play func(*site)
	}{
		{"psycopg 3", func(s *site) {
			s.python("use_psycopg3.py", strings.ReplaceAll(seen, "pipeline: 42501 Tables stay. 3", "pipeline: 42501 1 skipped 3"))
		}},
		{"psycopg2", func(s *site) { s.python("use_psycopg2.py", seen) }},
		{"SQLAlchemy with comments", func(s *site) {
			s.remembered(90, func() { s.python("use_sqlalchemy.py", mapped, "commented") })
		}},
		{"SQLAlchemy", func(s *site) {
			s.remembered(90, func() { s.python("use_sqlalchemy.py", mapped) })
		}},
		{"node-postgres", (*site).node},
		{"psql", (*site).psql},
		{"pgx", (*site).pgx},
		{"database sql", (*site).databaseSQL},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.as(t, strings.ReplaceAll(strings.ToLower(c.name), " ", "-"))
			c.play(s)
			s.standing(3)
			s.owner("postgres", "TRUNCATE scratch, authors, books RESTART IDENTITY")
		})
	}
}

// uri is how libpq reaches the gateway: its certificate is proved by name.
func (s *site) uri() string {
	return "host=db.example.com hostaddr=127.0.0.1 port=" + s.port +
		" user=anybody password=anything dbname=postgres sslmode=verify-full sslrootcert=" + s.ca()
}

// ca is the file with the CA of the gateway.
func (s *site) ca() string { return filepath.Join(s.Dir, "ca.pem") }

// standing checks that what was refused never happened and was recorded.
func (s *site) standing(refusals int) {
	s.t.Helper()
	if got := s.owner("postgres", "SELECT to_regclass('doomed') IS NOT NULL"); got != "t" {
		s.t.Error("the table is gone")
	}
	if got := len(s.Records("agent:"+s.agent+" verdict:deny", refusals)); got != refusals {
		s.t.Errorf("%d refusals are recorded, want %d", got, refusals)
	}
}

// seen is what a client says that reads, is refused by itself, in a transaction
// and among other statements, cancels, copies and fetches much.
const seen = `allow: 10
deny: 42501 Tables stay. 1
transaction: 42501 Tables stay. 25P02 0
pipeline: 42501 Tables stay. 3
cancel: 57014 4
copy: 500
large: 5000050000`

// mapped is what SQLAlchemy says, and what its mapping makes of its work.
const mapped = seen + `
tables: authors books doomed scratch users
columns: id title author_id
books: 60`

// says runs a program that must succeed and say what is wanted.
func (s *site) says(want string, env []string, program string, args ...string) {
	s.t.Helper()
	got, err := s.run(env, program, args...)
	if err != nil || got != want {
		s.t.Errorf("%v; got:\n%s\nwant:\n%s", err, got, want)
	}
}

// remembered holds that of the texts that play sends so many in a hundred are known
// already and need not be parsed.
func (s *site) remembered(percent uint64, play func()) {
	s.t.Helper()
	before := s.SQL.Stats()
	play()
	after := s.SQL.Stats()
	known := after.Template - before.Template + after.Exact - before.Exact
	all := known + after.Fast - before.Fast + after.Full - before.Full + after.Refused - before.Refused
	s.t.Logf("%d of %d texts were known", known, all)
	if known*100 < all*percent || all < 100 {
		s.t.Errorf("%d of %d texts were known, less than %d %%", known, all, percent)
	}
}

// python runs a script with Debian's Python, which has Debian's drivers.
func (s *site) python(script, want string, args ...string) {
	s.t.Helper()
	const python = "/usr/bin/python3"
	if out, err := s.run(nil, python, "-c", "import psycopg, psycopg2, sqlalchemy"); err != nil {
		notrun.Skip(s.t, "python3-psycopg, python3-psycopg2 or python3-sqlalchemy is not installed: "+out)
	}
	s.says(want, []string{"PYTHONDONTWRITEBYTECODE=1"}, python, append([]string{"testdata/" + script, s.uri()}, args...)...)
}

func (s *site) node() {
	s.t.Helper()
	modules, err := filepath.Abs("../../.cache/npm/node/node_modules")
	must(s.t, err)
	if _, err := os.Stat(filepath.Join(modules, "pg")); err != nil {
		notrun.Skip(s.t, "node-postgres is not installed: run contrib/dev/ensure test")
	}
	s.says(seen, []string{"NODE_PATH=" + modules, "NODE_NO_WARNINGS=1"}, "node", "testdata/node/pg.js", s.port, s.ca())
}
