//go:build cgo

package sql

import (
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
)

// TestT39_NamesOfOtherEncodings: a database that folds or cuts a name its own way
// gets it in no spelling that leaves room for that.
func TestT39_NamesOfOtherEncodings(t *testing.T) {
	a := New(0)
	for text, refused := range map[string]bool{
		"DELETE FROM Été WHERE a = 1":                           true,
		"SELECT é FROM t":                                       true,
		`SELECT "é" FROM t`:                                     false,
		"SELECT 'é' FROM t":                                     false,
		"SELECT a FROM t WHERE b = '\\é'":                       false,
		`SELECT "` + strings.Repeat("é", 32) + `" FROM t`:       true,
		`SELECT U&"` + strings.Repeat(`\00e9`, 40) + `" FROM t`: true,
	} {
		for _, local := range []bool{true, false} {
			s := confirmed()
			s.LocalNames = local
			if _, err := a.Parse(text, s); (err != nil) != (refused && local) {
				t.Errorf("%s: %v", text, err)
			}
		}
	}
}

func TestGuards(t *testing.T) {
	on, off := confirmed(), &Session{}
	tests := []struct {
		name, text string
		s          *Session
		want       string // of the error; "" passes
	}{
		{"plain", "SELECT 1", off, ""},
		{"NUL", "SELECT 1\x00; DROP TABLE t", on, "NUL byte"},
		{"backslash confirmed", `SELECT 'a\b'`, on, ""},
		{"backslash unconfirmed", `SELECT 'a\b'`, &Session{UTF8: true}, "standard_conforming_strings"},
		{"backslash in E unconfirmed", `SELECT E'a\\b'`, &Session{UTF8: true}, "standard_conforming_strings"},
		{"UTF-8 confirmed", "SELECT 'é'", on, ""},
		{"UTF-8 unconfirmed", "SELECT 'é'", &Session{StandardStrings: true}, "client_encoding"},
		{"invalid UTF-8", "SELECT 'a\xff'", on, "not valid UTF-8"},
		{"invalid UTF-8 in a comment", "SELECT 1 -- \xc3", on, "not valid UTF-8"},
		{"surrogate", "SELECT '\xed\xa0\x80'", on, "not valid UTF-8"},
		{"too long", "SELECT '" + strings.Repeat("a", maxText) + "'", on, "bytes long"},
		{"byte 1", "SELECT '\x01'", on, ""},
	}
	for _, tt := range tests {
		for _, size := range []int{0, 1 << 20} { // a cache makes no difference
			a := New(size)
			for range 2 {
				parts, err := a.Parse(tt.text, tt.s)
				switch {
				case tt.want == "" && err != nil:
					t.Errorf("%s: %v", tt.name, err)
				case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
					t.Errorf("%s: error %v, want %q", tt.name, err, tt.want)
				case err != nil && parts != nil:
					t.Errorf("%s: an error and parts", tt.name)
				}
			}
		}
	}
}

// TestT39_StandardConformingStringsOff: with the setting off the server reads
// a DROP where the grammar reads one SELECT.
func TestT39_StandardConformingStringsOff(t *testing.T) {
	const attack = `SELECT '\'' ; DROP TABLE victim; --'`
	a := New(1 << 20)
	if parts, err := a.Parse(attack, confirmed()); err != nil || len(parts) != 1 {
		t.Fatalf("with the setting confirmed it is one SELECT: %d parts, %v", len(parts), err)
	}
	for _, s := range []*Session{{}, {UTF8: true}, {UTF8: true, Conversation: &Conversation{Database: "app"}}} {
		if _, err := a.Parse(attack, s); err == nil {
			t.Errorf("%+v: passes", *s)
		}
	}
	mustBe(t, a, "SET standard_conforming_strings = off", action.EffectAdmin)
	mustBe(t, a, "SET standard_conforming_strings TO '0'", action.EffectAdmin)
	mustBe(t, a, "SELECT set_config('standard_conforming_strings', 'off', false)", action.EffectAdmin)
}

