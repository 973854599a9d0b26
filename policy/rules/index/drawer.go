package index

import (
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/glob"
	"sallyport.dev/sallyport/policy/match"
)

func httpDrawers[R comparable](c *match.Compiler, fold bool) []drawer[R] {
	path, ok := c.Fact("http.path")
	method, also := c.Fact("http.method")
	if !ok || !also {
		return nil
	}
	return []drawer[R]{
		{
			attribute: "paths", paths: glob.NewTrie[filed[R]](fold), key: telling,
			find: func(d *drawer[R], l *Look, p *Pile[R]) bool {
				text, state := path.Str(l.Facts)
				if state == action.Known {
					d.paths.Each(text, p.add)
				}
				return state == action.Known
			},
		},
		{
			attribute: "operations", byKey: map[string][]filed[R]{}, key: plainWord,
			find: func(d *drawer[R], l *Look, p *Pile[R]) bool {
				for i := range l.Ops {
					p.add(d.byKey[l.Ops[i].Name])
				}
				return !l.OpsUnknown
			},
		},
		{
			attribute: "methods", byKey: map[string][]filed[R]{}, key: plainWord,
			find: func(d *drawer[R], l *Look, p *Pile[R]) bool {
				text, state := method.Str(l.Facts)
				p.add(d.byKey[text])
				return state == action.Known
			},
		},
	}
}

func sqlDrawers[R comparable](c *match.Compiler) []drawer[R] {
	tables, ok := c.Fact("sql.tables")
	verbs, also := c.Fact("sql.verbs")
	if !ok || !also {
		return nil
	}
	return []drawer[R]{
		{
			attribute: "tables", byKey: map[string][]filed[R]{}, key: lastPart,
			find: func(d *drawer[R], l *Look, p *Pile[R]) bool {
				list, state := tables.List(l.Facts)
				for _, t := range list {
					dot := strings.LastIndexByte(t, '.')
					if strings.Count(t, ".") != glob.DepthTable-1 || t[dot+1:] == "*" {
						return false // where its parts end, or which schema it is in, nobody can tell
					}
					p.add(d.byKey[t[dot+1:]])
					p.add(d.byKey[t[:dot+1]])
				}
				return state == action.Known || state == action.Absent
			},
		},
		{
			attribute: "verbs", byKey: map[string][]filed[R]{}, key: plainWord,
			find: func(d *drawer[R], l *Look, p *Pile[R]) bool {
				list, state := verbs.List(l.Facts)
				for _, v := range list {
					p.add(d.byKey[v])
				}
				return state == action.Known || state == action.Absent
			},
		},
	}
}

// telling reports whether a pattern of paths says how they begin.
func telling(pattern string) (string, bool) {
	return pattern, glob.NewTrie[bool](false).Add(pattern, true)
}

func plainWord(pattern string) (string, bool) { return pattern, !strings.Contains(pattern, "*") }

// lastPart is the key of a table: its name without the schema, or the schema with
// its dot where every table of it is meant.
func lastPart(pattern string) (string, bool) {
	dot := strings.LastIndexByte(pattern, '.')
	if schema := pattern[:dot+1]; pattern[dot+1:] == "*" && schema != "" {
		return plainWord(schema)
	}
	return plainWord(pattern[dot+1:])
}
