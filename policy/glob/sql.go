package glob

import (
	"fmt"
	"slices"
	"strings"
)

// A Sure says whether a pattern names a value: a statement does not always tell
// which schema a table is in.
type Sure uint8

// No is the zero Sure; Maybe is what a rule that tightens takes for a yes and a
// rule that loosens for a no.
const (
	No Sure = iota
	Maybe
	Yes
)

// Depths of SQL names, the most parts that a pattern may have.
const (
	DepthName   = 1 // databases
	DepthTable  = 2 // schema.table, schema.function
	DepthColumn = 3 // schema.table.column
)

// A SQLSet is a list of patterns over SQL names, some of them exclusions. The
// zero SQLSet matches nothing.
type SQLSet struct {
	depth    int
	named    [][]segment
	excluded [][]segment
}

// CompileSQL reads patterns over names of at most depth parts. A pattern with
// fewer parts says nothing of the parts in front: "users" is that table in any
// schema. Names are compared as PostgreSQL folded them, so case matters.
func CompileSQL(patterns []string, depth int) (SQLSet, error) {
	s := SQLSet{depth: depth}
	err := eachElement(patterns, func(pattern string, out bool) error {
		segs, err := sqlPattern(pattern, depth)
		if err != nil {
			return err
		}
		if out {
			s.excluded = append(s.excluded, segs)
		} else {
			s.named = append(s.named, segs)
		}
		return nil
	})
	return s, err
}

// sqlPattern reads one pattern; ** stands for as many parts as are left.
func sqlPattern(pattern string, depth int) ([]segment, error) {
	g, err := Compile(pattern, '.')
	if err != nil {
		return nil, err
	}
	segs, filled := g.segs, false
	for i := 0; i < len(segs); i++ {
		if !segs[i].any {
			continue
		}
		if filled {
			return nil, fmt.Errorf("pattern %q has more than one **", pattern)
		}
		filled = true
		stars := slices.Repeat([]segment{plain("*")}, max(0, depth-len(segs)+1))
		segs = slices.Replace(slices.Clone(segs), i, i+1, stars...)
		i += len(stars) - 1
	}
	if len(segs) > depth {
		return nil, fmt.Errorf("pattern %q has %d parts, and such names have at most %d", pattern, len(segs), depth)
	}
	return segs, nil
}

// Match says whether the set names the value for certain, perhaps, or not. A
// value without the schema that a pattern states is a Maybe, and so is "t.*",
// every column of t, against a pattern for some columns.
func (s SQLSet) Match(value string) Sure {
	if len(s.named) == 0 && len(s.excluded) == 0 {
		return No
	}
	named := Yes
	if len(s.named) > 0 {
		named = s.best(s.named, value)
	}
	return min(named, Yes-s.best(s.excluded, value))
}

// best gives the surest answer of several patterns.
func (s SQLSet) best(patterns [][]segment, value string) Sure {
	if len(patterns) > 0 && strings.Count(value, ".") >= s.depth {
		return Maybe // a quoted name holds a dot: no telling where the parts end
	}
	sure := No
	for _, segs := range patterns {
		if sure = max(sure, matchSQL(segs, value)); sure == Yes {
			break
		}
	}
	return sure
}

// matchSQL compares part by part from the right, where table and column stand.
func matchSQL(segs []segment, value string) Sure {
	sure, more := Yes, true
	for i := len(segs) - 1; i >= 0; i-- {
		if !more {
			if !segs[i].everything() {
				sure = Maybe
			}
			continue
		}
		part := value
		if dot := strings.LastIndexByte(value, '.'); dot >= 0 {
			part, value = value[dot+1:], value[:dot]
		} else {
			more = false
		}
		switch {
		case segs[i].match(part, false) && (part != "*" || segs[i].everything()):
		case part == "*":
			sure = Maybe
		default:
			return No
		}
	}
	return sure
}

// everything reports whether the segment is a lone star.
func (s segment) everything() bool {
	return len(s.pieces) == 2 && s.pieces[0] == "" && s.pieces[1] == ""
}
