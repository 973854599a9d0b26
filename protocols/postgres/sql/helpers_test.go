//go:build cgo

package sql

import (
	"os"
	"strings"
	"testing"

	pgquery "github.com/pganalyze/pg_query_go/v6"
)

// statementNodes names every kind of statement that the grammar has.
func statementNodes() []string {
	fields := new(pgquery.Node).ProtoReflect().Descriptor().Fields()
	var names []string
	for i := range fields.Len() {
		if m := fields.Get(i).Message(); m != nil && strings.HasSuffix(string(m.Name()), "Stmt") {
			names = append(names, string(m.Name()))
		}
	}
	return names
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
