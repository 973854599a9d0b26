package usage

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/audit/record"
)

func day(n int) time.Time { return time.Date(2026, 11, n, 0, 0, 0, 0, time.UTC) }

func row(at int, agent, service, model string, tokens, cost int64) Row {
	s := Sum{Requests: 1, Input: tokens, Cost: cost}
	if cost == 0 {
		s.Unpriced = 1
	}
	return Row{At: day(at), Agent: record.Agent{Name: agent, User: agent + "@example.com"}, Service: service, Provider: service, Model: model, Sum: s}
}

func roles(a record.Agent) []string {
	return map[string][]string{"ci": {"build", "deploy"}, "bot": {"deploy"}}[a.Name]
}

func TestFold(t *testing.T) {
	rows := []Row{
		row(1, "ci", "openai", "a", 10, 100), row(2, "ci", "openai", "b", 20, 0),
		row(2, "bot", "anthropic", "c", 5, 300), row(3, "lone", "openai", "a", 1, 1),
	}
	q := Query{Since: day(1), Until: day(3).Add(time.Hour), Step: 24 * time.Hour}
	for by, want := range map[string]string{
		"":            " 36 401",
		"agent":       "bot 5 300; ci 30 100; lone 1 1",
		"model":       "c 5 300; a 11 101; b 20 0",
		"service":     "anthropic 5 300; openai 31 101",
		"provider":    "anthropic 5 300; openai 31 101",
		"role":        "deploy 35 400; build 30 100;  1 1",
		"user":        "bot@example.com 5 300; ci@example.com 30 100; lone@example.com 1 1",
		"agent,model": "bot/c 5 300; ci/a 10 100; lone/a 1 1; ci/b 20 0",
		"role,model":  "deploy/c 5 300; build/a 10 100; deploy/a 10 100; /a 1 1; build/b 20 0; deploy/b 20 0",
	} {
		var dims []string
		if by != "" {
			dims = strings.Split(by, ",")
		}
		r, err := Fold(q, dims, rows, roles)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, g := range r.Groups {
			got = append(got, fmt.Sprintf("%s %d %d", strings.Join(g.Key, "/"), g.Tokens(), g.Cost))
		}
		if s := strings.Join(got, "; "); s != want {
			t.Errorf("by %q: %q, want %q", by, s, want)
		}
		if r.Total.Tokens() != 36 || r.Total.Cost != 401 || r.Total.Requests != 4 {
			t.Errorf("by %q the total is %+v", by, r.Total)
		}
		if len(r.Unpriced) != 1 || r.Unpriced[0] != (Unpriced{"openai", "b", 1, 20}) {
			t.Errorf("unpriced: %+v", r.Unpriced)
		}
	}
	r, _ := Fold(q, []string{"agent"}, rows, roles)
	if len(r.Times) != 3 || r.Step != "day" || len(r.Groups[1].Line) != 3 || r.Groups[1].Line[1] != (Point{1, 20, 0}) || r.Groups[1].Line[2] != (Point{}) {
		t.Errorf("%+v", r)
	}
	if _, err := Fold(q, []string{"colour"}, rows, roles); err == nil {
		t.Error("it is grouped by colour")
	}
	if r, err := Fold(q, []string{"agent"}, nil, roles); err != nil || r.Groups == nil || len(r.Groups) != 0 {
		t.Errorf("of nothing: %+v %v", r, err)
	}
}

// Whoever answers chooses the names of models: ten thousand of them make no answer
// that cannot be shown, and lose nothing of the sum.
func TestT53_ManyNames(t *testing.T) {
	var rows []Row
	for i := range 10_000 {
		rows = append(rows, row(1, "ci", "s", fmt.Sprint("m", i), 1, int64(i)))
	}
	r, err := Fold(Query{Since: day(1), Until: day(2), Step: time.Second}, []string{"model"}, rows, roles)
	if err != nil {
		t.Fatal(err)
	}
	var sum Sum
	for _, g := range r.Groups {
		sum.Add(g.Sum)
	}
	if len(r.Groups) != MaxGroups || r.Groups[MaxGroups-1].Rest != 10_000-MaxGroups+1 || sum != r.Total || len(r.Times) > MaxSteps {
		t.Errorf("%d groups, %d times, %+v of %+v", len(r.Groups), len(r.Times), sum, r.Total)
	}
}

func TestT53_SumsStayNumbers(t *testing.T) {
	var s Sum
	for range 3 {
		s.Add(Sum{Requests: math.MaxInt64 / 2, Input: math.MaxInt64, CacheRead: math.MaxInt64, Output: math.MaxInt64, Cost: -5})
	}
	if s.Requests != math.MaxInt64 || s.Input != math.MaxInt64 || s.Tokens() != math.MaxInt64 || s.Cost != 0 {
		t.Errorf("%+v", s)
	}
}
