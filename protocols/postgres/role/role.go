// Package role writes the SQL that makes a least-privilege account for a service:
// the one belt that holds whatever goes wrong in front of the server. It runs
// nothing and knows no password.
package role

import (
	"fmt"
	"strings"
	"unicode"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/statement"
)

// A Role is the account of one service.
type Role struct {
	Service     string
	User        string
	Session     action.Session
	Databases   []string // where it may connect; none: the one that the script runs in
	Schemas     []string // what it may use; none: all tables of now and later (PostgreSQL 14)
	Connections int      // how many sessions of all agents together
	KeepPublic  bool     // leave alone what PUBLIC may do
}

// A script is written line by line.
type script struct {
	strings.Builder
	Role
	user string // quoted
}

// SQL gives the script, for psql.
func (r Role) SQL() (string, error) {
	for _, name := range append(append([]string{r.User, r.Service}, r.Databases...), r.Schemas...) {
		if name == "" || strings.ContainsFunc(name, unicode.IsControl) || strings.Contains(name, block) {
			return "", fmt.Errorf("%q cannot stand in a script", name)
		}
	}
	s := script{Role: r, user: statement.Quote(r.User)}
	s.head()
	s.account()
	if len(r.Schemas) == 0 {
		s.allData()
	}
	for _, db := range r.Databases {
		s.line("")
		s.line(`\connect -reuse-previous=on "dbname='%s'"`, conninfo.Replace(db))
		s.database("DATABASE " + statement.Quote(db))
	}
	if len(r.Databases) == 0 {
		s.line("")
		s.database("")
	}
	return s.String(), nil
}

// block delimits code in the script.
const block = "$sallyport$"

// conninfo escapes a value that stands in single quotes of a connection string, in
// double quotes of psql.
var conninfo = strings.NewReplacer(`\`, `\\`, `'`, `\'`, `"`, `""`)

func (s *script) line(format string, args ...any) { fmt.Fprintf(s, format+"\n", args...) }

func (s *script) head() {
	does := "reads and writes"
	if s.Session.ReadOnly {
		does = "only reads"
	}
	s.line("-- The account of the service %s: it %s, owns nothing and makes nothing.", s.Service, does)
	s.line("-- Run this with psql as a superuser, then give it a password (\\password %s)", s.user)
	s.line("-- and the gateway the same one (sallyport secret set). It may be run again.")
	s.line(`\set ON_ERROR_STOP on`)
}

// account makes the role and what its sessions begin with.
func (s *script) account() {
	s.do("IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = %s) THEN\n    CREATE ROLE %s;\n  END IF;", literal(s.User), s.user)
	s.line("ALTER ROLE %s LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT CONNECTION LIMIT %d;", s.user, s.Connections)
	for _, p := range statement.Fixed(&s.Session) {
		s.line("ALTER ROLE %s SET %s = %s;", s.user, p.Name, literal(p.Value))
	}
}

// allData lets the role read, or write, every table. Up to PostgreSQL 15 a role
// without INHERIT has nothing of what it is a member of.
func (s *script) allData() {
	roles := []string{"pg_read_all_data"}
	if !s.Session.ReadOnly {
		roles = append(roles, "pg_write_all_data")
	}
	list := strings.Join(roles, ", ")
	s.do(`IF current_setting('server_version_num')::int >= 160000 THEN
    EXECUTE format('GRANT %s TO %%I WITH INHERIT TRUE, SET FALSE', %s);
  ELSIF current_setting('server_version_num')::int >= 140000 THEN
    ALTER ROLE %s INHERIT;
    GRANT %s TO %s;
  ELSE
    RAISE EXCEPTION 'before PostgreSQL 14 there is no pg_read_all_data: name what it may use with --schema';
  END IF;`, list, literal(s.User), s.user, list, s.user)
}

// database grants what the role needs in one database, and takes away what every
// role has there. name is "" for the one that the script runs in.
func (s *script) database(name string) {
	s.onDatabase(name, "GRANT CONNECT ON %s TO "+s.user)
	tables, sequences := "SELECT, INSERT, UPDATE, DELETE", "USAGE, SELECT"
	if s.Session.ReadOnly {
		tables, sequences = "SELECT", "SELECT"
	}
	for _, schema := range s.Schemas {
		q := statement.Quote(schema)
		s.line("GRANT USAGE ON SCHEMA %s TO %s;", q, s.user)
		s.line("GRANT %s ON ALL TABLES IN SCHEMA %s TO %s;", tables, q, s.user)
		s.line("GRANT %s ON ALL SEQUENCES IN SCHEMA %s TO %s;", sequences, q, s.user)
		s.line("-- What whoever runs this makes later; add FOR ROLE for what others make.")
		s.line("ALTER DEFAULT PRIVILEGES IN SCHEMA %s GRANT %s ON TABLES TO %s;", q, tables, s.user)
		s.line("ALTER DEFAULT PRIVILEGES IN SCHEMA %s GRANT %s ON SEQUENCES TO %s;", q, sequences, s.user)
	}
	if !s.KeepPublic {
		s.public(name)
	}
}

// public takes from PUBLIC what no grant to the role can take from it.
func (s *script) public(name string) {
	s.line("-- What every role has, this one too. Others may need it: grant it to them by name,")
	s.line("-- or leave it with --keep-public.")
	s.onDatabase(name, "REVOKE TEMPORARY ON %s FROM PUBLIC")
	s.do(`IF EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'public') THEN
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
  END IF;`)
	for _, schema := range s.Schemas {
		if schema != "public" {
			s.line("REVOKE CREATE ON SCHEMA %s FROM PUBLIC;", statement.Quote(schema))
		}
	}
	if s.Session.ReadOnly {
		s.line("REVOKE EXECUTE ON FUNCTION pg_catalog.lo_creat(integer), pg_catalog.lo_create(oid),")
		s.line("  pg_catalog.lo_from_bytea(oid, bytea) FROM PUBLIC;")
	}
}

// onDatabase writes a statement about a database; %s in it stands for that.
func (s *script) onDatabase(name, text string) {
	if name != "" {
		s.line(text+";", name)
		return
	}
	s.do("EXECUTE format(%s, current_database());", literal(fmt.Sprintf(text, "DATABASE %I")))
}

func (s *script) do(format string, args ...any) {
	s.line("DO "+block+" BEGIN\n  "+format+"\nEND "+block+";", args...)
}

// literal writes a text as SQL does, whatever standard_conforming_strings says.
func literal(text string) string {
	text = strings.ReplaceAll(text, "'", "''")
	if strings.Contains(text, `\`) {
		return " E'" + strings.ReplaceAll(text, `\`, `\\`) + "'"
	}
	return "'" + text + "'"
}
