//go:build cgo

package tree

import (
	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/sql/tree/ident"

	pgquery "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// schema walks the statements about objects whose names are plain lists in the
// grammar, or that act on columns.
func (w *walker) schema(m protoreflect.Message, sc *scope) bool {
	switch n := m.Interface().(type) {
	case *pgquery.DropStmt:
		w.drop(n)
	case *pgquery.AlterTableStmt:
		w.alterTable(n, sc)
	case *pgquery.GrantStmt:
		w.grant(n, sc)
	case *pgquery.GrantRoleStmt:
		if !n.IsGrant {
			w.renamed("grant", "revoke")
		}
	case *pgquery.CommentStmt:
		w.object(n.Objtype, n.Object)
	case *pgquery.SecLabelStmt:
		w.object(n.Objtype, n.Object)
	case *pgquery.RenameStmt:
		if n.Relation != nil && n.RenameType == pgquery.ObjectType_OBJECT_COLUMN {
			w.column(ident.Dotted(n.Relation.Schemaname, n.Relation.Relname), n.Subname)
		}
		if n.RenameType == pgquery.ObjectType_OBJECT_SCHEMA { // every table in it gets another name
			w.table(ident.Dotted(n.Subname)+".*", writing)
		}
		w.children(m, sc)
	case *pgquery.VacuumStmt:
		if !n.IsVacuumcmd {
			w.renamed("vacuum", "analyze")
		}
		w.children(m, sc)
	case *pgquery.ViewStmt:
		w.relation(n.View, writing)
		w.children(m, sc, "view")
	case *pgquery.IndexStmt:
		w.on(n.Relation, m, sc)
	case *pgquery.CreateTrigStmt:
		w.on(n.Relation, m, sc)
	case *pgquery.CreatePolicyStmt:
		w.on(n.Table, m, sc)
	case *pgquery.AlterPolicyStmt:
		w.on(n.Table, m, sc)
	case *pgquery.RuleStmt:
		w.on(n.Relation, m, sc)
	default:
		return false
	}
	return true
}

// on walks a statement whose expressions speak of the columns of one table.
func (w *walker) on(rv *pgquery.RangeVar, m protoreflect.Message, sc *scope) {
	inner := &scope{parent: sc}
	if rv != nil {
		table := ident.Dotted(rv.Schemaname, rv.Relname)
		inner.rels = []rel{{name: rv.Relname, schema: rv.Schemaname, tables: []string{table}}}
	}
	w.children(m, inner)
}

func (w *walker) drop(n *pgquery.DropStmt) {
	switch n.RemoveType {
	case pgquery.ObjectType_OBJECT_TABLE, pgquery.ObjectType_OBJECT_VIEW, pgquery.ObjectType_OBJECT_MATVIEW,
		pgquery.ObjectType_OBJECT_FOREIGN_TABLE, pgquery.ObjectType_OBJECT_SEQUENCE, pgquery.ObjectType_OBJECT_INDEX,
		pgquery.ObjectType_OBJECT_SCHEMA, pgquery.ObjectType_OBJECT_TYPE, pgquery.ObjectType_OBJECT_DOMAIN:
	default:
		// Policies, triggers, functions, extensions, servers: what they guard
		// or run changes too.
		w.does(action.EffectAdmin)
	}
	for _, o := range n.Objects {
		w.object(n.RemoveType, o)
	}
}

// object records the table that a name in a list means.
func (w *walker) object(t pgquery.ObjectType, n *pgquery.Node) {
	names := ident.Parts(n.GetList().GetItems())
	if s := n.GetString_(); s != nil {
		names = []string{s.Sval}
	}
	if len(names) == 0 {
		return
	}
	switch t {
	case pgquery.ObjectType_OBJECT_TABLE, pgquery.ObjectType_OBJECT_VIEW, pgquery.ObjectType_OBJECT_MATVIEW,
		pgquery.ObjectType_OBJECT_FOREIGN_TABLE, pgquery.ObjectType_OBJECT_SEQUENCE:
		w.table(relationName(names), writing)
	case pgquery.ObjectType_OBJECT_COLUMN, pgquery.ObjectType_OBJECT_TRIGGER, pgquery.ObjectType_OBJECT_RULE,
		pgquery.ObjectType_OBJECT_POLICY, pgquery.ObjectType_OBJECT_TABCONSTRAINT:
		if len(names) < 2 {
			return
		}
		table := relationName(names[:len(names)-1])
		w.table(table, writing)
		if t == pgquery.ObjectType_OBJECT_COLUMN {
			w.column(table, names[len(names)-1])
		}
	case pgquery.ObjectType_OBJECT_SCHEMA:
		w.table(ident.Dotted(names[len(names)-1])+".*", writing)
	}
}

// relationName gives schema.name; a database before it can only be the session's.
func relationName(names []string) string {
	if len(names) > 2 {
		names = names[len(names)-2:]
	}
	return ident.Dotted(names...)
}

func (w *walker) alterTable(n *pgquery.AlterTableStmt, sc *scope) {
	table := ident.Dotted(n.Relation.GetSchemaname(), n.Relation.GetRelname())
	for _, c := range n.Cmds {
		cmd := c.GetAlterTableCmd()
		switch cmd.GetSubtype() {
		case pgquery.AlterTableType_AT_DropColumn:
			w.does(action.EffectDestructive)
			w.column(table, cmd.Name)
		case pgquery.AlterTableType_AT_AlterColumnType, pgquery.AlterTableType_AT_ColumnDefault,
			pgquery.AlterTableType_AT_SetNotNull, pgquery.AlterTableType_AT_DropNotNull:
			w.column(table, cmd.Name)
		}
	}
	w.on(n.Relation, n.ProtoReflect(), sc)
}

func (w *walker) grant(n *pgquery.GrantStmt, sc *scope) {
	if !n.IsGrant {
		w.renamed("grant", "revoke")
	}
	if n.Targtype == pgquery.GrantTargetType_ACL_TARGET_ALL_IN_SCHEMA {
		for _, schema := range ident.Parts(n.Objects) {
			w.table(ident.Dotted(schema)+".*", writing)
		}
		return
	}
	w.children(n.ProtoReflect(), sc)
	for _, p := range n.Privileges {
		for _, o := range n.Objects {
			rv := o.GetRangeVar()
			if !w.spend(1) || rv == nil {
				continue
			}
			for _, name := range ident.Parts(p.GetAccessPriv().GetCols()) {
				w.column(ident.Dotted(rv.Schemaname, rv.Relname), name)
			}
		}
	}
}
