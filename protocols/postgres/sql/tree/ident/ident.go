//go:build cgo

package ident

import (
	"strings"

	pgquery "github.com/pganalyze/pg_query_go/v6"
)

// Parts gives the strings of a name's parts, "*" for a star.
func Parts(nodes []*pgquery.Node) []string {
	names := make([]string, 0, len(nodes))
	for _, n := range nodes {
		switch {
		case n.GetString_() != nil:
			names = append(names, n.GetString_().Sval)
		case n.GetAStar() != nil:
			names = append(names, "*")
		}
	}
	return names
}

// Dotted joins the parts of a name; a part that would blur the borders is quoted.
func Dotted(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		if p == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		if strings.ContainsAny(p, `.*"`) {
			p = `"` + strings.ReplaceAll(p, `"`, `""`) + `"`
		}
		b.WriteString(p)
	}
	return b.String()
}
