package cond

import (
	"net/netip"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// webFacts and dbFacts stand for the facts of two protocols. Every field has a
// state, so that a row can say pending or unknown of any of them.
type webFacts struct {
	method  string
	size    float64
	state   action.State // of method and size
	headers map[string][]string
	query   map[string][]string
	body    action.State // of web.body and web.forced
}

const (
	needBody action.Need = 1 << iota
	needText
)

func (f *webFacts) single(m map[string][]string, key string) (string, action.State) {
	switch v := m[key]; len(v) {
	case 0:
		return "", action.Absent
	case 1:
		return v[0], action.Known
	default:
		return "", action.Unknown
	}
}

func webTable() action.FactTable {
	return action.FactTable{Protocol: "http", New: func() action.Facts { return new(webFacts) }, Facts: []action.FactSpec{
		action.Str("http.method", "method", 0, func(f *webFacts) (string, action.State) { return f.method, f.state }),
		action.Num("http.size", "size", 0, func(f *webFacts) (float64, action.State) { return f.size, f.state }),
		action.Str("http.body", "body", needBody, func(f *webFacts) (string, action.State) { return "secret plan", f.body }),
		action.Key("http.headers", "header", 0, func(f *webFacts, k string) (string, action.State) { return f.single(f.headers, k) }),
		action.KeyList("http.headers_all", "headers", 0, func(f *webFacts, k string) ([]string, action.State) {
			return f.headers[k], action.Known
		}),
		action.Key("http.query", "parameter", 0, func(f *webFacts, k string) (string, action.State) { return f.single(f.query, k) }),
		action.KeyList("http.query_all", "parameters", 0, func(f *webFacts, k string) ([]string, action.State) {
			return f.query[k], action.Known
		}),
	}}
}

type dbFacts struct {
	Tables   []string
	HasWhere bool
	Where    action.State
	Text     action.State
}

func dbTable() action.FactTable {
	return action.FactTable{Protocol: "postgres", New: func() action.Facts { return new(dbFacts) }, Facts: []action.FactSpec{
		action.List("sql.tables", "tables", 0, func(f *dbFacts) ([]string, action.State) {
			if f.Tables == nil {
				return nil, action.Unknown
			}
			return f.Tables, action.Known
		}),
		action.Bool("sql.has_where", "where", 0, func(f *dbFacts) (bool, action.State) { return f.HasWhere, f.Where }),
		action.Str("sql.text", "text", needText, func(f *dbFacts) (string, action.State) { return "select 1", f.Text }),
	}}
}

func testSchema() *Schema { return NewSchema(webTable(), dbTable()) }

// sunday is 2026-11-22 03:30 UTC, a Sunday.
func sunday() time.Time { return time.Date(2026, 11, 22, 3, 30, 0, 0, time.UTC) }

// testEnv is an agent's POST, and the reading of two tables, in one.
func testEnv() *Env {
	return &Env{
		Action: &action.Action{
			Peer:    &action.Peer{Name: "ci", User: "ana@acme.dev", Tags: []string{"tag:ci", "tag:dev"}},
			Service: &action.Service{Name: "billing"},
			Host:    "billing.internal",
			Dst:     netip.MustParseAddrPort("10.4.0.12:5432"),
		},
		Part: &action.Part{Facts: &webFacts{
			method: "POST", size: 42, state: action.Known, body: action.Pending,
			headers: map[string][]string{"x-tenant": {"acme"}, "accept": {"a", "b"}},
			query:   map[string][]string{"page": {"7"}, "bad": {"seven"}, "id": {"1", "2"}, "empty": {""}, "ip": {"10.1.2.3"}},
		}},
		Effects: action.EffectWrite,
		Roles:   []string{"analyst", "writer"},
		Now:     sunday(),
	}
}

func parse(t testing.TB, text string) hcl.Expression {
	t.Helper()
	e, diags := hclsyntax.ParseExpression([]byte(text), "rule.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("%s: %v", text, diags)
	}
	return e
}

func compile(t testing.TB, text string) *Cond {
	t.Helper()
	c, diags := testSchema().Compile(parse(t, text))
	if diags.HasErrors() {
		t.Fatalf("%s: %v", text, diags)
	}
	return c
}

func parseAny(text string) (hcl.Expression, hcl.Diagnostics) {
	return hclsyntax.ParseExpression([]byte(text), "fuzz.hcl", hcl.InitialPos)
}
