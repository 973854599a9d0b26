package catalog

import (
	"maps"
	"slices"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/catalog/names"
	"sallyport.dev/sallyport/protocols/postgres/sql/known"
)

// An Expansion is what a statement does on its server: its Shape with all the
// names that stand behind those of its text. It is shared and immutable.
type Expansion struct {
	Shape   *known.Shape
	Tables  []string       // the tables that it all comes down to
	Effects action.Effects // beside those that the text tells
	Unknown bool           // what the names mean is not certain
}

// maxWork bounds what stands behind one statement: inheritance and views may
// branch without end.
const maxWork = 20_000

// unknown is the expansion of a statement whose names mean nothing for certain:
// whatever a rule of the server can make of it may be done.
func unknown(s *known.Shape) *Expansion {
	wide := *s
	wide.ReadOnly = false
	if len(s.Writes) > 0 {
		wide.Verbs = slices.Clone(s.Verbs)
		for _, verb := range []string{"insert", "update", "delete"} {
			wide.Verbs = appendOnce(wide.Verbs, verb)
		}
	}
	return &Expansion{Shape: &wide, Effects: action.EffectUnknown, Unknown: true}
}

// A set holds names once.
type set map[string]struct{}

func (s set) add(list ...string) {
	for _, n := range list {
		s[n] = struct{}{}
	}
}

func setOf(list []string) set {
	s := set{}
	s.add(list...)
	return s
}

// sorted is nil for an empty set, as facts are recorded.
func (s set) sorted() []string { return slices.Sorted(maps.Keys(s)) }

// An expander collects what stands behind one statement.
type expander struct {
	shape   *known.Shape
	read    map[*relation]bool // seen so far
	written map[*relation]bool

	tables, reads, writes, base      set
	columns, changed                 set
	functions, flagged, unclassified set

	verbs   []string
	effects action.Effects
	opaque  bool
	work    int
}

// spend counts work and reports whether there may be more.
func (x *expander) spend() bool {
	x.work++
	return x.work <= maxWork
}

// expand tells what stands behind the names of a statement under any of the paths,
// and which names mean nothing.
func (s *Snapshot) expand(shape *known.Shape, paths []names.Path) (e *Expansion, missing []names.Name) {
	x := &expander{
		shape: shape, read: map[*relation]bool{}, written: map[*relation]bool{},
		tables: set{}, reads: set{}, writes: set{}, base: set{}, columns: set{}, changed: set{},
		functions: setOf(shape.Functions), flagged: setOf(shape.Flagged), unclassified: setOf(shape.Unlisted),
		verbs: slices.Clone(shape.Verbs),
	}
	for _, full := range shape.Tables {
		n := names.Parse(full)
		reads, writes := slices.Contains(shape.Reads, full), slices.Contains(shape.Writes, full)
		found := s.find(n, paths)
		if len(found) == 0 || n.Table == "*" {
			x.asItStands(full, reads, writes)
		}
		if len(found) == 0 && n.Table != "*" && !makes(shape, full) {
			missing = append(missing, n)
		}
		for _, r := range found {
			x.use(r, reads, writes)
		}
	}
	for _, full := range shape.Columns {
		x.column(s, full, paths, x.columns)
	}
	for _, full := range shape.Changed {
		x.column(s, full, paths, x.changed)
	}
	if x.opaque || !x.spend() || len(x.columns) > maxWork {
		return unknown(shape), missing
	}
	return x.expansion(), missing
}

func (x *expander) expansion() *Expansion {
	out := *x.shape
	out.Verbs, out.Tables, out.Reads, out.Writes = x.verbs, x.tables.sorted(), x.reads.sorted(), x.writes.sorted()
	out.Columns, out.Changed = x.columns.sorted(), x.changed.sorted()
	out.Functions, out.Flagged, out.Unlisted = x.functions.sorted(), x.flagged.sorted(), x.unclassified.sorted()
	out.ReadOnly = out.ReadOnly && x.effects == 0
	return &Expansion{Shape: &out, Tables: x.base.sorted(), Effects: x.effects}
}

// asItStands keeps a name that the catalog adds nothing to.
func (x *expander) asItStands(full string, reads, writes bool) {
	x.tables.add(full)
	if reads {
		x.reads.add(full)
	}
	if writes {
		x.writes.add(full)
	}
	if names.Parse(full).Table != "*" {
		x.base.add(full)
	}
}

