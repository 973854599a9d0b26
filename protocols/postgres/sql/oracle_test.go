//go:build cgo

package sql

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/notrun"
	"sallyport.dev/sallyport/internal/pgserver"
	"sallyport.dev/sallyport/protocols/postgres/sql/known"

	"github.com/jackc/pgx/v5/pgconn"
)

// oracle is a real server that says how its own grammar reads a text: a Parse
// inside an aborted transaction runs the raw parser and no more, and answers
// 25P02 to what it accepts.
type oracle struct {
	conn  *pgconn.PgConn
	major int
}

func newOracle(t testing.TB, major int) *oracle {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	server, err := pgserver.Start(ctx, pgserver.Options{Major: major, Password: "x"})
	if errors.Is(err, pgserver.ErrMissing) {
		notrun.Skip(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() }) //nolint:errcheck // a throw-away server
	conn, err := pgconn.Connect(ctx, fmt.Sprintf("host=%s port=%d user=postgres password=x database=postgres sslmode=disable", server.Host, server.Port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) }) //nolint:errcheck // the server goes next
	conn.Exec(ctx, "BEGIN; SELECT 1/0").Close()            //nolint:errcheck // its failure is the point
	return &oracle{conn, Major(conn.ParameterStatus("server_version"))}
}

// What the raw parser makes of a text.
const (
	rejected = "rejected"
	nothing  = "nothing, or the end of a transaction" // they run in an aborted one
	one      = "one statement"
	several  = "several statements" // refused after the raw parser
)

// reads asks the server.
func (o *oracle) reads(t testing.TB, text string) string {
	t.Helper()
	_, err := o.conn.Prepare(t.Context(), "", text, nil)
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return nothing
	case !errors.As(err, &pg):
		t.Fatalf("%q: %v", text, err)
	case pg.Code == "25P02":
		return one
	case strings.Contains(pg.Message, "multiple commands"):
		return several
	}
	return rejected
}

// ours says the same of this grammar; false if the text is refused for another
// reason than its syntax.
func ours(a *Analyzer, text string) (string, bool) {
	parts, err := a.Parse(text, confirmed())
	switch {
	case errors.Is(err, ErrSyntax):
		return rejected, true
	case err != nil:
		return "", false
	case len(parts) > 1:
		return several, true
	}
	switch f := parts[0].Facts.(*Facts); f.Verb {
	case "empty", "commit", "rollback", "prepare_transaction":
		return nothing, true
	default:
		return one, true
	}
}

// newer is SQL that a server of major 15 does not know and this grammar does.
var newer = []string{
	"\v", "JSON_OBJECT", "JSON_ARRAY", "JSON_TABLE", "IS JSON", "NOT MATCHED BY SOURCE", "1_0", "0x", "GENERIC_PLAN", "$1a", "$1e",
}

// differs says how server and grammar disagree about a text; "" if they do not.
// What one of them rejects nobody runs, so it may differ where their majors do.
func (o *oracle) differs(t testing.TB, a *Analyzer, text string) string {
	t.Helper()
	if strings.ContainsRune(text, 0) {
		return ""
	}
	here, ok := ours(a, text)
	if !ok {
		return ""
	}
	there := o.reads(t, text)
	switch {
	case here == there:
		return ""
	case there == rejected && o.major < grammarMajor && containsAny(text, newer):
		return ""
	case there == rejected && strings.Contains(text, "$"):
		// This grammar takes parameters in more places, such as INTERVAL $1, for the
		// sake of texts whose constants were taken out.
		return ""
	case here == rejected && (o.major != grammarMajor || strings.Contains(text, "--")):
		// Refused, which is safe. A comment between the lines of a string ends it
		// here, and not on a server.
		return ""
	}
	return fmt.Sprintf("%q: the server of major %d reads %s, this grammar %s", text, o.major, there, here)
}

// grammarMajor is the major that this grammar is of.
const grammarMajor = 17

