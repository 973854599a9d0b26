package kleene

import (
	"strconv"
	"strings"

	"sallyport.dev/sallyport/action"
)

// A Kind is what a Value is.
type Kind uint8

// The kinds; those from IsString on are known.
const (
	IsUnknown Kind = iota
	IsNull
	IsString
	IsNumber
	IsBool
	IsList
	IsObject
)

// A Value fits the registers of a call; that is why lists of values stand behind
// a pointer. The zero Value is unknown for good.
type Value struct {
	Kind  Kind
	Need  action.Need // of an unknown: groups that would make it known
	Num   float64     // of a boolean: 1 is true
	Str   string
	list  []string     // of a fact; belongs to the facts
	items *[]Value     // of a list that an expression made
	doc   *action.Node // of a list or an object in a document; belongs to the facts
}

// Text makes a string.
func Text(s string) Value { return Value{Kind: IsString, Str: s} }

// Number makes a number.
func Number(n float64) Value { return Value{Kind: IsNumber, Num: n} }

// Null is what is absent.
func Null() Value { return Value{Kind: IsNull} }

// Texts makes a list, which keeps l.
func Texts(l []string) Value { return Value{Kind: IsList, list: l} }

// Items makes a list, which keeps l.
func Items(l []Value) Value { return Value{Kind: IsList, items: &l} }

// Pending is unknown until these groups are learned; of none, for good.
func Pending(need action.Need) Value { return Value{Need: need} }

// Bool makes a boolean.
func Bool(b bool) Value {
	if b {
		return Value{Kind: IsBool, Num: 1}
	}
	return Value{Kind: IsBool}
}

// FromTri makes a boolean, or what is unknown in its place.
func FromTri(t Tri, need action.Need) Value {
	if t == Unknown {
		return Pending(need)
	}
	return Bool(t == True)
}

// Missing is the value of a fact that is not known.
func Missing(s action.State, cost action.Need) Value {
	switch s {
	case action.Absent:
		return Null()
	case action.Pending:
		return Pending(cost)
	default:
		return Value{}
	}
}

// Tri reads a value as a truth; what is no boolean is unknown.
func (v Value) Tri() (Tri, action.Need) {
	if v.Kind != IsBool {
		return Unknown, v.Need
	}
	return Truth(v.Num == 1), 0
}

// Known reports whether an operator can use v.
func (v Value) Known() bool { return v.Kind > IsNull }

// Blocked gives the groups that could still make an operator's operands usable:
// none as soon as one of them never will be.
func Blocked(a, b Value) action.Need {
	if !a.Known() && a.Need == 0 || !b.Known() && b.Need == 0 {
		return 0
	}
	return a.Need | b.Need
}

// Equal compares by the rules of ==: null is not equal to what is known, and two
// nulls, values of different types, and lists are unknown.
func Equal(a, b Value) (Tri, action.Need) {
	switch {
	case a.Kind == IsUnknown && a.Need == 0 || b.Kind == IsUnknown && b.Need == 0:
		return Unknown, 0
	case a.Kind == IsUnknown || b.Kind == IsUnknown:
		return Unknown, a.Need | b.Need
	case a.Kind == IsNull && b.Kind == IsNull:
		return Unknown, 0
	case a.Kind == IsNull || b.Kind == IsNull:
		return False, 0
	case a.Kind != b.Kind || a.Kind >= IsList:
		return Unknown, 0
	case a.Kind == IsString:
		return Truth(a.Str == b.Str), 0
	default:
		return Truth(a.Num == b.Num), 0
	}
}

// Len is the number of elements of a list.
func (v Value) Len() int {
	switch {
	case v.items != nil:
		return len(*v.items)
	case v.doc != nil:
		return len(v.doc.Items)
	}
	return len(v.list)
}

// At is one element of a list.
func (v Value) At(i int) Value {
	switch {
	case v.items != nil:
		return (*v.items)[i]
	case v.doc != nil:
		return Of(&v.doc.Items[i])
	}
	return Text(v.list[i])
}

// Text writes a known scalar as a template does.
func (v Value) Text() string {
	switch v.Kind {
	case IsString:
		return v.Str
	case IsNumber:
		return strconv.FormatFloat(v.Num, 'f', -1, 64)
	default:
		return strconv.FormatBool(v.Kind == IsBool && v.Num == 1)
	}
}

// What String shows of long values.
const (
	maxShownText  = 200
	maxShownItems = 20
)

// String spells v for people.
func (v Value) String() string {
	switch {
	case v.Kind == IsUnknown && v.Need != 0:
		return "pending"
	case v.Kind == IsUnknown:
		return "unknown"
	case v.Kind == IsNull:
		return "absent"
	case v.Kind == IsString && len(v.Str) > maxShownText:
		return strconv.Quote(v.Str[:maxShownText]) + "…"
	case v.Kind == IsString:
		return strconv.Quote(v.Str)
	case v.Kind == IsObject:
		return "{…}"
	case v.Kind != IsList:
		return v.Text()
	}
	var b strings.Builder
	b.WriteByte('[')
	for i := range v.Len() {
		if i > 0 {
			b.WriteString(", ")
		}
		if i == maxShownItems {
			b.WriteString("…")
			break
		}
		b.WriteString(v.At(i).String())
	}
	b.WriteByte(']')
	return b.String()
}
