//go:build cgo && linux

package sql

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"sort"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/protocols/postgres/sql/lex"
)

// stackEnv tells a copy of the test to be the one that may die.
const stackEnv = "SALLYPORT_TEST_STACK"

// worst are texts that nest in every way the grammar has, beside chains: head,
// what is repeated, the middle, and what closes each.
var worst = []struct{ name, head, unit, mid, close, tail string }{
	{"parentheses", "SELECT ", "(", "1", ")", ""},
	{"arrays", "SELECT ", "ARRAY[", "1", "]", ""},
	{"bare arrays", "SELECT ARRAY[", "[", "1", "]", "]"},
	{"case in then", "SELECT ", "CASE WHEN a THEN ", "1", " END", ""},
	{"case in else", "SELECT ", "CASE WHEN a THEN b ELSE ", "1", " END", ""},
	{"case in when", "SELECT ", "CASE WHEN ", "a", " THEN 1 END", ""},
	{"case of case", "SELECT ", "CASE ", "a", " WHEN 1 THEN 2 END", ""},
	{"joins to the left", "SELECT 1 FROM ", "(", "a", " JOIN b ON c)", ""},
	{"joins to the right", "SELECT 1 FROM ", "a JOIN (", "b JOIN c ON d", ") ON e", ""},
	{"cross joins", "SELECT 1 FROM a", " CROSS JOIN b", "", "", ""},
	{"minus", "SELECT ", "- ", "a", "", ""},
	{"minus and parentheses", "SELECT ", "-(", "a", ")", ""},
	{"not", "SELECT ", "NOT ", "a", "", ""},
	{"not and parentheses", "SELECT ", "NOT (", "a", ")", ""},
	{"not exists", "SELECT ", "NOT EXISTS (SELECT ", "1", ")", ""},
	{"casts", "SELECT 1", "::int", "", "", ""},
	{"casts by name", "SELECT ", "CAST(", "1", " AS int)", ""},
	{"casts to arrays", "SELECT 1", "::int[][][]", "", "", ""},
	{"with", "", "WITH a AS (", "SELECT 1", ") SELECT 1", ""},
	{"with behind with", "", "WITH a AS (SELECT 1), b AS (", "SELECT 1", ") TABLE b", ""},
	{"with that writes", "", "WITH a AS (", "DELETE FROM t", " RETURNING 1) INSERT INTO t SELECT 1", ""},
	{"unions", "SELECT 1", " UNION ALL SELECT 1", "", "", ""},
	{"unions by values", "VALUES (1)", " UNION VALUES (1)", "", "", ""},
	{"unions by table", "TABLE a", " EXCEPT TABLE a", "", "", ""},
	{"intersections", "SELECT 1", " INTERSECT SELECT 1", "", "", ""},
	{"unions to the right", "", "(SELECT 1 UNION ", "SELECT 1", ")", ""},
	{"unions to the left", "", "(", "SELECT 1", " UNION SELECT 1)", ""},
	{"ands", "SELECT a", " AND b", "", "", ""},
	{"ors", "SELECT a", " OR b", "", "", ""},
	{"ands of ors", "SELECT ", "(a OR b AND ", "c", ")", ""},
	{"concatenations", "SELECT a", "||a", "", "", ""},
	{"sums", "SELECT 1", "+1", "", "", ""},
	{"powers of names", "SELECT a", " OPERATOR(pg_catalog.+) a", "", "", ""},
	{"comparisons", "SELECT a", " IS DISTINCT FROM (a", "", ")", ""},
	{"is true", "SELECT a", " IS TRUE", "", "", ""},
	{"collations", "SELECT a", ` COLLATE "C"`, "", "", ""},
	{"time zones", "SELECT a", " AT TIME ZONE a", "", "", ""},
	{"likes", "SELECT a", " LIKE (a", "", ")", ""},
	{"subscripts", "SELECT a", "[a", "", "]", ""},
	{"subscripts in a row", "SELECT a", "[1]", "", "", ""},
	{"fields", "SELECT (a)", ".b", "", "", ""},
	{"selects", "SELECT ", "(SELECT ", "1", ")", ""},
	{"selects in from", "SELECT 1 FROM ", "(SELECT 1 FROM ", "a", ") x", ""},
	{"selects in where", "SELECT 1", " FROM a WHERE b IN (SELECT 1", "", ")", ""},
	{"selects in any", "SELECT ", "1 = ANY (SELECT ", "1", ")", ""},
	{"arrays of selects", "SELECT ", "ARRAY(SELECT ", "1", ")", ""},
	{"lateral", "SELECT 1 FROM ", "LATERAL (SELECT 1 FROM ", "a", ") x", ""},
	{"calls", "SELECT ", "f(", "1", ")", ""},
	{"named arguments", "SELECT ", "f(a => ", "1", ")", ""},
	{"coalesce", "SELECT ", "COALESCE(", "1", ")", ""},
	{"greatest", "SELECT ", "GREATEST(1,", "1", ")", ""},
	{"rows", "SELECT ", "ROW(", "1", ")", ""},
	{"windows", "SELECT ", "f() OVER (ORDER BY ", "1", ")", ""},
	{"filters", "SELECT ", "f() FILTER (WHERE ", "a", ")", ""},
	{"grouping sets", "SELECT 1 FROM a GROUP BY ", "GROUPING SETS (", "a", ")", ""},
	{"between", "SELECT ", "a BETWEEN (", "b", ") AND c", ""},
	{"xml", "SELECT ", "XMLCONCAT(", "a", ")", ""},
	{"json", "SELECT ", "JSON_OBJECT('a': ", "1", ")", ""},
	{"order", "SELECT 1 ORDER BY ", "(SELECT 1 ORDER BY ", "1", ")", ""},
	{"limit", "SELECT 1 LIMIT ", "(SELECT 1 LIMIT ", "1", ")", ""},
	{"defaults", "CREATE TABLE t (a int DEFAULT ", "(", "1", ")", ")"},
	{"checks", "CREATE TABLE t (a int CHECK (", "NOT (", "a", ")", "))"},
	{"set", "UPDATE t SET a = ", "(SELECT ", "1", ")", ""},
	{"schemas", "CREATE SCHEMA a ", "CREATE TABLE b (c int) ", "", "", ""},
}

