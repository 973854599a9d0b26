package cond

import (
	"strconv"
	"strings"

	"sallyport.dev/sallyport/action"
)

// A kind is what a value is while a condition is evaluated.
type kind uint8

const (
	isUnknown kind = iota
	isNull
	isString
	isNumber
	isBool
	isList
)

// A value fits the registers of a call; that is why lists of expressions stand
// behind a pointer. The zero value is unknown for good.
type value struct {
	kind  kind
	need  action.Need // of an unknown: groups that would make it known
	num   float64     // of a boolean: 1 is true
	str   string
	list  []string // of a fact; belongs to the facts
	items *[]value // of a list that an expression made
}

func stringValue(s string) value  { return value{kind: isString, str: s} }
func numberValue(n float64) value { return value{kind: isNumber, num: n} }
func nullValue() value            { return value{kind: isNull} }
func listValue(l []string) value  { return value{kind: isList, list: l} }
func itemsValue(l []value) value  { return value{kind: isList, items: &l} }
func pendingValue(n action.Need) value {
	return value{need: n}
}

func boolValue(b bool) value {
	if b {
		return value{kind: isBool, num: 1}
	}
	return value{kind: isBool}
}

func triValue(t Tri, need action.Need) value {
	if t == Unknown {
		return pendingValue(need)
	}
	return boolValue(t == True)
}

// tri reads a value as a truth; what is no boolean is unknown.
func (v value) tri() (Tri, action.Need) {
	if v.kind != isBool {
		return Unknown, v.need
	}
	return truth(v.num == 1), 0
}

func truth(b bool) Tri {
	if b {
		return True
	}
	return False
}

// missing is the value of a fact that is not known.
func missing(s action.State, cost action.Need) value {
	switch s {
	case action.Absent:
		return nullValue()
	case action.Pending:
		return pendingValue(cost)
	default:
		return value{}
	}
}

// known reports whether an operator can use v.
func (v value) known() bool { return v.kind > isNull }

// blocked gives the groups that could still make an operator's operands usable:
// none as soon as one of them never will be.
func blocked(a, b value) action.Need {
	if !a.known() && a.need == 0 || !b.known() && b.need == 0 {
		return 0
	}
	return a.need | b.need
}

// equal compares by the rules of ==: null is not equal to what is known, and
// two nulls, or values of different types, are unknown.
func equal(a, b value) (Tri, action.Need) {
	switch {
	case a.kind == isUnknown && a.need == 0 || b.kind == isUnknown && b.need == 0:
		return Unknown, 0
	case a.kind == isUnknown || b.kind == isUnknown:
		return Unknown, a.need | b.need
	case a.kind == isNull || b.kind == isNull:
		if a.kind == b.kind {
			return Unknown, 0
		}
		return False, 0
	case a.kind != b.kind:
		return Unknown, 0
	case a.kind == isString:
		return truth(a.str == b.str), 0
	case a.kind == isList:
		return Unknown, 0
	default:
		return truth(a.num == b.num), 0
	}
}

// len is the number of elements of a list.
func (v value) len() int {
	if v.items != nil {
		return len(*v.items)
	}
	return len(v.list)
}

// at is one element of a list.
func (v value) at(i int) value {
	if v.items != nil {
		return (*v.items)[i]
	}
	return stringValue(v.list[i])
}

// text writes a known scalar into a string.
func (v value) text() string {
	switch {
	case v.kind == isString:
		return v.str
	case v.kind == isNumber:
		return strconv.FormatFloat(v.num, 'f', -1, 64)
	case v.kind == isBool && v.num == 1:
		return "true"
	default:
		return "false"
	}
}

// What an explanation shows of long values.
const (
	maxShownText  = 200
	maxShownItems = 20
)

// String spells v for people.
func (v value) String() string {
	switch {
	case v.kind == isUnknown && v.need != 0:
		return "pending"
	case v.kind == isUnknown:
		return "unknown"
	case v.kind == isNull:
		return "absent"
	case v.kind == isString && len(v.str) > maxShownText:
		return strconv.Quote(v.str[:maxShownText]) + "…"
	case v.kind == isString:
		return strconv.Quote(v.str)
	case v.kind != isList:
		return v.text()
	}
	var b strings.Builder
	b.WriteByte('[')
	for i := range v.len() {
		if i > 0 {
			b.WriteString(", ")
		}
		if i == maxShownItems {
			b.WriteString("…")
			break
		}
		b.WriteString(v.at(i).String())
	}
	b.WriteByte(']')
	return b.String()
}
