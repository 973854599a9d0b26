package call

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
)

func request(query string, more ...string) string {
	b, _ := json.Marshal(query)
	return `{"query": ` + string(b) + strings.Join(more, "") + `}`
}

func TestGraphQL(t *testing.T) {
	bomb := "query { ...f0 } "
	for i := range 30 {
		bomb += fmt.Sprintf("fragment f%d on Q { ...f%d ...f%d } ", i, i+1, i+1)
	}
	for _, tt := range []struct {
		text   string
		op     string
		typ    string
		fields string
	}{
		{request(`{ viewer { login } }`), "-", "query", "viewer"},
		{request(`query Q { a: viewer { deleteRef } b: rateLimit { cost } }`), "Q", "query", "viewer,rateLimit"},
		{request(`mutation { deleteRef(input: {}) { clientMutationId } }`), "-", "mutation", "deleteRef"},
		{request(`mutation { innocent: deleteRef(input: {}) { x } }`), "-", "mutation", "deleteRef"},
		{request(`mutation M { ...f } fragment f on Mutation { ... on Mutation { ...g } } fragment g on Mutation { deleteRef(x: 1) { y } }`), "M", "mutation", "deleteRef"},
		{request("# query\nmutation @a { x(s: \"\"\"{ query }\"\"\") }"), "-", "mutation", "x"},
		{request(`subscription { s }`), "-", "subscription", "s"},
		{request(`query A { a } mutation B { b }`, `, "operationName": "B"`), "B", "mutation", "b"},
		{request(`query A { a } mutation B { b }`, `, "operationName": "A"`), "A", "query", "a"},
		{"[" + request(`{ a }`) + "," + request(`mutation { b }`) + "]", "?", "?", "a,b"},
		{request(`query A { a } mutation B { b }`), "?", "?", "?"}, {request(`query A { a } query A { b }`, `, "operationName": "A"`), "?", "?", "?"},
		{request(`query A { a }`, `, "operationName": "Z"`), "?", "?", "?"}, {request(`{ a }`, `, "operationName": 5`), "?", "?", "?"},
		{request(`{ ...none }`), "?", "?", "?"}, {request(`{ ...f } fragment f on Q { ...f }`), "?", "?", "?"},
		{request(`{ ...f } fragment f on Q { a } fragment f on Q { b }`), "?", "?", "?"},
		{request(bomb + "fragment f30 on Q { a }"), "?", "?", "?"},
		{request(`{`), "?", "?", "?"}, {request(``), "?", "?", "?"}, {request(strings.Repeat("{a", 5000)), "?", "?", "?"},
		{`{"extensions": {"persistedQuery": {"sha256Hash": "x"}}}`, "?", "?", "?"}, {`{"id": "stored"}`, "?", "?", "?"},
		{`{"query": "{ a }", "query": "mutation { b }"}`, "?", "?", "?"}, {`{"query": "{ a }", "Query": "mutation { b }"}`, "?", "?", "?"},
		{`[]`, "?", "?", "?"}, {`broken`, "?", "?", "?"},
	} {
		g := Of([]string{"graphql"}, "/graphql", doc(tt.text)).GraphQL
		fields, s := g.Roots()
		if op, typ, fields := shown(g.Operation()), shown(g.Type()), shown(strings.Join(fields, ","), s); op != tt.op || typ != tt.typ || fields != tt.fields {
			t.Errorf("%.200s\nis %s of type %s with %s", tt.text, op, typ, fields)
		}
		e, s := g.Effects()
		if mutates := strings.Contains(tt.typ, "mutation") || tt.fields == "a,b"; s == action.Known && mutates != (e == action.EffectWrite) || (s == action.Known) == (tt.fields == "?") {
			t.Errorf("%.200s: %v %v", tt.text, e, s)
		}
		again := new(GraphQL)
		if b, err := json.Marshal(g); err != nil || json.Unmarshal(b, again) != nil {
			t.Fatal(err)
		}
		if again.spreads = g.spreads; !reflect.DeepEqual(again, g) {
			t.Errorf("recorded as %+v, was %+v", again, g)
		}
	}
}

// Reading a document ends, and a mutation is never taken for a query.
func FuzzGraphQL(f *testing.F) {
	f.Add(`mutation M { ...f } fragment f on M { a: b }`, "M")
	f.Add(`{ a @include(if: false) { b } }`, "")
	f.Fuzz(func(t *testing.T, query, name string) {
		g := GraphQLOf(query, name)
		e, s := g.Effects()
		if s == action.Known && e == action.EffectRead && !strings.ContainsAny(query, "{") {
			t.Errorf("%q is %+v", query, g)
		}
		if s == action.Known && e == action.EffectRead && strings.HasPrefix(query, "mutation{") && name == "" {
			t.Errorf("%q is %+v", query, g)
		}
	})
}
