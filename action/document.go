package action

import "strings"

// A NodeKind says what a Node is.
type NodeKind uint8

// The kinds of a Node. The zero kind is what readers could take differently.
const (
	NodeUnclear NodeKind = iota
	NodeNull
	NodeString
	NodeNumber
	NodeBool
	NodeList
	NodeObject
	// NodeHidden was taken out before the document was recorded.
	NodeHidden
)

// A Node is one value of a document, such as a JSON body. It belongs to the facts
// and is never changed.
type Node struct {
	Kind  NodeKind
	Str   string
	Num   float64  // of a boolean: 1 is true
	Items []Node   // of a list, and the values of an object
	Keys  []string // of an object, by index in Items; each stands once
}

// Member gives the value of a key. Unknown is a node that is no object, and a key
// that stands there, or nearly: some readers take keys without regard to case.
func (n *Node) Member(key string) (*Node, State) {
	switch n.Kind {
	case NodeObject:
	case NodeNull:
		return nil, Absent
	default:
		return nil, Unknown
	}
	state := Absent
	for i, k := range n.Keys {
		if k == key {
			return &n.Items[i], Known
		}
		if strings.EqualFold(k, key) {
			state = Unknown
		}
	}
	return nil, state
}

// Document makes the spec of a fact that has values inside, such as http.json.
func Document[T any](name, doc string, cost Need, get func(*T) (*Node, State)) FactSpec {
	return FactSpec{Name: name, Doc: doc, Cost: cost, Document: func(f Facts) (*Node, State) {
		if t, ok := f.(*T); ok {
			return get(t)
		}
		return nil, Unknown
	}}
}

// Word gives a member that must be a text; one that is null is absent.
func (n *Node) Word(key string) (string, State) {
	m, state := n.Member(key)
	if state != Known {
		return "", state
	}
	switch m.Kind {
	case NodeString:
		return m.Str, Known
	case NodeNull:
		return "", Absent
	}
	return "", Unknown
}

// Stated reports whether something stands under a key.
func (n *Node) Stated(key string) bool {
	m, state := n.Member(key)
	return state == Unknown || state == Known && m.Kind != NodeNull
}