// TestT39_ForeignEncodings: the second byte of a character is a backslash that
// the server does not see.
func TestT39_ForeignEncodings(t *testing.T) {
	const attack = "SELECT E'\x83\x5c'; DROP TABLE victim2; --'"
	a := New(1 << 20)
	for _, s := range []*Session{{}, {UTF8: true}, {StandardStrings: true}, confirmed()} {
		if _, err := a.Parse(attack, s); err == nil {
			t.Errorf("%+v: passes", *s)
		}
	}
	// Good UTF-8, too: in SJIS the last third of the character takes the backslash.
	const valid = "SELECT E'あ\\'; DROP TABLE victim2; --'"
	if parts, err := a.Parse(valid, confirmed()); err != nil || len(parts) != 1 {
		t.Errorf("in UTF8 it is one statement: %d, %v", len(parts), err)
	}
	for _, s := range []*Session{{}, {StandardStrings: true}} {
		if _, err := a.Parse(valid, s); err == nil {
			t.Errorf("%+v: passes", *s)
		}
	}
	for _, set := range []string{"SET client_encoding = 'SJIS'", "SET NAMES 'GBK'", "SET client_encoding TO big5", "SET client_encoding = utf8, sjis"} {
		mustBe(t, a, set, action.EffectAdmin)
	}
}

// mustBe checks that a statement has an effect and is not waved through.
func mustBe(t *testing.T, a *Analyzer, text string, e action.Effects) {
	t.Helper()
	parts, err := a.Parse(text, confirmed())
	if err != nil {
		t.Errorf("%s: %v", text, err)
		return
	}
	all := action.Effects(0)
	for _, p := range parts {
		all |= p.Effects
		if p.Control && p.Effects&e != 0 {
			t.Errorf("%s: is control", text)
		}
	}
	if all&e == 0 {
		t.Errorf("%s: %v, want %v", text, all, e)
	}
}

// TestT36_NothingHidesAStatement: however it is written, the DROP is seen or the
// text is refused.
func TestT36_NothingHidesAStatement(t *testing.T) {
	texts := []string{
		"SELECT 1; DROP TABLE users",
		"SELECT 1;DROP TABLE users;",
		";;; DROP TABLE users",
		"SELECT 1 -- '\n; DROP TABLE users",
		"SELECT 1 --\r; DROP TABLE users",
		"SELECT /* ' */ 1; DROP TABLE users --'",
		"SELECT /* /* */ ' */ 1; DROP TABLE users; /*'*/",
		"/**/DROP/**/TABLE/**/users",
		"dRoP tAbLe users",
		"DROP TABLE \"users\"",
		"DROP TABLE U&\"us\\0065rs\"",
		"DROP TABLE u\u0073ers",
		"SELECT 'a' 'b'; DROP TABLE users",
		"SELECT 'a'\n'b'; DROP TABLE users",
		"SELECT $$'$$; DROP TABLE users; --'",
		"SELECT $a$ $$ $a$; DROP TABLE users; SELECT $$ $$",
		"SELECT $é$'$é$; DROP TABLE users --'",
		"SELECT E'\\''; DROP TABLE users --'",
		"SELECT E'a'\n'\\''; DROP TABLE users --'",
		"SELECT U&'a' UESCAPE '!'; DROP TABLE users",
		"SELECT \"a\"\"; --\"; DROP TABLE users",
		"SELECT 1::text; DROP TABLE users",
		"BEGIN; DROP TABLE users; COMMIT",
		"SELECT 1 \v; DROP TABLE users",
		"\ufeffDROP TABLE users",
		"DROP\u00a0TABLE users",
		"EXPLAIN ANALYZE SELECT 1; DROP TABLE users",
	}
	for _, size := range []int{0, 1 << 20} {
		a := New(size)
		for _, text := range append(texts, texts...) {
			parts, err := a.Parse(text, confirmed())
			if err != nil {
				continue
			}
			seen := action.Effects(0)
			for _, p := range parts {
				seen |= p.Effects
			}
			if seen&action.EffectDestructive == 0 {
				t.Errorf("%q: %v", text, seen)
			}
		}
	}
}

