//go:build cgo

package sql

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
)

// TestMoreFacts: the facts that look closer, each by its name in the language.
func TestMoreFacts(t *testing.T) {
	tests := []struct{ text, fact, want string }{
		{"SELECT 1", "sql.class", "read"},
		{"WITH d AS (DELETE FROM t WHERE a = 1 RETURNING a) SELECT * FROM d", "sql.class", "dml"},
		{"SELECT 1 INTO t", "sql.class", "ddl"},
		{"EXPLAIN ANALYZE DELETE FROM t WHERE a = 1", "sql.class", "dml"},
		{"EXPLAIN DELETE FROM t WHERE a = 1", "sql.class", "read"},
		{"COPY (DELETE FROM t RETURNING a) TO STDOUT", "sql.class", "copy"},
		{"BEGIN", "sql.class", "txn"},
		{"SET timezone = 'UTC'", "sql.class", "session"},
		{"GRANT SELECT ON t TO bob", "sql.class", "dcl"},
		{"CREATE ROLE bob", "sql.class", "dcl"},
		{"ALTER SYSTEM SET work_mem = '1MB'", "sql.class", "admin"},
		{"CREATE EXTENSION x", "sql.class", "admin"},
		{"DO ''", "sql.class", "admin"},
		{"DROP TABLE t", "sql.class", "ddl"},
		{"", "sql.class", "session"},

		{"SELECT a FROM t", "sql.is_read_only", "true"},
		{"SELECT a FROM t FOR SHARE", "sql.is_read_only", "false"},
		{"SELECT nextval('s')", "sql.is_read_only", "false"},
		{"SELECT my_function(1)", "sql.is_read_only", "false"},
		{"SELECT query_to_xml('SELECT 1', true, true, '')", "sql.is_read_only", "false"},
		{"BEGIN READ WRITE", "sql.is_read_only", "false"},
		{"BEGIN", "sql.is_read_only", "true"},

		{"DO ''", "sql.opaque", "true"},
		{"CALL p()", "sql.opaque", "true"},
		{"SELECT 1", "sql.opaque", "false"},

		{"INSERT INTO t (a, b) SELECT c, d FROM u", "sql.columns_written", "t.a t.b"},
		{"INSERT INTO s.t VALUES (1)", "sql.columns_written", "s.t.*"},
		{"UPDATE t SET a = b WHERE c = 1", "sql.columns_written", "t.a"},
		{"INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 1", "sql.columns_written", "t.a t.b"},
		{"MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN UPDATE SET b = u.b", "sql.columns_written", "t.b"},
		{"COPY t (a) FROM STDIN", "sql.columns_written", "t.a"},
		{"COPY t (a) TO STDOUT", "sql.columns_written", ""},
		{"EXPLAIN UPDATE t SET a = 1", "sql.columns_written", ""},
		{"DO ''", "sql.columns_written", "unknown"},

		{"SELECT pg_sleep(1), lower('x'), mine(2), 1 === 2", "sql.functions_flagged", "pg_sleep"},
		{"SELECT pg_sleep(1), lower('x'), mine(2), 1 === 2", "sql.functions_unknown", "=== mine"},

		{"SELECT a FROM t FOR UPDATE", "sql.locks", "update"},
		{"SELECT a FROM t FOR NO KEY UPDATE", "sql.locks", "no_key_update"},
		{"SELECT a FROM t, u FOR SHARE OF t FOR KEY SHARE OF u", "sql.locks", "key_share share"},
		{"LOCK TABLE t", "sql.locks", "table"},
		{"SELECT pg_advisory_lock(1)", "sql.locks", "advisory"},
		{"SELECT a FROM t", "sql.locks", ""},

		{"SET search_path = x", "sql.settings", "search_path"},
		{"SELECT set_config('Work_Mem', '1MB', false)", "sql.settings", "work_mem"},
		{"RESET ALL", "sql.settings", "*"},

		{"COPY t FROM STDIN", "sql.copy.direction", "in"},
		{"COPY t FROM STDIN", "sql.copy.target", "stdin"},
		{"COPY t TO STDOUT", "sql.copy.direction", "out"},
		{"COPY (SELECT 1) TO STDOUT", "sql.copy.target", "stdout"},
		{"COPY t TO '/tmp/x'", "sql.copy.target", "file"},
		{"COPY t FROM PROGRAM 'id'", "sql.copy.target", "program"},
		{"SELECT 1", "sql.copy.direction", "absent"},
		{"SELECT 1", "sql.copy.target", "absent"},

		{"BEGIN READ WRITE", "sql.txn.read_write", "true"},
		{"BEGIN READ ONLY", "sql.txn.read_write", "false"},
		{"WITH d AS (DELETE FROM t RETURNING a) SELECT * FROM d", "sql.has_cte_dml", "true"},
		{"WITH d AS (SELECT 1) DELETE FROM t", "sql.has_cte_dml", "false"},
		{"EXPLAIN (ANALYZE) SELECT 1", "sql.explain_analyze", "true"},
		{"EXPLAIN (ANALYZE off) SELECT 1", "sql.explain_analyze", "false"},

		{"SELECT a FROM t LIMIT 5", "sql.limit", "5"},
		{"SELECT a FROM t LIMIT (7) OFFSET 3", "sql.limit", "7"},
		{"SELECT a FROM t FETCH FIRST 9 ROWS ONLY", "sql.limit", "9"},
		{"SELECT a FROM t FETCH FIRST ROW ONLY", "sql.limit", "1"},
		{"SELECT a FROM t", "sql.limit", "absent"},
		{"SELECT a FROM t LIMIT ALL", "sql.limit", "absent"},
		{"SELECT a FROM t LIMIT 2 + 3", "sql.limit", "unknown"},
		{"SELECT a FROM t LIMIT '5'", "sql.limit", "unknown"},
		{"SELECT a FROM t LIMIT 5::int8", "sql.limit", "unknown"},
		{"SELECT a FROM t LIMIT $1", "sql.limit", "unknown"},
		{"SELECT a FROM (SELECT a FROM t LIMIT 5) x", "sql.limit", "absent"},

		{"SELECT 'it''s', 1.5, $$x y$$, $a$b$a$, a1 FROM \"t'2\" -- 'c'", "sql.literals", "it's 1.5 x y b"},
		{"SELECT E'a'", "sql.literals", "unknown"},
		{"SELECT U&'a'", "sql.literals", "unknown"},

		{"SELECT  A, 'x'\n FROM /* c */ T WHERE b IN (1, 2, 3) AND c = $1 -- d", "sql.normalized", "select a, ? from t where b in (?) and c = ?"},
		{"INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c');", "sql.normalized", "insert into t values (?)"},
		{"SELECT \"A b\", e1 + 0x1f, 1.5e-3 FROM t", "sql.normalized", "select \"A b\", e1 + ? from t"},
		{"DO 'BEGIN NULL; END'", "sql.normalized", "do 'BEGIN NULL; END'"},
		{"SELECT lo_import('/etc/passwd')", "sql.normalized", "select lo_import('/etc/passwd')"},
		{"SET timezone = 'UTC'", "sql.normalized", "set timezone = 'UTC'"},

		{"SELECT 1", "sql.protocol", "simple"},
		{"SELECT 1", "sql.role", "reader"},
		{"SELECT 1", "sql.server_version", "15.18"},
		{"SELECT 1", "sql.application_name", "absent"},
	}
	s := confirmed()
	s.Protocol, s.Conversation = "simple", &Conversation{Database: "app", Role: "reader", ServerVersion: "15.18"}
	for _, a := range []*Analyzer{New(0), New(8 << 20)} {
		for range 2 { // cached and not
			for _, tt := range tests {
				if got := factOf(t, a, s, tt.text, tt.fact); got != tt.want {
					t.Errorf("%s of %s: %q, want %q", tt.fact, tt.text, got, tt.want)
				}
			}
		}
	}
}

