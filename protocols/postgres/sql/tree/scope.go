//go:build cgo

package tree

import (
	"sallyport.dev/sallyport/protocols/postgres/sql/known"
	"sallyport.dev/sallyport/protocols/postgres/sql/tree/clause"
	"sallyport.dev/sallyport/protocols/postgres/sql/tree/ident"

	pgquery "github.com/pganalyze/pg_query_go/v6"
)

// A scope holds the names that a query may use: those of its WITH, and those of
// its FROM. Inner queries see the outer ones.
type scope struct {
	parent *scope
	ctes   map[string]bool
	rels   []rel
}

// A rel is one name of a FROM, and the tables whose columns it may show; a
// derived table shows none, because those inside it are named there.
type rel struct {
	name, schema string // schema only where no alias hides it
	tables       []string
	// scalar: a function's single values, to which any function may be applied
	// as if it were a column, unless the text declares a column of that name.
	scalar   bool
	declared map[string]bool
}

// isCTE reports whether a name without a schema means a WITH query here.
func (w *walker) isCTE(s *scope, name string) bool {
	for ; s != nil && w.spend(1); s = s.parent {
		if s.ctes[name] {
			return true
		}
	}
	return false
}

// find gives the innermost relation of that name.
func (w *walker) find(s *scope, schema, name string) (rel, bool) {
	for ; s != nil && w.spend(len(s.rels)+1); s = s.parent {
		for _, r := range s.rels {
			if r.name == name && (schema == "" || r.schema == schema) {
				return r, true
			}
		}
	}
	return rel{}, false
}

// with walks the queries of a WITH and gives the scope in which their names hold.
func (w *walker) with(with *pgquery.WithClause, outer *scope) *scope {
	sc := &scope{parent: outer, ctes: map[string]bool{}}
	if with == nil {
		return sc
	}
	if with.Recursive { // each sees all
		for _, n := range with.Ctes {
			sc.ctes[n.GetCommonTableExpr().GetCtename()] = true
		}
	}
	for _, n := range with.Ctes {
		cte := n.GetCommonTableExpr()
		if cte == nil {
			w.node(n, sc)
			continue
		}
		w.shape.InnerDML = w.shape.InnerDML || clause.ChangesData(cte.Ctequery)
		w.children(cte.ProtoReflect(), &scope{parent: sc})
		sc.ctes[cte.Ctename] = true
	}
	return sc
}

// from walks one item of a FROM, adds its names to sc, and gives the tables in it.
func (w *walker) from(n *pgquery.Node, sc *scope) []string {
	switch {
	case n == nil:
		return nil
	case n.GetRangeVar() != nil:
		return w.fromTable(n.GetRangeVar(), sc)
	case n.GetJoinExpr() != nil:
		return w.fromJoin(n.GetJoinExpr(), sc)
	case n.GetRangeTableSample() != nil:
		s := n.GetRangeTableSample()
		tables := w.from(s.Relation, sc)
		w.sample(s)
		w.children(s.ProtoReflect(), sc, "relation")
		return tables
	case n.GetRangeSubselect() != nil:
		s := n.GetRangeSubselect()
		sees := sc
		if !s.Lateral {
			sees = sc.parent
		}
		w.node(s.Subquery, sees)
		sc.rels = append(sc.rels, rel{name: s.Alias.GetAliasname()})
		return nil
	}
	w.node(n, sc) // functions, XMLTABLE, JSON_TABLE: they see what stands before them
	if f := n.GetRangeFunction(); f != nil {
		sc.rels = append(sc.rels, w.fromFunction(f))
		return nil
	}
	sc.rels = append(sc.rels, rel{name: clause.DerivedName(n)})
	return nil
}

// fromFunction gives the names of functions in a FROM.
func (w *walker) fromFunction(f *pgquery.RangeFunction) rel {
	r := rel{name: f.Alias.GetAliasname(), declared: map[string]bool{}}
	for _, n := range f.Functions {
		var names []string
		if items := n.GetList().GetItems(); len(items) > 0 {
			names = ident.Parts(items[0].GetFuncCall().GetFuncname())
		}
		if len(names) == 0 {
			r.scalar = true // CURRENT_USER and its kin
			continue
		}
		last := names[len(names)-1]
		if r.name == "" {
			r.name = last
		}
		r.scalar = r.scalar || !w.functions.Has(last, known.GivesRows)
	}
	r.declared[r.name], r.declared["ordinality"] = true, true
	for _, name := range ident.Parts(f.Alias.GetColnames()) {
		r.declared[name] = true
	}
	for _, n := range f.Coldeflist {
		r.declared[n.GetColumnDef().GetColname()] = true
	}
	return r
}