// spliced gives texts that mix what lexers stumble over into pieces of texts.
func spliced(texts []string, rnd *rand.Rand) string {
	piece := func() string {
		s := texts[rnd.IntN(len(texts))]
		from := rnd.IntN(len(s) + 1)
		return s[from : from+rnd.IntN(len(s)-from+1)]
	}
	units := []string{
		"'", "''", `"`, `""`, "$$", "$a$", "$1", "E'", "U&'", `U&"`, "B'", "N'", "--", "/*", "*/", "\n", "\r", ";", "\\", "\\'", "::", ".", ",",
		"(", ")", "[", "]", "+", "-", "*", "@", "&", "1", "1e", ".5", "1.5e3", "é", "\u00a0", "'a'\n'b'", "UESCAPE '!'", "AS", "FROM", "SELECT",
		"; DROP TABLE t; --", "BEGIN ATOMIC", "END", "CASE", "\f", "\v", "0x1", "1_0", "\x7f",
	}
	var b strings.Builder
	for range 1 + rnd.IntN(3) {
		b.WriteString(piece())
		b.WriteString(units[rnd.IntN(len(units))])
	}
	b.WriteString(piece())
	return b.String()
}

// TestGrammarAgreesWithTheServer: what this grammar reads the server reads too, as
// as many statements, and what the server rejects is refused here.
func TestGrammarAgreesWithTheServer(t *testing.T) {
	for name, major := range map[string]int{"this machine's": 0, "18": 18} {
		t.Run(name, func(t *testing.T) { grammarAgrees(t, newOracle(t, major)) })
	}
}

func grammarAgrees(t *testing.T, o *oracle) {
	a := New(0)
	texts := corpus(t)
	for _, unit := range []string{"a", "'a'", "$1", "(", ")", ",", "/*", "*/", "--", "$$", "$a$", "\"", "'", "E'", "U&'", "::", "1", ".", "SELECT", "FROM", ";", "\n"} {
		for _, other := range []string{"'", "\"", "a", "\n'b'", " 'b'", "$$", "--\n", "1", ".5", "e5", "$a$", "(", " AS x", "*/"} {
			texts = append(texts, "SELECT "+unit+other, "SELECT 1 "+unit+other+" -- '", "SELECT "+unit+other+"; DROP TABLE users")
		}
	}
	for _, text := range texts {
		if d := o.differs(t, a, text); d != "" {
			t.Error(d)
		}
	}
	rnd := rand.New(rand.NewPCG(36, 1))
	read := 0
	for range 3000 {
		text := spliced(texts, rnd)
		if d := o.differs(t, a, text); d != "" {
			t.Error(d)
		}
		if here, _ := ours(a, text); here != rejected && here != "" {
			read++
		}
	}
	if read < 50 {
		t.Errorf("only %d of the mixed texts can be read", read)
	}
}

// FuzzGrammar holds this grammar against that of a server of major 17 if there is
// one, where nothing may differ, else of any.
func FuzzGrammar(f *testing.F) {
	for _, text := range corpus(f) {
		f.Add(text)
	}
	major := grammarMajor
	if _, err := os.Stat("../../../.cache/postgres/17/bin/postgres"); err != nil {
		major = 0
	}
	o, a := newOracle(f, major), New(0)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1000 {
			return
		}
		if d := o.differs(t, a, text); d != "" {
			t.Error(d)
		}
	})
}

func containsAny(text string, words []string) bool {
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

// TestPureFunctionsAreTheServers: what the lists say of this machine's server is
// what it says itself.
func TestPureFunctionsAreTheServers(t *testing.T) {
	o := newOracle(t, 0)
	major := Major(o.conn.ParameterStatus("server_version"))
	if major < known.FirstMajor || major > known.LastMajor {
		notrun.Skip(t, fmt.Sprintf("the lists are of majors %d to %d, this server is of %d", known.FirstMajor, known.LastMajor, major))
	}
	if _, err := o.conn.Exec(t.Context(), "ROLLBACK").ReadAll(); err != nil {
		t.Fatal(err)
	}
	results, err := o.conn.Exec(t.Context(), readFile(t, "known/functions.sql")).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	functions, pure := known.NewFunctions(), 0
	for _, row := range results[0].Rows {
		name, computes := string(row[0]), string(row[1]) == "p"
		kind := functions.KindOf("", name, known.Server{Major: major, CatalogFirst: true})
		switch {
		case computes && kind == known.Unclassified:
			t.Errorf("%s only computes and is unclassified", name)
		case !computes && kind == known.Pure && !strings.Contains(readFile(t, "known/functions.go"), name):
			t.Errorf("%s acts and is pure", name)
		case kind == known.Pure && strings.Contains(string(row[2]), "r") && !functions.Has(name, known.TakesRow):
			t.Errorf("%s takes a row", name)
		}
		if kind == known.Pure {
			pure++
		}
	}
	if pure < 2000 {
		t.Errorf("only %d pure functions", pure)
	}
}
