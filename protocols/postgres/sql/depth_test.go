//go:build cgo

package sql

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"sallyport.dev/sallyport/protocols/postgres/sql/lex"

	pgquery "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// chains are units that deepen the tree when repeated; several hide the growth
// behind what looks like a separator.
var chains = []struct{ name, head, unit, tail string }{
	{"sums", "SELECT 1", "+1", ""},
	{"concatenations", "SELECT 'a'", "||','", ""},
	{"casts", "SELECT 1", "::int", ""},
	{"casts with arguments", "SELECT 1", "::numeric(1,2)", ""},
	{"is null", "SELECT a", " ISNULL", ""},
	{"not", "SELECT ", "NOT ", "true"},
	{"minus", "SELECT ", "- ", "a"},
	{"parentheses", "SELECT ", "(", "1"},
	{"functions", "SELECT ", "f(", "1"},
	{"arguments", "SELECT ", "f(1,", "1"},
	{"and in parentheses", "SELECT ", "(a AND ", "a"},
	{"subqueries", "SELECT ", "(SELECT 1,", "1"},
	{"unions", "SELECT 1", " UNION SELECT 1", ""},
	{"unions of lists", "SELECT 1,1", " UNION SELECT 1,1", ""},
	{"joins", "SELECT 1 FROM a", " JOIN a ON x AND y", ""},
	{"joins and lists", "SELECT 1 FROM a", " NATURAL JOIN a", ", b"},
	{"case", "SELECT ", "CASE WHEN a AND ", "b"},
	{"case and minus", "SELECT ", "CASE WHEN a AND - - - ", "b"},
	{"case suffixes", "SELECT " + strings.Repeat("CASE WHEN ", 900) + "a", " ISNULL ISNULL ISNULL AND b THEN c END", ""},
	{"between", "SELECT x", " BETWEEN 1 AND 2 ISNULL", ""},
	{"keyword as a column", "SELECT t.and", " + t.and", ""},
	{"keyword as a column, spaced", "SELECT t.and", " + t . /* x */ or", ""},
	{"collate", "SELECT a", ` COLLATE "C"`, ""},
	{"time zones", "SELECT a", " AT TIME ZONE 'x'", ""},
	{"is json", "SELECT a", " IS JSON", ""},
	{"escape strings", "SELECT a", ` || E'\'' || ','`, ""},
	{"dollar strings", "SELECT a", " || $a$,$a$", ""},
	{"quoted names", "SELECT a", ` || "," `, ""},
	{"and", "SELECT a", " AND a", ""},
	{"or", "SELECT a", " AND b OR a", ""},
	{"list", "SELECT a", ",a", ""},
	{"arrays", "SELECT ", "ARRAY[", "1"},
	{"subscripts", "SELECT a", "[a", ""},
	{"with", "", "WITH a AS (", "SELECT 1"},
	{"from", "SELECT * FROM ", "(SELECT * FROM ", "a"},
	{"rows", "SELECT ", "ROW(1,", "1"},
}

func (c chain) text(n int) string {
	open := strings.Count(c.unit, "(") - strings.Count(c.unit, ")")
	square := strings.Count(c.unit, "[") - strings.Count(c.unit, "]")
	tail := strings.Repeat(")", n*max(open, 0)) + strings.Repeat("]", n*max(square, 0))
	switch c.name {
	case "case", "case and minus":
		tail = strings.Repeat(" THEN 1 END", n)
	case "from":
		tail = strings.Repeat(") x", n)
	case "with":
		tail = strings.Repeat(") SELECT 1", n)
	}
	return c.head + strings.Repeat(c.unit, n) + c.tail + tail
}

type chain struct{ name, head, unit, tail string }

// TestDepthIsAnUpperBound compares the bound with the trees that the grammar
// really makes.
func TestDepthIsAnUpperBound(t *testing.T) {
	for _, c := range chains {
		for _, n := range []int{1, 10, 100, 300} {
			if strings.HasPrefix(c.name, "case suffixes") && n > 100 {
				continue
			}
			text := chain(c).text(n)
			bound, err := lex.Depth(text)
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			if bound > lex.MaxDepth() {
				continue
			}
			tree, err := pgquery.Parse(text)
			if err != nil {
				continue // too deep for the decoder, or no valid SQL
			}
			if got := treeDepth(tree.ProtoReflect()); got > perToken*bound+slack {
				t.Errorf("%s x %d: tree is %d deep, bound says %d", c.name, n, got, bound)
			}
		}
	}
}

// A token makes at most this many messages of the tree: "(" of a subquery makes
// the most. slack is for what every statement has.
const perToken, slack = 3, 20

func treeDepth(m protoreflect.Message) int {
	deepest := 0
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Kind() != protoreflect.MessageKind:
		case fd.IsList():
			for i := range v.List().Len() {
				deepest = max(deepest, treeDepth(v.List().Get(i).Message()))
			}
		default:
			deepest = max(deepest, treeDepth(v.Message()))
		}
		return true
	})
	return deepest + 1
}