func (w *walker) fromTable(rv *pgquery.RangeVar, sc *scope) []string {
	r := rel{name: rv.Relname}
	if rv.Alias != nil {
		r.name = rv.Alias.Aliasname
	}
	if rv.Schemaname == "" && w.isCTE(sc, rv.Relname) {
		sc.rels = append(sc.rels, r)
		return nil
	}
	if rv.Alias == nil {
		r.schema = rv.Schemaname
	}
	table := w.relation(rv, reading)
	r.tables = []string{table}
	sc.rels = append(sc.rels, r)
	if len(rv.Alias.GetColnames()) > 0 {
		w.column(table, "*")
	}
	return r.tables
}

func (w *walker) fromJoin(j *pgquery.JoinExpr, sc *scope) []string {
	tables := append(w.from(j.Larg, sc), w.from(j.Rarg, sc)...)
	w.node(j.Quals, sc)
	for _, t := range tables {
		if j.IsNatural || len(j.Alias.GetColnames()) > 0 {
			w.column(t, "*")
		}
		for _, name := range ident.Parts(j.UsingClause) {
			w.column(t, name)
		}
	}
	for _, alias := range []*pgquery.Alias{j.Alias, j.JoinUsingAlias} {
		if alias != nil {
			sc.rels = append(sc.rels, rel{name: alias.Aliasname, tables: tables})
		}
	}
	return tables
}

// column records a column of a table, "*" for all of them.
func (w *walker) column(table, name string) {
	if !w.spend(1) {
		return
	}
	if name == "*" {
		w.columns.add(table + ".*")
		return
	}
	w.columns.add(table + "." + ident.Dotted(name))
}

// change records a column that gets a value.
func (w *walker) change(table, name string) {
	w.column(table, name)
	if w.dry || w.err != nil {
		return
	}
	if name != "*" {
		name = ident.Dotted(name)
	}
	w.changed.add(table + "." + name)
}

// named records a column that the text names without its table.
func (w *walker) named(name string, sc *scope) {
	if name == "" {
		return
	}
	for s := sc; s != nil && w.spend(len(s.rels)+1); s = s.parent {
		for _, r := range s.rels {
			for _, t := range r.tables {
				w.column(t, name)
				if r.name == name {
					w.column(t, "*") // the whole row
				}
			}
		}
	}
}

// columnRef records what a name in an expression may mean.
func (w *walker) columnRef(c *pgquery.ColumnRef, sc *scope) {
	names := ident.Parts(c.Fields)
	switch n := len(names); {
	case n == 0:
	case n == 1 && c.Fields[0].GetAStar() != nil:
		if sc != nil {
			for _, r := range sc.rels {
				w.qualified(r, "*", true)
			}
		}
	case n == 1:
		w.named(names[0], sc)
	default:
		star := c.Fields[n-1].GetAStar() != nil
		schema := ""
		if n > 2 {
			schema = names[n-3]
		}
		r, ok := w.find(sc, schema, names[n-2])
		if ok {
			w.qualified(r, names[n-1], star)
			return
		}
		w.anywhere(names[n-1], star, sc) // excluded.x, or what this grammar does not know
	}
}

// qualified records r.name, which may also be a function of the whole row.
func (w *walker) qualified(r rel, name string, star bool) {
	row := !star && w.functions.Has(name, known.TakesRow)
	if row || r.scalar && !star && !r.declared[name] {
		w.applied(name)
	}
	for _, t := range r.tables {
		if !star {
			w.column(t, name)
		}
		if star || row {
			w.column(t, "*")
		}
	}
}

func (w *walker) anywhere(name string, star bool, sc *scope) {
	for s := sc; s != nil && w.spend(len(s.rels)+1); s = s.parent {
		for _, r := range s.rels {
			w.qualified(r, name, star)
		}
	}
}
