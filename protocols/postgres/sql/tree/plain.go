//go:build cgo

package tree

import (
	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/sql/known"
	"sallyport.dev/sallyport/protocols/postgres/sql/lex"
	"sallyport.dev/sallyport/protocols/postgres/sql/tree/ident"

	pgquery "github.com/pganalyze/pg_query_go/v6"
)

// Plain tells what a plain INSERT does, if the grammar's own summary of it agrees
// that there is nothing else in it; false if it takes a walk to say. It says what
// Walk says.
func Plain(in *lex.Insert, sum *pgquery.SummaryResult) (Statement, bool) {
	types, tables := sum.StatementTypes, sum.Tables
	switch {
	case len(types) != 2 || types[0] != "InsertStmt" || types[1] != "SelectStmt":
		return Statement{}, false
	case len(tables) != 1 || tables[0].Context != pgquery.SummaryResult_DML:
		return Statement{}, false
	case tables[0].SchemaName != in.Schema || tables[0].TableName != in.Table:
		return Statement{}, false
	case len(sum.Functions)+len(sum.CteNames)+len(sum.FilterColumns)+len(sum.Aliases) > 0:
		return Statement{}, false
	case known.OfServer(in.Schema, in.Table), known.Guarded(in.Schema, in.Table):
		return Statement{}, false
	}
	w := newWalker(nil, known.Server{})
	w.shape.Verb, w.shape.Class = "insert", known.StatementClass("InsertStmt")
	w.shape.MaxParam = in.MaxParam
	w.verb("insert")
	w.does(action.EffectWrite)
	table := ident.Dotted(in.Schema, in.Table)
	w.table(table, writing)
	for _, column := range in.Columns {
		w.change(table, column)
	}
	if len(in.Columns) == 0 {
		w.change(table, "*")
	}
	return w.found(), w.err == nil
}
