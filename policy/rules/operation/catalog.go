package operation

import (
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/cond"
	"sallyport.dev/sallyport/policy/glob"
	"sallyport.dev/sallyport/policy/hclconf"
	"sallyport.dev/sallyport/policy/match"
)

// A Catalog is the operations of one service. It is immutable.
type Catalog struct {
	method, path func(action.Facts) (string, action.State)
	fold         bool
	byMethod     map[string]*lines
	any          lines
	all          []*Operation
	worst        action.Effects
}

// An entry is one match line of an operation.
type entry struct {
	path glob.Glob
	op   *Operation
}

// lines are the entries of one method.
type lines struct {
	trie *glob.Trie[entry]
	open []entry // those that may begin with anything
}

func (l *lines) add(pattern string, e entry, fold bool) {
	if l.trie == nil {
		l.trie = glob.NewTrie[entry](fold)
	}
	if !l.trie.Add(pattern, e) {
		l.open = append(l.open, e)
	}
}

// A compiler makes a Catalog and collects complaints in those of its caller.
type compiler struct {
	*match.Compiler
	schema *cond.Schema
}

// New compiles the operations of a service; nil if it has none.
func New(m *match.Compiler, schema *cond.Schema, s *hclconf.Service) *Catalog {
	if len(s.Operations) == 0 {
		return nil
	}
	c := &compiler{m, schema}
	method, okMethod := c.Fact("http.method")
	path, okPath := c.Fact("http.path")
	if !okMethod || !okPath {
		c.Fail(s.Operations[0].Range, "Not in this version", "This build reads no http facts, so operations have nothing to match.")
		return nil
	}
	out := &Catalog{method: method.Str, path: path.Str, fold: s.FoldPaths, byMethod: map[string]*lines{}}
	for _, conf := range s.Operations {
		op := &Operation{Name: conf.Name}
		out.all = append(out.all, op)
		for _, e := range conf.Effects {
			bit, _ := action.ParseEffect(e.Value)
			op.Effects |= bit
		}
		op.Reading, op.reads = c.reading(conf.As)
		if out.worst |= op.Effects; op.Reading != nil {
			out.worst |= op.Reading.Worst
		}
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
func (c *Catalog) add(l *compiler, m hclconf.Str, op *Operation) {
	method, path, _ := strings.Cut(m.Value, " ")
	l.Paths(hclconf.List{Items: []hclconf.Str{{Value: path, Range: m.Range}}})
	g, err := glob.Compile(path, '/')
	if err != nil {
		l.Fail(m.Range, "Bad pattern", "%s.", err)
		return
	}
	e := entry{path: g, op: op}
	if c.fold {
		e.path = g.Fold()
	}
	if method == "*" {
		c.any.add(path, e, c.fold)
		return
	}
	for _, m := range map[bool][]string{true: {"GET", "HEAD"}, false: {method}}[method == "GET"] {
		if c.byMethod[m] == nil {
			c.byMethod[m] = &lines{}
		}
		c.byMethod[m].add(path, e, c.fold)
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

// Worst gives the effects of all operations: what a request that cannot be told
// may be.
func (c *Catalog) Worst() action.Effects { return c.worst }

// Timed reports whether what an action is may change by the mere passing of time.
func (c *Catalog) Timed() bool {
	return slices.ContainsFunc(c.all, func(op *Operation) bool { return op.when != nil && op.when.UsesTime() })
}

// Find appends to hits the operations that a part is, whose facts env holds. known
// is false when the request line itself cannot be told.
func (c *Catalog) Find(env *cond.Env, hits []Hit) (_ []Hit, known bool) {
	method, a := c.method(env.Part.Facts)
	path, b := c.path(env.Part.Facts)
	if a != action.Known || b != action.Known {
		return hits, false
	}
	if l := c.byMethod[method]; l != nil {
		hits = l.find(path, env, hits)
	}
	hits = c.any.find(path, env, hits)
	env.Reads, env.MayRead = Open(hits)
	return hits, true
}

// find appends the operations of lines that a path is.
func (l *lines) find(path string, env *cond.Env, hits []Hit) []Hit {
	if l.trie != nil {
		l.trie.Each(path, func(list []entry) { hits = scan(list, path, env, hits) })
	}
	return scan(l.open, path, env, hits)
}

func scan(entries []entry, path string, env *cond.Env, hits []Hit) []Hit {
	for i := range entries {
		e := &entries[i]
		if !e.path.Match(path) || Has(hits, e.op) {
			continue
		}
		h := Hit{Operation: e.op, Sure: true}
		if e.op.when != nil {
			env.Reads, env.MayRead = e.op.reads, 0
			var t cond.Tri
			if t, h.Need = e.op.when.Eval(env); t == cond.False && h.Need == 0 {
				continue
			}
			h.Sure = t == cond.True && h.Need == 0
		}
		hits = append(hits, h)
	}
	return hits
}
