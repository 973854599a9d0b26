//go:build cgo

package tree

import (
	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/sql/tree/clause"
	"sallyport.dev/sallyport/protocols/postgres/sql/tree/ident"
	"sallyport.dev/sallyport/protocols/postgres/sql/tree/where"

	pgquery "github.com/pganalyze/pg_query_go/v6"
)

// selectStmt walks a query: FROM first, because it gives the names their tables.
func (w *walker) selectStmt(s *pgquery.SelectStmt, outer *scope) {
	with := w.with(s.WithClause, outer)
	sc := &scope{parent: with}
	for _, side := range []*pgquery.SelectStmt{s.Larg, s.Rarg} {
		if side != nil {
			w.selectStmt(side, with)
		}
	}
	for _, n := range s.FromClause {
		w.from(n, sc)
	}
	w.sort(s, sc)
	for _, n := range s.LockingClause {
		w.locking(n.GetLockingClause(), sc)
	}
	if into := s.IntoClause; into != nil {
		w.verb("create")
		w.does(action.EffectAdmin)
		w.relation(into.Rel, writing)
	}
	w.children(s.ProtoReflect(), sc, "with_clause", "larg", "rarg", "from_clause", "sort_clause", "locking_clause", "into_clause")
}

// sort walks an ORDER BY. A bare name in it means a column of the answer before
// any of a table.
func (w *walker) sort(s *pgquery.SelectStmt, sc *scope) {
	if len(s.SortClause) == 0 {
		return
	}
	outputs := map[string]bool{}
	for _, t := range s.TargetList {
		outputs[t.GetResTarget().GetName()] = true
	}
	for _, n := range s.SortClause {
		names := ident.Parts(n.GetSortBy().GetNode().GetColumnRef().GetFields())
		if len(names) == 1 && outputs[names[0]] {
			w.operator(n.GetSortBy().UseOp)
			continue
		}
		w.node(n, sc)
	}
}

// locking treats FOR UPDATE and its kin as a write: they mark rows and stop others.
func (w *walker) locking(l *pgquery.LockingClause, sc *scope) {
	w.does(action.EffectWrite)
	w.lock(clause.Strength(l.GetStrength()))
	named := map[string]bool{}
	for _, n := range l.GetLockedRels() {
		named[n.GetRangeVar().GetRelname()] = true
	}
	for _, r := range sc.rels {
		if !w.spend(1) {
			return
		}
		if len(named) > 0 && !named[r.name] {
			continue
		}
		for _, t := range r.tables {
			w.table(t, writing)
		}
	}
}

// target records the table that a DML statement changes, which is never a WITH
// query, and gives its name in the statement.
func (w *walker) target(rv *pgquery.RangeVar, outer *scope) (*scope, rel) {
	r := rel{name: rv.Relname, schema: rv.Schemaname, tables: []string{w.relation(rv, writing)}}
	if rv.Alias != nil {
		r.name, r.schema = rv.Alias.Aliasname, ""
	}
	return &scope{parent: outer, rels: []rel{r}}, r
}

func (w *walker) insertStmt(s *pgquery.InsertStmt, outer *scope) {
	w.verb("insert")
	w.does(action.EffectWrite)
	with := w.withBeside(s.WithClause, outer)
	sc, target := w.target(s.Relation, with)
	w.assigned(s.Cols, target.tables[0], with)
	if len(s.Cols) == 0 {
		w.change(target.tables[0], "*")
	}
	w.readsBeside(func() { w.node(s.SelectStmt, with) })
	if c := s.OnConflictClause; c != nil {
		sc.rels = append(sc.rels, rel{name: "excluded", tables: target.tables})
		if c.Action == pgquery.OnConflictAction_ONCONFLICT_UPDATE {
			w.verb("update")
		}
		w.readsBeside(func() {
			w.assigned(c.TargetList, target.tables[0], sc)
			w.children(c.ProtoReflect(), sc, "target_list")
		})
	}
	w.returning(s.ReturningList, sc, target)
}

func (w *walker) updateStmt(s *pgquery.UpdateStmt, outer *scope) {
	w.verb("update")
	with := w.withBeside(s.WithClause, outer)
	sc, target := w.target(s.Relation, with)
	w.readsBeside(func() {
		for _, n := range s.FromClause {
			w.from(n, sc)
		}
		w.assigned(s.TargetList, target.tables[0], sc)
		w.node(s.WhereClause, sc)
	})
	w.bounded(where.Bound{Target: target.name, Alone: len(sc.rels) == 1}.By(s.WhereClause))
	if s.WhereClause != nil {
		w.readsTarget(target)
	}
	w.returning(s.ReturningList, sc, target)
}

