// Package standing remembers what the accounts of services may do on their
// servers, as the servers said when sessions began: an account that may more than
// its service means is a belt that is missing. It changes nothing and opens no
// connection.
package standing

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"sallyport.dev/sallyport/action"
)

// How long an answer holds. What is to be cured is looked at again soon.
const (
	fresh   = time.Hour
	recheck = time.Minute
)

// An Account is one user of one service in one database.
type Account struct{ Service, User, Database string }

// An Ask sends a text to the server and hands each row of its answer to each.
type Ask func(text string, columns int, each func(row []string)) error

// A Store remembers accounts. The zero Store is empty.
type Store struct {
	Now func() time.Time // nil: time.Now

	mu   sync.Mutex
	seen map[Account]state // guarded by mu
}

// A state is what is known of an account.
type state struct {
	superuser bool
	writes    string    // how it may write, in words; "" if it may not, or is not known to
	due       time.Time // when to ask again
}

// Note takes in what a server said of an account when its session began, and asks
// it more if the service only reads: at most once an hour, and by ask, which may
// fail. The session is not used meanwhile.
func (s *Store) Note(a Account, readOnly bool, setting map[string]string, ask Ask) {
	st := state{superuser: setting["is_superuser"] == "on"}
	due := s.take(a, &st)
	if st.superuser || !readOnly || setting["in_hot_standby"] == "on" || !due {
		return
	}
	err := ask(question, 1, func(row []string) { st.writes = row[0] })
	if err != nil {
		st.writes = "" // not known
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st.due = s.now().Add(fresh)
	if st.writes != "" {
		st.due = s.now().Add(recheck)
	}
	s.seen[a] = st
}

// take notes the account and reports whether it is this session's turn to ask.
func (s *Store) take(a Account, st *state) (due bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil {
		s.seen = make(map[Account]state)
	}
	old := s.seen[a]
	due = !s.now().Before(old.due)
	st.writes, st.due = old.writes, old.due
	if due {
		st.due = s.now().Add(recheck) // others need not ask at the same time
	}
	s.seen[a] = *st
	return due
}

// Warnings lists what an operator should know of the accounts that a service takes
// now; no users stand for any.
func (s *Store) Warnings(svc *action.Service, users []string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for a, st := range s.seen {
		if a.Service != svc.Name || len(users) > 0 && !slices.Contains(users, a.User) {
			continue
		}
		where := fmt.Sprintf("account %q of service %s in database %q", a.User, a.Service, a.Database)
		switch cure := "make another with: sallyport db-role " + a.Service; {
		case st.superuser:
			list = append(list, fmt.Sprintf("%s is a superuser, whom the server refuses nothing; %s", where, cure))
		case svc.Session.ReadOnly && st.writes != "":
			list = append(list, fmt.Sprintf("%s %s although the service is read-only; %s", where, st.writes, cure))
		}
	}
	slices.SortFunc(list, cmp.Compare[string])
	return list
}

func (s *Store) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// question asks how the account may write whatever its settings are, in the words
// of a warning. What every role may do, temporary tables, is no answer.
const question = `SELECT CASE
WHEN EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolsuper AND pg_catalog.pg_has_role(oid, 'MEMBER'))
  THEN 'may become a superuser'
WHEN EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = current_user AND rolcreaterole)
  THEN 'may make roles'
WHEN pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')
  THEN 'may make schemas'
ELSE coalesce(
  (SELECT 'may make tables in ' || pg_catalog.quote_ident(nspname)
   FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
   AND pg_catalog.has_schema_privilege(oid, 'CREATE') LIMIT 1),
  (SELECT 'may write to ' || pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)
   FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'p', 'v', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
   AND (pg_catalog.has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
     OR pg_catalog.has_any_column_privilege(c.oid, 'INSERT, UPDATE')) LIMIT 1),
  '') END`
