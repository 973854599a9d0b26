package fact

import (
	"maps"
	"slices"
	"strings"
)

// A Table holds facts by their names.
type Table map[string]*Fact

// Find gives the fact with the longest name that parts begin with, and how many
// of them are its name; nil if there is none.
func (t Table) Find(parts []string) (found *Fact, used int) {
	for i := len(parts); i > 0; i-- {
		if f := t[strings.Join(parts[:i], ".")]; f != nil {
			return f, i
		}
	}
	return nil, 0
}

// Names lists the facts, sorted.
func (t Table) Names() []string { return slices.Sorted(maps.Keys(t)) }

// Group lists the facts that name is the beginning of, sorted.
func (t Table) Group(name string) []string {
	var inside []string
	for _, full := range t.Names() {
		if strings.HasPrefix(full, name+".") {
			inside = append(inside, full)
		}
	}
	return inside
}
