package rules

import (
	"errors"
	"fmt"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/cond"
	"sallyport.dev/sallyport/policy/glob"
	"sallyport.dev/sallyport/policy/hclconf"

	"github.com/hashicorp/hcl/v2"
)

// found is how a plain attribute stands to a part. some is what a rule that
// tightens asks for, whole what one that loosens asks for.
type found struct {
	some  cond.Tri
	whole bool
	need  action.Need // pending facts that could still change some or whole
}

// A list is one compiled plain attribute of a rule.
type list struct {
	name string
	cost action.Need // dear lists are looked at last
	find func(*judge) found
	show func(*judge) string // the values it was held against, for people
}

// one is found for a single value.
func one(matches bool) found {
	if matches {
		return found{some: cond.True, whole: true}
	}
	return found{}
}

// missing is found for a fact without a value.
func missing(s action.State, cost action.Need) found {
	switch s {
	case action.Absent:
		return found{}
	case action.Pending:
		return found{some: cond.Unknown, need: cost}
	}
	return found{some: cond.Unknown}
}

// several is found over a list of values.
func several(values []string, match func(string) glob.Sure) found {
	f := found{whole: len(values) > 0}
	for _, v := range values {
		switch match(v) {
		case glob.Yes:
			f.some = cond.True
		case glob.Maybe:
			f.whole = false
			if f.some == cond.False {
				f.some = cond.Unknown
			}
		case glob.No:
			f.whole = false
		}
	}
	return f
}

// lister compiles the plain attributes of rules.
type lister struct {
	tables []action.FactTable
	diags  hcl.Diagnostics
}

// fact finds the spec of a fact by name.
func (l *lister) fact(name string) (action.FactSpec, bool) {
	for _, t := range l.tables {
		for _, spec := range t.Facts {
			if spec.Name == name {
				return spec, true
			}
		}
	}
	return action.FactSpec{}, false
}

func (l *lister) fail(at hcl.Range, summary, format string, args ...any) {
	l.diags = append(l.diags, &hcl.Diagnostic{
		Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf(format, args...), Subject: at.Ptr(),
	})
}

func (l *lister) warn(at hcl.Range, summary, format string, args ...any) {
	l.fail(at, summary, format, args...)
	l.diags[len(l.diags)-1].Severity = hcl.DiagWarning
}

// attribute says where the plain attributes get their values.
func attribute(name string) (fact, protocol string) {
	switch name {
	case "methods", "paths":
		return "http." + strings.TrimSuffix(name, "s"), "http"
	case "operations":
		return "http.path", "http"
	case "verbs", "tables", "functions", "columns":
		return "sql." + name, "postgres"
	case "databases":
		return "sql.database", "postgres"
	}
	return "", ""
}

// list makes a list of one attribute; ok is false after an error.
func (l *lister) list(name string, c hclconf.List) (list, bool) {
	before := len(l.diags)
	out := list{name: name}
	fact, protocol := attribute(name)
	spec, known := l.fact(fact)
	if fact != "" && !known {
		l.fail(c.Range, "Not in this version", "This build reads no %s facts, so %q has nothing to match.", protocol, name)
		return out, false
	}
	out.cost = spec.Cost
	switch name {
	case "hosts":
		set := l.set(c, glob.HostSet)
		out.find = func(j *judge) found { return one(set.Match(j.host())) }
		out.show = (*judge).host
	case "methods":
		l.words(&out, spec, l.set(c, plain), false)
	case "paths":
		l.paths(c)
		l.words(&out, spec, l.set(c, segments), true)
	case "operations":
		l.operations(&out, l.set(c, plain))
	case "verbs":
		set := l.set(c, plain)
		l.values(&out, spec, func(v string) glob.Sure { return sure(set.Match(v)) })
	case "tables", "functions":
		l.values(&out, spec, l.sql(c, glob.DepthTable))
	case "columns":
		l.values(&out, spec, l.sql(c, glob.DepthColumn))
	case "databases":
		l.value(&out, spec, l.sql(c, glob.DepthName))
	}
	return out, len(l.diags) == before
}

func plain(patterns []string) (glob.Set, error)    { return glob.CompileSet(patterns, 0) }
func segments(patterns []string) (glob.Set, error) { return glob.CompileSet(patterns, '/') }

