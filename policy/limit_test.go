package policy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
)

const limited = `
service "api" {
  hosts   = ["api.test"]
  posture = "guarded"
}
role "r" { use = [service.api] }
role "s" { use = [service.api] }
`

// What a rule with a limit counts is what it matched and no other refused; where
// there is no room, otherwise speaks.
func TestLimitCountsWhatTheRuleMatched(t *testing.T) {
	p := loaded(t, limited+`
rule "some" {
  on        = [service.api]
  methods   = ["POST"]
  paths     = ["/refunds"]
  limit     = "20/hour"
  verdict   = "allow"
  otherwise = "deny"
}
rule "asked" {
  on        = [service.api]
  methods   = ["PUT"]
  limit     = "2/day"
  per       = "all"
  verdict   = "ask"
  otherwise = "deny"
}
rule "watched" {
  on        = [service.api]
  methods   = ["POST"]
  limit     = "1/day"
  verdict   = "allow"
  otherwise = "deny"
  mode      = "observe"
}
rule "never" {
  on      = [service.api]
  paths   = ["/never"]
  verdict = "deny"
}
`)
	for _, c := range []struct {
		method, path string
		spent        []string
		want         action.Verdict
		counts       []string
	}{
		{"POST", "/refunds", nil, action.Allow, []string{"some"}},
		{"POST", "/refunds", []string{"some"}, action.Deny, nil},
		{"POST", "/refunds", []string{"other"}, action.Allow, []string{"some"}},
		{"GET", "/refunds", nil, action.Allow, nil},
		{"POST", "/else", nil, action.Ask, nil},
		{"PUT", "/x", nil, action.Ask, []string{"asked"}},
		{"PUT", "/x", []string{"asked"}, action.Deny, nil},
		{"PUT", "/never", nil, action.Deny, nil},
	} {
		a := request(p, "api", c.method, c.path)
		a.Spent = c.spent
		d := p.Decide(a)
		var counts []string
		for _, n := range d.Counts {
			counts = append(counts, n.Rule)
		}
		if d.Verdict != c.want || !slices.Equal(counts, c.counts) {
			t.Errorf("%s %s with %v spent: %s (%s), counts %v; want %s, %v", c.method, c.path, c.spent, d.Verdict, d.Reason, counts, c.want, c.counts)
		}
		if len(c.spent) > 0 && c.want == action.Deny && !strings.Contains(d.Reason, "is used up") {
			t.Errorf("%s %s: the agent is not told of the limit: %s", c.method, c.path, d.Reason)
		}
	}
}

// A limit that is used up leaves the verdict of a rule that does not hold: what
// the posture says, unless otherwise is stricter.
func TestLimitUsedUpIsAnUnmetCondition(t *testing.T) {
	p := loaded(t, limited+`
rule "some" {
  on        = [service.api]
  paths     = ["/refunds"]
  effects   = ["write"]
  when      = http.query.dry == "1"
  limit     = "3/minute"
  verdict   = "allow"
  otherwise = "ask"
}
`)
	a := request(p, "api", "POST", "/refunds")
	if d := p.Decide(a); d.Verdict != action.Ask || d.Counts != nil {
		t.Errorf("where the condition does not hold nothing counts: %+v", d)
	}
	a.Parts[0].Facts = &httpFacts{Method: "POST", Path: "/refunds", State: action.Known, Query: map[string][]string{"dry": {"1"}}}
	if d := p.Decide(a); d.Verdict != action.Allow || len(d.Counts) != 1 || d.Counts[0].Window != time.Minute || d.Counts[0].Limit != 3 {
		t.Errorf("%+v", d)
	}
	a.Spent = []string{"some"}
	if d := p.Decide(a); d.Verdict != action.Ask || d.Rule != "some" {
		t.Errorf("%+v", d)
	}
}

