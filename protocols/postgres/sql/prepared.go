package sql

import (
	"errors"
	"fmt"
	"slices"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/sql/known"
)

// ErrUnprepared means that nothing is known to stand behind a name.
var ErrUnprepared = errors.New("is not known to the gateway")

// Resolve gives parts with every EXECUTE replaced by what it runs. lookup names
// all that may stand behind a name in this session, both what the server has
// confirmed and what is still under way (several answers are judged together);
// a PREPARE earlier in parts counts too. A name with nothing behind it is an
// error for the agent. Parts without an EXECUTE are returned as they are; those
// given are never changed.
func Resolve(parts []action.Part, lookup func(name string) []action.Part) ([]action.Part, error) {
	out := parts
	for i, p := range parts {
		f, ok := p.Facts.(*Facts)
		if !ok || f.Shape == nil || f.Executes == "" {
			continue
		}
		behind := append(slices.Clone(lookup(f.Executes)), prepared(parts[:i], f.Executes)...)
		if len(behind) == 0 {
			return nil, fmt.Errorf("prepared statement %q %w: PREPARE it in this session before EXECUTE", f.Executes, ErrUnprepared)
		}
		if slices.ContainsFunc(behind, executes) {
			return nil, fmt.Errorf("prepared statement %q executes another one, which may change meanwhile: EXECUTE that one itself", f.Executes)
		}
		if &out[0] == &parts[0] {
			out = slices.Clone(parts)
		}
		out[i] = execute(p, f, behind)
	}
	return out, nil
}

// Bind gives a copy of a part with the values of its parameters in text form, ""
// for NULL. nil says that they are not known, as where one is binary.
func Bind(p action.Part, params []string) action.Part {
	f, ok := p.Facts.(*Facts)
	if !ok {
		return p
	}
	bound := *f
	bound.Params = params
	p.Facts = &bound
	return p
}

func prepared(parts []action.Part, name string) []action.Part {
	var found []action.Part
	for _, p := range parts {
		if f, ok := p.Facts.(*Facts); ok && f.Shape != nil && f.Prepares == name {
			found = append(found, p)
		}
	}
	return found
}

// executes reports whether a part runs what stands behind a name. Only the protocol
// can prepare such a text, even one that executes itself: an EXPLAIN of that takes a
// server down.
func executes(p action.Part) bool {
	f, ok := p.Facts.(*Facts)
	return ok && f.Shape != nil && f.Executes != ""
}

// execute gives the part of an EXECUTE that runs one of behind.
func execute(p action.Part, f *Facts, behind []action.Part) action.Part {
	s := *f.Shape
	s.Opaque = s.BareOpaque
	p.Effects = s.Bare
	p.Control = s.Bare == 0
	for i, b := range behind {
		with, ok := b.Facts.(*Facts)
		if !ok || with.Shape == nil {
			p.Effects |= action.EffectUnknown
			s.Opaque = true
			continue
		}
		add(&s, with.Shape, i == 0)
		p.Effects |= b.Effects
		p.Control = p.Control && b.Control
	}
	s.ReadOnly = p.Effects == action.EffectRead && !s.Opaque && !s.ReadWrite
	joined := *f
	joined.Shape = &s
	if s.MaxParam > 0 && len(f.Given) >= s.MaxParam {
		joined.Params = f.Given
	}
	p.Facts = &joined
	return p
}

// add lets s do all that o does; first says that nothing was added before.
func add(s, o *Shape, first bool) {
	verbs := o.Verbs
	if o.Prepares != "" {
		verbs = slices.DeleteFunc(slices.Clone(verbs), func(v string) bool { return v == "prepare" })
	}
	s.Verbs = union(s.Verbs, verbs)
	s.Tables = union(s.Tables, o.Tables)
	s.Reads = union(s.Reads, o.Reads)
	s.Writes = union(s.Writes, o.Writes)
	s.Columns, s.Changed = union(s.Columns, o.Columns), union(s.Changed, o.Changed)
	s.Functions = union(s.Functions, o.Functions)
	s.Flagged, s.Unlisted = union(s.Flagged, o.Flagged), union(s.Unlisted, o.Unlisted)
	s.Locks = union(s.Locks, o.Locks)
	s.Class = known.Widest(s.Class, o.Class)
	s.InnerDML = s.InnerDML || o.InnerDML
	s.Settings = union(s.Settings, o.Settings)
	s.Sets = slices.Concat(s.Sets, o.Sets)
	s.HasWhere = s.HasWhere && o.HasWhere
	s.MaxParam = max(s.MaxParam, o.MaxParam)
	s.CopyIn, s.CopyOut = s.CopyIn || o.CopyIn, s.CopyOut || o.CopyOut // the protocol prepares any statement
	s.Opaque = s.Opaque || o.Opaque
	s.Declares, s.Keeps = union(s.Declares, o.Declares), s.Keeps || o.Keeps
	s.Fetches = union(s.Fetches, o.Fetches)
	limit := o.Limit
	if limit == known.LimitParam || !first && limit != s.Limit {
		limit = known.LimitExpr // EXECUTE gives the value as an expression
	}
	exact := o.LimitExact && (first || s.LimitExact && s.LimitRows == o.LimitRows)
	s.Limit, s.LimitAt, s.LimitRows, s.LimitExact = limit, 0, o.LimitRows, exact
}

func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, s := range b {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
