package kleene

import "sallyport.dev/sallyport/action"

// Of is the value of a node of a document.
func Of(n *action.Node) Value {
	switch n.Kind {
	case action.NodeNull:
		return Null()
	case action.NodeString:
		return Text(n.Str)
	case action.NodeNumber:
		return Number(n.Num)
	case action.NodeBool:
		return Bool(n.Num == 1)
	case action.NodeList:
		return Value{Kind: IsList, doc: n}
	case action.NodeObject:
		return Value{Kind: IsObject, doc: n}
	case action.NodeHidden:
		return Pending(action.Unrecorded)
	default:
		return Value{}
	}
}

// Member is what stands in an object under a key. In what is absent everything is
// absent; in what is no object it is unknown.
func (v Value) Member(key string) Value {
	switch {
	case v.Kind == IsNull:
		return v
	case v.Kind != IsObject:
		return Pending(v.Need)
	}
	n, state := v.doc.Member(key)
	if state != action.Known {
		return Missing(state, 0)
	}
	return Of(n)
}

// Keys lists the keys of an object.
func (v Value) Keys() Value {
	if v.Kind != IsObject {
		return Pending(v.Need)
	}
	return Texts(v.doc.Keys)
}
