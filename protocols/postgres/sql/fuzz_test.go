//go:build cgo

package sql

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/sql/known"
	"sallyport.dev/sallyport/protocols/postgres/sql/lex"
)

// FuzzCache: no text panics, a warm cache says what the grammar says, also of the
// same text with other literals and comments, and a part is never harmless by
// accident.
func FuzzCache(f *testing.F) {
	for i, text := range corpus(f) {
		f.Add(text, uint64(i))
	}
	warm, cold := New(8<<20), New(0)
	f.Fuzz(func(t *testing.T, text string, seed uint64) { cacheAgrees(t, warm, cold, text, seed) })
}

// TestCacheAgreesOnMixedTexts is a short run of FuzzCache over texts that are
// always the same.
func TestCacheAgreesOnMixedTexts(t *testing.T) {
	texts, rnd := corpus(t), rand.New(rand.NewPCG(36, 2))
	warm, cold := New(8<<20), New(0)
	for range 2000 {
		cacheAgrees(t, warm, cold, spliced(texts, rnd), rnd.Uint64())
	}
	for _, text := range texts {
		cacheAgrees(t, warm, cold, text, rnd.Uint64())
	}
	if s := warm.Stats(); s.Template < 500 || s.Exact < 500 {
		t.Errorf("the cache was hardly asked: %+v", s)
	}
}

func cacheAgrees(t *testing.T, warm, cold *Analyzer, text string, seed uint64) {
	t.Helper()
	parts, err := warm.Parse(text, confirmed())
	same(t, warm, cold, text)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 3 {
		same(t, warm, cold, otherLiterals(text, rnd))
		same(t, warm, cold, trailed(text, rnd))
		if other, ok := refilled(text, rnd); ok && check(text, confirmed()) == nil {
			alike(t, cold, text, other)
			same(t, warm, cold, other)
		}
	}
	if err != nil {
		return
	}
	for _, p := range parts {
		invariants(t, p)
	}
	behind := slices.DeleteFunc(slices.Clone(parts), func(p action.Part) bool { return p.Facts.(*Facts).Executes != "" })
	if _, err := Resolve(parts, func(string) []action.Part { return behind }); err != nil && len(behind) > 0 {
		t.Errorf("%q: %v", text, err)
	}
	guarded, err := warm.Parse(text, &Session{})
	if err == nil && len(guarded) != len(parts) {
		t.Errorf("%q: %d parts, unconfirmed %d", text, len(parts), len(guarded))
	}
}

// FuzzFastPath: whatever the summary is enough for, the walk over the whole tree
// says the same.
func FuzzFastPath(f *testing.F) {
	for _, text := range inserts(rand.New(rand.NewPCG(36, 3)), 100) {
		f.Add(text)
	}
	for _, text := range corpus(f) {
		f.Add(text)
	}
	a := New(0)
	f.Fuzz(func(t *testing.T, text string) { fastPathAgrees(t, a, text) })
}

// TestFastPathAgreesOnMixedTexts is a short run of FuzzFastPath over texts that
// are always the same.
func TestFastPathAgreesOnMixedTexts(t *testing.T) {
	rnd, a := rand.New(rand.NewPCG(36, 4)), New(0)
	texts, fast := inserts(rnd, 2000), 0
	for _, text := range append(texts, corpus(t)...) {
		if fastPathAgrees(t, a, text) {
			fast++
		}
	}
	for range 1000 {
		fastPathAgrees(t, a, spliced(texts, rnd))
	}
	if fast < 500 {
		t.Errorf("only %d texts were plain", fast)
	}
}

// fastPathAgrees reports whether the fast path took a text.
func fastPathAgrees(t *testing.T, a *Analyzer, text string) bool {
	t.Helper()
	s := confirmed()
	tokens, err := lex.CheckDepth(text)
	if err != nil || check(text, s) != nil {
		return false
	}
	fast, err := a.readPlain(text, tokens, s)
	if err != nil {
		t.Fatal(err)
	}
	if fast == nil {
		return false
	}
	full, err := a.read(text, tokens, s, known.Server{Major: s.Major, CatalogFirst: true})
	if err != nil {
		t.Errorf("%q: the fast path takes what the walk refuses: %v", text, err)
		return true
	}
	fast.normalize(text)
	full.normalize(text)
	if fast.literalFree != full.literalFree || !reflect.DeepEqual(fast.parts(text, s), full.parts(text, s)) {
		t.Errorf("%q:\n fast %s\n walk %s", text, describePart(fast.parts(text, s)[0]), describePart(full.parts(text, s)[0]))
	}
	return true
}