// per says whose actions are counted together.
func TestLimitPer(t *testing.T) {
	for per, want := range map[string][]string{
		``: {"agent agent-1"}, `per = "agent"`: {"agent agent-1"}, `per = "all"`: {"all"}, `per = "role"`: {"role r", "role s"},
		"per = \"role\"\n roles = [role.s]": {"role s"},
	} {
		p := loaded(t, limited+"rule \"some\" {\n on = \"*\"\n limit = \"20/hour\"\n verdict = \"allow\"\n otherwise = \"ask\"\n"+per+"\n}\n")
		a := request(p, "api", "GET", "/")
		a.Peer = &action.Peer{ID: "agent-1", Name: "ci", Enrolled: []string{"r", "s"}}
		if d := p.Decide(a); len(d.Counts) != 1 || !slices.Equal(d.Counts[0].Of, want) {
			t.Errorf("%s: %+v, want %q", per, d.Counts, want)
		}
	}
}

// An action of many parts counts once, and one that only steers not at all.
func TestLimitCountsAnActionOnce(t *testing.T) {
	p := loaded(t, `
service "db" {
  protocol = "postgres"
  hosts    = ["db.test"]
}
role "r" { use = [service.db] }
rule "some" {
  on        = [service.db]
  limit     = "20/hour"
  verdict   = "allow"
  otherwise = "deny"
}
`)
	part := sql(read, sqlFacts{Verbs: []string{"select"}, Tables: []string{"public.users"}})
	a := with(p, "db", part)
	a.Parts = append(a.Parts, part, part)
	if d := p.Decide(a); d.Verdict != action.Allow || len(d.Counts) != 1 {
		t.Errorf("%+v", d)
	}
	steering := part
	steering.Control = true
	if d := p.Decide(with(p, "db", steering)); d.Verdict != action.Allow || d.Counts != nil {
		t.Errorf("%+v", d)
	}
}

// A test block and explain see zero counters.
func TestLimitInTestsAndExplain(t *testing.T) {
	p := loaded(t, limited+`
rule "some" {
  on        = [service.api]
  limit     = "1/day"
  verdict   = "allow"
  otherwise = "deny"
}
test "there is room" {
  role    = role.r
  service = service.api
  request = "POST /x"
  expect  = "allow"
}
test "and again" {
  role    = role.r
  service = service.api
  request = "POST /x"
  expect  = "allow"
  rule    = "some"
}
`)
	a := request(p, "api", "POST", "/x")
	for spent, want := range map[string]string{"": "limit=1/day per agent/yes", "some": "limit=1/day per agent/no"} {
		a.Spent = []string{spent}
		if got := checksOf(p.Explain(a).Parts[0].Rules, "some"); !strings.Contains(got, want) {
			t.Errorf("%q does not tell %q", got, want)
		}
	}
}

func TestLimitIsChecked(t *testing.T) {
	for attrs, want := range map[string]string{
		`limit = "20/hour"` + "\n" + `verdict = "allow"`:                                                    "needs otherwise",
		`limit = "20/hour"` + "\n" + `verdict = "deny"` + "\n" + `otherwise = "ask"`:                        "Limit of a deny",
		`limit = "20 per hour"` + "\n" + `verdict = "allow"` + "\n" + `otherwise = "ask"`:                   "Bad limit",
		`limit = "20/fortnight"` + "\n" + `verdict = "allow"` + "\n" + `otherwise = "ask"`:                  "there are second, minute, hour, day and week",
		`limit = 20` + "\n" + `verdict = "allow"` + "\n" + `otherwise = "ask"`:                              "string",
		`per = "role"` + "\n" + `verdict = "allow"`:                                                         "Nothing to count",
		`per = "team"` + "\n" + `limit = "1/day"` + "\n" + `verdict = "allow"` + "\n" + `otherwise = "ask"`: `"agent", "role" or "all"`,
	} {
		p, diags := tryLoad(t, limited+"rule \"x\" {\n on = \"*\"\n"+attrs+"\n}\n")
		if p != nil || !strings.Contains(diags, want) {
			t.Errorf("%s: %s, want %q", attrs, diags, want)
		}
	}
}

// Agents are told how often they may.
func TestLimitInTheManifest(t *testing.T) {
	p := loaded(t, limited+"rule \"some\" {\n on = \"*\"\n paths = [\"/x\"]\n limit = \"3/day\"\n verdict = \"allow\"\n otherwise = \"ask\"\n}\n")
	text := p.Manifest(agent()).Markdown()
	for _, want := range []string{"Rule \"some\" (allow): paths /x; at most 3/day per agent", "Rule \"some\" (ask): paths /x; at most 3/day per agent, otherwise"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}
