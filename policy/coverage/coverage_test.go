package coverage

import (
	"strings"
	"testing"

	"sallyport.dev/sallyport/policy/rules/trace"
)

func TestReport(t *testing.T) {
	r := New([]Rule{
		{Name: "both", File: "a.hcl", Line: 1, When: &Condition{}},
		{Name: "half", File: "a.hcl", Line: 5, Unless: &Condition{}},
		{Name: "spent", File: "a.hcl", Line: 9},
		{Name: "never", File: "b.hcl", Line: 1, When: &Condition{}},
	})
	part := func(rules ...trace.Rule) []trace.Part { return []trace.Part{{Rules: rules}} }
	when := func(value string) []trace.Check {
		return []trace.Check{
			{What: "paths", Value: "/x", Matches: "partly"},
			{What: "when http.json.a == 1", Value: value},
			{What: "when http.json.a", Value: "false", Depth: 1},
		}
	}
	r.Add(part(trace.Rule{Rule: "both", Outcome: "denies", Checks: when("true")}))
	r.Add(part(trace.Rule{Rule: "both", Outcome: "does not match", Checks: when("false")}))
	r.Add(part(trace.Rule{Rule: "both", Outcome: "denies", Checks: when("unknown")},
		trace.Rule{Rule: "half", Outcome: "would ask", Checks: []trace.Check{{What: "unless sql.has_where", Value: "false"}}},
		trace.Rule{Rule: "spent", Outcome: "does not loosen", Checks: []trace.Check{{What: "limit", Matches: "no"}}},
		trace.Rule{Rule: "databases", Outcome: "denies"},
		trace.Rule{Rule: "never", Outcome: "does not match", Checks: []trace.Check{{What: "paths", Matches: "no"}, {What: "when x", Value: "true"}}}))
	var b strings.Builder
	if err := Write(&b, r.Rules()); err != nil {
		t.Fatal(err)
	}
	want := `ok    a.hcl:1: rule "both" reached 3, decided 2; when true 1, false 1, unknown 1
MISS  a.hcl:5: rule "half" reached 1, decided 1; unless true 0, false 1, unknown 0: unless was never true
ok    a.hcl:9: rule "spent" reached 1, decided 0
MISS  b.hcl:1: rule "never" reached 0, decided 0; when true 0, false 0, unknown 0: never reached
2 of 4 rules covered
`
	if b.String() != want {
		t.Errorf("got:\n%swant:\n%s", b.String(), want)
	}
}
