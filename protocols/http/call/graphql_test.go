package call

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/internal/pulse"
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
		{request(`query A { a } mutation B { b }`), "?", "?", "?"},
		{request(`query A { a } query A { b }`, `, "operationName": "A"`), "?", "?", "?"},
		{request(`query A { a }`, `, "operationName": "Z"`), "?", "?", "?"},
		{request(`{ a }`, `, "operationName": 5`), "?", "?", "?"},
		{request(`{ ...none }`), "?", "?", "?"},
		{request(`{ ...f } fragment f on Q { ...f }`), "?", "?", "?"},
		{request(`{ ...f } fragment f on Q { a } fragment f on Q { b }`), "?", "?", "?"},
		{request(bomb + "fragment f30 on Q { a }"), "?", "?", "?"},
		{request(`{`), "?", "?", "?"},
		{request(``), "?", "?", "?"},
		{request(strings.Repeat("{a", 5000)), "?", "?", "?"},
		{`{"extensions": {"persistedQuery": {"sha256Hash": "x"}}}`, "?", "?", "?"},
		{`{"id": "stored"}`, "?", "?", "?"},
		{`{"query": "{ a }", "query": "mutation { b }"}`, "?", "?", "?"},
		{`{"query": "{ a }", "Query": "mutation { b }"}`, "?", "?", "?"},
		{`[]`, "?", "?", "?"},
		{`broken`, "?", "?", "?"},
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
		if !reflect.DeepEqual(again, g) {
			t.Errorf("recorded as %+v, was %+v", again, g)
		}
	}
}

// Where servers could execute something else than what was read, nothing is known.
func TestT27_GraphQLReadersDiffer(t *testing.T) {
	const hidden = `mutation A { ...F deleteRef }`
	sum := sha256.Sum256([]byte(`{ a }`))
	hash := hex.EncodeToString(sum[:])
	for name, text := range map[string]string{
		// One reader ends the block string after three quotes and goes on with a string that
		// another sees behind the end, so that each finds another operation.
		"a mutation behind a block string": request(`fragment F on M { star(x: ["""q"""" ]) } query A { viewer } #" ]) } ` + hidden),
		"a field behind a block string":    request(`mutation { star(x: ["""q"""" ]) { y } } #" ]) { y } deleteRef }`),
		"backslashes before quotes":        request(`mutation { star(x: """q\\""") { y } } #""") { y } deleteRef }`),
		"a stored document beside it":      request(`{ a }`, `, "documentId": "deleteRef"`),
		"a stored document of Relay":       request(`{ a }`, `, "id": "7"`),
		"a hash of another document":       request(`{ a }`, `, "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "`+strings.Repeat("0", 64)+`"}}`),
		"a hash by two names":              request(`{ a }`, `, "extensions": {"persistedQuery": {"sha256Hash": "`+hash+`"}, "PersistedQuery": {}}`),
	} {
		if g := Of([]string{"graphql"}, "/graphql", doc(text)).GraphQL; !g.Unclear {
			t.Errorf("%s: %+v", name, g)
		}
	}
	for name, text := range map[string]string{
		"block strings":        request(`{ a(x: ["""q""", """ "r" """]) }`),
		"its own hash":         request(`{ a }`, `, "variables": {}, "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "`+hash+`"}}`),
		"another extension":    request(`{ a }`, `, "extensions": {"trace": true}`),
		"no extension":         request(`{ a }`, `, "extensions": null`),
		"backslash and string": request(`{ a(x: "c:\\") }`),
	} {
		if g := Of([]string{"graphql"}, "/graphql", doc(text)).GraphQL; g.Unclear {
			t.Errorf("%s is unclear", name)
		}
	}
}

// A fragment is read once, however often it is spread.
func TestT53_GraphQLFragments(t *testing.T) {
	var fields, spreads strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&fields, "a%d: %s%03d ", i, strings.Repeat("f", 200), i%100)
		spreads.WriteString("...F ")
	}
	text := "{ " + spreads.String() + "} fragment F on Q { " + fields.String()[:120000] + "}"
	before := pulse.Spent()
	if g := GraphQLOf(text, ""); g.Unclear || len(g.Fields) != 100 && len(g.Fields) != 101 {
		t.Errorf("%d fields, unclear: %v", len(g.Fields), g.Unclear)
	}
	if took := pulse.Spent() - before; took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
}

// A batch that packs small and costs much is not read.
func TestT53_GraphQLBatches(t *testing.T) {
	one := request("{" + strings.Repeat("a ", maxTokens-10) + "}")
	for n, unclear := range map[int]bool{maxBatch: false, maxBatch + 1: true} {
		batch := doc("[" + strings.Repeat(one+",", n-1) + one + "]")
		took := time.Hour
		for try := 0; try < 5 && took > time.Second; try++ { // what else the machine does only adds
			before := pulse.Spent()
			if g := Of([]string{"graphql"}, "/graphql", batch).GraphQL; g.Unclear != unclear {
				t.Errorf("%d documents are unclear: %v", n, g.Unclear)
			}
			took = min(took, pulse.Spent()-before)
		}
		if took > time.Second {
			t.Errorf("%d documents took %v", n, took)
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
