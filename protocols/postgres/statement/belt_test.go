package statement

import (
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/sql"
)

func TestBelt(t *testing.T) {
	readOnly := action.Session{ReadOnly: true}
	for _, c := range []struct {
		name    string
		session action.Session
		parts   []action.Part
		code    string
	}{
		{"no session block", action.Session{}, part(action.EffectAdmin, sql.Shape{}), ""},
		{"reading", readOnly, part(action.EffectRead, sql.Shape{}), ""},
		{"writing", readOnly, part(action.EffectWrite, sql.Shape{}), "25006"},
		{"both", readOnly, part(action.EffectRead|action.EffectWrite, sql.Shape{}), "25006"},
		{"what nobody knows", readOnly, part(action.EffectUnknown, sql.Shape{}), "25006"},
		{"nothing known at all", readOnly, part(0, sql.Shape{}), "25006"},
		{"BEGIN READ WRITE", readOnly, part(action.EffectRead, sql.Shape{ReadWrite: true}), "25006"},
		{"the second part", readOnly, append(part(action.EffectRead, sql.Shape{}), part(action.EffectWrite, sql.Shape{})...), "25006"},
	} {
		got := ""
		if _, bar := Belt(&action.Service{Name: "db", Session: c.session}, c.parts); bar != nil {
			got = bar.Code
		}
		if got != c.code {
			t.Errorf("%s: %q, want %q", c.name, got, c.code)
		}
	}
}

