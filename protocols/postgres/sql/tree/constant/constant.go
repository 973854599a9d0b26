//go:build cgo

package constant

import (
	"strconv"

	"sallyport.dev/sallyport/protocols/postgres/bound"

	pgquery "github.com/pganalyze/pg_query_go/v6"
)

// List gives the values of nodes in text form, "" for NULL; nil if there are none,
// or if one is no constant whose text is the same for every type it may be taken as.
func List(nodes []*pgquery.Node) []string {
	var values []string
	for _, n := range nodes {
		v, ok := value(n.GetAConst())
		if !ok {
			return nil
		}
		values = append(values, v)
	}
	return values
}

func value(c *pgquery.A_Const) (string, bool) {
	switch {
	case c == nil:
		return "", false
	case c.Isnull:
		return "", true
	case c.GetSval() != nil:
		text := c.GetSval().Sval
		return text, bound.Single(text)
	case c.GetIval() != nil:
		return strconv.Itoa(int(c.GetIval().Ival)), true
	}
	return "", false // 1.5 may be rounded; true is t, or a text
}
