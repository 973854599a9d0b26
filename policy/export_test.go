package policy

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
)

// httpFacts and sqlFacts stand for what the protocols tell.
type httpFacts struct {
	Method, Path string
	State        action.State // of both
	Body         action.State
	Amount       string
	Query        url.Values
}

type sqlFacts struct {
	Verbs, Tables, Columns, Functions []string
	Database                          string
	HasWhere                          bool
	State                             action.State
}

const needBody action.Need = 1

func testTables() []action.FactTable {
	h := func(get func(*httpFacts) string) func(*httpFacts) (string, action.State) {
		return func(f *httpFacts) (string, action.State) { return get(f), f.State }
	}
	l := func(get func(*sqlFacts) []string) func(*sqlFacts) ([]string, action.State) {
		return func(f *sqlFacts) ([]string, action.State) { return get(f), f.State }
	}
	return []action.FactTable{
		{Protocol: "http", New: func() action.Facts { return new(httpFacts) }, Facts: []action.FactSpec{
			action.Str("http.method", "", 0, h(func(f *httpFacts) string { return f.Method })),
			action.Str("http.path", "", 0, h(func(f *httpFacts) string { return f.Path })),
			action.Key("http.json", "", needBody, func(f *httpFacts, key string) (string, action.State) { return f.Amount, f.Body }),
			action.Key("http.query", "", 0, func(f *httpFacts, key string) (string, action.State) {
				if !f.Query.Has(key) {
					return "", action.Absent
				}
				return f.Query.Get(key), action.Known
			}),
			action.Str("graphql.type", "", needBody, func(f *httpFacts) (string, action.State) { return f.Amount, f.Body }),
			action.List("graphql.fields", "", needBody, func(f *httpFacts) ([]string, action.State) { return nil, f.Body }),
			action.Str("llm.model", "", needBody, func(f *httpFacts) (string, action.State) { return f.Amount, f.Body }),
		}, Readings: []action.Reading{
			{Name: "graphql", Facts: []string{"graphql."}}, {Name: "git"}, {Name: "jsonrpc"}, {Name: "mcp", Cost: needBody, Effects: mcpEffects, Worst: action.EffectWrite | action.EffectDestructive | action.EffectAdmin}, {Name: "llm", Facts: []string{"llm."}, Cost: needBody},
		}},
		{Protocol: "postgres", New: func() action.Facts { return new(sqlFacts) }, Facts: []action.FactSpec{
			action.List("sql.verbs", "", 0, l(func(f *sqlFacts) []string { return f.Verbs })),
			action.List("sql.tables", "", 0, l(func(f *sqlFacts) []string { return f.Tables })),
			action.List("sql.tables_expanded", "", 0, func(*sqlFacts) ([]string, action.State) { return nil, action.Unknown }),
			action.List("sql.columns", "", 0, l(func(f *sqlFacts) []string { return f.Columns })),
			action.List("sql.functions", "", 0, l(func(f *sqlFacts) []string { return f.Functions })),
			action.Str("sql.database", "", 0, func(f *sqlFacts) (string, action.State) { return f.Database, action.Known }),
			action.Bool("sql.has_where", "", 0, func(f *sqlFacts) (bool, action.State) { return f.HasWhere, f.State }),
		}},
	}
}

// mcpEffects reads the amount as the effect of a body.
func mcpEffects(f action.Facts) (action.Effects, bool, action.State) {
	h := f.(*httpFacts)
	e, _ := action.ParseEffect(h.Amount)
	return e, h.Amount == "", h.Body
}

// testTrials understand just enough: a method and a path; VERB TABLE.
func testTrials() map[string]func(*action.Service, action.Trial) (*action.Action, error) {
	return map[string]func(*action.Service, action.Trial) (*action.Action, error){
		"http": func(s *action.Service, t action.Trial) (*action.Action, error) {
			u, err := url.Parse(t.URL)
			if err != nil {
				return nil, err
			}
			body := action.Absent
			if len(t.Body) > 0 {
				body = action.Known
			}
			f := &httpFacts{Method: t.Method, Path: u.Path, State: action.Known, Body: body, Amount: string(t.Body), Query: u.Query()}
			return &action.Action{Parts: []action.Part{{Facts: f, Effects: methodEffect(t.Method)}}}, nil
		},
		"postgres": func(s *action.Service, t action.Trial) (*action.Action, error) {
			words := strings.Fields(strings.ToLower(t.SQL))
			if len(words) < 2 {
				return nil, fmt.Errorf("syntax error in %q", t.SQL)
			}
			effect := map[string]action.Effects{"select": action.EffectRead, "insert": action.EffectWrite, "drop": action.EffectDestructive}[words[0]]
			f := &sqlFacts{Verbs: words[:1], Tables: []string{"public." + words[len(words)-1]}, Database: t.Database, State: action.Known}
			return &action.Action{Parts: []action.Part{{Facts: f, Effects: effect}}}, nil
		},
		"tcp": func(s *action.Service, t action.Trial) (*action.Action, error) {
			return &action.Action{Parts: []action.Part{{Effects: action.EffectUnknown}}}, nil
		},
	}
}

func methodEffect(method string) action.Effects {
	switch method {
	case "GET", "HEAD", "OPTIONS":
		return action.EffectRead
	case "POST", "PUT", "PATCH":
		return action.EffectWrite
	case "DELETE":
		return action.EffectDestructive
	}
	return action.EffectUnknown
}

func testOptions() Options {
	return Options{
		Tables: testTables(), Trials: testTrials(),
		Now: func() time.Time { return time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC) },
	}
}

// load makes a policy of one text, which must load.
func loaded(t testing.TB, text string) *Policy {
	t.Helper()
	p, diags := tryLoad(t, text)
	if p == nil {
		t.Fatalf("load: %s\n%s", diags, text)
	}
	return p
}

func tryLoad(t testing.TB, text string) (*Policy, string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "policy.hcl")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, _, diags := Load(name, testOptions())
	lines := make([]string, len(diags))
	for i, d := range diags {
		lines[i] = d.Error()
	}
	return p, strings.Join(lines, "\n")
}
