//go:build cgo

package tree

import (
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/sql/known"
	"sallyport.dev/sallyport/protocols/postgres/sql/setting"

	pgquery "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// conversation walks the statements that steer a session.
func (w *walker) conversation(m protoreflect.Message, sc *scope) bool {
	switch n := m.Interface().(type) {
	case *pgquery.TransactionStmt:
		w.transaction(n)
	case *pgquery.VariableSetStmt:
		w.set(n)
	case *pgquery.DeallocateStmt:
		w.shape.Deallocates = n.Name
		if n.Isall {
			w.shape.Deallocates = "*"
		}
	case *pgquery.DiscardStmt:
		if n.Target == pgquery.DiscardMode_DISCARD_ALL {
			w.shape.Deallocates = "*"
			w.gives(known.Set{Name: "*", Reset: true})
		}
	case *pgquery.VariableShowStmt, *pgquery.ConstraintsSetStmt:
		// A SHOW names no table, and a constraint is no relation.
	case *pgquery.AlterSystemStmt:
		w.kept(n.Setstmt)
	case *pgquery.AlterRoleSetStmt:
		w.kept(n.Setstmt)
	case *pgquery.AlterDatabaseSetStmt:
		w.kept(n.Setstmt)
	default:
		return false
	}
	return true
}

func (w *walker) transaction(n *pgquery.TransactionStmt) {
	verb, effect := "unknown", action.EffectUnknown
	switch n.Kind {
	case pgquery.TransactionStmtKind_TRANS_STMT_BEGIN, pgquery.TransactionStmtKind_TRANS_STMT_START:
		verb, effect = "begin", action.EffectRead
	case pgquery.TransactionStmtKind_TRANS_STMT_COMMIT:
		verb, effect = "commit", action.EffectRead
	case pgquery.TransactionStmtKind_TRANS_STMT_ROLLBACK, pgquery.TransactionStmtKind_TRANS_STMT_ROLLBACK_TO:
		verb, effect = "rollback", action.EffectRead
	case pgquery.TransactionStmtKind_TRANS_STMT_SAVEPOINT:
		verb, effect = "savepoint", action.EffectRead
	case pgquery.TransactionStmtKind_TRANS_STMT_RELEASE:
		verb, effect = "release", action.EffectRead
	// A prepared transaction outlives its session and holds its locks.
	case pgquery.TransactionStmtKind_TRANS_STMT_PREPARE:
		verb, effect = "prepare_transaction", action.EffectAdmin
	case pgquery.TransactionStmtKind_TRANS_STMT_COMMIT_PREPARED:
		verb, effect = "commit_prepared", action.EffectAdmin
	case pgquery.TransactionStmtKind_TRANS_STMT_ROLLBACK_PREPARED:
		verb, effect = "rollback_prepared", action.EffectAdmin
	}
	w.renamed("transaction", verb)
	w.effects = effect
	w.shape.ReadWrite = setting.AsksToWrite(n.Options)
}

// gives notes that a setting gets a value.
func (w *walker) gives(s known.Set) {
	w.shape.Sets = append(w.shape.Sets, s)
	if !slices.Contains(w.shape.Settings, s.Name) {
		w.shape.Settings = append(w.shape.Settings, s.Name)
	}
}

func (w *walker) set(n *pgquery.VariableSetStmt) {
	s := setting.Of(n)
	w.gives(s)
	harmless := false
	switch n.Kind {
	case pgquery.VariableSetKind_VAR_SET_VALUE:
		harmless = known.HarmlessSetting(s.Name, s.Value)
		if strings.HasSuffix(s.Name, "transaction_read_only") && !harmless {
			w.shape.ReadWrite = true
		}
	case pgquery.VariableSetKind_VAR_SET_DEFAULT:
		harmless = known.HarmlessReset(s.Name)
	case pgquery.VariableSetKind_VAR_RESET:
		w.renamed("set", "reset")
		harmless = known.HarmlessReset(s.Name)
	case pgquery.VariableSetKind_VAR_RESET_ALL:
		w.renamed("set", "reset")
		harmless = true
	case pgquery.VariableSetKind_VAR_SET_MULTI:
		// SET TRANSACTION and SET SESSION CHARACTERISTICS; a snapshot shows
		// another session's data.
		w.shape.ReadWrite = setting.AsksToWrite(n.Args)
		harmless = s.Name == "transaction" || s.Name == "session characteristics"
	}
	if !harmless {
		w.effects = w.effects&^action.EffectRead | action.EffectAdmin
	}
	if s.Name == "search_path" && slices.Index(s.List, "pg_catalog") > 0 {
		w.effects |= action.EffectUnknown // the server's own functions may be anybody's then
	}
}

// kept notes a setting of sessions to come.
func (w *walker) kept(n *pgquery.VariableSetStmt) {
	if n == nil {
		return
	}
	s := setting.Of(n)
	s.Reset = false // what those sessions begin with changes
	w.gives(s)
}
