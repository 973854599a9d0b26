//go:build cgo

package tree

import (
	"strconv"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/sql/known"

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
			w.shape.Settings = []string{"*"}
		}
	case *pgquery.VariableShowStmt, *pgquery.ConstraintsSetStmt:
		// A SHOW names no table, and a constraint is no relation.
	case *pgquery.AlterSystemStmt, *pgquery.AlterRoleSetStmt, *pgquery.AlterDatabaseSetStmt:
		w.children(m, sc, "setstmt")
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
	w.shape.ReadWrite = asksToWrite(n.Options)
}

// asksToWrite finds READ WRITE among the modes of a transaction; what is not
// READ ONLY for certain counts.
func asksToWrite(options []*pgquery.Node) bool {
	for _, o := range options {
		d := o.GetDefElem()
		if d.GetDefname() != "transaction_read_only" {
			continue
		}
		if i := d.Arg.GetAConst().GetIval(); i == nil || i.Ival == 0 {
			return true
		}
	}
	return false
}

func (w *walker) set(n *pgquery.VariableSetStmt) {
	name := strings.ToLower(n.Name)
	w.shape.Settings = []string{name}
	harmless := false
	switch n.Kind {
	case pgquery.VariableSetKind_VAR_SET_VALUE:
		value := settingValue(n.Args)
		harmless = known.HarmlessSetting(name, value)
		if strings.HasSuffix(name, "transaction_read_only") && !harmless {
			w.shape.ReadWrite = true
		}
	case pgquery.VariableSetKind_VAR_SET_DEFAULT:
		harmless = known.HarmlessReset(name)
	case pgquery.VariableSetKind_VAR_RESET:
		w.renamed("set", "reset")
		harmless = known.HarmlessReset(name)
	case pgquery.VariableSetKind_VAR_RESET_ALL:
		w.renamed("set", "reset")
		w.shape.Settings = []string{"*"}
		harmless = true
	case pgquery.VariableSetKind_VAR_SET_MULTI:
		// SET TRANSACTION and SET SESSION CHARACTERISTICS; a snapshot shows
		// another session's data.
		w.shape.ReadWrite = asksToWrite(n.Args)
		harmless = name == "transaction" || name == "session characteristics"
	}
	if !harmless {
		w.effects = w.effects&^action.EffectRead | action.EffectAdmin
	}
}

// settingValue gives the one value of a SET; "" for several.
func settingValue(args []*pgquery.Node) string {
	if len(args) != 1 {
		return ""
	}
	c := args[0].GetAConst()
	switch {
	case c.GetSval() != nil:
		return c.GetSval().Sval
	case c.GetIval() != nil:
		return strconv.Itoa(int(c.GetIval().Ival))
	}
	return ""
}
