package match

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/finding"
	"sallyport.dev/sallyport/policy/glob"
	"sallyport.dev/sallyport/policy/hclconf"

	"github.com/hashicorp/hcl/v2"
)

// An Attr is one compiled attribute over the facts of a part.
type Attr struct {
	Cost action.Need // dear attributes are looked at last
	// Find allocates nothing; fold is for a service whose paths have no case.
	Find func(f action.Facts, fold bool) Found
	Show func(f action.Facts) string
}

// A Compiler compiles attributes and collects complaints.
type Compiler struct {
	Tables []action.FactTable
	Diags  hcl.Diagnostics
}

// Fact finds the spec of a fact by name.
func (c *Compiler) Fact(name string) (action.FactSpec, bool) {
	for _, t := range c.Tables {
		for _, spec := range t.Facts {
			if spec.Name == name {
				return spec, true
			}
		}
	}
	return action.FactSpec{}, false
}

// ReadingsOf gives the readings without which an attribute has nothing to match.
func (c *Compiler) ReadingsOf(attribute string) uint8 {
	for i := range c.Tables {
		if c.Tables[i].Protocol == Protocol(attribute) {
			return c.Tables[i].ReadingsOf(fact(attribute))
		}
	}
	return 0
}

// Fail adds an error at a place.
func (c *Compiler) Fail(at hcl.Range, summary, format string, args ...any) {
	c.Diags = append(c.Diags, &hcl.Diagnostic{
		Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf(format, args...), Subject: at.Ptr(),
	})
}

// Tell adds a finding at a place.
func (c *Compiler) Tell(id finding.ID, at hcl.Range, format string, args ...any) {
	c.Diags = append(c.Diags, finding.New(id, at, format, args...))
}

// Protocol says which protocol's facts an attribute is about, "" for any.
func Protocol(attribute string) string {
	switch attribute {
	case "methods", "paths", "operations", "tools", "models":
		return "http"
	case "verbs", "tables", "functions", "columns", "databases":
		return "postgres"
	}
	return ""
}

// fact says where an attribute gets its values.
func fact(attribute string) string {
	switch attribute {
	case "operations":
		return "http.path"
	case "tools":
		return "http.tools"
	case "models":
		return "llm.model"
	case "methods", "paths", "databases":
		return map[string]string{"http": "http.", "postgres": "sql."}[Protocol(attribute)] + strings.TrimSuffix(attribute, "s")
	}
	return "sql." + attribute
}

// Available complains if this build reads no facts for an attribute.
func (c *Compiler) Available(attribute string, at hcl.Range) (action.FactSpec, bool) {
	spec, ok := c.Fact(fact(attribute))
	if !ok {
		c.Fail(at, "Not in this version", "This build reads no %s facts, so %q has nothing to match.", Protocol(attribute), attribute)
	}
	return spec, ok
}

// Attr compiles an attribute over facts; what is wrong with it is complained of.
func (c *Compiler) Attr(name string, conf hclconf.List) Attr {
	spec, ok := c.Available(name, conf.Range)
	if !ok {
		return Attr{}
	}
	switch name {
	case "methods":
		return words(spec, c.Set(conf, Plain), false)
	case "paths":
		c.Paths(conf)
		return words(spec, c.Set(conf, segments), true)
	case "models":
		return words(spec, c.Set(conf, Plain), false)
	case "verbs", "tools":
		set := c.Set(conf, Plain)
		return several(spec, func(v string) glob.Sure { return sure(set.Match(v)) }, 0)
	case "columns":
		return several(spec, c.sql(conf, glob.DepthColumn), glob.DepthColumn)
	case "databases":
		return single(spec, c.sql(conf, glob.DepthName))
	}
	return several(spec, c.sql(conf, glob.DepthTable), glob.DepthTable)
}

// Plain reads patterns over words without segments.
func Plain(patterns []string) (glob.Set, error) { return glob.CompileSet(patterns, 0) }

func segments(patterns []string) (glob.Set, error) { return glob.CompileSet(patterns, '/') }

func sure(matches bool) glob.Sure {
	if matches {
		return glob.Yes
	}
	return glob.No
}

// Set compiles patterns, and complains about each bad one at its place.
func (c *Compiler) Set(conf hclconf.List, compile func([]string) (glob.Set, error)) glob.Set {
	set, err := compile(hclconf.Texts(conf.Items))
	if err != nil {
		c.each(conf, func(p string) error { _, err := compile([]string{p}); return err })
	}
	return set
}

func (c *Compiler) sql(conf hclconf.List, depth int) func(string) glob.Sure {
	set, err := glob.CompileSQL(hclconf.Texts(conf.Items), depth)
	if err != nil {
		c.each(conf, func(p string) error { _, err := glob.CompileSQL([]string{p}, depth); return err })
	}
	return set.Match
}

func (c *Compiler) each(conf hclconf.List, check func(string) error) {
	for _, item := range conf.Items {
		err := check(item.Value)
		if err == nil {
			continue
		}
		if e, ok := errors.AsType[*glob.ElementError](err); ok {
			err = e.Err
		}
		c.Fail(item.Range, "Bad pattern", "%s.", err)
	}
}

// Paths refuses patterns that no path can be; the rest is for glob to refuse.
func (c *Compiler) Paths(conf hclconf.List) {
	for _, item := range conf.Items {
		p := strings.TrimPrefix(item.Value, "!")
		if !strings.HasPrefix(p, "/") && !strings.HasPrefix(p, "**") {
			c.Fail(item.Range, "Impossible path", "Every path begins with a slash: %q.", "/"+p)
		}
	}
}

// single is about a fact with one value.
func single(spec action.FactSpec, matches func(string) glob.Sure) Attr {
	return Attr{
		Cost: spec.Cost,
		Find: func(f action.Facts, _ bool) Found {
			v, state := spec.Str(f)
			if state != action.Known {
				return Missing(state, spec.Cost)
			}
			return Several([]string{v}, matches)
		},
		Show: func(f action.Facts) string {
			v, state := spec.Str(f)
			return Show(state, v)
		},
	}
}

// words is about a fact with one word; folds says that a service may have no
// case in it.
func words(spec action.FactSpec, set glob.Set, folds bool) Attr {
	a := single(spec, func(v string) glob.Sure { return sure(set.Match(v)) })
	either := set.Fold()
	a.Find = func(f action.Facts, fold bool) Found {
		v, state := spec.Str(f)
		switch {
		case state != action.Known:
			return Missing(state, spec.Cost)
		case folds && fold:
			return One(either.Match(v))
		}
		return One(set.Match(v))
	}
	return a
}

// several is about a fact with a list of values, names of depth parts at most; 0
// for words.
func several(spec action.FactSpec, matches func(string) glob.Sure, depth int) Attr {
	return Attr{
		Cost: spec.Cost,
		Find: func(f action.Facts, _ bool) Found {
			vs, state := spec.List(f)
			if state != action.Known {
				return Missing(state, spec.Cost)
			}
			return Several(vs, matches)
		},
		Show: func(f action.Facts) string {
			vs, state := spec.List(f)
			vs = slices.Clone(vs)
			for i, v := range vs {
				vs[i] += doubt(v, matches(v), depth)
			}
			return Show(state, vs...)
		},
	}
}

// doubt says why a name only may be one that is meant.
func doubt(name string, s glob.Sure, depth int) string {
	switch {
	case s != glob.Maybe:
		return ""
	case strings.Count(name, ".") < depth-1:
		return " (of any schema, the text names none)"
	}
	return " (perhaps)"
}
