//go:build cgo

package sql

import (
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"

	"sallyport.dev/sallyport/protocols/postgres/sql/lex"
)

// corpus gives the texts of testdata/statements.txt, and some that are chosen to
// trip the cache.
func corpus(t testing.TB) []string {
	data, err := os.ReadFile("testdata/statements.txt")
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{
		"SELECT cast(1 AS float(24)), cast(1 AS float(25))", "SELECT cast(1 AS float(99))", "SELECT 'a'\n'b'", "SELECT 'a' 'b'",
		"SELECT 'x'::regclass", "SELECT INTERVAL '1' DAY", "SELECT INTERVAL(3) '1 day'", "SELECT x FROM t LIMIT 5 OFFSET 2", "SELECT 1; SELECT 2",
		"SELECT 2147483647", "SELECT 2147483648", "SELECT 9999999999999999999", "SELECT 1 AS a2", "SELECT a2, 2 FROM t3",
		"SELECT $1, 5", "SELECT 1 /* trailing 'x' */", "SELECT 'x' /* trailing 'x' */;", "SELECT 5 -- 'x'", "SELECT 5e-5, 5.5, 5e5",
		"INSERT INTO t VALUES (1, 'a'), (2, 'b')", "SELECT 'a' FROM t WHERE x IN (1, 2, 3)", "SELECT 5 FETCH FIRST 5 ROWS ONLY",
		"UPDATE t SET a = 5 WHERE 5 = 5", "UPDATE t SET a = 5 WHERE b = 5", "SELECT JSON_OBJECT('a': 5)", "SELECT '5'::numeric(5, 5)",
		"SELECT 5 ORDER BY 5", "SELECT position('a' IN 'b')", "SELECT overlay('abc' PLACING 'x' FROM 1 FOR 2)", "SELECT 'a' COLLATE \"C\"",
		"SELECT 'a' LIKE 'b' ESCAPE '5'", "SELECT 'a' SIMILAR TO 'b'", "SELECT XMLPI(NAME a, '5')", "SELECT * FROM JSON_TABLE('5', '$' COLUMNS (a int PATH '$.a'))",
		"SELECT sum(x) OVER (ROWS BETWEEN 5 PRECEDING AND 5 FOLLOWING) FROM t", "SELECT 5 WHERE true", "SELECT 5 LIMIT ALL",
		"SELECT 1 -- x", "SELECT 1 -- /*\n; DELETE FROM t -- */", "SELECT 1 -- /*\n-- */", "SELECT 1; -- /*\rDROP TABLE t --*/;",
		"SET x = 5", "SET work_mem = '5'", "EXPLAIN (ANALYZE 0) DELETE FROM t", "COPY t TO '/5'", "DO '5'",
	}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		if line != "" && line[0] != '\t' && line[0] != '#' {
			texts = append(texts, line)
		}
	}
	return texts
}