func sure(matches bool) glob.Sure {
	if matches {
		return glob.Yes
	}
	return glob.No
}

// set compiles patterns, and complains about each bad one at its place.
func (l *lister) set(c hclconf.List, compile func([]string) (glob.Set, error)) glob.Set {
	set, err := compile(hclconf.Texts(c.Items))
	if err != nil {
		l.each(c, func(p string) error { _, err := compile([]string{p}); return err })
	}
	return set
}

func (l *lister) sql(c hclconf.List, depth int) func(string) glob.Sure {
	set, err := glob.CompileSQL(hclconf.Texts(c.Items), depth)
	if err != nil {
		l.each(c, func(p string) error { _, err := glob.CompileSQL([]string{p}, depth); return err })
	}
	return set.Match
}

func (l *lister) each(c hclconf.List, check func(string) error) {
	for _, item := range c.Items {
		err := check(item.Value)
		if err == nil {
			continue
		}
		if e, ok := errors.AsType[*glob.ElementError](err); ok {
			err = e.Err
		}
		l.fail(item.Range, "Bad pattern", "%s.", err)
	}
}

// paths refuses patterns that no path can be; the rest is for glob to refuse.
func (l *lister) paths(c hclconf.List) {
	for _, item := range c.Items {
		p := strings.TrimPrefix(item.Value, "!")
		if !strings.HasPrefix(p, "/") && !strings.HasPrefix(p, "**") {
			l.fail(item.Range, "Impossible path", "Every path begins with a slash: %q.", "/"+p)
		}
	}
}

// value finds a single value.
func (l *lister) value(out *list, spec action.FactSpec, match func(string) glob.Sure) {
	out.find = func(j *judge) found {
		v, state := spec.Str(j.part.Facts)
		if state != action.Known {
			return missing(state, spec.Cost)
		}
		return several([]string{v}, match)
	}
	out.show = func(j *judge) string {
		v, state := spec.Str(j.part.Facts)
		return shown(state, v)
	}
}

// words finds a single word; fold lets the service say that case is nothing.
func (l *lister) words(out *list, spec action.FactSpec, set glob.Set, fold bool) {
	either := set.Fold()
	l.value(out, spec, func(v string) glob.Sure { return sure(set.Match(v)) })
	if !fold {
		return
	}
	strict := out.find
	out.find = func(j *judge) found {
		if !j.service.service.FoldPaths {
			return strict(j)
		}
		v, state := spec.Str(j.part.Facts)
		if state != action.Known {
			return missing(state, spec.Cost)
		}
		return one(either.Match(v))
	}
}

// values finds a list of values.
func (l *lister) values(out *list, spec action.FactSpec, match func(string) glob.Sure) {
	out.find = func(j *judge) found {
		vs, state := spec.List(j.part.Facts)
		if state != action.Known {
			return missing(state, spec.Cost)
		}
		return several(vs, match)
	}
	out.show = func(j *judge) string {
		vs, state := spec.List(j.part.Facts)
		return shown(state, vs...)
	}
}

// operations finds the names of the operations that fit.
func (l *lister) operations(out *list, set glob.Set) {
	out.find = func(j *judge) found {
		f := found{whole: len(j.ops) > 0}
		for i := range j.ops {
			hit := &j.ops[i]
			switch matches := set.Match(hit.op.name); {
			case !matches:
				f.whole = false
				f.need |= hit.need
			case hit.sure:
				f.some = cond.True
			default:
				f.whole = false
				f.need |= hit.need
				if f.some == cond.False {
					f.some = cond.Unknown
				}
			}
		}
		if j.opsUnknown {
			f.whole = false
			if f.some == cond.False {
				f.some = cond.Unknown
			}
		}
		return f
	}
	out.show = func(j *judge) string {
		names := make([]string, len(j.ops))
		for i := range j.ops {
			names[i] = j.ops[i].op.name
		}
		return shown(action.Known, names...)
	}
}

// shown puts values into words.
func shown(state action.State, values ...string) string {
	switch {
	case state == action.Absent, state == action.Known && len(values) == 0:
		return "absent"
	case state == action.Pending:
		return "pending"
	case state == action.Unknown:
		return "unknown"
	}
	return strings.Join(values, ", ")
}
