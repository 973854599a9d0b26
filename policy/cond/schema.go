package cond

import (
	"maps"
	"slices"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/cond/fact"
)

// A Schema is what conditions may speak of: the facts of every protocol in this
// build, those that every action has, and the functions. It is immutable.
type Schema struct {
	facts     fact.Table
	functions map[string]function
}

// NewSchema makes the schema of a build from the tables of its protocols. Where
// two declare the same fact, the first has it.
func NewSchema(tables ...action.FactTable) *Schema {
	s := &Schema{facts: fact.Common(), functions: functionTable()}
	for _, t := range tables {
		for _, spec := range t.Facts {
			if _, taken := s.facts[spec.Name]; !taken {
				s.facts[spec.Name] = &fact.Fact{Spec: spec, Protocol: t.Protocol, Readings: t.ReadingsOf(spec.Name)}
			}
		}
	}
	return s
}

// A Fact describes one fact, for the reference and for completion.
type Fact struct {
	Name, Type, Doc string
	Protocol        string // "" for all
	Keyed           bool   // read as NAME.key or NAME["key"]
}

// Facts lists every fact, sorted by name.
func (s *Schema) Facts() []Fact {
	var list []Fact
	for _, name := range s.facts.Names() {
		f := s.facts[name]
		list = append(list, Fact{
			Name: name, Type: typeOf(f).String(), Doc: f.Spec.Doc, Protocol: f.Protocol, Keyed: f.Keyed(),
		})
	}
	return list
}

// A Function describes one function.
type Function struct{ Name, Usage, Doc string }

// Functions lists every function, sorted by name.
func (s *Schema) Functions() []Function {
	var list []Function
	for _, name := range slices.Sorted(maps.Keys(s.functions)) {
		f := s.functions[name]
		list = append(list, Function{Name: name, Usage: f.usage, Doc: f.doc})
	}
	return list
}

// typeOf is the type of what a fact gives, of a keyed one for each key.
func typeOf(f *fact.Fact) typ {
	switch {
	case f.Spec.Num != nil:
		return numberType
	case f.Spec.Bool != nil:
		return boolType
	case f.Spec.List != nil, f.Spec.KeyList != nil:
		return listType
	case f.Spec.Document != nil:
		return anyType
	default:
		return stringType
	}
}