// TestCacheAnswersAsTheGrammar warms a cache with every text, then asks for
// texts with other literals: a cached answer is the one that the grammar gives.
func TestCacheAnswersAsTheGrammar(t *testing.T) {
	texts := corpus(t)
	warm, cold := New(16<<20), New(0)
	for _, text := range texts {
		warm.Parse(text, confirmed()) //nolint:errcheck // some are no SQL
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, text := range texts {
		same(t, warm, cold, text)
		for range 8 {
			same(t, warm, cold, otherLiterals(text, rnd))
		}
	}
}

// otherLiterals replaces every run of digits, and what stands between quotes, by
// something else that may be longer, shorter or odd, and some spaces by comments.
func otherLiterals(text string, rnd *rand.Rand) string {
	numbers := []string{"0", "1", "7", "42", "2147483647", "2147483648", "99999999999", "007", "0x1f", "1.5", "00000000000001"}
	comments := []string{"", " ", "/* a */", "/*'*/", "/* -- */", "-- 'a\n", "--\n", "/* /* a */ */", "/**/", "-- /*\n", "-- */\n", "/*\n--*/"}
	strs := []string{"", "a", "it''s", "off", "x; DROP TABLE t; --", "/* x */", "\x01s", "$1", "\"", "é", "a\\b"}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c >= '0' && c <= '9':
			for i+1 < len(text) && text[i+1] >= '0' && text[i+1] <= '9' {
				i++
			}
			b.WriteString(numbers[rnd.IntN(len(numbers))])
		case c == ' ' && rnd.IntN(8) == 0:
			b.WriteString(" " + comments[rnd.IntN(len(comments))])
		case c == '\'':
			end := strings.IndexByte(text[i+1:], '\'')
			if end < 0 {
				return text
			}
			i += end + 1
			b.WriteString("'" + strs[rnd.IntN(len(strs))] + "'")
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// trailed puts something behind a text that may or may not be a comment.
func trailed(text string, rnd *rand.Rand) string {
	trailers := []string{
		";", " ; ;", " -- x", " /* x */", " /* x */;", " -- /*\n; DELETE FROM t -- */", " /* -- */; SELECT 2 --", "\n-- ;\n", " --\r; DROP TABLE t",
		" /*'*/", " -- '\n;'", "; /* /* */ DROP TABLE t */", " /*/; DROP TABLE t /*/", "/**/ LIMIT 3 -- */",
	}
	return text + trailers[rnd.IntN(len(trailers))]
}

// refilled gives another text of the same template; false if the text has none.
func refilled(text string, rnd *rand.Rand) (string, bool) {
	key, ok := lex.Template(nil, text)
	if !ok {
		return "", false
	}
	fill := map[byte][]string{
		's': {"''", "'a'", "'it''s'", "'; DROP TABLE t; --'", "'/*'", "'*/'", "'--'", "'\"'", "'$$'", "'é'", "'\n'"},
		'i': {"0", "1", "007", "2147483647", "0000000001"},
		'l': {"2147483648", "99999999999999999999"},
		'f': {"1.5", "0.0", "1e5", "1E-5", "12.5e+10"},
		'b': {"/**/", "/* ' */", "/*\n*/", "/* -- */", "/*;*/", "/***/", "/*\"$$*/"},
		'c': {"--", "-- '", "-- /*", "-- */", "--;", "-- $$ \"", "---"},
	}
	var b strings.Builder
	for i := 0; i < len(key); i++ {
		if key[i] != 1 {
			b.WriteByte(key[i])
			continue
		}
		i++
		b.WriteString(fill[key[i]][rnd.IntN(len(fill[key[i]]))])
	}
	return b.String(), true
}

// alike checks that two texts of one template are one statement to the grammar.
func alike(t testing.TB, a *Analyzer, text, other string) {
	t.Helper()
	before, errB := a.Parse(text, confirmed())
	after, errA := a.Parse(other, confirmed())
	if (errA == nil) != (errB == nil) || len(before) != len(after) {
		t.Errorf("%q: %d parts, %v\n%q: %d parts, %v", text, len(before), errB, other, len(after), errA)
		return
	}
	if len(before) != 1 || before[0].Facts.(*Facts).Verbatim {
		return // what depends on constants is not kept by its template
	}
	if !reflect.DeepEqual(before[0].Facts.(*Facts).Shape, after[0].Facts.(*Facts).Shape) || before[0].Effects != after[0].Effects {
		t.Errorf("one template, two statements:\n%q\n %s\n%q\n %s", text, describePart(before[0]), other, describePart(after[0]))
	}
}

// same checks that two analyzers say the same of a text, but for the reason of a
// refusal.
func same(t testing.TB, a, b *Analyzer, text string) {
	t.Helper()
	pa, errA := a.Parse(text, confirmed())
	pb, errB := b.Parse(text, confirmed())
	if (errA == nil) != (errB == nil) || len(pa) != len(pb) {
		t.Errorf("%q: %d parts, %v; uncached %d, %v", text, len(pa), errA, len(pb), errB)
		return
	}
	for i := range pa {
		if !reflect.DeepEqual(pa[i], pb[i]) {
			t.Errorf("%q part %d:\n  cached %s\nuncached %s", text, i, describePart(pa[i]), describePart(pb[i]))
		}
	}
}

func TestCacheSharesShapesAndKeepsTexts(t *testing.T) {
	a := New(1 << 20)
	parse := func(text string, s *Session) *Facts {
		parts, err := a.Parse(text, s)
		if err != nil {
			t.Fatal(err)
		}
		return parts[0].Facts.(*Facts)
	}
	one := parse("SELECT id FROM users WHERE id = 1 /*traceparent='w'*/", &Session{Conversation: &Conversation{Database: "a", User: "u"}})
	two := parse("SELECT id FROM users WHERE id = 22 /*traceparent='x'*/", &Session{Conversation: &Conversation{Database: "b"}})
	if one.Shape != two.Shape {
		t.Error("the shape is not shared")
	}
	if one.Text != "SELECT id FROM users WHERE id = 1 /*traceparent='w'*/" || two.Text != "SELECT id FROM users WHERE id = 22 /*traceparent='x'*/" {
		t.Errorf("texts are mixed up: %q, %q", one.Text, two.Text)
	}
	if one.Database != "a" || one.User != "u" || two.Database != "b" || two.User != "" {
		t.Error("sessions are mixed up")
	}
	if parse("SET statement_timeout = 1", confirmed()).Shape == parse("SET statement_timeout = 2", confirmed()).Shape {
		t.Error("a setting is no template")
	}
}

func TestCacheKeepsSearchPathsApart(t *testing.T) {
	a := New(1 << 20)
	const text = "SELECT lower('x')"
	for range 2 {
		ours, _ := a.Parse(text, confirmed())
		theirs, _ := a.Parse(text, &Session{SearchPath: []string{"evil", "pg_catalog"}})
		if !ours[0].Control || theirs[0].Control {
			t.Error("lower is the server's own only where pg_catalog comes first")
		}
	}
}

func TestCacheIsBounded(t *testing.T) {
	const limit = 256 << 10
	a := New(limit)
	for i := range 20000 {
		if _, err := a.Parse(fmt.Sprintf("SELECT c%d FROM t", i), confirmed()); err != nil {
			t.Fatal(err)
		}
	}
	total := 0
	for i := range a.cache.shards {
		s := &a.cache.shards[i]
		for _, half := range []map[string]*entry{s.young, s.old} {
			for key, e := range half {
				total += len(key) + e.size()
			}
		}
	}
	if total == 0 || total > limit {
		t.Errorf("%d bytes are held, the limit is %d", total, limit)
	}
}

func TestCacheIsSafeForConcurrentUse(t *testing.T) {
	a := New(64 << 10)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 200 {
				text := fmt.Sprintf("SELECT c%d FROM t%d WHERE a = %d", i%20, g%3, i)
				parts, err := a.Parse(text, confirmed())
				if err != nil || parts[0].Facts.(*Facts).Text != text {
					t.Errorf("%s: %v", text, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestAHitAllocatesItsPartsOnly(t *testing.T) {
	a, s := New(1<<20), confirmed()
	const text = "SELECT abalance FROM pgbench_accounts WHERE aid = 12345"
	if _, err := a.Parse(text, s); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { a.Parse(text, s) }); n > 1 && !raceEnabled { //nolint:errcheck // seen above
		t.Errorf("%v allocations", n)
	}
}
