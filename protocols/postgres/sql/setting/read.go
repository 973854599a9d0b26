//go:build cgo

package setting

import (
	"strconv"
	"strings"

	"sallyport.dev/sallyport/protocols/postgres/sql/known"

	pgquery "github.com/pganalyze/pg_query_go/v6"
)

// Of gives the setting that a SET or a RESET names.
func Of(n *pgquery.VariableSetStmt) known.Set {
	s := known.Set{Name: strings.ToLower(n.Name)}
	switch n.Kind {
	case pgquery.VariableSetKind_VAR_SET_VALUE:
		s.Value, s.Known = valueOf(n.Args)
		s.List, s.Local = listOf(n.Args), n.IsLocal
	case pgquery.VariableSetKind_VAR_SET_DEFAULT, pgquery.VariableSetKind_VAR_RESET:
		s.Reset = true
	case pgquery.VariableSetKind_VAR_RESET_ALL:
		s.Name, s.Reset = "*", true
	}
	return s
}

// OfCall gives the setting of a call of set_config.
func OfCall(args []*pgquery.Node) known.Set {
	s := known.Set{Name: "*", Local: true}
	if len(args) != 3 {
		return s
	}
	if name := args[0].GetAConst().GetSval(); name != nil {
		s.Name = strings.ToLower(name.Sval)
	}
	s.Value, s.Known = valueOf(args[1:2])
	return s
}

// AsksToWrite finds READ WRITE among the modes of a transaction; what is not
// READ ONLY for certain counts.
func AsksToWrite(options []*pgquery.Node) bool {
	for _, o := range options {
		d := o.GetDefElem()
		if d.GetDefname() != "transaction_read_only" {
			continue
		}
		if i := d.Arg.GetAConst().GetIval(); i == nil || i.Ival == 0 {
			return true
		}
	}
	return false
}

// listOf gives all the values of a SET; nil if the text does not say one of them.
func listOf(args []*pgquery.Node) []string {
	list := make([]string, 0, len(args))
	for i := range args {
		v, known := valueOf(args[i : i+1])
		if !known {
			return nil
		}
		list = append(list, v)
	}
	return list
}

// valueOf gives the one value of a SET; known is false for several.
func valueOf(args []*pgquery.Node) (value string, known bool) {
	if len(args) != 1 {
		return "", false
	}
	c := args[0].GetAConst()
	switch {
	case c.GetSval() != nil:
		return c.GetSval().Sval, true
	case c.GetIval() != nil:
		return strconv.Itoa(int(c.GetIval().Ival)), true
	case c.GetFval() != nil:
		return c.GetFval().Fval, true
	}
	return "", false
}
