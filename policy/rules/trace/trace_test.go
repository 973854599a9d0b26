package trace

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCompactKeepsWhatDecided(t *testing.T) {
	parts := []Part{{Effects: "write", Posture: "guarded", Verdict: "ask", Rules: []Rule{
		{Rule: "other path", Verdict: "deny", Outcome: "does not match", Because: "paths: /v1/refunds", Checks: []Check{
			{What: "methods", Value: "POST", Matches: "yes"}, {What: "paths", Value: "/v1/refunds", Matches: "no"},
		}},
		{Rule: "small refunds", Verdict: "allow", Outcome: "does not match", Because: "its condition does not hold", Checks: []Check{
			{What: "when http.json.amount <= 50", Value: "false"},
			{What: "when http.json.amount", Value: "75", Depth: 1},
			{What: "when http.json.password", Value: `"hunter2"`, Depth: 1},
			{What: "when http.body", Value: `"{ all of it }"`, Depth: 1},
		}},
		{Rule: "large refunds", Verdict: "ask", Outcome: "asks", Because: "Rule asks.", Checks: []Check{{What: "paths", Value: strings.Repeat("ä", 200), Matches: "yes"}}},
	}}}
	b := Compact(parts)
	var got []Part
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for _, want := range []string{`"large refunds"`, `"other path"`, `"75"`, `"/v1/refunds"`, hidden} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
	for _, not := range []string{"hunter2", "all of it", `"POST"`} {
		if strings.Contains(text, not) {
			t.Errorf("%s is in %s", not, text)
		}
	}
	if got[0].Rules[0].Rule != "large refunds" || !utf8.ValidString(text) || parts[0].Rules[0].Rule != "other path" {
		t.Errorf("%+v", got)
	}
}

// However much there is to tell, the form stays short, keeps the rule that decided,
// and says how many it leaves out.
func TestCompactIsBounded(t *testing.T) {
	for _, n := range []int{0, 1, 30, 1000} {
		for _, parts := range []int{1, 3, 100} {
			var all []Part
			for range parts {
				p := Part{Posture: "guarded", Verdict: "ask", Operations: []string{strings.Repeat("o", 60), "b", "c", "d"}}
				for i := range n {
					p.Rules = append(p.Rules, Rule{Rule: fmt.Sprint("rule ", i), Outcome: "does not match", Because: strings.Repeat("<", 500)})
				}
				p.Rules = append(p.Rules, Rule{Rule: "the one", Outcome: "denies", Because: "Because."})
				all = append(all, p)
			}
			b := Compact(all)
			var got []Part
			if err := json.Unmarshal(b, &got); err != nil || len(b) > Max || len(got) != min(parts, MaxParts) {
				t.Fatalf("%d rules, %d parts: %d bytes, %v", n, parts, len(b), err)
			}
			for _, p := range got {
				if len(p.Rules) == 0 || p.Rules[0].Rule != "the one" || len(p.Rules)+p.More != n+1 {
					t.Errorf("%d rules, %d parts: %+v", n, parts, p)
				}
			}
		}
	}
	if Compact(nil) == nil {
		t.Error("nothing is not told")
	}
}

func BenchmarkCompact(b *testing.B) {
	p := Part{Posture: "guarded", Verdict: "ask"}
	for i := range 60 {
		p.Rules = append(p.Rules, Rule{Rule: fmt.Sprint("rule ", i), Outcome: "does not match", Because: "paths: /x", Checks: []Check{{What: "paths", Value: "/x", Matches: "no"}}})
	}
	for b.Loop() {
		Compact([]Part{p})
	}
}