// spent is the processor time of this process: what others take of the machine, and a
// machine that stands still, is no text's doing.
func spent(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestT53_NoTextTakesTheProcessDown repeats every unit up to the size limit: the
// answer comes within a bounded time, and it comes.
func TestT53_NoTextTakesTheProcessDown(t *testing.T) {
	limit := 5 * time.Second
	if raceEnabled {
		limit = 60 * time.Second
	}
	a := New(1 << 20)
	for _, c := range chains {
		sizes := []int{maxText / len(c.unit), 2990, 10000}
		if raceEnabled {
			sizes = sizes[:1]
		}
		for _, n := range sizes {
			text := chain(c).text(n)
			if len(text) > maxText {
				text = text[:maxText]
			}
			start := spent(t)
			_, err := a.Parse(text, confirmed())
			if took := spent(t) - start; took > limit {
				t.Errorf("%s x %d took %v (%v)", c.name, n, took, err)
			}
		}
	}
}

func TestT53_OrdinaryLongTextsPass(t *testing.T) {
	row := "(1, 'a', now()),"
	texts := map[string]string{
		"many rows":      "INSERT INTO t VALUES " + strings.TrimSuffix(strings.Repeat(row, 18000), ","),
		"all params":     "INSERT INTO t VALUES ($1" + strings.Repeat(", $65535", 65534) + ")",
		"rows of params": "VALUES ($1::text)" + strings.Repeat(",($65535::text)", 65535),
		"many or":        "SELECT 1 FROM t WHERE " + strings.Repeat("(a = 1 AND b = 2) OR ", 2000) + "c",
		"many and":       "SELECT 1 FROM t WHERE a NOT IN (1) " + strings.Repeat("AND a <> 5 ", 3000),
		"many in":        "SELECT 1 FROM t WHERE a IN (1" + strings.Repeat(",1", 50000) + ")",
		"many columns":   "SELECT a" + strings.Repeat(", CASE WHEN x = 1 AND y = 2 THEN 'a' ELSE 'b' END", 1000) + " FROM t",
		"many unions":    "SELECT 1, 2 FROM t WHERE a = 1" + strings.Repeat(" UNION ALL SELECT 1, 2 FROM t WHERE a = 1", 1000),
		"many joins":     "SELECT 1 FROM t" + strings.Repeat(" LEFT JOIN u USING (id)", 300),
	}
	for name, text := range texts {
		if _, err := New(0).Parse(text, confirmed()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStatementsAreCounted(t *testing.T) {
	if _, err := New(0).Parse(strings.Repeat("SELECT 1;", maxStatements+1), confirmed()); err == nil {
		t.Error("too many statements pass")
	}
	parts, err := New(0).Parse(strings.Repeat("SELECT 1;", 100), confirmed())
	if err != nil || len(parts) != 100 {
		t.Errorf("%d parts, %v", len(parts), err)
	}
}

// TestT53_NamesDoNotMultiply: every column of one list may belong to every table
// of another, and inner queries see the outer ones.
func TestT53_NamesDoNotMultiply(t *testing.T) {
	list := func(unit string, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "%s%s%d", map[bool]string{true: "", false: ","}[i == 0], unit, i)
		}
		return b.String()
	}
	texts := map[string]string{
		"columns of tables":  "SELECT " + list("c", 40000) + " FROM " + list("t", 40000),
		"qualified":          "SELECT " + list("x.c", 40000) + " FROM " + list("t", 40000),
		"sorted":             "SELECT " + list("1 AS c", 40000) + " ORDER BY " + list("c", 40000),
		"nested with":        strings.Repeat("SELECT (WITH a AS (SELECT 1) ", 200) + "SELECT 1 FROM " + list("t", 40000) + strings.Repeat(")", 200),
		"locked":             "SELECT 1 FROM " + list("t", 30000) + strings.Repeat(" FOR UPDATE OF a", 400),
		"joined by many":     "SELECT 1 FROM a" + strings.Repeat(" JOIN a USING ("+list("c", 100)+")", 700),
		"granted":            "GRANT SELECT (" + list("c", 40000) + ") ON " + list("t", 40000) + " TO bob",
		"many columns, read": "SELECT " + list("c", 90000) + " FROM t",
		"many calls":         "SELECT " + list("f()+f", 20000),
	}
	for name, text := range texts {
		start := spent(t)
		_, err := New(0).Parse(text, confirmed())
		if took := spent(t) - start; took > 10*time.Second && !raceEnabled {
			t.Errorf("%s took %v (%v)", name, took, err)
		}
		if name != "sorted" && name != "many calls" && err == nil {
			t.Errorf("%s passes", name)
		}
	}
}
