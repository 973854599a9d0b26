//go:build cgo

package sql

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/notrun"
	"sallyport.dev/sallyport/internal/pgserver"
	"sallyport.dev/sallyport/protocols/postgres/sql/known"

	"github.com/jackc/pgx/v5/pgconn"
)

// oracle is a real server that says whether its own grammar accepts a text: a
// Parse inside an aborted transaction runs the raw parser and no more, and
// answers 25P02 to what it accepts.
type oracle struct{ conn *pgconn.PgConn }

func newOracle(t *testing.T) *oracle {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	server, err := pgserver.Start(ctx, pgserver.Options{Password: "x"})
	if err != nil {
		notrun.Skip(t, err.Error())
	}
	t.Cleanup(func() { server.Close() }) //nolint:errcheck // a throw-away server
	conn, err := pgconn.Connect(ctx, fmt.Sprintf("host=%s port=%d user=postgres password=x database=postgres sslmode=disable", server.Host, server.Port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) }) //nolint:errcheck // the server goes next
	conn.Exec(ctx, "BEGIN; SELECT 1/0").Close()            //nolint:errcheck // its failure is the point
	return &oracle{conn}
}

// accepts reports whether the server's grammar takes text.
func (o *oracle) accepts(t *testing.T, text string) bool {
	t.Helper()
	_, err := o.conn.Prepare(t.Context(), "", text, nil)
	var pg *pgconn.PgError
	switch {
	case err == nil: // ROLLBACK and its kin run in an aborted transaction
		return true
	case errors.As(err, &pg):
		// Several statements in one Parse are refused after the raw parser.
		return pg.Code == "25P02" || strings.Contains(pg.Message, "multiple commands")
	}
	t.Fatalf("%s: %v", text, err)
	return false
}

// newer is SQL that a server of major 15 does not know and this grammar does.
var newer = []string{"JSON_OBJECT", "JSON_ARRAY", "JSON_TABLE", "IS JSON", "NOT MATCHED BY SOURCE", "1_000", "0x1f", "GENERIC_PLAN", "$1a", "$1e5"}

// TestGrammarAgreesWithTheServer: what this grammar reads the server reads too,
// and what the server rejects is refused here. Only SQL newer than the server
// may differ.
func TestGrammarAgreesWithTheServer(t *testing.T) {
	o, a := newOracle(t), New(0)
	texts := corpus(t)
	for _, unit := range []string{"a", "'a'", "$1", "(", ")", ",", "/*", "*/", "--", "$$", "$a$", "\"", "'", "E'", "U&'", "::", "1", ".", "SELECT", "FROM", ";", "\n"} {
		for _, other := range []string{"'", "\"", "a", "\n'b'", " 'b'", "$$", "--\n", "1", ".5", "e5", "$a$", "(", " AS x", "*/"} {
			texts = append(texts, "SELECT "+unit+other, "SELECT 1 "+unit+other+" -- '", "SELECT "+unit+other+"; DROP TABLE users")
		}
	}
	for _, text := range texts {
		if strings.ContainsRune(text, 0) {
			continue
		}
		_, err := a.Parse(text, confirmed())
		server := o.accepts(t, text)
		if ours := err == nil; ours != server && !containsAny(text, newer) {
			t.Errorf("%q: server accepts: %v, here: %v", text, server, err)
		}
	}
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
	o := newOracle(t)
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
