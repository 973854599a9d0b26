package role

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/internal/notrun"
	"sallyport.dev/sallyport/internal/pgserver"

	"github.com/jackc/pgx/v5/pgconn"
)

const password = "canary-pw"

// A server is one of a major, with a few tables in a database of an odd name.
type server struct {
	*pgserver.Server
	t     *testing.T
	major int
}

const database = `o'dd "db"`

func start(t *testing.T, major int) *server {
	t.Helper()
	srv, err := pgserver.Start(t.Context(), pgserver.Options{Major: major, Password: password})
	if errors.Is(err, pgserver.ErrMissing) {
		notrun.Skip(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { srv.Close() })
	s := &server{srv, t, major}
	s.run("postgres", "postgres", `CREATE DATABASE "o'dd ""db"""`)
	s.run("postgres", database, `
CREATE TABLE public.users (id serial PRIMARY KEY, name text);
INSERT INTO public.users (name) VALUES ('ana');
CREATE SCHEMA "Sales"; CREATE TABLE "Sales".orders (id int); INSERT INTO "Sales".orders VALUES (1);
CREATE SCHEMA hidden; CREATE TABLE hidden.keys (id int);
`)
	return s
}

// psql runs a text as a user and gives what it says, errors by their SQLSTATE.
func (s *server) psql(user, db, text string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "psql", "-X", "-q", "-A", "-t", "-v", "VERBOSITY=sqlstate", "-v", "ON_ERROR_STOP=1",
		"-h", s.Host, "-p", fmt.Sprint(s.Port), "-U", user, "-d", db)
	cmd.Env = append(os.Environ(), "PGPASSWORD="+password)
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (s *server) run(user, db, text string) {
	s.t.Helper()
	if out, err := s.psql(user, db, text); err != nil {
		s.t.Fatalf("%s\n%s", out, text)
	}
}

// make runs the script, twice: it may be run again.
func (s *server) make(r Role, db string) {
	s.t.Helper()
	text, err := r.SQL()
	if err != nil {
		s.t.Fatal(err)
	}
	for range 2 {
		s.run("postgres", db, text)
	}
	s.run("postgres", "postgres", "ALTER ROLE \""+strings.ReplaceAll(r.User, `"`, `""`)+"\" PASSWORD '"+password+"'")
}

// A try is a statement and what the server says to it: SQLSTATE, or the answer.
type try struct{ sql, want string }

func (s *server) tries(user string, list []try) {
	s.t.Helper()
	conf, err := pgconn.ParseConfig(fmt.Sprintf("host=%s port=%d sslmode=disable", s.Host, s.Port))
	if err != nil {
		s.t.Fatal(err)
	}
	conf.User, conf.Database, conf.Password = user, database, password
	conn, err := pgconn.ConnectConfig(s.t.Context(), conf)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, c := range list {
		if got := answer(s.t.Context(), conn, c.sql); got != c.want {
			s.t.Errorf("major %d: %s: %q, want %s", s.major, c.sql, got, c.want)
		}
		for _, clean := range []string{"ROLLBACK", "DISCARD ALL"} {
			if got := answer(s.t.Context(), conn, clean); len(got) == 5 {
				s.t.Fatal(got)
			}
		}
	}
}

// answer gives the last row of what sql gives, or its SQLSTATE.
func answer(ctx context.Context, conn *pgconn.PgConn, sql string) (got string) {
	results, err := conn.Exec(ctx, sql).ReadAll()
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	if err != nil {
		return err.Error()
	}
	for _, r := range results {
		for _, row := range r.Rows {
			got = string(bytes.Join(row, []byte("|")))
		}
	}
	return got
}

// nothing is what no role of ours may do, whatever it sets.
var nothing = []try{
	{"BEGIN READ WRITE; CREATE TABLE public.mine (id int)", "42501"},
	{"BEGIN READ WRITE; CREATE TEMP TABLE users (id int)", "42501"},
	{"BEGIN READ WRITE; TRUNCATE public.users", "42501"},
	{"BEGIN READ WRITE; DROP TABLE public.users", "42501"},
	{"BEGIN READ WRITE; CREATE ROLE other", "42501"},
	{"BEGIN READ WRITE; CREATE SCHEMA mine", "42501"},
	{"BEGIN READ WRITE; ALTER ROLE agent_ro SUPERUSER", "42501"},
	{"COPY public.users TO PROGRAM 'cat'", "42501"},
	{"SELECT pg_read_file('PG_VERSION')", "42501"},
	{"SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user AND NOT rolsuper AND NOT rolcreaterole AND NOT rolcreatedb AND NOT rolreplication AND NOT rolbypassrls", "7"},
	{"SHOW statement_timeout", "30s"},
	{"SHOW lock_timeout", "5s"},
}

var session = action.Session{StatementTimeout: 30 * time.Second, LockTimeout: 5 * time.Second, IdleTimeout: time.Minute}

// TestTheRoleIsABelt: `BEGIN READ WRITE; INSERT` fails on every major, by the
// server alone.
func TestTheRoleIsABelt(t *testing.T) {
	for _, major := range []int{0, 13, 18} {
		t.Run(fmt.Sprint("major ", major), func(t *testing.T) {
			s := start(t, major)
			reading := session
			reading.ReadOnly = true
			ro := Role{Service: "app_db", User: "agent_ro", Session: reading, Databases: []string{database}, Schemas: []string{"public", "Sales"}, Connections: 7}
			s.make(ro, "postgres")
			s.tries("agent_ro", append([]try{
				{"SELECT name FROM public.users", "ana"},
				{`SELECT id FROM "Sales".orders`, "1"},
				{"SELECT id FROM hidden.keys", "42501"},
				{"BEGIN READ WRITE; INSERT INTO public.users (name) VALUES ('x')", "42501"},
				{"INSERT INTO public.users (name) VALUES ('x')", "25006"},
				{"SET default_transaction_read_only = off; COMMIT; UPDATE public.users SET name = 'x'", "42501"},
				{`BEGIN READ WRITE; DELETE FROM "Sales".orders`, "42501"},
				{"BEGIN READ WRITE; SELECT nextval('public.users_id_seq')", "42501"},
				{"BEGIN READ WRITE; SELECT lo_create(0)", "42501"},
				{"BEGIN READ WRITE; SELECT lo_from_bytea(0, 'x')", "42501"},
			}, nothing...))
			all := ro
			all.User, all.Schemas = `a"ll`, nil
			if major == 13 { // it has no pg_read_all_data
				text, err := all.SQL()
				if out, ran := s.psql("postgres", database, text); err != nil || ran == nil {
					t.Errorf("it runs: %v %s", err, out)
				}
			} else {
				s.make(all, "postgres")
				s.tries(all.User, append([]try{
					{"SELECT name FROM public.users", "ana"},
					{"SELECT count(*) FROM hidden.keys", "0"},
					{"BEGIN READ WRITE; INSERT INTO public.users (name) VALUES ('x')", "42501"},
					{"BEGIN READ WRITE; DELETE FROM hidden.keys", "42501"},
				}, nothing[:9]...))
			}
			rw := Role{Service: "app_db", User: `it's\`, Session: session, Schemas: []string{"public"}, Connections: 7}
			s.make(rw, database)
			s.tries(rw.User, append([]try{
				{"INSERT INTO public.users (name) VALUES ('x') RETURNING name", "x"},
				{"DELETE FROM public.users WHERE name = 'x' RETURNING name", "x"},
				{`SELECT id FROM "Sales".orders`, "42501"},
			}, nothing...))
		})
	}
}

// TestKeepPublic: the rights of others stay as they are.
func TestKeepPublic(t *testing.T) {
	r := Role{Service: "app_db", User: "agent_ro", Connections: 1, Schemas: []string{"public"}, Databases: []string{"app"}}
	for _, keep := range []bool{false, true} {
		r.KeepPublic = keep
		text, err := r.SQL()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text, "FROM PUBLIC") == keep {
			t.Errorf("keep %v:\n%s", keep, text)
		}
	}
}

func TestNamesThatCannotStandInAScript(t *testing.T) {
	for _, name := range []string{"", "a\nb", "a\x00", "x$sallyport$y"} {
		if text, err := (Role{Service: "db", User: name}).SQL(); err == nil {
			t.Errorf("%q: %s", name, text)
		}
	}
}