// deepest makes the deepest text of a kind that is let into the grammar.
func deepest(i int) string {
	w := worst[i]
	make := func(n int) string {
		return w.head + strings.Repeat(w.unit, n) + w.mid + strings.Repeat(w.close, n) + w.tail
	}
	n := sort.Search(maxText, func(n int) bool {
		if n > maxText/len(w.unit) {
			return true
		}
		_, err := lex.CheckDepth(make(n + 1))
		return err != nil
	})
	for n > 0 && len(make(n)) > maxText {
		n /= 2
	}
	return make(n)
}

// TestT53_TheGrammarKeepsToItsStack runs the deepest texts that are let in, in a
// process whose threads have a quarter of the usual stack: nothing can be
// recovered from in C.
func TestT53_TheGrammarKeepsToItsStack(t *testing.T) {
	if os.Getenv(stackEnv) != "" {
		for i, w := range worst {
			fmt.Fprintln(os.Stdout, "now:", w.name)
			if _, err := New(0).Parse(deepest(i), confirmed()); err != nil && strings.Contains(err.Error(), "nested too deeply") {
				t.Errorf("%s: not let in: %v", w.name, err)
			}
		}
		return
	}
	out, err := withStack(2 << 20)
	if err != nil {
		_, at, _ := strings.Cut(out[max(0, strings.LastIndex(out, "now: ")):], "now: ")
		t.Fatalf("%v at %.200s", err, at)
	}
}

// withStack runs this test again in a process whose threads get so much stack.
func withStack(size uint64) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", fmt.Sprintf(`ulimit -S -s %d && exec "$0" "$@"`, size>>10),
		os.Args[0], "-test.run=^TestT53_TheGrammarKeepsToItsStack$", "-test.v")
	cmd.Env = append(os.Environ(), stackEnv+"=1")
	out, err := cmd.CombinedOutput()
	return string(out), err
}
