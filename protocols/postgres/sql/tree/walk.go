//go:build cgo

package tree

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/sql/known"
	"sallyport.dev/sallyport/protocols/postgres/sql/setting"
	"sallyport.dev/sallyport/protocols/postgres/sql/tree/clause"
	"sallyport.dev/sallyport/protocols/postgres/sql/tree/ident"

	pgquery "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// A walker reads the tree of one statement. Every node is visited by reflection,
// so one that this package does not know still shows what is inside it.
type walker struct {
	functions *known.Functions
	server    known.Server

	shape    *known.Shape
	effects  action.Effects
	verbs    set
	tables   set
	reads    set
	writes   set
	columns  set
	calls    set
	changed  set // columns that get values
	flagged  set // calls that act
	unlisted set // calls that nothing classifies
	locks    set
	unbound  bool // an UPDATE, DELETE or MERGE without a condition
	tells    bool // a function shows what is no table, and no part of the conversation
	literal  bool // a constant in the text decides what is known of it
	dry      bool // inside an EXPLAIN that runs nothing
	role     role // of the relations of the statement at hand that stand in no FROM
	spent    int
	err      error // the walk was given up
}

// Names may multiply: a column without a table is one of every table in scope.
// maxNames bounds what a record holds, maxWork the time that is spent on it.
const (
	maxNames = 10_000
	maxWork  = 5_000_000
)

// spend counts work; when it is too much the walk ends.
func (w *walker) spend(n int) bool {
	w.spent += n
	if w.err == nil && (w.spent > maxWork || len(w.columns) > maxNames || len(w.tables) > maxNames || len(w.calls) > maxNames) {
		w.err = errors.New("the statement names too many tables and columns to be checked: qualify columns with their table, or split it")
	}
	return w.err == nil
}

// A role says how a statement uses a relation.
type role uint8

const (
	reading role = iota
	writing
)

type set map[string]struct{}

func (s set) add(name string) { s[name] = struct{}{} }

func (s set) sorted() []string { return slices.Sorted(maps.Keys(s)) }

// A Statement is what Walk found.
type Statement struct {
	Shape   *known.Shape
	Effects action.Effects
	Control bool // only steers the conversation
	Literal bool // another value of a constant may make it another statement
}

// Walk tells what one statement does on a server.
func Walk(raw *pgquery.RawStmt, functions *known.Functions, server known.Server) (Statement, error) {
	w := newWalker(functions, server)
	if err := w.top(raw.Stmt); err != nil {
		return Statement{}, err
	}
	if w.err != nil {
		return Statement{}, w.err
	}
	return w.found(), nil
}

func newWalker(functions *known.Functions, server known.Server) *walker {
	return &walker{
		functions: functions, server: server, shape: new(known.Shape),
		verbs: set{}, tables: set{}, reads: set{}, writes: set{}, columns: set{}, calls: set{},
		changed: set{}, flagged: set{}, unlisted: set{}, locks: set{},
	}
}

// found puts together what a walk has found.
func (w *walker) found() Statement {
	s := w.shape
	delete(w.verbs, s.Verb)
	s.Verbs = append([]string{s.Verb}, w.verbs.sorted()...)
	s.Tables, s.Reads, s.Writes = w.tables.sorted(), w.reads.sorted(), w.writes.sorted()
	s.Columns, s.Changed = w.columns.sorted(), w.changed.sorted()
	s.Functions, s.Flagged, s.Unlisted = w.calls.sorted(), w.flagged.sorted(), w.unlisted.sorted()
	s.Locks = w.locks.sorted()
	for _, v := range s.Verbs {
		s.Class = known.Widest(s.Class, known.ClassOfVerb(v))
	}
	s.HasWhere = !w.unbound
	s.Bare, s.BareOpaque = w.effects, s.Opaque
	if s.Executes != "" {
		w.effects |= action.EffectUnknown
		s.Opaque = true
	}
	if w.effects == 0 {
		w.effects = action.EffectUnknown
	}
	s.ReadOnly = w.effects == action.EffectRead && !s.Opaque && !s.ReadWrite
	return Statement{Shape: s, Effects: w.effects, Control: w.control(), Literal: w.literal}
}

