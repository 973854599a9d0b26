package catalog

import (
	"slices"
	"strings"

	"sallyport.dev/sallyport/protocols/postgres/catalog/names"
	"sallyport.dev/sallyport/protocols/postgres/sql/known"
)

// maxPaths bounds how many paths a session may have for all that is known.
const maxPaths = 8

// A state is what decides, beside the catalog, what names mean in a session.
type state struct {
	start   names.Path   // the path that the session began with; nil: not known
	paths   []names.Path // those that it may have by now
	key     string       // of the only one
	lost    bool         // it may have any other
	foreign bool         // it may have another role, which sees other schemas
	shaded  bool         // it may have temporary relations, which come first
	altered bool         // it has changed the catalog in a way that no snapshot shows yet
}

// settle takes in that the session has a path for certain.
func (s *state) settle(p names.Path) { s.paths, s.key, s.lost = []names.Path{p}, p.Key(), false }

// certain reports whether all names mean one thing, but for those that no catalog
// holds.
func (s *state) certain() bool {
	return !s.lost && !s.foreign && !s.shaded && !s.altered && len(s.paths) == 1
}

// apply takes in what a statement may do to the meaning of names.
func (s *state) apply(shape *known.Shape, snap *Snapshot) {
	if len(shape.Unlisted) > 0 && snap.runsCode(shape.Unlisted) {
		s.lost, s.shaded = true, true
	}
	for i := range shape.Sets {
		s.set(&shape.Sets[i])
	}
	if shape.Opaque || has(shape, "do", "call", "unknown") || slices.ContainsFunc(shape.Writes, isTemp) ||
		has(shape, "create") && slices.ContainsFunc(s.paths, names.Path.MakesTemp) {
		s.shaded = true
	}
	s.altered = s.altered || alters(shape)
}

// set takes in that a setting may get a value: a transaction may yet take it back.
func (s *state) set(set *known.Set) {
	all := set.Name == "*" && !set.Reset
	switch {
	case set.Name == "role" || set.Name == "session_authorization":
		s.foreign = true
	case all:
		s.foreign, s.lost = true, true
	case set.Name == "*" || set.Name == "search_path" && set.Reset:
		s.may(s.start, s.start != nil)
	case set.Name == "search_path":
		s.may(pathOf(set))
	}
}

// may adds a path to those that the session may have.
func (s *state) may(p names.Path, ok bool) {
	if !ok || len(s.paths) >= maxPaths {
		s.lost = true
		return
	}
	for _, other := range s.paths {
		if slices.Equal(other, p) {
			return
		}
	}
	s.paths = append(slices.Clip(s.paths), p)
}

// pathOf gives the path that a setting gets.
func pathOf(set *known.Set) (names.Path, bool) {
	switch {
	case len(set.List) > 0:
		return names.Path(set.List), !slices.ContainsFunc(set.List, func(n string) bool { return len(n) > names.MaxName })
	case set.Known:
		return names.ParsePath(set.Value)
	}
	return nil, false
}

// settles gives the path that the session has for certain once a message has
// succeeded outside of a transaction.
func settles(shapes []*known.Shape) (names.Path, bool) {
	if len(shapes) != 1 || len(shapes[0].Sets) != 1 {
		return nil, false
	}
	set := &shapes[0].Sets[0]
	if set.Name != "search_path" || set.Local || len(set.List) == 0 || !has(shapes[0], "set") {
		return nil, false
	}
	return pathOf(set)
}

// means reports whether a name has a meaning that a catalog can tell.
func (s *state) means(n names.Name) bool {
	switch {
	case n.Schema == "":
		return !s.lost && !s.foreign && !s.shaded
	}
	return !strings.HasPrefix(n.Schema, "pg_temp") && !strings.HasPrefix(n.Schema, "pg_toast")
}

func isTemp(full string) bool { return strings.HasPrefix(names.Parse(full).Schema, "pg_temp") }

// uncertain reports whether a statement names what no catalog can tell the meaning
// of, apart from what it makes itself.
func (s *state) uncertain(shape *known.Shape) bool {
	return slices.ContainsFunc(shape.Tables, func(full string) bool {
		return !s.means(names.Parse(full)) && !makes(shape, full)
	})
}

// makes reports whether a name may be that of what the statement creates.
func makes(shape *known.Shape, full string) bool {
	return has(shape, "create") && slices.Contains(shape.Writes, full) && !slices.Contains(shape.Reads, full)
}

// alters reports whether a statement may change what names stand for.
func alters(shape *known.Shape) bool {
	return shape.Opaque || has(shape, "create", "alter", "drop", "import", "do", "call", "load",
		"grant", "revoke", "reassign", "commit_prepared", "unknown")
}

func has(shape *known.Shape, verbs ...string) bool {
	return slices.ContainsFunc(verbs, func(v string) bool { return slices.Contains(shape.Verbs, v) })
}
