//go:build cgo

package tree

import (
	"strings"
	"testing"

	"sallyport.dev/sallyport/protocols/postgres/sql/known"

	pgquery "github.com/pganalyze/pg_query_go/v6"
)

// nodes gives an empty one of every kind that a tree can hold.
func nodes() map[string]*pgquery.Node {
	all := map[string]*pgquery.Node{}
	fields := new(pgquery.Node).ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		n := new(pgquery.Node)
		n.ProtoReflect().Mutable(fields.Get(i))
		all[string(fields.Get(i).Message().Name())] = n
	}
	return all
}

// inSelect puts a node where an expression stands.
func inSelect(n *pgquery.Node) *pgquery.RawStmt {
	target := &pgquery.Node{Node: &pgquery.Node_ResTarget{ResTarget: &pgquery.ResTarget{Val: n}}}
	return &pgquery.RawStmt{Stmt: &pgquery.Node{Node: &pgquery.Node_SelectStmt{SelectStmt: &pgquery.SelectStmt{TargetList: []*pgquery.Node{target}}}}}
}

// TestT36_NodesThatNobodyKnowsAreRefused: a tree that holds what no walk was
// written for is not judged by the rest of it.
func TestT36_NodesThatNobodyKnowsAreRefused(t *testing.T) {
	functions := known.NewFunctions()
	refused, clauses := 0, 0
	for name, n := range nodes() {
		if _, statement := known.ClassOf(name); statement {
			continue
		}
		if known.Clause(name) {
			clauses++
			continue
		}
		refused++
		if _, err := Walk(inSelect(n), functions, known.Server{}); err == nil || !strings.Contains(err.Error(), "cannot judge") {
			t.Errorf("%s in a SELECT: %v", name, err)
		}
		if _, err := Walk(&pgquery.RawStmt{Stmt: n}, functions, known.Server{}); err == nil {
			t.Errorf("%s is taken for a statement", name)
		}
	}
	if refused < 50 || clauses < 90 {
		t.Errorf("%d kinds of nodes are refused, %d known", refused, clauses)
	}
	hollow := inSelect(nil)
	hollow.Stmt.GetSelectStmt().GroupClause = []*pgquery.Node{{}}
	if _, err := Walk(hollow, functions, known.Server{}); err == nil {
		t.Error("a node of no kind is taken")
	}
}