// TestBeltHoldsSettings: what would lift a limit of the service is refused, what
// makes it narrower is harmless, and the rest is for the rules.
func TestBeltHoldsSettings(t *testing.T) {
	timed := action.Session{StatementTimeout: 30 * time.Second, LockTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	readOnly := action.Session{ReadOnly: true}
	const refused, harmless, left = "refused", "harmless", "left to the rules"
	for _, c := range []struct {
		session action.Session
		text    string
		want    string
	}{
		{timed, "SET statement_timeout = 0", refused},
		{timed, "SET statement_timeout = 30000", harmless},
		{timed, "SET statement_timeout = 30001", refused},
		{timed, "SET LOCAL statement_timeout TO '10 s'", harmless},
		{timed, "SET SESSION statement_timeout TO '31s'", refused},
		{timed, "SET Statement_Timeout = '1us'", refused}, // the server makes it 0
		{timed, "SET statement_timeout = '0x10'", refused},
		{timed, "SET statement_timeout = '0200'", refused},
		{timed, "SET statement_timeout = 1e3", refused},
		{timed, "SET statement_timeout = -1", refused},
		{timed, "SET statement_timeout = '9223372036854775807d'", refused},
		{timed, "SET statement_timeout = '2147483647 d'", refused},
		{timed, "SET statement_timeout = '10 S'", refused},
		{timed, "SET statement_timeout = ''", refused},
		{timed, "SET statement_timeout TO DEFAULT", left},
		{timed, "RESET statement_timeout", left},
		{timed, "RESET ALL", left},
		{timed, "DISCARD ALL", left},
		{timed, "SET lock_timeout = '5s'", harmless},
		{timed, "SET lock_timeout = '6s'", refused},
		{timed, "SET idle_in_transaction_session_timeout = '1min'", harmless},
		{timed, "SET idle_in_transaction_session_timeout = 0", refused},
		{timed, "SET work_mem = '1GB'", left},
		{timed, "SELECT set_config('statement_timeout', '0', false)", refused},
		{timed, "SELECT * FROM pg_catalog.set_config('LOCK_TIMEOUT', '0', true)", refused},
		{timed, "SELECT set_config('lock_timeout', '1s', true)", left}, // a function call is admin
		{timed, "SELECT set_config('lock_' || 'timeout', '0', true)", refused},
		{timed, "SELECT set_config($1, $2, true)", refused},
		{timed, "SELECT set_config('work_mem', $1, true)", left},
		{timed, "WITH x AS (SELECT set_config(name, '0', false) FROM pg_settings) SELECT * FROM x", refused},
		{timed, "EXPLAIN SELECT set_config('statement_timeout', '0', false)", refused},
		{timed, "PREPARE x AS SELECT set_config('statement_timeout', '0', false)", refused},
		{timed, "UPDATE pg_settings SET setting = '0' WHERE name = 'statement_timeout'", refused},
		{timed, "UPDATE pg_catalog.pg_settings SET setting = '0'", refused},
		{timed, "ALTER ROLE current_user SET statement_timeout = 0", refused},
		{timed, "ALTER ROLE ALL RESET ALL", refused},
		{timed, "ALTER DATABASE app SET lock_timeout = 0", refused},
		{timed, "ALTER SYSTEM SET statement_timeout = 0", refused},
		{timed, "CREATE FUNCTION f() RETURNS int LANGUAGE sql SET statement_timeout = 0 SET work_mem = '1MB' AS 'SELECT 1'", refused},
		{timed, "ALTER FUNCTION f() SET lock_timeout = 0", refused},
		{timed, "SELECT 1; SET statement_timeout = 0", refused},
		{timed, "SET transaction_read_only = off", left},
		{readOnly, "SET transaction_read_only = off", refused},
		{readOnly, "SET transaction_read_only = on", left},
		{readOnly, "RESET transaction_read_only", refused}, // means off up to PostgreSQL 15
		{readOnly, "SET transaction_read_only TO DEFAULT", refused},
		{readOnly, "SET SESSION default_transaction_read_only = 'false'", refused},
		{readOnly, "SET default_transaction_read_only = true", left},
		{readOnly, "RESET default_transaction_read_only", left},
		{readOnly, "RESET ALL", left},
		{readOnly, "BEGIN", left},
		{readOnly, "BEGIN READ ONLY", left},
		{readOnly, "BEGIN ISOLATION LEVEL SERIALIZABLE, READ WRITE", refused},
		{readOnly, "START TRANSACTION READ WRITE", refused},
		{readOnly, "SET TRANSACTION READ WRITE", refused},
		{readOnly, "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE", refused},
		{readOnly, "SELECT set_config('transaction_read_only', 'off', true)", refused},
		{readOnly, "SELECT set_config('default_transaction_read_only', 'off', false)", refused},
		{readOnly, "ALTER ROLE current_user SET default_transaction_read_only = off", refused},
		{action.Session{}, "SET statement_timeout = 0", left},
	} {
		analyzer, session := sql.New(1<<20), &sql.Session{StandardStrings: true, UTF8: true}
		for _, how := range []string{"read", "remembered"} {
			parts, bar := Read(analyzer, c.text, session, func(string) []action.Part { return nil })
			if bar != nil {
				t.Fatalf("%s: %s", c.text, bar.Text)
			}
			before := parts[0].Effects
			got, bar := Belt(&action.Service{Name: "db", Session: c.session}, parts)
			word := left
			switch {
			case bar != nil:
				word = refused
			case before != action.EffectRead && got[0].Effects == action.EffectRead && got[0].Control:
				word = harmless
			}
			if word != c.want {
				t.Errorf("%s (%s): %s, want %s", c.text, how, word, c.want)
			}
			if parts[0].Effects != before {
				t.Errorf("%s: the parts that were given have changed", c.text)
			}
		}
	}
}

// TestTheCacheDoesNotHideASetting: two texts that differ only in a literal.
func TestTheCacheDoesNotHideASetting(t *testing.T) {
	analyzer, session := sql.New(1<<20), &sql.Session{StandardStrings: true, UTF8: true}
	svc := &action.Service{Name: "db", Session: action.Session{StatementTimeout: time.Second}}
	for _, c := range []struct {
		name    string
		refused bool
	}{{"work_mem", false}, {"statement_timeout", true}, {"work_mem", false}} {
		parts, bar := Read(analyzer, "SELECT set_config('"+c.name+"', '0', false)", session, nil)
		if bar != nil {
			t.Fatal(bar.Text)
		}
		if _, bar = Belt(svc, parts); (bar != nil) != c.refused {
			t.Errorf("%s: %v", c.name, bar)
		}
	}
}