func (w *walker) deleteStmt(s *pgquery.DeleteStmt, outer *scope) {
	w.verb("delete")
	with := w.withBeside(s.WithClause, outer)
	sc, target := w.target(s.Relation, with)
	w.readsBeside(func() {
		for _, n := range s.UsingClause {
			w.from(n, sc)
		}
		w.node(s.WhereClause, sc)
	})
	w.bounded(where.Bound{Target: target.name, Alone: len(sc.rels) == 1}.By(s.WhereClause))
	if s.WhereClause != nil {
		w.readsTarget(target)
	}
	w.returning(s.ReturningList, sc, target)
}

func (w *walker) mergeStmt(s *pgquery.MergeStmt, outer *scope) {
	w.verb("merge")
	with := w.withBeside(s.WithClause, outer)
	sc, target := w.target(s.Relation, with)
	w.readsTarget(target)
	w.readsBeside(func() {
		w.from(s.SourceRelation, sc)
		w.node(s.JoinCondition, sc)
	})
	b := where.Bound{Target: target.name}
	on := b.By(s.JoinCondition)
	for _, n := range s.MergeWhenClauses {
		when := n.GetMergeWhenClause()
		if when == nil {
			w.node(n, sc)
			continue
		}
		w.mergeWhen(when, target, sc)
		// Rows that no source row matches are not bound by ON.
		byOn := on && when.MatchKind != pgquery.MergeMatchKind_MERGE_WHEN_NOT_MATCHED_BY_SOURCE
		switch when.CommandType {
		case pgquery.CmdType_CMD_UPDATE, pgquery.CmdType_CMD_DELETE:
			w.bounded(byOn || b.By(when.Condition))
		}
	}
	w.returning(s.ReturningList, sc, target)
}

func (w *walker) mergeWhen(when *pgquery.MergeWhenClause, target rel, sc *scope) {
	switch when.CommandType {
	case pgquery.CmdType_CMD_INSERT:
		w.verb("insert")
		w.does(action.EffectWrite)
		if len(when.TargetList) == 0 {
			w.change(target.tables[0], "*")
		}
	case pgquery.CmdType_CMD_UPDATE:
		w.verb("update")
	case pgquery.CmdType_CMD_DELETE:
		w.verb("delete")
	case pgquery.CmdType_CMD_NOTHING:
		w.does(action.EffectRead)
	default:
		w.does(action.EffectUnknown)
	}
	w.readsBeside(func() {
		w.assigned(when.TargetList, target.tables[0], sc)
		w.children(when.ProtoReflect(), sc, "target_list")
	})
}

// assigned records the columns of a SET or of a column list, and walks what is
// assigned.
func (w *walker) assigned(targets []*pgquery.Node, table string, sc *scope) {
	for _, n := range targets {
		if rt := n.GetResTarget(); rt != nil {
			w.change(table, rt.Name)
		}
		w.node(n, sc)
	}
}

func (w *walker) returning(list []*pgquery.Node, sc *scope, target rel) {
	if len(list) == 0 {
		return
	}
	w.readsTarget(target)
	w.readsBeside(func() { w.nodes(list, sc) })
}

func (w *walker) readsTarget(target rel) { w.reads.add(target.tables[0]) }

// withBeside walks the WITH of a statement that changes a table.
func (w *walker) withBeside(clause *pgquery.WithClause, outer *scope) *scope {
	var sc *scope
	w.readsBeside(func() { sc = w.with(clause, outer) })
	return sc
}

// readsBeside adds the effect read if f reads a table: a statement that changes
// one table by what it finds in another does both.
func (w *walker) readsBeside(f func()) {
	before := w.reads
	w.reads = set{}
	f()
	if len(w.reads) > 0 {
		w.does(action.EffectRead)
	}
	for name := range before {
		w.reads.add(name)
	}
}

// bounded records whether an UPDATE, DELETE or MERGE is held by a condition.
func (w *walker) bounded(ok bool) {
	if w.dry {
		return
	}
	if ok {
		w.effects |= action.EffectWrite
		return
	}
	w.unbound = true
	w.effects |= action.EffectDestructive
}