// TestT36_OpaqueCodeIsAdmin: what runs text is never a read.
func TestT36_OpaqueCodeIsAdmin(t *testing.T) {
	a := New(1 << 20)
	for _, text := range []string{
		"DO $$ BEGIN DELETE FROM users; END $$", "DO LANGUAGE plpgsql 'BEGIN END'", "CALL p()",
		"CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "CREATE OR REPLACE PROCEDURE p() LANGUAGE sql AS ''",
		"SELECT query_to_xml('DELETE FROM users', true, true, '')", "SELECT * FROM database_to_xml(true, true, '')",
		"SELECT dblink('', 'DROP TABLE users')", "COPY users TO PROGRAM 'sh'", "COPY users FROM '/etc/passwd'",
		"EXPLAIN SELECT query_to_xml('SELECT 1', true, true, '')", "VALUES (query_to_xml('SELECT 1', true, true, ''))",
		"SELECT 1 ORDER BY pg_terminate_backend(1)", "SELECT 1 LIMIT pg_terminate_backend(1)::int",
		"WITH x AS (SELECT pg_reload_conf()) SELECT 1", "SELECT (SELECT pg_reload_conf())",
		"SELECT count(*) FILTER (WHERE pg_reload_conf()) FROM t", "SELECT 1 FROM t JOIN u ON pg_reload_conf()",
		"INSERT INTO t VALUES (pg_reload_conf())", "UPDATE t SET a = pg_reload_conf() WHERE id = 1",
		"DELETE FROM t WHERE id = 1 AND pg_reload_conf()", "SELECT sum(a) OVER (ORDER BY pg_reload_conf()) FROM t",
		"SELECT a[pg_stat_reset()] FROM t", "SELECT CASE WHEN pg_reload_conf() THEN 1 END", "SELECT ROW(pg_reload_conf())",
		"SELECT * FROM ROWS FROM (generate_series(1, 2), pg_ls_dir('.'))", "PREPARE p AS SELECT pg_reload_conf()",
		"EXECUTE p(pg_reload_conf())", "SELECT XMLELEMENT(NAME a, pg_reload_conf())", "SELECT JSON_ARRAY(pg_reload_conf())",
		"INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING RETURNING pg_reload_conf()", "SELECT * FROM t TABLESAMPLE system (pg_stat_reset())",
		"COPY (SELECT pg_reload_conf()) TO STDOUT", "DECLARE c CURSOR FOR SELECT pg_reload_conf()", "SELECT pg_reload_conf() INTO t",
		"MERGE INTO t USING s ON pg_reload_conf() WHEN MATCHED THEN DO NOTHING", "SELECT DISTINCT ON (pg_reload_conf()) 1",
		"SELECT 1 GROUP BY ROLLUP (pg_reload_conf())", "SELECT PG_RELOAD_CONF()", "SELECT \"pg_reload_conf\"()", "SELECT U&\"pg\\005freload_conf\"()",
		"COPY t FROM STDIN WHERE pg_reload_conf()", "SELECT pg_catalog . pg_reload_conf ( )",
		"SELECT (1).pg_terminate_backend", "SELECT ('/etc/passwd'::text).pg_read_file", "SELECT g.pg_cancel_backend FROM generate_series(1, 1) g",
		"SELECT (s.x).pg_sleep FROM (SELECT 1 AS x) s", "SELECT \"current_user\".pg_ls_dir FROM current_user", "SELECT c.pg_ls_dir FROM CAST('.' AS text) c",
		"SELECT unnest.pg_sleep FROM unnest(ARRAY[1])", "UPDATE t SET a = (1).pg_terminate_backend WHERE id = 1",
	} {
		mustBe(t, a, text, action.EffectAdmin)
	}
}
