package policy

import (
	"encoding/json"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/rules/trace"
)

const explainConf = `
service "db" {
  description = "The shop's database"
  protocol    = "postgres"
  hosts       = ["db.test"]
  auth        = password("ro", secret.db)
}
service "ssh" {
  protocol = "tcp"
  hosts    = ["git.test:22"]
}
service "hidden" { hosts = ["hidden.test"] }
role "r" { use = [service.db, service.ssh] }
role "x" { use = [service.hidden] }
rule "bounded" {
  on      = [service.db]
  verbs   = ["update"]
  unless  = sql.has_where
  verdict = "deny"
  reason  = "Add a WHERE clause."
}
rule "log" {
  on      = [service.db]
  tables  = ["log"]
  verdict = "allow"
}
rule "others" {
  on      = [service.db]
  roles   = [role.x]
  verdict = "deny"
}
rule "soon" {
  on      = [service.db]
  verbs   = ["update"]
  verdict = "ask"
  mode    = "observe"
}
rule "web" {
  on      = "*"
  methods = ["GET"]
  verdict = "deny"
}
`

func TestExplain(t *testing.T) {
	p := loaded(t, explainConf)
	part := sql(write, sqlFacts{Verbs: []string{"update"}, Tables: []string{"public.log", "public.users"}})
	e := p.Explain(with(p, "db", part))
	if e.Decision.Verdict != action.Deny || e.Service != "db" || strings.Join(e.Roles, ",") != "r" || strings.Join(e.Silent, ",") != "web" {
		t.Fatalf("explanation %+v", e)
	}
	want := map[string]struct{ outcome, because string }{
		"bounded": {"denies", "WHERE"},
		"log":     {"does not loosen", "some of the values"},
		"others":  {"does not match", "roles: r"},
		"soon":    {"would ask", "soon"},
	}
	seen := 0
	for _, r := range e.Parts[0].Rules {
		w, ok := want[r.Rule]
		if !ok {
			t.Errorf("unexpected rule %q", r.Rule)
			continue
		}
		seen++
		if r.Outcome != w.outcome || !strings.Contains(r.Because, w.because) {
			t.Errorf("rule %q: %q because %q, want %q because %q", r.Rule, r.Outcome, r.Because, w.outcome, w.because)
		}
	}
	if seen != len(want) || e.Parts[0].Posture != "guarded" || e.Parts[0].Verdict != "ask" {
		t.Errorf("part %+v", e.Parts[0])
	}
	checks := checksOf(e.Parts[0].Rules, "bounded")
	if !strings.Contains(checks, "verbs=update/yes") || !strings.Contains(checks, "unless sql.has_where=false/") {
		t.Errorf("checks of bounded: %s", checks)
	}
	if checks := checksOf(e.Parts[0].Rules, "log"); !strings.Contains(checks, "tables=public.log, public.users/partly") {
		t.Errorf("checks of log: %s", checks)
	}
	if b, err := json.Marshal(e); err != nil || !strings.Contains(string(b), `"outcome":"denies"`) {
		t.Errorf("json %s %v", b, err)
	}
}

func checksOf(traces []trace.Rule, rule string) string {
	var b strings.Builder
	for _, r := range traces {
		for _, c := range r.Checks {
			if r.Rule == rule {
				b.WriteString(c.What + "=" + c.Value + "/" + c.Matches + "; ")
			}
		}
	}
	return b.String()
}

func TestExplainRefusals(t *testing.T) {
	p := loaded(t, explainConf)
	a := with(p, "hidden", action.Part{Effects: read})
	if e := p.Explain(a); e.Refused == "" || e.Parts != nil {
		t.Errorf("no access: %+v", e)
	}
	for _, h := range []Hypothesis{
		{Roles: []string{"r"}, Trial: action.Trial{Method: "GET", URL: "https://nobody.test/"}},
		{Roles: []string{"r"}, Trial: action.Trial{Method: "GET", URL: "https://hidden.test/"}},
		{Roles: []string{"r"}, Service: "db", Trial: action.Trial{SQL: "nonsense"}},
		{Roles: []string{"r"}, Service: "db", Trial: action.Trial{Method: "GET", URL: "https://hidden.test/"}},
	} {
		e, err := p.Try(h)
		if err != nil || e.Refused == "" || e.Decision.Verdict != action.Deny {
			t.Errorf("%+v: %+v %v", h, e, err)
		}
	}
	for _, h := range []Hypothesis{
		{Trial: action.Trial{URL: "::"}}, {Service: "none"}, {Trial: action.Trial{URL: "gopher://x/"}}, {Service: "db", Trial: action.Trial{URL: "x"}},
	} {
		if e, err := p.Try(h); err == nil {
			t.Errorf("%+v makes sense: %+v", h, e)
		}
	}
}