// control reports whether the statement only steers the conversation.
func (w *walker) control() bool {
	s := w.shape
	if w.effects != action.EffectRead || s.Opaque || w.tells || len(w.tables) > 0 {
		return false
	}
	switch s.Verb {
	case "select", "begin", "commit", "rollback", "savepoint", "release", "set", "reset", "show", "discard",
		"deallocate", "close", "unlisten":
		return len(s.Verbs) == 1
	case "prepare", "explain":
		return true
	}
	return false
}

// does adds an effect, unless nothing is carried out.
func (w *walker) does(e action.Effects) {
	if !w.dry {
		w.effects |= e
	}
}

func (w *walker) verb(v string) {
	if !w.dry {
		w.verbs.add(v)
	}
}

// visit looks into any node. Statements and names have methods of their own;
// every other node hands on to what is inside it.
func (w *walker) visit(m protoreflect.Message, sc *scope) {
	if !w.spend(1) {
		return
	}
	switch n := m.Interface().(type) {
	case *pgquery.Node:
		w.children(m, sc)
	case *pgquery.SelectStmt:
		w.selectStmt(n, sc)
	case *pgquery.ColumnRef:
		w.columnRef(n, sc)
	case *pgquery.FuncCall:
		w.call(n)
		w.children(m, sc)
	case *pgquery.RangeVar:
		w.relation(n, w.role)
	case *pgquery.A_Expr:
		w.operator(n.Name)
		w.children(m, sc)
	case *pgquery.SubLink:
		w.operator(n.OperName)
		w.children(m, sc)
	case *pgquery.SortBy:
		w.operator(n.UseOp)
		w.children(m, sc)
	case *pgquery.A_Indirection:
		for _, name := range n.Indirection {
			if name.GetString_() != nil {
				w.applied(name.GetString_().Sval)
			}
		}
		w.children(m, sc)
	case *pgquery.RangeTableSample:
		w.sample(n)
		w.children(m, sc)
	case *pgquery.ParamRef:
		w.shape.MaxParam = max(w.shape.MaxParam, int(n.Number))
	case *pgquery.IndexElem:
		w.named(n.Name, sc)
		w.children(m, sc)
	case *pgquery.A_Const, *pgquery.String, *pgquery.Integer:
	default:
		w.other(m, sc)
	}
}

// other looks into a clause without a method of its own, or begins a statement.
// What nobody has written a walk for ends it.
func (w *walker) other(m protoreflect.Message, sc *scope) {
	node := string(m.Descriptor().Name())
	switch {
	case known.Clause(node):
		w.children(m, sc)
	case strings.HasSuffix(node, "Stmt"):
		w.stmt(m, sc)
	default:
		w.foreign(node)
	}
}

// foreign ends the walk at a node that nobody has written one for.
func (w *walker) foreign(node string) {
	if w.err == nil {
		w.err = fmt.Errorf("the statement holds a %s, which this gateway cannot judge", node)
	}
}

// children visits all that is inside a node, but for the fields named in skip.
func (w *walker) children(m protoreflect.Message, sc *scope, skip ...protoreflect.Name) {
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if fd.Kind() != protoreflect.MessageKind || slices.Contains(skip, fd.Name()) {
			return true
		}
		if !fd.IsList() {
			w.visit(v.Message(), sc)
			return true
		}
		list := v.List()
		for i := range list.Len() {
			if clause.IsEmpty(list.Get(i).Message()) && !clause.MayBeEmpty(fd) {
				w.foreign("clause that it does not name")
			}
			w.visit(list.Get(i).Message(), sc)
		}
		return true
	})
}

func (w *walker) nodes(list []*pgquery.Node, sc *scope) {
	for _, n := range list {
		w.node(n, sc)
	}
}

