package rules

import (
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/cond"
	"sallyport.dev/sallyport/policy/glob"
	"sallyport.dev/sallyport/policy/hclconf"
)

// A catalog finds the operations that a request is. It is immutable.
type catalog struct {
	method, path func(action.Facts) (string, action.State)
	fold         bool
	byMethod     map[string][]entry
	any          []entry
	all          []*operation
}

// An entry is one match line of an operation.
type entry struct {
	first string // its first segment, if that is plain text: a cheap look before the glob
	path  glob.Glob
	op    *operation
}

// An operation is a named kind of request and what it does.
type operation struct {
	name    string
	effects action.Effects  // none: as the reading or the protocol knows it
	reading *action.Reading // nil: none is declared
	reads   uint8           // its bit
	when    *cond.Cond
	conf    *hclconf.Operation
}

// A hit is an operation that fits; sure is false when its condition is unknown.
type hit struct {
	op   *operation
	sure bool
	need action.Need
}

// newCatalog compiles the operations of a service.
func (c *compiler) newCatalog(s *hclconf.Service) *catalog {
	if len(s.Operations) == 0 {
		return nil
	}
	method, okMethod := c.Fact("http.method")
	path, okPath := c.Fact("http.path")
	if !okMethod || !okPath {
		c.Fail(s.Operations[0].Range, "Not in this version", "This build reads no http facts, so operations have nothing to match.")
		return nil
	}
	out := &catalog{method: method.Str, path: path.Str, fold: s.FoldPaths, byMethod: map[string][]entry{}}
	for _, conf := range s.Operations {
		op := &operation{name: conf.Name, conf: conf}
		out.all = append(out.all, op)
		for _, e := range conf.Effects {
			bit, _ := action.ParseEffect(e.Value)
			op.effects |= bit
		}
		op.reading, op.reads = c.reading(conf.As)
		if conf.When != nil {
			when, diags := c.schema.Compile(conf.When)
			op.when = when
			c.Diags = append(c.Diags, diags...)
		}
		for _, m := range conf.Match {
			out.add(c, m, op)
		}
	}
	return out
}

// add files one match line. HEAD asks what GET would answer, so it is every
// operation that GET is.
func (c *catalog) add(l *compiler, m hclconf.Str, op *operation) {
	method, path, _ := strings.Cut(m.Value, " ")
	l.Paths(hclconf.List{Items: []hclconf.Str{{Value: path, Range: m.Range}}})
	g, err := glob.Compile(path, '/')
	if err != nil {
		l.Fail(m.Range, "Bad pattern", "%s.", err)
		return
	}
	e := entry{first: firstSegment(path), path: g, op: op}
	if strings.Contains(e.first, "*") || c.fold {
		e.first = ""
	}
	if c.fold {
		e.path = g.Fold()
	}
	switch method {
	case "*":
		c.any = append(c.any, e)
	case "GET":
		c.byMethod["HEAD"] = append(c.byMethod["HEAD"], e)
		fallthrough
	default:
		c.byMethod[method] = append(c.byMethod[method], e)
	}
}

func firstSegment(path string) string {
	rest := strings.TrimPrefix(path, "/")
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		return rest[:i]
	}
	return rest
}

// find appends the operations that the part of j is. known is false when the
// request line itself cannot be told.
func (c *catalog) find(j *judge) (known bool) {
	method, a := c.method(j.part.Facts)
	path, b := c.path(j.part.Facts)
	if a != action.Known || b != action.Known {
		return false
	}
	c.scan(j, c.byMethod[method], path)
	c.scan(j, c.any, path)
	j.read()
	return true
}

func (c *catalog) scan(j *judge, entries []entry, path string) {
	first := firstSegment(path)
	for i := range entries {
		e := &entries[i]
		if e.first != "" && e.first != first || !e.path.Match(path) || j.hasOp(e.op) {
			continue
		}
		h := hit{op: e.op, sure: true}
		if e.op.when != nil {
			j.env.Reads, j.env.MayRead = e.op.reads, 0
			var t cond.Tri
			if t, h.need = e.op.when.Eval(&j.env); t == cond.False && h.need == 0 {
				continue
			}
			h.sure = t == cond.True && h.need == 0
		}
		j.ops = append(j.ops, h)
	}
}

// reading finds the way to read an action that an operation declares.
func (c *compiler) reading(as hclconf.Str) (*action.Reading, uint8) {
	if !as.Stated() {
		return nil, 0
	}
	for _, t := range c.Tables {
		for i := range t.Readings {
			if t.Readings[i].Name == as.Value {
				return &t.Readings[i], 1 << i
			}
		}
	}
	c.Fail(as.Range, "Not in this version", "This build cannot read %q.", as.Value)
	return nil, 0
}

// read opens the readings that the operations of the part declare.
func (j *judge) read() {
	j.env.Reads, j.env.MayRead = 0, 0
	for i := range j.ops {
		if h := &j.ops[i]; h.sure {
			j.env.Reads |= h.op.reads
		} else {
			j.env.MayRead |= h.op.reads
		}
	}
}