func TestManifest(t *testing.T) {
	p := loaded(t, explainConf)
	m := p.Manifest(agent())
	text := m.Markdown()
	for _, want := range []string{
		"# What agent ci may use", "## db (postgres)", "The shop's database", "Hosts: db.test", "any password", "Allowed: read", "Asked first: write, unknown",
		`Rule "bounded" (deny): verbs update; unless sql.has_where. Add a WHERE clause.`, "## ssh (tcp)", "git.test:22",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the manifest lacks %q:\n%s", want, text)
		}
	}
	for _, never := range []string{"hidden", "others", "soon", "secret.db", "\"ro\""} {
		if strings.Contains(text, never) {
			t.Errorf("the manifest tells of %q:\n%s", never, text)
		}
	}
	if text := p.Manifest(agent("nobody")).Markdown(); !strings.Contains(text, "Nothing") {
		t.Errorf("an agent without roles: %s", text)
	}
	if b, err := json.Marshal(p.Manifest(nil)); err != nil || string(b) != `{"agent":"","roles":[],"services":[]}` {
		t.Errorf("nobody: %s %v", b, err)
	}
}

// TestExplainSaysWhyANameOnlyMayBeMeant: "schema.*" meets a table without a schema.
func TestExplainSaysWhyANameOnlyMayBeMeant(t *testing.T) {
	p := loaded(t, `
service "db" {
  protocol = "postgres"
  hosts    = ["db.test"]
  auth     = password("ro", secret.db)
}
role "r" { use = [service.db] }
rule "payroll" {
  on      = [service.db]
  tables  = ["payroll.*", "audit.log"]
  verdict = "deny"
}
`)
	for table, want := range map[string]string{
		"salaries":         "salaries (of any schema, the text names none)",
		"payroll.salaries": "payroll.salaries",
		"public.salaries":  "public.salaries",
		"audit.*":          "audit.* (perhaps)",
	} {
		e := p.Explain(with(p, "db", sql(action.EffectRead, sqlFacts{Verbs: []string{"select"}, Tables: []string{table}})))
		if got := e.Parts[0].Rules[0].Checks[0].Value; got != want {
			t.Errorf("%s: %q, want %q", table, got, want)
		}
		if denied := e.Decision.Verdict == action.Deny; denied != (table != "public.salaries") {
			t.Errorf("%s: %v", table, e.Decision.Verdict)
		}
	}
}

// The trace of a record tells of the part that was refused, however many there are,
// and takes bounded time and room.
func TestTraceOfManyPartsAndRules(t *testing.T) {
	p := mixedRules(t, 7000) // seventy at each service
	pass := sql(read, sqlFacts{Verbs: []string{"select"}, Tables: []string{"public.x"}})
	var parts []action.Part
	for range 200 {
		parts = append(parts, pass)
	}
	parts[150] = sql(write, sqlFacts{Verbs: []string{"insert"}, Tables: []string{"public.t3"}}) // rule r3 denies
	a := with(p, "s3", parts...)
	if d := p.Decide(a); d.Verdict != action.Deny || d.Rule != "r3" {
		t.Fatalf("%+v", d)
	}
	var got []trace.Part
	b := p.Trace(a)
	if err := json.Unmarshal(b, &got); err != nil || len(b) > trace.Max || len(got) != trace.MaxParts {
		t.Fatalf("%d bytes, %d parts, %v", len(b), len(got), err)
	}
	text := string(b)
	if !strings.Contains(text, `"rule":"r3"`) || !strings.Contains(text, `"denies"`) || !strings.Contains(text, `"more":`) {
		t.Errorf("%s", text)
	}
}

func BenchmarkTrace(b *testing.B) {
	p := mixedRules(b, 5000)
	a := request(p, "s2", "DELETE", "/v1/things/7")
	for b.Loop() {
		p.Trace(a)
	}
}