// inserts gives texts that are plain INSERTs, or nearly.
func inserts(rnd *rand.Rand, n int) []string {
	pick := func(s ...string) string { return s[rnd.IntN(len(s))] }
	odd := func() bool { return rnd.IntN(8) == 0 }
	name := func() string {
		if !odd() {
			return pick("t", "T", `"Users"`, `"a.b"`, "a1", "_x")
		}
		return pick("t", "T", "users", `"Users"`, `"a.b"`, "select", "pg_class", "pg_authid", "a1", "a$b", `"x""y"`, "é", "_x", "user_mapping_options",
			"public", "pg_catalog", "pg_toast", "values", "default", strings.Repeat("n", 70), `"`+strings.Repeat("m", 64)+`"`)
	}
	value := func() string {
		return pick("1", "-1", "- 1", "1.5", "1e5", ".5", "'a'", "''", "'it''s'", "-'1'", "NULL", "true", "FALSE", "default", "$1", "$22", "$0", "now()",
			"current_date", "1 + 1", "'a'::text", "E'a'", "B'1'", "$$a$$", "(1)", "(SELECT 1)", "x", "1 -- c\n", "/* c */ 1", "0x1f", "$65536", "99999999999")
	}
	list := func(of func() string) string {
		var items []string
		for range 1 + rnd.IntN(3) {
			items = append(items, of())
		}
		return "(" + strings.Join(items, pick(",", ", ", " ,\n")) + ")"
	}
	plain := func() string { return pick("1", "-1.5", "'a'", "NULL", "$1", "$2", "true", "DEFAULT") }
	texts := make([]string, n)
	for i := range texts {
		of := plain
		if odd() {
			of = value
		}
		var b strings.Builder
		may := func(usual, other string) string {
			if odd() {
				return other
			}
			return usual
		}
		b.WriteString(may("INSERT INTO ", pick("insert  into\n", "INSERT INTO ONLY ")) + name())
		b.WriteString(may(pick("", "."+name()), pick("."+name()+"."+name(), " AS x", " x")))
		b.WriteString(may(pick("", list(name)), " ") + may(" VALUES ", pick("VALUES", " OVERRIDING SYSTEM VALUE VALUES ", " SELECT ")))
		b.WriteString(list(of))
		for range rnd.IntN(3) {
			b.WriteString(may(", ", pick(",", " ")) + list(of))
		}
		b.WriteString(may(pick("", ";"), pick(" ; ;", " ON CONFLICT DO NOTHING", " RETURNING *", "; DROP TABLE t", " -- c", " LIMIT 1", " UNION SELECT 1")))
		texts[i] = b.String()
	}
	return texts
}

func invariants(t *testing.T, p action.Part) {
	f := p.Facts.(*Facts)
	switch {
	case p.Effects == 0:
		t.Errorf("%q has no effect", f.Text)
	case p.Control && p.Effects != action.EffectRead:
		t.Errorf("%q is control and %v", f.Text, p.Effects)
	case p.Control && (len(f.Tables) > 0 || f.Opaque):
		t.Errorf("%q is control and touches tables", f.Text)
	case len(f.Verbs) == 0 || f.Verbs[0] != f.Verb:
		t.Errorf("%q: verbs %q", f.Text, f.Verbs)
	case !f.HasWhere && p.Effects&action.EffectDestructive == 0:
		t.Errorf("%q is unbound and not destructive", f.Text)
	case len(f.Writes) > 0 && p.Effects == action.EffectRead && f.Verb != "merge":
		t.Errorf("%q writes and is a read", f.Text)
	}
	if len(union(f.Reads, f.Writes)) != len(f.Tables) {
		t.Errorf("%q: tables %q, reads %q, writes %q", f.Text, f.Tables, f.Reads, f.Writes)
	}
	if _, err := json.Marshal(f); err != nil {
		t.Errorf("%q: %v", f.Text, err)
	}
}