// use takes in one relation that the text names.
func (x *expander) use(r *relation, reads, writes bool) {
	if reads || !writes {
		x.reading(r)
	}
	if writes {
		x.writing(r)
	}
}

// reading takes in a relation whose rows are read, with all that they come from.
func (x *expander) reading(r *relation) {
	if x.read[r] || !x.spend() {
		return
	}
	x.read[r] = true
	x.add(r, x.reads)
	x.above(r, x.reads)
	for _, c := range r.children {
		x.reading(c)
	}
	for _, rule := range r.rules {
		if rule.event == onSelect {
			x.rule(rule, x.reading)
		}
	}
}

// writing takes in a relation that is changed, with all that changes by it: a view
// hands its changes on to what it reads, unless code or a rule takes them.
func (x *expander) writing(r *relation) {
	if x.written[r] || !x.spend() {
		return
	}
	x.written[r] = true
	x.add(r, x.writes)
	x.above(r, x.writes)
	for _, c := range r.children {
		x.writing(c)
	}
	if !x.changesRows() {
		return
	}
	if r.schema == ofServer {
		x.effects |= action.EffectAdmin
	}
	x.opaque = x.opaque || r.code
	for _, rule := range r.rules {
		switch {
		case rule.event == onSelect:
			x.rule(rule, x.both)
		case slices.Contains(x.shape.Verbs, rule.verb()):
			x.effects |= action.EffectUnknown
			x.rule(rule, x.both)
		}
	}
}

// both takes in a relation that a rule may read, and may give values to.
func (x *expander) both(r *relation) {
	x.changed.add(r.full + ".*")
	x.reading(r)
	x.writing(r)
}

// changesRows reports whether the statement changes or locks rows: DROP VIEW does
// nothing to what the view reads.
func (x *expander) changesRows() bool {
	return slices.ContainsFunc(x.shape.Verbs, func(verb string) bool {
		switch verb {
		case "select", "insert", "update", "delete", "merge", "copy", "truncate", "lock":
			return true
		}
		return false
	})
}

// rule takes in what a rule of the server does.
func (x *expander) rule(r *rule, use func(*relation)) {
	x.effects |= r.effects
	x.opaque = x.opaque || r.opaque
	x.columns.add(r.columns...)
	x.functions.add(r.flagged...)
	x.functions.add(r.unclassified...)
	x.flagged.add(r.flagged...)
	x.unclassified.add(r.unclassified...)
	for _, verb := range r.verbs {
		x.verbs = appendOnce(x.verbs, verb)
	}
	for _, t := range r.tables {
		if known.Guarded(t.schema, t.name) {
			x.effects |= action.EffectAdmin
		}
		use(t)
	}
}

// above takes in the parents of a relation: its rows are theirs.
func (x *expander) above(r *relation, in set) {
	x.walk(r, (*relation).up, func(p *relation) { x.add(p, in) })
}

func (x *expander) add(r *relation, in set) {
	x.tables.add(r.full)
	in.add(r.full)
	if r.kind != kindView || len(r.rules) == 0 { // those of the server are not taken apart
		x.base.add(r.full)
	}
	if r.remote != "" {
		x.tables.add(r.remote)
		in.add(r.remote)
		x.base.add(r.remote)
	}
}

// column takes in a column that the text names, with those of the same rows
// elsewhere.
func (x *expander) column(s *Snapshot, full string, paths []names.Path, in set) {
	table, column := names.CutColumn(full)
	found := s.find(names.Parse(table), paths)
	if len(found) == 0 {
		in.add(full)
	}
	add := func(r *relation) {
		in.add(r.full + "." + column)
		if r.remote != "" {
			in.add(r.remote + "." + column)
		}
	}
	for _, r := range found {
		add(r)
		x.walk(r, (*relation).up, add)
		x.walk(r, (*relation).down, add)
	}
}

// walk goes from a relation all the way up or down, to each other one once.
func (x *expander) walk(r *relation, next func(*relation) []*relation, each func(*relation)) {
	if len(next(r)) == 0 {
		return
	}
	seen := map[*relation]bool{r: true}
	for todo := []*relation{r}; len(todo) > 0; todo = todo[1:] {
		for _, n := range next(todo[0]) {
			if seen[n] || !x.spend() {
				continue
			}
			seen[n] = true
			each(n)
			todo = append(todo, n)
		}
	}
}

func (r *relation) up() []*relation { return r.parents }

func (r *relation) down() []*relation { return r.children }
