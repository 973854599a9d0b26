package action

import "strings"

// Facts is a pointer to a protocol's own struct of facts. Only the FactTable of
// that protocol looks into it.
type Facts any

// A State says whether a fact is known. The zero State is Unknown, so that what
// nobody looked at never loosens a verdict.
type State uint8

// The states.
const (
	Unknown State = iota // truncated, unparsable, ambiguous
	Absent               // not there: null
	Known
	Pending // costs something: Learn its group, then decide again
)

// A Need names groups of facts that cost something. Bits below Later belong to the
// protocol.
type Need uint8

// Whole is all that Forward will send, held so that it is what gets approved.
const Whole Need = 1 << 7

// Unrecorded is what nothing can learn any more: the record of the action does not
// hold it. Only actions that are judged again need it.
const Unrecorded Need = 1 << 6

// Later is what only the action behind a prelude has, such as the values that a
// prepared statement runs with. Of a prelude it is left to that action; nothing
// learns it.
const Later Need = 1 << 5

// A FactSpec is one fact of one protocol. Exactly one accessor is set. Accessors
// are pure: no I/O, no allocation; a returned slice belongs to the facts.
type FactSpec struct {
	Name, Doc string
	Cost      Need // 0: there from the start; else the group that Learn gathers
	Body      bool // says what a body says, which not everybody may read
	Str       func(Facts) (string, State)
	Num       func(Facts) (float64, State)
	Bool      func(Facts) (bool, State)
	List      func(Facts) ([]string, State)
	// Key and KeyList are facts with a name inside, such as http.headers.x.
	Key     func(Facts, string) (string, State)
	KeyList func(Facts, string) ([]string, State)
	// Document is a fact with values inside that have a type only once they are there.
	Document func(Facts) (*Node, State)
}

// A FactTable is what a protocol tells the rules: its facts, and an empty struct
// of them, to read recorded ones back with encoding/json.
type FactTable struct {
	Protocol string
	New      func() Facts
	Facts    []FactSpec
	// Readings are at most eight.
	Readings []Reading
}

// A Reading is a way to read an action that is open only where an operation of the
// service declares it (`as`): elsewhere its facts are absent.
type Reading struct {
	Name string
	// Facts are names, or beginnings of names that end with a dot.
	Facts []string
	// Effects says what the action does; of an action that only steers the
	// conversation control is true. Nil where the reading does not tell.
	Effects func(Facts) (e Effects, control bool, s State)
	// Worst is what Effects may come to beside unknown: what cannot be read may be
	// all of it.
	Worst Effects
	// Cost is what Effects and the facts cost.
	Cost Need
}

// ReadingsOf gives the readings that a fact belongs to, a bit each in their order;
// zero for a fact that needs none.
func (t *FactTable) ReadingsOf(fact string) uint8 {
	var bits uint8
	for i := range t.Readings {
		for _, name := range t.Readings[i].Facts {
			if name == fact || strings.HasSuffix(name, ".") && strings.HasPrefix(fact, name) {
				bits |= 1 << i
			}
		}
	}
	return bits
}

// OfBody marks the spec of a fact that says what a body says.
func OfBody(spec FactSpec) FactSpec {
	spec.Body = true
	return spec
}

// Str makes the spec of a string fact.
func Str[T any](name, doc string, cost Need, get func(*T) (string, State)) FactSpec {
	return FactSpec{Name: name, Doc: doc, Cost: cost, Str: func(f Facts) (string, State) {
		if t, ok := f.(*T); ok {
			return get(t)
		}
		return "", Unknown
	}}
}

// Num makes the spec of a number fact.
func Num[T any](name, doc string, cost Need, get func(*T) (float64, State)) FactSpec {
	return FactSpec{Name: name, Doc: doc, Cost: cost, Num: func(f Facts) (float64, State) {
		if t, ok := f.(*T); ok {
			return get(t)
		}
		return 0, Unknown
	}}
}

// Bool makes the spec of a boolean fact.
func Bool[T any](name, doc string, cost Need, get func(*T) (bool, State)) FactSpec {
	return FactSpec{Name: name, Doc: doc, Cost: cost, Bool: func(f Facts) (bool, State) {
		if t, ok := f.(*T); ok {
			return get(t)
		}
		return false, Unknown
	}}
}

// List makes the spec of a fact with several values.
func List[T any](name, doc string, cost Need, get func(*T) ([]string, State)) FactSpec {
	return FactSpec{Name: name, Doc: doc, Cost: cost, List: func(f Facts) ([]string, State) {
		if t, ok := f.(*T); ok {
			return get(t)
		}
		return nil, Unknown
	}}
}

// Key makes the spec of a fact with named single values, such as http.headers.x.
func Key[T any](name, doc string, cost Need, get func(*T, string) (string, State)) FactSpec {
	return FactSpec{Name: name, Doc: doc, Cost: cost, Key: func(f Facts, key string) (string, State) {
		if t, ok := f.(*T); ok {
			return get(t, key)
		}
		return "", Unknown
	}}
}

// KeyList makes the spec of a fact with named lists, such as http.headers_all.x.
func KeyList[T any](name, doc string, cost Need, get func(*T, string) ([]string, State)) FactSpec {
	return FactSpec{Name: name, Doc: doc, Cost: cost, KeyList: func(f Facts, key string) ([]string, State) {
		if t, ok := f.(*T); ok {
			return get(t, key)
		}
		return nil, Unknown
	}}
}
