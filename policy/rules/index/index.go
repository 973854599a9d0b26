// Package index leaves out of sight the rules that the known values of a part keep
// from matching at all, so that what a decision takes does not grow with how many
// rules there are. Each rule is filed under the most telling of its attributes that
// says in plain words what it is for. It has no say in what matches.
package index

import (
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/glob"
	"sallyport.dev/sallyport/policy/hclconf"
	"sallyport.dev/sallyport/policy/match"
	"sallyport.dev/sallyport/policy/rules/operation"
)

// A Rule is what is filed: R itself is the caller's.
type Rule[R comparable] struct {
	Order int // rules are found in this order
	Lists map[string]hclconf.List
	Rule  R
}

// An Index holds the rules of one service. It is immutable.
type Index[R comparable] struct {
	drawers []drawer[R]
	general []filed[R] // those that anything may meet
}

// filed is a rule in a drawer.
type filed[R comparable] struct {
	order int
	rule  R
}

// A Look is the part that rules are looked for.
type Look struct {
	Facts      action.Facts
	Ops        []operation.Hit
	OpsUnknown bool
}

// A drawer files rules by the values of one attribute.
type drawer[R comparable] struct {
	attribute string
	byKey     map[string][]filed[R]
	paths     *glob.Trie[filed[R]] // in place of byKey
	// key gives the key of a pattern; ok is false if it leaves it open.
	key func(pattern string) (key string, ok bool)
	// find adds the rules of the drawer that a part may meet; told is false if its
	// values do not tell.
	find func(d *drawer[R], l *Look, p *Pile[R]) (told bool)
}

// New files the rules of a service, which are in their order; nil where no fact
// could tell them apart. fold is for a service whose paths have no case.
func New[R comparable](c *match.Compiler, protocol string, fold bool, rules []Rule[R]) *Index[R] {
	x := &Index[R]{}
	switch protocol {
	case "http":
		x.drawers = httpDrawers[R](c, fold)
	case "postgres":
		x.drawers = sqlDrawers[R](c)
	}
	if len(x.drawers) == 0 {
		return nil
	}
	for _, r := range rules {
		if !x.file(r) {
			x.general = append(x.general, filed[R]{r.Order, r.Rule})
		}
	}
	x.drawers = slices.DeleteFunc(x.drawers, func(d drawer[R]) bool {
		return len(d.byKey) == 0 && (d.paths == nil || d.paths.Len() == 0)
	})
	return x
}

// file puts a rule into the first drawer that takes it.
func (x *Index[R]) file(r Rule[R]) bool {
	for i := range x.drawers {
		d := &x.drawers[i]
		keys := d.keys(r.Lists[d.attribute].Items)
		for _, k := range keys {
			if d.paths != nil {
				d.paths.Add(k, filed[R]{r.Order, r.Rule})
			} else {
				d.byKey[k] = append(d.byKey[k], filed[R]{r.Order, r.Rule})
			}
		}
		if len(keys) > 0 {
			return true
		}
	}
	return false
}

// keys gives the keys that a rule is filed under; none: its attribute does not say
// in plain words what it is for.
func (d *drawer[R]) keys(items []hclconf.Str) []string {
	var keys []string
	for _, item := range items {
		if strings.HasPrefix(item.Value, "!") {
			continue
		}
		k, ok := d.key(item.Value)
		if !ok {
			return nil
		}
		if !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	return keys
}

// Rules gives the rules that may meet a part, in their order. ok is false if the
// part does not tell: then all may. What it gives is good until the pile is used
// again.
func (x *Index[R]) Rules(l *Look, p *Pile[R]) (rules []R, ok bool) {
	p.n, p.full = 0, false
	p.add(x.general)
	for i := range x.drawers {
		if d := &x.drawers[i]; !d.find(d, l, p) {
			return nil, false
		}
	}
	if p.full {
		return nil, false
	}
	return p.merge(), true
}
