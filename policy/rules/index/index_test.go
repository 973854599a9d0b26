package index

import (
	"slices"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/hclconf"
	"sallyport.dev/sallyport/policy/match"
	"sallyport.dev/sallyport/policy/rules/operation"
)

type facts struct {
	method, path  string
	tables, verbs []string
	state         action.State
}

func compiler() *match.Compiler {
	str := func(name string, get func(*facts) string) action.FactSpec {
		return action.Str(name, "", 0, func(f *facts) (string, action.State) { return get(f), f.state })
	}
	list := func(name string, get func(*facts) []string) action.FactSpec {
		return action.List(name, "", 0, func(f *facts) ([]string, action.State) { return get(f), f.state })
	}
	return &match.Compiler{Tables: []action.FactTable{
		{Protocol: "http", Facts: []action.FactSpec{str("http.method", func(f *facts) string { return f.method }), str("http.path", func(f *facts) string { return f.path })}},
		{Protocol: "postgres", Facts: []action.FactSpec{list("sql.tables", func(f *facts) []string { return f.tables }), list("sql.verbs", func(f *facts) []string { return f.verbs })}},
	}}
}

// rules are filed by attribute and patterns, in the order of the names.
func rules(lists map[string]map[string][]string) []Rule[string] {
	var out []Rule[string]
	for name, attributes := range lists {
		r := Rule[string]{Rule: name, Lists: map[string]hclconf.List{}}
		for attribute, patterns := range attributes {
			var items []hclconf.Str
			for _, p := range patterns {
				items = append(items, hclconf.Str{Value: p})
			}
			r.Lists[attribute] = hclconf.List{Items: items}
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b Rule[string]) int { return slices.Compare([]byte(a.Rule), []byte(b.Rule)) })
	for i := range out {
		out[i].Order = i
	}
	return out
}

func TestHTTP(t *testing.T) {
	all := rules(map[string]map[string][]string{
		"any":        {},
		"but":        {"paths": {"!/x"}},
		"everywhere": {"paths": {"**"}, "methods": {"GET"}},
		"merge":      {"operations": {"merge", "close"}, "methods": {"GET"}},
		"posts":      {"methods": {"POST", "PUT"}},
		"refunds":    {"paths": {"/v1/refunds", "/v1/refunds/**"}},
		"repos":      {"paths": {"/repos/*/site/**"}, "operations": {"merge"}},
		"some ops":   {"operations": {"m*"}},
	})
	for _, fold := range []bool{false, true} {
		x := New(compiler(), "http", fold, all)
		for _, c := range []struct {
			f       facts
			ops     []string
			unknown bool
			want    []string // nil: all
		}{
			{facts{"POST", "/v1/refunds", nil, nil, action.Known}, nil, false, []string{"any", "but", "posts", "refunds", "some ops"}},
			{facts{"GET", "/repos/acme/site/x", nil, nil, action.Known}, []string{"close"}, false, []string{"any", "but", "everywhere", "merge", "repos", "some ops"}},
			{facts{"GET", "/else", nil, nil, action.Known}, nil, false, []string{"any", "but", "everywhere", "some ops"}},
			{facts{"GET", "/else", nil, nil, action.Known}, nil, true, nil},
			{facts{"GET", "/else", nil, nil, action.Unknown}, nil, false, nil},
		} {
			look := &Look{Facts: &c.f, OpsUnknown: c.unknown}
			for _, op := range c.ops {
				look.Ops = append(look.Ops, operation.Hit{Operation: &operation.Operation{Name: op}})
			}
			var p Pile[string]
			got, ok := x.Rules(look, &p)
			if ok != (c.want != nil) || !slices.Equal(got, c.want) {
				t.Errorf("%+v: %q, %v, want %q", c.f, got, ok, c.want)
			}
		}
		look := &Look{Facts: &facts{"GET", "/V1/Refunds/7", nil, nil, action.Known}}
		var p Pile[string]
		if got, _ := x.Rules(look, &p); slices.Contains(got, "refunds") != fold {
			t.Errorf("with fold %v: %q", fold, got)
		}
	}
}

func TestSQL(t *testing.T) {
	x := New(compiler(), "postgres", false, rules(map[string]map[string][]string{
		"any":    {},
		"audit":  {"tables": {"audit.*"}},
		"drop":   {"verbs": {"drop", "truncate"}},
		"logs":   {"tables": {"*_log"}},
		"not us": {"tables": {"!users"}},
		"users":  {"tables": {"users", "private.users"}, "verbs": {"select"}},
	}))
	for _, c := range []struct {
		tables, verbs []string
		want          []string
	}{
		{[]string{"public.users"}, []string{"select"}, []string{"any", "logs", "not us", "users"}},
		{[]string{"public.orders", "audit.users"}, []string{"select"}, []string{"any", "audit", "logs", "not us", "users"}},
		{[]string{"public.orders"}, []string{"drop"}, []string{"any", "drop", "logs", "not us"}},
		{nil, []string{"select"}, []string{"any", "logs", "not us"}},
		{[]string{"users"}, []string{"select"}, nil},
		{[]string{"public.a.b"}, []string{"select"}, nil},
		{[]string{"public.*"}, []string{"select"}, nil},
		{slices.Repeat([]string{"public.users", "audit.x"}, 20), []string{"select"}, nil},
	} {
		var p Pile[string]
		got, ok := x.Rules(&Look{Facts: &facts{tables: c.tables, verbs: c.verbs, state: action.Known}}, &p)
		if ok != (c.want != nil) || !slices.Equal(got, c.want) {
			t.Errorf("%q %q: %q, %v, want %q", c.verbs, c.tables, got, ok, c.want)
		}
	}
}

func TestNothingToTellApart(t *testing.T) {
	if New[string](&match.Compiler{}, "http", false, nil) != nil || New[string](compiler(), "tcp", false, nil) != nil {
		t.Error("an index of nothing")
	}
}
