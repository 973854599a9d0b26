package catalog

import (
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/catalog/names"
	"sallyport.dev/sallyport/protocols/postgres/catalog/rows"
	"sallyport.dev/sallyport/protocols/postgres/catalog/texts"
	"sallyport.dev/sallyport/protocols/postgres/sql/known"
)

// A loader makes a Snapshot of what a server answers. Objects are known by their
// numbers, in the text form in which they come.
type loader struct {
	*rows.Source
	functions *known.Functions
	snap      *Snapshot
	schemas   map[string]*schema
	relations map[string]*relation
	rules     map[string]*rule
	whole     map[*rule]bool // its columns are not told
}

// load asks for everything.
func (l *loader) load() (*Snapshot, error) {
	l.snap = &Snapshot{Began: time.Now(), schemas: map[string]*schema{}, code: map[string]bool{}}
	l.schemas, l.relations = map[string]*schema{}, map[string]*relation{}
	l.rules, l.whole = map[string]*rule{}, map[*rule]bool{}
	none := func([]string) {}
	for _, q := range []struct {
		text    string
		columns int
		each    func([]string)
	}{
		{texts.Begin, 0, none},
		{texts.Self, 2, func(row []string) { l.snap.Path, l.snap.User = row[0], row[1] }},
		{texts.Path, 0, none},
		{texts.Schemas, 3, l.schema},
		{texts.Relations, 4, l.relation},
		{texts.Parents, 2, l.parent},
		{texts.Foreign, 3, l.foreign},
		{texts.Instead, 1, l.instead},
		{texts.Code, 1, func(row []string) { l.snap.code[row[0]] = true }},
		{texts.Rules, 4, l.rule},
		{texts.RuleTables, 2, l.ruleTable},
		{texts.RuleColumns, 3, l.ruleColumn},
		{texts.RuleFunctions, 3, l.ruleFunction},
		{texts.RuleVerbs, 2, l.ruleVerb},
	} {
		if err := l.Ask(q.text, q.columns, q.each); err != nil {
			return nil, err
		}
	}
	l.wholes()
	l.snap.took = time.Since(l.snap.Began)
	return l.snap, nil
}

func (l *loader) schema(row []string) {
	s := &schema{name: row[1], usable: row[2] == "t", relations: map[string]*relation{}}
	l.schemas[row[0]] = s
	l.snap.schemas[s.name] = s
}

func (l *loader) relation(row []string) {
	s := l.schemas[row[1]]
	if s == nil || row[3] == "" {
		return
	}
	r := &relation{schema: s.name, name: row[2], full: names.Join(s.name, row[2]), kind: row[3][0]}
	l.relations[row[0]] = r
	s.relations[r.name] = r
}

func (l *loader) parent(row []string) {
	child, parent := l.relations[row[0]], l.relations[row[1]]
	if child == nil || parent == nil { // indexes have parents too
		return
	}
	child.parents = append(child.parents, parent)
	parent.children = append(parent.children, child)
}

// foreign names a foreign table as it is called where it lives. That place may be
// this very server.
func (l *loader) foreign(row []string) {
	r := l.relations[row[0]]
	if r == nil {
		return
	}
	schema, table := row[1], row[2]
	if table == "" {
		table = r.name
	}
	if schema == "" {
		schema = r.schema
	}
	if remote := names.Join(schema, table); remote != r.full {
		r.remote = remote
	}
}

func (l *loader) instead(row []string) {
	if r := l.relations[row[0]]; r != nil {
		r.code = true
	}
}

func (l *loader) rule(row []string) {
	on := l.relations[row[1]]
	if on == nil || row[2] == "" {
		return
	}
	r := &rule{on: on, event: row[2][0]}
	l.rules[row[0]] = r
	l.whole[r] = row[3] == "t"
	on.rules = append(on.rules, r)
}

// ruleTable notes a table that a rule reads or changes. One that is not in the
// catalog that was read is of a kind that no rule can have: what it is is not known.
func (l *loader) ruleTable(row []string) {
	r, t := l.rules[row[0]], l.relations[row[1]]
	switch {
	case r == nil || row[1] == "0", t == r.on && r.event == onSelect: // older servers list the view itself
	case t == nil:
		r.opaque = true
	default:
		r.tables = appendOnce(r.tables, t)
	}
}

func (l *loader) ruleColumn(row []string) {
	r, t := l.rules[row[0]], l.relations[row[1]]
	if r != nil && t != nil {
		r.columns = append(r.columns, t.full+"."+names.Join(row[2]))
	}
}

// ruleFunction notes a function that is not known to compute only.
func (l *loader) ruleFunction(row []string) {
	r := l.rules[row[0]]
	if r == nil {
		return
	}
	kind, full := l.functions.KindOf(row[1], row[2], known.Server{}), names.Join(row[1], row[2])
	switch kind {
	case known.Pure:
	case known.Flagged, known.Opaque:
		r.effects |= action.EffectAdmin
		r.opaque = r.opaque || kind == known.Opaque
		r.flagged = append(r.flagged, full)
	default:
		r.effects |= action.EffectUnknown
		r.unclassified = append(r.unclassified, full)
	}
}

// ruleVerb notes what an action of a rule is, by its number in the server.
func (l *loader) ruleVerb(row []string) {
	r := l.rules[row[0]]
	verb := map[string]string{"1": "select", "2": "update", "3": "insert", "4": "delete"}[row[1]]
	if r != nil && verb != "" {
		r.verbs = append(r.verbs, verb)
	}
}

// wholes gives all columns of a table to the rules that do not tell which they
// use: the server keeps no note of whole rows, nor of its own tables' columns.
func (l *loader) wholes() {
	for r, whole := range l.whole {
		for _, t := range r.tables {
			if whole || t.schema == ofServer {
				r.columns = append(r.columns, t.full+".*")
			}
		}
	}
}