func (w *walker) node(n *pgquery.Node, sc *scope) {
	if n != nil {
		w.visit(n.ProtoReflect(), sc)
	}
}

// relation records a table. What guards others by its content is admin.
func (w *walker) relation(rv *pgquery.RangeVar, r role) string {
	schema := rv.Schemaname
	if schema == "" && rv.Relpersistence == "t" {
		schema = "pg_temp" // CREATE TEMP: the server makes it there
	}
	name := ident.Dotted(schema, rv.Relname)
	w.table(name, r)
	if known.Guarded(rv.Schemaname, rv.Relname) {
		w.effects |= action.EffectAdmin
	}
	if r == writing && !w.dry && known.OfServer(rv.Schemaname, rv.Relname) {
		w.effects |= action.EffectAdmin
		if rv.Relname == "pg_settings" {
			w.gives(known.Set{Name: "*"}) // an UPDATE of this view is a SET
		}
	}
	return name
}

func (w *walker) table(name string, r role) {
	w.tables.add(name)
	if r == writing && !w.dry {
		w.writes.add(name)
		return
	}
	w.reads.add(name)
}

// call records a function and what it may do. It counts in an EXPLAIN too:
// planning runs functions.
func (w *walker) call(f *pgquery.FuncCall) {
	names := ident.Parts(f.Funcname)
	if len(names) == 0 {
		w.effects |= action.EffectUnknown
		return
	}
	if names[len(names)-1] == "set_config" {
		s := setting.OfCall(f.Args)
		w.gives(s)
		if w.ofCatalog(names) && s.Known && known.HarmlessSetting(s.Name, s.Value) { // as a SET of it is
			w.calls.add(ident.Dotted(names...))
			w.literal = true
			return
		}
	}
	w.function(names)
}

// ofCatalog reports whether a name can only be one of the server's own.
func (w *walker) ofCatalog(names []string) bool {
	return len(names) == 1 && w.server.CatalogFirst || len(names) == 2 && names[0] == "pg_catalog"
}

func (w *walker) function(names []string) {
	call := ident.Dotted(names...)
	w.calls.add(call)
	schema := ""
	if len(names) > 1 {
		schema = names[len(names)-2]
	}
	switch w.functions.KindOf(schema, names[len(names)-1], w.server) {
	case known.Pure:
		w.tells = w.tells || known.TellsOfServer(names[len(names)-1])
	case known.Flagged:
		w.flagged.add(call)
		w.effects |= action.EffectAdmin
		if known.Advisory(names[len(names)-1]) {
			w.locks.add("advisory")
		} else {
			w.literal = true // a name, a file, code
		}
	case known.Opaque:
		w.flagged.add(call)
		w.literal = true // it is code
		w.effects |= action.EffectAdmin
		w.shape.Opaque = true
	default:
		w.unlisted.add(call)
		w.effects |= action.EffectUnknown
	}
}

// applied records a name after a dot: (5).f is f(5) to the server, and nothing in
// the text tells it from a field.
func (w *walker) applied(name string) { w.function([]string{name}) }

// sample knows the server's own ways to sample; another is code.
func (w *walker) sample(n *pgquery.RangeTableSample) {
	names := ident.Parts(n.Method)
	switch strings.TrimPrefix(strings.Join(names, "."), "pg_catalog.") {
	case "bernoulli", "system":
	default:
		w.function(names)
	}
}

// operator treats an operator that is not the server's own as a function that
// nothing classifies.
func (w *walker) operator(name []*pgquery.Node) {
	names := ident.Parts(name)
	if len(names) == 0 || names[len(names)-1] == "" {
		return
	}
	if foreign := len(names) > 1 && names[len(names)-2] != "pg_catalog"; foreign || !known.OfServerOperator(names[len(names)-1]) {
		w.calls.add(ident.Dotted(names...))
		w.unlisted.add(ident.Dotted(names...))
		w.effects |= action.EffectUnknown
	}
}
