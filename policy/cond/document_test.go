package cond

import (
	"fmt"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/internal/pulse"
)

type docFacts struct {
	root  *action.Node
	state action.State
}

func docSchema() *Schema {
	return NewSchema(action.FactTable{Protocol: "http", New: func() action.Facts { return new(docFacts) }, Facts: []action.FactSpec{
		action.Document("http.json", "body", needBody, func(f *docFacts) (*action.Node, action.State) { return f.root, f.state }),
	}})
}

func obj(pairs ...any) action.Node {
	n := action.Node{Kind: action.NodeObject}
	for i := 0; i < len(pairs); i += 2 {
		n.Keys = append(n.Keys, pairs[i].(string))
		n.Items = append(n.Items, nodeOf(pairs[i+1]))
	}
	return n
}

func nodeOf(v any) action.Node {
	switch v := v.(type) {
	case action.Node:
		return v
	case string:
		return action.Node{Kind: action.NodeString, Str: v}
	case int:
		return action.Node{Kind: action.NodeNumber, Num: float64(v)}
	case bool:
		n := action.Node{Kind: action.NodeBool}
		if v {
			n.Num = 1
		}
		return n
	case []any:
		n := action.Node{Kind: action.NodeList}
		for _, item := range v {
			n.Items = append(n.Items, nodeOf(item))
		}
		return n
	}
	return action.Node{Kind: action.NodeNull}
}

// refund is {"amount": 20, "currency": "EUR", "force": true, "none": null,
// "unclear": ?, "tags": ["a", "b"], "mixed": ["a", 1, ?], "items": [{"sku": "x"},
// {"sku": "y"}], "in": {"deep": "er"}}.
func refund() *action.Node {
	n := obj("amount", 20, "currency", "EUR", "force", true, "none", nil, "unclear", action.Node{},
		"tags", []any{"a", "b"}, "mixed", []any{"a", 1, action.Node{}},
		"items", []any{obj("sku", "x"), obj("sku", "y")}, "in", obj("deep", "er"))
	return &n
}

// What stands in a document has its type once it is there, and what does not fit
// is unknown.
func TestDocument(t *testing.T) {
	for expr, want := range map[string]string{
		`http.json.amount > 0 && http.json.amount <= 50 && http.json.currency == "EUR"`: "true",
		`http.json.amount == 20`: "true", `http.json["amount"] == 20`: "true", `http.json.amount == "20"`: "unknown",
		`http.json.currency > 5`: "unknown", `http.json.force == true`: "true", `http.json.force == false`: "false",
		`http.json.none == null`: "true", `http.json.missing == null`: "true", `http.json.missing.deeper == null`: "true",
		`http.json.missing < 5`: "unknown", `http.json.Amount == 20`: "unknown", `http.json.Amount == null`: "unknown",
		`http.json.unclear == null`: "unknown", `http.json.unclear == 1`: "unknown", `http.json.amount.x == null`: "unknown",
		`http.json.in.deep == "er"`: "true", `http.json.in == http.json.in`: "unknown", `http.json.tags == null`: "false",
		`http.json.tags[0] == "a"`: "true", `http.json.tags[5] == null`: "true", `http.json.amount[0] == 1`: "unknown",
		`contains(http.json.tags, "b")`: "true", `contains(http.json.tags, "c")`: "false",
		`contains(http.json.mixed, "a")`: "true", `contains(http.json.mixed, 1)`: "true", `contains(http.json.mixed, "z")`: "unknown",
		`contains(http.json.amount, "z")`: "unknown", `length(http.json.tags) == 2`: "true", `length(http.json.in) == 1`: "unknown",
		`alltrue([for i in http.json.items : contains(["x", "y"], i.sku)])`: "true",
		`anytrue([for i in http.json.items : i.sku == "y"])`:                "true",
		`alltrue([for k in keys(http.json.in) : k == "deep"])`:              "true",
		`keys(http.json.tags)[0] == "a"`:                                    "unknown", `keys(http.json)[0] == "amount"`: "true",
		`"${http.json.in}" == "x"`: "unknown", `"${http.json.currency}" == "EUR"`: "true",
		`coalesce(http.json.missing, 7) == 7`: "true", `tonumber(http.json.amount) == 20`: "true",
		`[for x in http.json.in : x == "er"][0] == true`: "unknown",
	} {
		c, diags := docSchema().Compile(parse(t, expr))
		if diags.HasErrors() {
			t.Errorf("%s: %v", expr, diags)
			continue
		}
		at := func(f docFacts) string {
			tri, need := c.Eval(&Env{Part: &action.Part{Facts: &f}})
			if need == needBody {
				return P
			}
			return tri.String()
		}
		if got := at(docFacts{refund(), action.Known}); got != want {
			t.Errorf("%s is %s, want %s", expr, got, want)
		}
		if got := at(docFacts{nil, action.Pending}); got != P {
			t.Errorf("%s of a body to come is %s", expr, got)
		}
		if got := at(docFacts{nil, action.Unknown}); got != "unknown" {
			t.Errorf("%s of an unknown body is %s", expr, got)
		}
	}
}

// A document alone is no condition, and has no fixed type to be wrong about.
func TestDocumentDiagnostics(t *testing.T) {
	for _, expr := range []string{`http.json.force`, `!http.json.force`, `keys("x")[0] == "a"`, `http.json.*.x == 1`} {
		e, diags := parseAny(expr)
		if !diags.HasErrors() {
			_, diags = docSchema().Compile(e)
		}
		if !diags.HasErrors() {
			t.Errorf("%s is taken", expr)
		}
	}
}

func TestDocumentNeedsNoAllocation(t *testing.T) {
	c, diags := docSchema().Compile(parse(t, `http.json.amount > 0 && http.json.currency == "EUR" && contains(http.json.tags, "b")`))
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	env := &Env{Part: &action.Part{Facts: &docFacts{refund(), action.Known}}}
	if n := testing.AllocsPerRun(100, func() { c.Eval(env) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// To look into a large object for every element of a large list is given up.
func TestT53_DocumentsInLoops(t *testing.T) {
	var items []any
	var pairs []any
	for i := range 5000 {
		items, pairs = append(items, i+1), append(pairs, fmt.Sprintf("%032d", i), 0)
	}
	n := obj(append(pairs, "items", items, "limit", 0)...)
	env := &Env{Part: &action.Part{Facts: &docFacts{root: &n, state: action.Known}}}
	compiled, diags := docSchema().Compile(parse(t, `anytrue([for x in http.json.items : x < http.json.limit])`))
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	start := pulse.Spent()
	if got, need := compiled.Eval(env); got != Unknown || need != 0 {
		t.Errorf("it is %v", got)
	}
	if took := pulse.Spent() - start; took > time.Second {
		t.Errorf("it took %v", took)
	}
}
