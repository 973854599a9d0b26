// Package catalog knows what names mean on a PostgreSQL server: which schema a
// bare name is of, and which tables stand behind a view, a rule, a partition or a
// parent. It reads that with queries of the gateway's own, keeps it for a while,
// and says so where it does not know; no byte of an agent goes through it.
package catalog

import (
	"slices"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/catalog/names"
)

// A Snapshot is what a server's catalog said at one moment. It is immutable, but
// for what it remembers of statements that were expanded by it.
type Snapshot struct {
	Began time.Time // when the look-up began: nothing older is in it
	User  string    // the account, which "$user" means
	Path  string    // the search_path that its sessions begin with

	schemas map[string]*schema
	code    map[string]bool // functions and operators that may do anything to a session
	took    time.Duration
	memo    memo
}

// A schema and its relations.
type schema struct {
	name      string
	usable    bool // the account may look names up in it
	relations map[string]*relation
}

// A relation is a table, a view or what else a FROM may name.
type relation struct {
	schema, name string
	full         string // both, as facts spell them
	kind         byte   // pg_class.relkind
	parents      []*relation
	children     []*relation
	rules        []*rule
	code         bool   // INSTEAD OF triggers decide what a write does
	remote       string // of a foreign table: what it is called where it lives
}

// The kinds of relations that matter here.
const (
	kindView    = 'v'
	kindForeign = 'f'
)

// A rule is what a server puts in the place of a statement. A view is one, for
// SELECT.
type rule struct {
	on      *relation
	event   byte // pg_rewrite.ev_type
	tables  []*relation
	columns []string // of tables, as facts spell them
	verbs   []string
	effects action.Effects // beside those of the tables
	// Functions in it that act, and those that nothing classifies.
	flagged, unclassified []string
	opaque                bool // a function in it runs text or reads tables that no rule shows
}

// onSelect is the event of the rule that makes a view.
const onSelect = '1'

// verb gives the verb of a statement that a rule is for.
func (r *rule) verb() string {
	switch r.event {
	case onSelect:
		return "select"
	case '2':
		return "update"
	case '3':
		return "insert"
	case '4':
		return "delete"
	}
	return ""
}

// runsCode reports whether one of these functions may do anything to a session:
// set its search_path, or make something temporary.
func (s *Snapshot) runsCode(functions []string) bool {
	return slices.ContainsFunc(functions, func(full string) bool { return s == nil || s.code[names.Parse(full).Table] })
}

// find gives the relations that a name may mean under any of several search
// paths; nil if there is none.
func (s *Snapshot) find(n names.Name, paths []names.Path) []*relation {
	if n.Schema != "" {
		sc := s.schemas[n.Schema]
		switch {
		case sc == nil:
			return nil
		case n.Table == "*":
			return sc.all()
		}
		return one(sc.relations[n.Table])
	}
	var found []*relation
	for _, p := range paths {
		for _, r := range one(s.search(n.Table, p)) {
			found = appendOnce(found, r)
		}
	}
	return found
}

// search goes through the schemas of a path as the server does: its own come first
// unless the path says where, those that are missing or closed are passed over.
func (s *Snapshot) search(table string, p names.Path) *relation {
	if !p.Has(ofServer) {
		if r := s.schemas[ofServer].get(table); r != nil {
			return r
		}
	}
	for _, name := range p {
		if name == "$user" {
			name = s.User
		}
		if sc := s.schemas[name]; sc != nil && sc.usable {
			if r := sc.get(table); r != nil {
				return r
			}
		}
	}
	return nil
}

// ofServer is the schema of the server's own relations.
const ofServer = "pg_catalog"

func (s *schema) get(table string) *relation {
	if s == nil {
		return nil
	}
	return s.relations[table]
}

func (s *schema) all() []*relation {
	list := make([]*relation, 0, len(s.relations))
	for _, r := range s.relations {
		list = append(list, r)
	}
	return list
}

func one(r *relation) []*relation {
	if r == nil {
		return nil
	}
	return []*relation{r}
}

func appendOnce[T comparable](list []T, v T) []T {
	for _, other := range list {
		if other == v {
			return list
		}
	}
	return append(list, v)
}
