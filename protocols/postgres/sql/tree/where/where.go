//go:build cgo

package where

import (
	"sallyport.dev/sallyport/protocols/postgres/sql/tree/ident"

	pgquery "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// A Bound tells whether a condition holds a statement back: it reads a column of
// the target for certain, and no constant beside it makes it true of every row.
// It is a seat belt: "id = id" passes.
type Bound struct {
	Target string
	Alone  bool // a name without a table can only mean the target's column
}

// By reports whether the condition binds.
func (b Bound) By(n *pgquery.Node) bool { return b.holds(n, false) }

// holds looks through AND, OR and NOT: one arm of an AND is enough, an OR needs
// all of them, NOT turns the one into the other.
func (b Bound) holds(n *pgquery.Node, negated bool) bool {
	if n == nil {
		return false
	}
	e := n.GetBoolExpr()
	if e == nil {
		return b.reads(n.ProtoReflect())
	}
	if e.Boolop == pgquery.BoolExprType_NOT_EXPR {
		return len(e.Args) == 1 && b.holds(e.Args[0], !negated)
	}
	one := (e.Boolop == pgquery.BoolExprType_AND_EXPR) != negated
	for _, arg := range e.Args {
		if b.holds(arg, negated) == one {
			return one
		}
	}
	return !one
}

// reads reports whether a column of the target is named anywhere inside.
func (b Bound) reads(m protoreflect.Message) bool {
	switch n := m.Interface().(type) {
	case *pgquery.CurrentOfExpr:
		return true
	case *pgquery.ColumnRef:
		return b.isTarget(n)
	case *pgquery.SelectStmt:
		if len(n.FromClause) > 0 {
			b.Alone = false
		}
		for _, item := range n.FromClause {
			if b.hides(item.ProtoReflect()) {
				return false
			}
		}
	}
	found := false
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Kind() != protoreflect.MessageKind:
		case fd.IsList():
			list := v.List()
			for i := 0; i < list.Len() && !found; i++ {
				found = b.reads(list.Get(i).Message())
			}
		default:
			found = b.reads(v.Message())
		}
		return !found
	})
	return found
}

func (b Bound) isTarget(c *pgquery.ColumnRef) bool {
	names := ident.Parts(c.Fields)
	switch len(names) {
	case 0:
		return false
	case 1:
		return b.Alone && c.Fields[0].GetAStar() == nil || names[0] == b.Target
	default:
		return names[len(names)-2] == b.Target
	}
}

// hides reports whether a FROM item takes the target's name for itself.
func (b Bound) hides(m protoreflect.Message) bool {
	switch n := m.Interface().(type) {
	case *pgquery.Alias:
		return n.Aliasname == b.Target
	case *pgquery.RangeVar:
		if n.Alias == nil {
			return n.Relname == b.Target
		}
		return n.Alias.Aliasname == b.Target
	case *pgquery.SelectStmt:
		return false
	}
	hidden := false
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Kind() != protoreflect.MessageKind:
		case fd.IsList():
			list := v.List()
			for i := 0; i < list.Len() && !hidden; i++ {
				hidden = b.hides(list.Get(i).Message())
			}
		default:
			hidden = b.hides(v.Message())
		}
		return !hidden
	})
	return hidden
}
