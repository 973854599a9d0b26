//go:build cgo

package clause

import (
	pgquery "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// IsOff reports whether the value of an option says off for certain.
func IsOff(n *pgquery.Node) bool {
	switch {
	case n.GetInteger() != nil:
		return n.GetInteger().Ival == 0
	case n.GetBoolean() != nil:
		return !n.GetBoolean().Boolval
	case n.GetString_() != nil:
		s := n.GetString_().Sval
		return s == "off" || s == "false"
	}
	return false
}

// CopyTarget names what a COPY reads from or writes to.
func CopyTarget(n *pgquery.CopyStmt) string {
	switch {
	case n.IsProgram:
		return "program"
	case n.Filename != "":
		return "file"
	case n.IsFrom:
		return "stdin"
	}
	return "stdout"
}

// Strength names a row lock as FOR does.
func Strength(s pgquery.LockClauseStrength) string {
	switch s {
	case pgquery.LockClauseStrength_LCS_FORKEYSHARE:
		return "key_share"
	case pgquery.LockClauseStrength_LCS_FORSHARE:
		return "share"
	case pgquery.LockClauseStrength_LCS_FORNOKEYUPDATE:
		return "no_key_update"
	}
	return "update"
}

// ChangesData reports whether a WITH query is a statement that changes data.
func ChangesData(n *pgquery.Node) bool {
	return n.GetInsertStmt() != nil || n.GetUpdateStmt() != nil || n.GetDeleteStmt() != nil || n.GetMergeStmt() != nil
}

// DerivedName gives the alias of a table that a clause of FROM makes.
func DerivedName(n *pgquery.Node) string {
	switch {
	case n.GetRangeTableFunc().GetAlias() != nil:
		return n.GetRangeTableFunc().Alias.Aliasname
	case n.GetJsonTable().GetAlias() != nil:
		return n.GetJsonTable().Alias.Aliasname
	}
	return ""
}

// IsEmpty reports whether a node is none: the grammar hands over nothing in the
// place of a node that its own writer does not know.
func IsEmpty(m protoreflect.Message) bool {
	n, ok := m.Interface().(*pgquery.Node)
	return ok && n.Node == nil
}

// MayBeEmpty reports whether the grammar puts nothing into a list on purpose:
// DISTINCT without ON, an operator of one argument, an aggregate of none, a
// function in FROM without column definitions.
func MayBeEmpty(fd protoreflect.FieldDescriptor) bool {
	switch fd.FullName() {
	case "pg_query.SelectStmt.distinct_clause", "pg_query.ObjectWithArgs.objargs", "pg_query.DefineStmt.args", "pg_query.List.items":
		return true
	}
	return false
}