// factOf gives one fact of a text in words.
func factOf(t *testing.T, a *Analyzer, s *Session, text, name string) string {
	t.Helper()
	parts, err := a.Parse(text, s)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	facts := FactTable().Facts
	i := slices.IndexFunc(facts, func(f action.FactSpec) bool { return f.Name == name })
	if i < 0 {
		t.Fatalf("no fact %s", name)
	}
	v := value(facts[i], WithLiterals(parts)[0].Facts)
	switch v[1] {
	case action.Unknown:
		return "unknown"
	case action.Absent:
		return "absent"
	}
	if list, ok := v[0].([]string); ok {
		return strings.Join(list, " ")
	}
	return fmt.Sprint(v[0])
}

// TestFingerprintsTellTextsApart: what differs in values only has one fingerprint,
// and code is no value.
func TestFingerprintsTellTextsApart(t *testing.T) {
	a, s := New(8<<20), confirmed()
	print := func(text string) string { return factOf(t, a, s, text, "sql.fingerprint") }
	same := [][2]string{
		{"SELECT a FROM t WHERE b = 1", "select  a from t where b = 'x' /* c */"},
		{"SELECT a FROM t WHERE b IN (1)", "SELECT a FROM t WHERE b IN (1, 2, 3)"},
		{"SELECT a FROM t WHERE b = $1", "SELECT a FROM t WHERE b = 1.5"},
	}
	for _, p := range same {
		if print(p[0]) != print(p[1]) {
			t.Errorf("%s and %s have two", p[0], p[1])
		}
	}
	apart := [][2]string{
		{"SELECT a FROM t", "SELECT b FROM t"},
		{"SELECT a FROM t", `SELECT "A" FROM t`},
		{"DO 'a'", "DO 'b'"},
		{"SELECT pg_read_file('a')", "SELECT pg_read_file('b')"},
		{"SELECT query_to_xml('a', true, true, '')", "SELECT query_to_xml('b', true, true, '')"},
		{"SELECT set_config('a.b', 'c', false)", "SELECT set_config('a.c', 'c', false)"},
		{"COPY t TO '/a'", "COPY t TO '/b'"},
	}
	for _, p := range apart {
		if print(p[0]) == print(p[1]) {
			t.Errorf("%s and %s have one", p[0], p[1])
		}
	}
}
