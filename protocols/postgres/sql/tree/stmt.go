//go:build cgo

package tree

import (
	"fmt"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/sql/known"
	"sallyport.dev/sallyport/protocols/postgres/sql/tree/clause"
	"sallyport.dev/sallyport/protocols/postgres/sql/tree/constant"
	"sallyport.dev/sallyport/protocols/postgres/sql/tree/ident"

	pgquery "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// top walks the statement that was sent.
func (w *walker) top(n *pgquery.Node) error {
	if n == nil {
		return fmt.Errorf("the statement is empty")
	}
	m := inside(n)
	if m == nil {
		return fmt.Errorf("the statement is of a kind that cannot be read")
	}
	node := string(m.Descriptor().Name())
	c, ok := known.ClassOf(node)
	if !ok {
		c.Verb = "unknown" // and the walk below refuses it
	}
	w.shape.Verb, w.shape.Class = c.Verb, known.StatementClass(node)
	if q := n.GetSelectStmt(); q != nil {
		w.query(n, nil)
		return nil
	}
	w.stmt(m, nil)
	return nil
}

// inside gives the message that a Node holds.
func inside(n *pgquery.Node) protoreflect.Message {
	var m protoreflect.Message
	n.ProtoReflect().Range(func(_ protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		m = v.Message()
		return false
	})
	return m
}

// query walks a statement that is carried out where it stands, and takes its
// LIMIT as the statement's own.
func (w *walker) query(n *pgquery.Node, sc *scope) {
	q := n.GetSelectStmt()
	if q == nil {
		w.node(n, sc)
		return
	}
	w.verb("select")
	w.does(action.EffectRead)
	w.limit(q.LimitCount)
	w.selectStmt(q, sc)
}

func (w *walker) limit(n *pgquery.Node) {
	cast := n.GetTypeCast() != nil
	for n.GetTypeCast() != nil {
		n = n.GetTypeCast().Arg
	}
	switch {
	case n == nil:
	case n.GetAConst() != nil:
		if !n.GetAConst().Isnull {
			w.shape.Limit = known.LimitConst
		}
		if i := n.GetAConst().GetIval(); i != nil && !cast {
			w.shape.LimitRows, w.shape.LimitExact = int64(i.Ival), true
		}
	case n.GetParamRef() != nil:
		w.shape.Limit, w.shape.LimitAt = known.LimitParam, int(n.GetParamRef().Number)
	default:
		w.shape.Limit = known.LimitExpr
	}
}

// stmt walks any statement but a query: its class first, then what it says.
func (w *walker) stmt(m protoreflect.Message, sc *scope) {
	if w.dml(m, sc) {
		return
	}
	node := string(m.Descriptor().Name())
	c, ok := known.ClassOf(node)
	if !ok {
		w.foreign(node)
		return
	}
	w.verb(c.Verb)
	w.does(c.Effects)
	outer := w.role
	defer func() { w.role = outer }()
	w.role = reading
	if c.Effects&^action.EffectRead != 0 {
		w.role = writing
	}
	if w.conversation(m, sc) || w.wrapper(m, sc) || w.schema(m, sc) {
		return
	}
	w.children(m, sc)
}

func (w *walker) dml(m protoreflect.Message, sc *scope) bool {
	switch n := m.Interface().(type) {
	case *pgquery.InsertStmt:
		w.insertStmt(n, sc)
	case *pgquery.UpdateStmt:
		w.updateStmt(n, sc)
	case *pgquery.DeleteStmt:
		w.deleteStmt(n, sc)
	case *pgquery.MergeStmt:
		w.mergeStmt(n, sc)
	default:
		return false
	}
	return true
}

// cursorHold is CURSOR_OPT_HOLD of the server's parsenodes.h.
const cursorHold = 0x20

// wrapper walks statements that carry out another, or keep one for later.
func (w *walker) wrapper(m protoreflect.Message, sc *scope) bool {
	switch n := m.Interface().(type) {
	case *pgquery.ExplainStmt:
		w.explain(n, sc)
	case *pgquery.PrepareStmt:
		w.shape.Prepares = n.Name
		w.query(n.Query, sc)
	case *pgquery.ExecuteStmt:
		w.shape.Executes, w.shape.Given = n.Name, constant.List(n.Params)
		w.children(m, sc)
	case *pgquery.DeclareCursorStmt:
		w.shape.Declares, w.shape.Keeps = []string{n.Portalname}, n.Options&cursorHold != 0
		w.query(n.Query, sc)
	case *pgquery.CreateTableAsStmt:
		w.query(n.Query, sc)
		w.children(m, sc, "query")
	case *pgquery.CopyStmt:
		w.copyStmt(n, sc)
	case *pgquery.CallStmt: // admin whatever it calls
		w.opaque()
		w.calls.add(ident.Dotted(ident.Parts(n.Funccall.GetFuncname())...))
		w.children(n.Funccall.ProtoReflect(), sc)
	case *pgquery.DoStmt, *pgquery.CreateFunctionStmt, *pgquery.DropOwnedStmt, *pgquery.DropdbStmt,
		*pgquery.ReassignOwnedStmt, *pgquery.RefreshMatViewStmt, *pgquery.ImportForeignSchemaStmt:
		w.opaque()
		w.children(m, sc)
	case *pgquery.ClosePortalStmt:
		if w.shape.Closes = n.Portalname; n.Portalname == "" {
			w.shape.Closes = "*"
		}
	case *pgquery.FetchStmt:
		w.shape.Fetches = []string{n.Portalname}
		if n.Ismove {
			w.renamed("fetch", "move")
		}
	case *pgquery.LockStmt:
		w.lock("table")
		w.children(m, sc)
	default:
		return false
	}
	return true
}

// lock records that something is locked on purpose.
func (w *walker) lock(what string) {
	if !w.dry {
		w.locks.add(what)
	}
}

// opaque marks a statement that touches more than its text shows.
func (w *walker) opaque() {
	if !w.dry {
		w.shape.Opaque = true
	}
}

// renamed gives a statement the verb that its node's name does not tell.
func (w *walker) renamed(from, to string) {
	if w.shape.Verb == from {
		w.shape.Verb = to
	}
	delete(w.verbs, from)
	w.verb(to)
}

// explain runs its statement only with ANALYZE; an option that is not off for
// certain counts as on.
func (w *walker) explain(n *pgquery.ExplainStmt, sc *scope) {
	analyze := false
	for _, o := range n.Options {
		if d := o.GetDefElem(); d.GetDefname() == "analyze" {
			analyze = analyze || !clause.IsOff(d.Arg)
		}
	}
	outer := w.dry
	w.dry = w.dry || !analyze
	w.shape.Analyzes = analyze
	w.query(n.Query, sc)
	w.dry = outer
	w.nodes(n.Options, sc)
}

func (w *walker) copyStmt(n *pgquery.CopyStmt, sc *scope) {
	outside := n.IsProgram || n.Filename != ""
	if outside {
		w.does(action.EffectAdmin)
	}
	w.shape.CopyIn = n.IsFrom && !outside
	w.shape.CopyOut = !n.IsFrom && !outside
	w.shape.CopyFrom, w.shape.CopyTarget = n.IsFrom, clause.CopyTarget(n)
	switch {
	case n.Query != nil:
		w.query(n.Query, sc)
	case n.IsFrom:
		w.verb("insert")
		w.does(action.EffectWrite)
	default:
		w.verb("select")
		w.does(action.EffectRead)
	}
	if n.Relation == nil {
		w.children(n.ProtoReflect(), sc, "query")
		return
	}
	use := reading
	if n.IsFrom {
		use = writing
	}
	table := w.relation(n.Relation, use)
	note := w.column
	if n.IsFrom {
		note = w.change
	}
	for _, name := range ident.Parts(n.Attlist) {
		note(table, name)
	}
	if len(n.Attlist) == 0 {
		note(table, "*")
	}
	inner := &scope{parent: sc, rels: []rel{{name: n.Relation.Relname, schema: n.Relation.Schemaname, tables: []string{table}}}}
	w.children(n.ProtoReflect(), inner, "relation", "attlist")
}
