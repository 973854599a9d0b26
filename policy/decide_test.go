package policy

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
)

// agent is an agent enrolled into the role that the test configurations have.
func agent(roles ...string) *action.Peer {
	if roles == nil {
		roles = []string{"r"}
	}
	return &action.Peer{ID: "1", Name: "ci", Enrolled: roles, Transport: "wireguard"}
}

// request is an HTTP action of an agent.
func request(p *Policy, service, method, path string) *action.Action {
	return with(p, service, action.Part{
		Facts:   &httpFacts{Method: method, Path: path, State: action.Known, Body: action.Absent},
		Effects: methodEffect(method),
	})
}

func with(p *Policy, service string, parts ...action.Part) *action.Action {
	a := &action.Action{Peer: agent(), Parts: parts, Host: "api.test", Dst: netip.MustParseAddrPort("198.18.0.1:443")}
	for _, s := range p.Services() {
		if s.Name == service {
			a.Service = s
		}
	}
	return a
}

func sql(effects action.Effects, f sqlFacts) action.Part {
	f.State = action.Known
	return action.Part{Facts: &f, Effects: effects}
}

const (
	read        = action.EffectRead
	write       = action.EffectWrite
	destructive = action.EffectDestructive
	admin       = action.EffectAdmin
	unclear     = action.EffectUnknown
)

func httpPolicy(posture, rules string) string {
	return fmt.Sprintf(`
service "api" {
  hosts   = ["api.test"]
  posture = %q
}
role "r" { use = [service.api] }
%s`, posture, rules)
}

// The whole table of postures, with no rule and with a rule of each verdict,
// with and without effects.
func TestPostureEffectRule(t *testing.T) {
	table := map[string]map[action.Effects]action.Verdict{
		"guarded": {read: action.Allow, write: action.Ask, destructive: action.Deny, admin: action.Deny, unclear: action.Ask},
		"locked":  {},
		"open":    {read: action.Allow, write: action.Allow, destructive: action.Allow, admin: action.Allow, unclear: action.Allow},
	}
	effects := []action.Effects{read, write, destructive, admin, unclear, read | write, read | destructive, write | admin, read | unclear}
	for posture, row := range table {
		for _, verdict := range []string{"", "deny", "ask", "allow"} {
			for _, named := range []action.Effects{0, read, write, read | write, destructive, read | write | destructive | admin | unclear} {
				if verdict == "" && named != 0 {
					continue
				}
				p := loaded(t, httpPolicy(posture, ruleWith(verdict, named)))
				for _, e := range effects {
					want := action.Allow
					for bit := read; bit <= unclear; bit <<= 1 {
						if e&bit != 0 {
							want = min(want, row[bit])
						}
					}
					want = expected(want, verdict, named, e)
					got := p.Decide(with(p, "api", action.Part{Effects: e}))
					if got.Verdict != want || got.Need != 0 {
						t.Errorf("%s, rule %q effects %q, action %s: %s (%s), want %s", posture, verdict, named, e, got.Verdict, got.Reason, want)
					}
				}
			}
		}
	}
}

func ruleWith(verdict string, named action.Effects) string {
	if verdict == "" {
		return ""
	}
	line := ""
	if named != 0 {
		line = `effects = ["` + strings.ReplaceAll(named.String(), ",", `", "`) + `"]`
	}
	return fmt.Sprintf("rule \"it\" {\n on = [service.api]\n verdict = %q\n %s\n}\n", verdict, line)
}

// expected is the language's text in the shortest form.
func expected(posture action.Verdict, verdict string, named, e action.Effects) action.Verdict {
	if verdict == "" {
		return posture
	}
	v, _ := action.ParseVerdict(verdict)
	whole, some := e&^named == 0, e&named != 0 || e&unclear != 0
	if named == 0 {
		whole, some = e&^(read|write) == 0, true
	}
	if whole && v > posture {
		posture = v
	}
	if some && v < posture {
		posture = v
	}
	return posture
}

func TestRuleSemantics(t *testing.T) {
	conf := `
service "api" { hosts = ["api.test"] }
service "db" {
  protocol  = "postgres"
  hosts     = ["db.test"]
  databases = ["app"]
}
role "r" { use = [service.api, service.db] }
role "other" { members = ["tag:other"] }
rule "insert into log" {
  on      = [service.db]
  verbs   = ["insert"]
  tables  = ["public.log", "audit.*"]
  verdict = "allow"
}
rule "no secrets" {
  on      = "*"
  tables  = ["vault.*", "!vault.names"]
  verdict = "deny"
  reason  = "Those are secrets."
}
rule "no iban" {
  on      = [service.db]
  columns = ["users.iban"]
  verdict = "deny"
}
rule "begin asks" {
  on      = [service.db]
  verbs   = ["begin"]
  verdict = "ask"
}
rule "reads of pay ask" {
  on      = [service.db]
  tables  = ["pay"]
  verdict = "ask"
}
rule "other role" {
  on      = "*"
  roles   = [role.other]
  verdict = "deny"
}
rule "seen" {
  on      = "*"
  effects = ["read"]
  verdict = "deny"
  mode    = "observe"
}
rule "posts" {
  on        = [service.api]
  methods   = ["POST"]
  paths     = ["/v1/**", "!/v1/keys/**"]
  when      = http.query.dry == "1"
  verdict   = "allow"
  otherwise = "deny"
}
`
	p := loaded(t, conf)
	cases := []struct {
		name  string
		parts []action.Part
		want  action.Verdict
		rule  string
		would string
	}{
		{"every table named", []action.Part{sql(write, sqlFacts{Verbs: []string{"insert"}, Tables: []string{"public.log", "audit.x"}, Database: "app"})}, action.Allow, "insert into log", ""},
		{"one table not named", []action.Part{sql(write, sqlFacts{Verbs: []string{"insert"}, Tables: []string{"public.log", "public.users"}, Database: "app"})}, action.Ask, "", ""},
		{"one verb not named", []action.Part{sql(write, sqlFacts{Verbs: []string{"insert", "select"}, Tables: []string{"public.log"}, Database: "app"})}, action.Ask, "", ""},
		{"one table denied", []action.Part{sql(read, sqlFacts{Verbs: []string{"select"}, Tables: []string{"public.a", "vault.keys"}, Database: "app"})}, action.Deny, "no secrets", ""},
		{"taken out", []action.Part{sql(read, sqlFacts{Verbs: []string{"select"}, Tables: []string{"vault.names"}, Database: "app"})}, action.Allow, "", "seen"},
		{"no tables match no list", []action.Part{sql(read, sqlFacts{Verbs: []string{"select"}, Database: "app"})}, action.Allow, "", "seen"},
		{"star is every column", []action.Part{sql(read, sqlFacts{Verbs: []string{"select"}, Tables: []string{"public.users"}, Columns: []string{"public.users.*"}, Database: "app"})}, action.Deny, "no iban", ""},
		{"another column", []action.Part{sql(read, sqlFacts{Verbs: []string{"select"}, Tables: []string{"public.users"}, Columns: []string{"public.users.name"}, Database: "app"})}, action.Allow, "", "seen"},
		{"database not named", []action.Part{sql(read, sqlFacts{Verbs: []string{"select"}, Database: "postgres"})}, action.Deny, "", ""},
		{"unknown tables", []action.Part{{Facts: &sqlFacts{Database: "app"}, Effects: read}}, action.Deny, "no iban", ""},
		{"control passes", []action.Part{{Facts: &sqlFacts{State: action.Known, Verbs: []string{"show"}, Database: "app"}, Effects: read, Control: true}}, action.Allow, "", "seen"},
		{"control asked by verb", []action.Part{{Facts: &sqlFacts{State: action.Known, Verbs: []string{"begin"}, Database: "app"}, Effects: read, Control: true}}, action.Ask, "begin asks", "seen"},
		{"control not asked by table", []action.Part{{Facts: &sqlFacts{State: action.Known, Tables: []string{"public.pay"}, Database: "app"}, Effects: read, Control: true}}, action.Allow, "", "seen"},
		{"strictest part", []action.Part{
			sql(read, sqlFacts{Verbs: []string{"select"}, Database: "app"}),
			sql(write, sqlFacts{Verbs: []string{"update"}, Tables: []string{"public.a"}, Database: "app"}),
		}, action.Ask, "", "seen"},
		{"no parts", nil, action.Deny, "", ""},
	}
	for _, c := range cases {
		d := p.Decide(with(p, "db", c.parts...))
		if d.Verdict != c.want || d.Rule != c.rule || strings.Join(d.Would, ",") != c.would {
			t.Errorf("%s: %s by %q would %q (%s), want %s by %q would %q", c.name, d.Verdict, d.Rule, d.Would, d.Reason, c.want, c.rule, c.would)
		}
	}
	for path, want := range map[string]action.Verdict{
		"/v1/x?dry=1": action.Allow, "/v1/x": action.Deny, "/v2/x?dry=1": action.Ask, "/v1/keys/1?dry=1": action.Ask,
	} {
		e, err := p.Try(Hypothesis{Roles: []string{"r"}, Service: "api", Trial: action.Trial{Method: "POST", URL: path}})
		if err != nil || e.Decision.Verdict != want {
			t.Errorf("POST %s: %s %v (%s), want %s", path, e.Decision.Verdict, err, e.Decision.Reason, want)
		}
	}
}

func TestReasonIsASentenceForTheAgent(t *testing.T) {
	p := loaded(t, httpPolicy("guarded", `rule "no drops" {
  on      = [service.api]
  methods = ["DELETE"]
  verdict = "deny"
  reason  = "Archive it instead."
}`))
	d := p.Decide(request(p, "api", "DELETE", "/x"))
	if want := `Rule "no drops" denies this: Archive it instead.`; d.Reason != want {
		t.Errorf("reason %q, want %q", d.Reason, want)
	}
	d = p.Decide(request(p, "api", "POST", "/x"))
	if len(d.Asks) != 1 || d.Asks[0].Reason != d.Reason || d.Reason == "" {
		t.Errorf("an ask of the posture has no asking: %+v", d)
	}
}

// Pending facts are learned only where they could still change the verdict.
func TestNeedOnlyWhereItMatters(t *testing.T) {
	allow := "rule \"a\" {\n on = [service.api]\n paths = [\"/pay\"]\n when = http.json.amount == \"1\"\n verdict = \"allow\"\n}\n"
	deny := "rule \"b\" {\n on = [service.api]\n when = http.json.amount == \"9\"\n verdict = \"deny\"\n}\n"
	cheap := "rule \"c\" {\n on = [service.api]\n methods = [\"POST\"]\n verdict = \"deny\"\n}\n"
	ask := "rule \"d\" {\n on = [service.api]\n methods = [\"POST\"]\n verdict = \"ask\"\n}\n"
	cases := []struct {
		name, rules, posture, path string
		body                       action.State
		amount                     string
		want                       action.Verdict
		need                       action.Need
	}{
		{"could loosen", allow, "guarded", "/pay", action.Pending, "", 0, needBody},
		{"learned: loosens", allow, "guarded", "/pay", action.Known, "1", action.Allow, 0},
		{"learned: does not", allow, "guarded", "/pay", action.Known, "2", action.Ask, 0},
		{"other path", allow, "guarded", "/other", action.Pending, "", action.Ask, 0},
		{"could tighten", deny, "open", "/pay", action.Pending, "", 0, needBody},
		{"unknown tightens", deny, "open", "/pay", action.Unknown, "", action.Deny, 0},
		{"absent does not", deny, "open", "/pay", action.Absent, "", action.Allow, 0},
		{"nothing to tighten", deny, "locked", "/pay", action.Pending, "", action.Deny, 0},
		{"a cheaper deny decides", allow + deny + cheap, "open", "/pay", action.Pending, "", action.Deny, 0},
		{"an ask stands anyway", allow + ask, "guarded", "/pay", action.Pending, "", action.Ask, 0},
		{"an allow changes nothing", allow, "open", "/pay", action.Pending, "", action.Allow, 0},
	}
	for _, c := range cases {
		p := loaded(t, httpPolicy(c.posture, c.rules))
		d := p.Decide(with(p, "api", action.Part{Effects: write, Facts: &httpFacts{
			Method: "POST", Path: c.path, State: action.Known, Body: c.body, Amount: c.amount,
		}}))
		if d.Need != c.need || d.Verdict != c.want {
			t.Errorf("%s: %s need %d (%s), want %s need %d", c.name, d.Verdict, d.Need, d.Reason, c.want, c.need)
		}
	}
}

func TestOperationsGiveEffects(t *testing.T) {
	conf := `
service "api" {
  hosts = ["api.test"]
  operation "search" {
    match  = ["POST /search", "POST /v2/search/**"]
    effect = "read"
  }
  operation "keys" {
    match  = "* /keys/**"
    effect = "admin"
  }
  operation "list" {
    match  = "GET /keys"
    effect = "read"
  }
  operation "danger" {
    match  = "POST /jobs"
    effect = "destructive"
    when   = http.json.kind == "wipe"
  }
}
role "r" { use = [service.api] }
rule "keys may be read" {
  on         = [service.api]
  operations = ["list"]
  effects    = ["read", "admin"]
  verdict    = "allow"
}
`
	p := loaded(t, conf)
	for req, want := range map[string]action.Verdict{
		"POST /search": action.Allow, "POST /v2/search": action.Allow, "POST /v2/search/a/b": action.Allow,
		"POST /searches": action.Ask, "GET /keys/1": action.Deny, "GET /keys": action.Deny, "HEAD /keys/1": action.Deny, "GET /other": action.Allow,
		"POST /jobs": action.Ask,
	} {
		method, path, _ := strings.Cut(req, " ")
		if d := p.Decide(request(p, "api", method, path)); d.Verdict != want || d.Need != 0 {
			t.Errorf("%s: %s need %d (%s), want %s", req, d.Verdict, d.Need, d.Reason, want)
		}
	}
	for req, want := range map[string]string{"POST /search": "read", "POST /searches": "write", "GET /other": "read"} {
		method, path, _ := strings.Cut(req, " ")
		if d := p.Decide(request(p, "api", method, path)); d.Effects.String() != want && d.Verdict != action.Deny {
			t.Errorf("%s: it does %s, want %s", req, d.Effects, want)
		}
	}
	if checks := checksOf(p.Explain(request(p, "api", "GET", "/keys")).Parts[0].Rules, "keys may be read"); !strings.Contains(checks, "operations=list, keys/partly") {
		t.Errorf("checks: %s", checks)
	}
	a := request(p, "api", "POST", "/jobs")
	for body, want := range map[action.State]action.Verdict{action.Unknown: action.Deny, action.Known: action.Deny} {
		a.Parts[0].Facts = &httpFacts{Method: "POST", Path: "/jobs", State: action.Known, Body: body, Amount: "wipe"}
		if d := p.Decide(a); d.Verdict != want {
			t.Errorf("body %d: %s, want %s", body, d.Verdict, want)
		}
	}
	a.Parts[0].Facts = &httpFacts{Method: "POST", Path: "/jobs", State: action.Known, Body: action.Pending}
	if d := p.Decide(a); d.Need != needBody {
		t.Errorf("a pending operation is not learned: %+v", d)
	}
}

// An operation whose condition is unknown has both its effect and the one of the
// request without it, and nothing beyond them.
func TestUnknownOperation(t *testing.T) {
	conf := `
service "api" {
  hosts   = ["api.test"]
  posture = "open"
  operation "look" {
    match  = "POST /x"
    effect = "read"
    when   = http.json.kind == "look"
  }
}
role "r" { use = [service.api] }
`
	for rule, want := range map[string]action.Verdict{
		`effects = ["read"]`: action.Deny, `effects = ["write"]`: action.Deny, `effects = ["admin"]`: action.Allow,
		`when = effect == "read"`: action.Deny, `when = effect == "write"`: action.Deny,
		`operations = ["look"]`: action.Deny, `operations = ["other"]`: action.Allow,
	} {
		p := loaded(t, conf+"rule \"it\" {\n on = [service.api]\n verdict = \"deny\"\n "+rule+"\n}\n")
		a := request(p, "api", "POST", "/x")
		a.Parts[0].Facts = &httpFacts{Method: "POST", Path: "/x", State: action.Known, Body: action.Unknown}
		if d := p.Decide(a); d.Verdict != want {
			t.Errorf("%s: %s (%s), want %s", rule, d.Verdict, d.Reason, want)
		}
	}
}

func TestRolesAndUntil(t *testing.T) {
	now := time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)
	p := loaded(t, `
service "api" { hosts = ["api.test"] }
role "tagged" { members = ["tag:ci"] }
role "person" { members = ["user:bo@acme.dev"] }
role "node" { members = ["agent:laptop-7"] }
role "all" {
  members = ["*"]
  use     = [service.api]
}
role "gone" {
  members = ["*"]
  until   = "2026-11-25T09:59:59Z"
}
`)
	cases := []struct {
		peer action.Peer
		want string
	}{
		{action.Peer{}, ""},
		{action.Peer{Tags: []string{"tag:other"}}, ""},
		{action.Peer{Tags: []string{"tag:ci"}}, "tagged,all"},
		{action.Peer{User: "bo@acme.dev"}, "person,all"},
		{action.Peer{User: "Bo@acme.dev"}, "person,all"},
		{action.Peer{User: "bo@acme.dev", Tags: []string{"tag:x"}}, ""},
		{action.Peer{Name: "laptop-7"}, "node,all"},
		{action.Peer{Transport: "wireguard"}, "all"},
		{action.Peer{Enrolled: []string{"gone"}}, "all"},
		{action.Peer{Enrolled: []string{"no such role"}}, "all"},
	}
	for _, c := range cases {
		if got := strings.Join(p.Roles(&c.peer), ","); got != c.want {
			t.Errorf("%+v: roles %q, want %q", c.peer, got, c.want)
		}
	}
	gone := &action.Peer{Enrolled: []string{"gone"}}
	before := p.member(gone, now.Add(-time.Hour)).Roles
	if !slices.Contains(before, "gone") || slices.Contains(p.member(gone, now).Roles, "gone") {
		t.Errorf("a role does not end by itself: %v", before)
	}
	if got := p.NextChange(now.Add(-time.Hour)); !got.Equal(time.Date(2026, 11, 25, 9, 59, 59, 0, time.UTC)) {
		t.Errorf("next change %s", got)
	}
}

func TestAccessIsCheckedWithEveryAction(t *testing.T) {
	p := loaded(t, httpPolicy("open", ""))
	a := request(p, "api", "GET", "/")
	a.Peer = agent("nobody")
	if d := p.Decide(a); d.Verdict != action.Deny || !strings.Contains(d.Reason, "No role") {
		t.Errorf("an agent without the service: %+v", d)
	}
	a.Service = &action.Service{Name: "gone", Protocol: "http"}
	if d := p.Decide(a); d.Verdict != action.Deny {
		t.Errorf("a service that is gone: %+v", d)
	}
	a.Peer, a.Service = nil, p.Services()[0]
	if d := p.Decide(a); d.Verdict != action.Deny {
		t.Errorf("no agent: %+v", d)
	}
}

func TestHours(t *testing.T) {
	p := loaded(t, httpPolicy("open", `rule "office" {
  on      = [service.api]
  hours   = ["mon-fri 09:00-18:00"]
  verdict = "allow"
  otherwise = "deny"
}`))
	for at, want := range map[string]action.Verdict{
		"2026-11-25T10:00:00Z": action.Allow, "2026-11-25T18:00:00Z": action.Deny, "2026-11-28T10:00:00Z": action.Deny,
	} {
		now, _ := time.Parse(time.RFC3339, at)
		if d := p.DecideAt(request(p, "api", "GET", "/"), now); d.Verdict != want {
			t.Errorf("%s: %s, want %s", at, d.Verdict, want)
		}
	}
	friday := time.Date(2026, 11, 27, 18, 0, 0, 0, time.UTC)
	if got := p.NextChange(friday); !got.Equal(time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)) {
		t.Errorf("after friday's end the next change is %s", got)
	}
}

func TestObservedServiceRecordsItsPosture(t *testing.T) {
	p := loaded(t, `
service "api" {
  hosts = ["api.test"]
  mode  = "observe"
}
role "r" { use = [service.api] }
rule "no trace" {
  on      = [service.api]
  methods = ["TRACE"]
  verdict = "deny"
}
`)
	d := p.Decide(request(p, "api", "DELETE", "/"))
	if d.Verdict != action.Allow || len(d.Would) != 1 || d.Would[0] != `posture "guarded"` {
		t.Errorf("observed: %+v", d)
	}
	if d := p.Decide(request(p, "api", "TRACE", "/")); d.Verdict != action.Deny {
		t.Errorf("rules hold: %+v", d)
	}
	if d := p.Decide(request(p, "api", "GET", "/")); d.Verdict != action.Allow || d.Would != nil {
		t.Errorf("nothing to say: %+v", d)
	}
}

func TestOpaqueServices(t *testing.T) {
	p := loaded(t, `
service "ssh" {
  protocol = "tcp"
  hosts    = ["git.test:22"]
}
service "net" {
  hosts       = ["*"]
  passthrough = true
  posture     = "open"
}
role "r" { use = [service.ssh, service.net] }
rule "ssh to git" {
  on      = [service.ssh]
  when    = conn.port == 22
  verdict = "allow"
}
rule "new idea" {
  on      = "*"
  effects = ["destructive"]
  verdict = "deny"
}
rule "not there" {
  on      = "*"
  hosts   = ["*.evil.com"]
  verdict = "deny"
}
`)
	a := with(p, "ssh", action.Part{})
	a.Dst = netip.MustParseAddrPort("198.18.0.1:22")
	if d := p.Decide(a); d.Verdict != action.Allow || d.Rule != "ssh to git" {
		t.Errorf("the effect need not be named on tcp: %+v", d)
	}
	a = with(p, "net", action.Part{})
	if d := p.Decide(a); d.Verdict != action.Allow {
		t.Errorf("a rule of effects is not silent on passthrough: %+v", d)
	}
	a.Host = "a.b.evil.com"
	if d := p.Decide(a); d.Verdict != action.Deny || d.Rule != "not there" {
		t.Errorf("hosts count on passthrough: %+v", d)
	}
}

func TestEveryAskIsAnswered(t *testing.T) {
	p := loaded(t, httpPolicy("open", `
rule "b" {
  on      = [service.api]
  verdict = "ask"
  reason  = "Second."
}
rule "a" {
  on      = [service.api]
  verdict = "ask"
}`))
	d := p.Decide(with(p, "api", action.Part{Effects: read}, action.Part{Effects: write}))
	if d.Verdict != action.Ask || len(d.Asks) != 2 || d.Asks[0].Rule != "a" || d.Asks[1].Rule != "b" || d.Rule != "a" {
		t.Errorf("asks: %+v", d)
	}
	again := p.Decide(with(p, "api", action.Part{Effects: read}))
	if len(again.Asks) != 2 || len(d.Asks) != 2 {
		t.Errorf("askings are shared and grew: %+v", again)
	}
}

// randomFacts is one action over a small world, with unknowns.
func randomFacts(r *rand.Rand) action.Part {
	states := []action.State{action.Known, action.Known, action.Known, action.Unknown, action.Absent}
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	method := pick("GET", "POST", "DELETE")
	return action.Part{
		Facts: &httpFacts{
			Method: method, Path: pick("/a", "/b", "/a/b"), State: states[r.IntN(3)],
			Body: states[r.IntN(len(states))], Amount: pick("1", "2"),
		},
		Effects: methodEffect(method),
	}
}

// randomRule is one rule over the same world.
func randomRule(r *rand.Rand, name, verdict string) string {
	maybe := func(lines ...string) string {
		if r.IntN(2) == 0 {
			return ""
		}
		return lines[r.IntN(len(lines))] + "\n"
	}
	return fmt.Sprintf("rule %q {\n on = [service.api]\n verdict = %q\n%s%s%s%s}\n", name, verdict,
		maybe(`methods = ["GET"]`, `methods = ["POST", "DELETE"]`, `methods = ["!GET"]`),
		maybe(`paths = ["/a"]`, `paths = ["/a/**"]`, `paths = ["!/b"]`),
		maybe(`effects = ["read"]`, `effects = ["write", "destructive"]`),
		maybe(`when = http.json.x == "1"`, `unless = http.json.x == "1"`, `when = http.json.x != "1"`))
}

func allows(rule string) bool { return strings.Contains(rule, `verdict = "allow"`) }

// Adding a deny, or taking an allow away, never loosens; the order of rules
// never matters.
func TestAddingADenyNeverLoosens(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	verdicts := []string{"deny", "ask", "allow", "allow"}
	for range 150 {
		var rules []string
		for i := range 1 + r.IntN(4) {
			rules = append(rules, randomRule(r, fmt.Sprint("r", i), verdicts[r.IntN(4)]))
		}
		posture := []string{"guarded", "locked", "open"}[r.IntN(3)]
		before := loaded(t, httpPolicy(posture, strings.Join(rules, "")))
		more := loaded(t, httpPolicy(posture, strings.Join(rules, "")+randomRule(r, "extra", "deny")))
		asked := loaded(t, httpPolicy(posture, strings.Join(rules, "")+randomRule(r, "extra", "ask")))
		fewer := loaded(t, httpPolicy(posture, strings.Join(slices.DeleteFunc(slices.Clone(rules), allows), "")))
		slices.Reverse(rules)
		turned := loaded(t, httpPolicy(posture, strings.Join(rules, "")))
		for range 40 {
			a := with(before, "api", randomFacts(r))
			d := before.Decide(a)
			if got := more.Decide(a); got.Verdict > d.Verdict {
				t.Fatalf("a deny loosened %s to %s", d.Verdict, got.Verdict)
			}
			if got := fewer.Decide(a); got.Verdict > d.Verdict {
				t.Fatalf("taking the allows away loosened %s to %s", d.Verdict, got.Verdict)
			}
			if got := asked.Decide(a); got.Verdict > d.Verdict && (d.Rule != "" || d.Verdict != action.Deny || got.Verdict != action.Ask) {
				t.Fatalf("an ask loosened %s by %q to %s", d.Verdict, d.Rule, got.Verdict)
			}
			if got := turned.Decide(a); got.Verdict != d.Verdict || got.Rule != d.Rule {
				t.Fatalf("order matters: %s by %q, %s by %q", d.Verdict, d.Rule, got.Verdict, got.Rule)
			}
		}
	}
}

// An unknown fact is at least as strict as every value in its place, and a
// pending one comes to the same after it was learned.
func TestUnknownNeverLoosens(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	verdicts := []string{"deny", "ask", "allow", "allow"}
	for range 200 {
		var rules strings.Builder
		for i := range 1 + r.IntN(4) {
			rules.WriteString(randomRule(r, fmt.Sprint("r", i), verdicts[r.IntN(4)]))
		}
		p := loaded(t, httpPolicy([]string{"guarded", "locked", "open"}[r.IntN(3)], rules.String()))
		part := randomFacts(r)
		f, _ := part.Facts.(*httpFacts)
		decide := func(s action.State, amount string) action.Decision {
			facts := *f
			facts.Body, facts.Amount = s, amount
			return p.Decide(with(p, "api", action.Part{Facts: &facts, Effects: part.Effects}))
		}
		unknown, pending := decide(action.Unknown, ""), decide(action.Pending, "")
		for _, known := range []action.Decision{decide(action.Known, "1"), decide(action.Known, "2"), decide(action.Absent, "")} {
			if unknown.Verdict > known.Verdict {
				t.Fatalf("unknown is %s, known is %s:\n%s", unknown.Verdict, known.Verdict, rules.String())
			}
			if pending.Need == 0 && pending.Verdict != known.Verdict {
				t.Fatalf("decided %s without the body, with it %s:\n%s", pending.Verdict, known.Verdict, rules.String())
			}
		}
	}
}

// manyRules is a configuration of n rules over 100 services.
func manyRules(t testing.TB, n int) *Policy {
	var b strings.Builder
	use := make([]string, 100)
	for i := range use {
		fmt.Fprintf(&b, "service \"s%d\" {\n hosts = [\"s%d.test\"]\n}\n", i, i)
		use[i] = fmt.Sprint("service.s", i)
	}
	fmt.Fprintf(&b, "role \"r\" { use = [%s] }\n", strings.Join(use, ", "))
	for i := range n {
		verdict := []string{"deny", "allow", "ask"}[i%3]
		fmt.Fprintf(&b, "rule \"r%d\" {\n on = [service.s%d]\n methods = [\"POST\"]\n paths = [\"/v%d/**\"]\n verdict = %q\n}\n", i, i%100, i, verdict)
	}
	return loaded(t, b.String())
}

func TestDecideDoesNotAllocate(t *testing.T) {
	mixed := mixedRules(t, 1000)
	for _, a := range []*action.Action{
		request(mixed, "s2", "POST", "/v1/refunds"), request(mixed, "s2", "PUT", "/team102/x"),
		with(mixed, "s1", sql(write, sqlFacts{Verbs: []string{"update", "select"}, Tables: []string{"public.u101", "log.t1"}, Columns: []string{"public.users.c1"}})),
	} {
		if n := testing.AllocsPerRun(200, func() { mixed.Decide(a) }); n > 0 && !raceEnabled {
			t.Errorf("%+v: %v allocations", a.Parts[0].Facts, n)
		}
	}
	p := manyRules(t, 1000)
	for _, path := range []string{"/v1", "/other", "/v101/x"} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			a := request(p, "s1", method, path)
			if n := testing.AllocsPerRun(200, func() { p.Decide(a) }); n > 0 && !raceEnabled {
				t.Errorf("%s %s: %v allocations", method, path, n)
			}
		}
	}
}

// Conditions, hosts, operations and asks allocate nothing either.
func TestDecideWithConditionsDoesNotAllocate(t *testing.T) {
	p := loaded(t, `
service "api" {
  hosts = ["api.test"]
  operation "refund" {
    match  = "POST /v1/refunds/*"
    effect = "write"
    when   = http.query.dry == "1"
  }
}
service "db" {
  protocol  = "postgres"
  hosts     = ["db.test"]
  databases = ["app"]
}
role "r" { use = [service.api, service.db] }
rule "a" {
  on         = [service.api]
  operations = ["refund"]
  hosts      = ["*.test"]
  when       = http.query.dry == "1" && startswith(http.path, "/v1") && agent.name == "ci"
  verdict    = "ask"
}
rule "b" {
  on      = [service.db]
  roles   = [role.r]
  tables  = ["users", "!audit.*"]
  columns = ["users.iban"]
  unless  = sql.has_where
  verdict = "deny"
}
`)
	refund := request(p, "api", "POST", "/v1/refunds/7")
	refund.Parts[0].Facts = &httpFacts{Method: "POST", Path: "/v1/refunds/7", State: action.Known, Query: url.Values{"dry": {"1"}}}
	query := with(p, "db", sql(write, sqlFacts{Verbs: []string{"update"}, Tables: []string{"public.users"}, Columns: []string{"public.users.iban"}, Database: "app"}))
	for want, a := range map[action.Verdict]*action.Action{action.Ask: refund, action.Deny: query} {
		if d := p.Decide(a); d.Verdict != want || d.Rule == "" {
			t.Errorf("%+v, want %s", d, want)
		}
		if n := testing.AllocsPerRun(200, func() { p.Decide(a) }); n > 0 && !raceEnabled {
			t.Errorf("%s: %v allocations", want, n)
		}
	}
}

// mixedRules is a configuration of n rules over 100 services of both protocols, of
// the kinds that people write.
func mixedRules(t testing.TB, n int) *Policy {
	var b strings.Builder
	use := make([]string, 100)
	for i := range use {
		extra := ""
		if i%2 == 1 {
			extra = " protocol = \"postgres\"\n"
		} else {
			extra = " operation \"refund\" {\n  match = \"POST /v1/refunds\"\n  effect = \"write\"\n }\n"
		}
		fmt.Fprintf(&b, "service \"s%d\" {\n hosts = [\"s%d.test\"]\n%s}\n", i, i, extra)
		use[i] = fmt.Sprint("service.s", i)
	}
	fmt.Fprintf(&b, "role \"r\" { use = [%s] }\n", strings.Join(use, ", "))
	for i := range n {
		attr := []string{
			fmt.Sprintf("methods = [\"POST\"]\n paths = [\"/v1/things%d/*\"]", i),
			fmt.Sprintf("paths = [\"/team%d/**\"]\n when = http.query.dry == \"1\"", i),
			fmt.Sprintf("methods = [\"PATCH\", \"PUT\"]\n when = agent.name == \"a%d\"", i),
			"operations = [\"refund\"]\n unless = http.query.dry == \"1\"",
			fmt.Sprintf("paths = [\"/repos/*/r%d/**\"]\n effects = [\"write\"]", i),
		}[i/100%5]
		if i%2 == 1 {
			attr = []string{
				fmt.Sprintf("tables = [\"t%d\", \"log.t%d\"]", i, i),
				fmt.Sprintf("verbs = [\"update\", \"delete\"]\n tables = [\"u%d\"]", i),
				"verbs = [\"delete\"]\n unless = sql.has_where",
				fmt.Sprintf("columns = [\"users.c%d\"]\n verbs = [\"update\"]", i),
				fmt.Sprintf("tables = [\"s%d.*\"]", i),
			}[i/100%5]
		}
		fmt.Fprintf(&b, "rule \"r%d\" {\n on = [service.s%d]\n %s\n verdict = %q\n}\n", i, i%100, attr, []string{"deny", "allow", "ask"}[i%3])
	}
	return loaded(t, b.String())
}

func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{10, 100, 1000, 10000} {
		for name, world := range map[string]func(testing.TB, int) *Policy{"paths": manyRules, "mixed": mixedRules} {
			p := world(b, n)
			actions := map[string]*action.Action{"http": request(p, "s2", "POST", "/v1/things/7")}
			if name == "mixed" {
				actions["sql"] = with(p, "s1", sql(read, sqlFacts{Verbs: []string{"select"}, Tables: []string{"public.t101", "public.other"}, Columns: []string{"public.t101.id"}}))
			}
			for kind, a := range actions {
				b.Run(fmt.Sprintf("%s/%s/%d", name, kind, n), func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						p.Decide(a)
					}
				})
			}
		}
	}
}

// BenchmarkGitHub decides by the preset, whose paths have no case and whose
// operations are many, and by a hundred rules beside it.
func BenchmarkGitHub(b *testing.B) {
	var rules strings.Builder
	for i := range 100 {
		fmt.Fprintf(&rules, "rule \"r%d\" {\n on = [service.github]\n methods = [\"POST\"]\n paths = [\"/repos/acme/site%d/**\"]\n verdict = \"allow\"\n}\n", i, i)
	}
	p := loaded(b, "service \"github\" {}\nrole \"r\" { use = [service.github] }\n"+rules.String())
	for name, a := range map[string]*action.Action{
		"read":  request(p, "github", "GET", "/repos/acme/site7/issues/1"),
		"merge": request(p, "github", "PUT", "/repos/Acme/Site7/pulls/1/merge"),
		"other": request(p, "github", "POST", "/user/repos"),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Decide(a)
			}
		})
	}
}

// Compiling ten thousand rules takes less than two seconds, lint included.
func BenchmarkLoadMany(b *testing.B) {
	for b.Loop() {
		mixedRules(b, 10000)
	}
}

// What the protocol normalised is what is matched: neither a slash at the end
// nor, on a service without case, a capital dodges a rule, nor a HEAD an operation.
func TestT20_SlashesAndCaseDoNotDodge(t *testing.T) {
	p := loaded(t, `
service "api" {
  hosts   = ["api.test"]
  posture = "open"
  operation "keys" {
    match  = "GET /keys"
    effect = "admin"
  }
}
service "iis" {
  hosts                  = ["iis.test"]
  posture                = "open"
  case_insensitive_paths = true
  operation "keys" {
    match  = "GET /keys"
    effect = "admin"
  }
}
role "r" { use = [service.api, service.iis] }
rule "no admin" {
  on      = "*"
  paths   = ["/admin", "/admin/**"]
  verdict = "deny"
}
rule "no keys" {
  on      = "*"
  effects = ["admin"]
  verdict = "deny"
}
`)
	for _, c := range []struct {
		service, method, path string
		want                  action.Verdict
	}{
		{"api", "GET", "/admin", action.Deny},
		{"api", "GET", "/admin/", action.Deny},
		{"api", "GET", "/admin/x", action.Deny},
		{"api", "GET", "/Admin", action.Allow},
		{"iis", "GET", "/Admin", action.Deny},
		{"iis", "GET", "/ADMIN/x/", action.Deny},
		{"api", "GET", "/keys/", action.Deny},
		{"api", "HEAD", "/keys", action.Deny},
		{"iis", "HEAD", "/KEYS", action.Deny},
		{"api", "GET", "/key", action.Allow},
	} {
		if d := p.Decide(request(p, c.service, c.method, c.path)); d.Verdict != c.want {
			t.Errorf("%s %s %s: %s, want %s", c.service, c.method, c.path, d.Verdict, c.want)
		}
	}
}

// A rule meets a path however its pattern spells it: the index looks for it where
// the path is, not where the text would be.
func TestT20_RulesAreFoundByTheSpellingOfPaths(t *testing.T) {
	p := loaded(t, `
service "api" {
  hosts   = ["api.test"]
  posture = "open"
  operation "keys" {
    match  = "GET /ключи/*"
    effect = "admin"
  }
}
role "r" { use = [service.api] }
rule "no" {
  on      = [service.api]
  paths   = ["/café/**", "/%61dmin/**", "/a b"]
  verdict = "deny"
}
rule "keys" {
  on         = [service.api]
  operations = ["keys"]
  verdict    = "deny"
}
`)
	for path, want := range map[string]action.Verdict{
		"/caf%C3%A9/x": action.Deny, "/admin/x": action.Deny, "/a%20b": action.Deny, "/cafe/x": action.Allow,
		"/%D0%BA%D0%BB%D1%8E%D1%87%D0%B8/1": action.Deny,
	} {
		if d := p.Decide(request(p, "api", "GET", path)); d.Verdict != want {
			t.Errorf("%s: %s, want %s", path, d.Verdict, want)
		}
	}
}

// GitHub finds a repository by any case of its name, so a rule about it must, too.
func TestT20_GitHubKnowsNoCase(t *testing.T) {
	p := loaded(t, `
service "github" {}
role "r" { use = [service.github] }
rule "not this one" {
  on      = [service.github]
  paths   = ["/repos/acme/prod", "/repos/acme/prod/**"]
  verdict = "deny"
}
`)
	for path, want := range map[string]action.Verdict{
		"/repos/acme/prod/issues": action.Deny, "/repos/Acme/PROD/issues": action.Deny, "/repos/acme/Prod": action.Deny, "/repos/acme/site/issues": action.Allow,
	} {
		if d := p.Decide(request(p, "github", "GET", path)); d.Verdict != want {
			t.Errorf("%s: %s, want %s", path, d.Verdict, want)
		}
	}
}

// A service whose paths have no case is decided without the index of its rules;
// over paths in small letters it must come to the same.
func TestIndexChangesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 100 {
		var rules strings.Builder
		for i := range 6 {
			rules.WriteString(randomRule(r, fmt.Sprint("r", i), []string{"deny", "ask", "allow"}[r.IntN(3)]))
		}
		conf := httpPolicy("guarded", rules.String())
		with1 := loaded(t, conf)
		without := loaded(t, strings.Replace(conf, "posture", "case_insensitive_paths = true\n posture", 1))
		for range 40 {
			part := randomFacts(r)
			a, b := with1.Decide(with(with1, "api", part)), without.Decide(with(without, "api", part))
			if a.Verdict != b.Verdict || a.Rule != b.Rule || a.Need != b.Need {
				t.Fatalf("with the index %+v, without %+v:\n%s", a, b, rules.String())
			}
		}
	}
}

// What an operation declares with `as` settles its effect and opens its facts; where
// none does, they are absent, and where one only may fit, unknown.
func TestReadings(t *testing.T) {
	p := loaded(t, `
gateway {
  wireguard {}
}
service "api" {
  hosts = ["api.test"]
  auth  = bearer(secret.api)
  operation "mcp" {
    match = "POST /mcp"
    as    = "mcp"
  }
  operation "chat" {
    match  = "POST /chat"
    as     = "llm"
    effect = "read"
  }
  operation "perhaps" {
    match  = "POST /perhaps"
    when   = http.json.kind == "chat"
    as     = "llm"
    effect = "read"
  }
}
role "r" {
  use = [service.api]
}
rule "dear" {
  on      = [service.api]
  models  = ["dear"]
  verdict = "deny"
}
rule "no model" {
  on      = [service.api]
  when    = llm.model == null
  paths   = ["/other"]
  verdict = "deny"
}
`)
	for _, tt := range []struct {
		path, amount string
		body         action.State
		want         string
	}{
		{"/mcp", "", action.Pending, "need"},
		{"/mcp", "read", action.Known, "allow"},
		{"/mcp", "write", action.Known, "ask"},
		{"/mcp", "destructive", action.Known, "deny"},
		{"/mcp", "", action.Known, "allow"},
		{"/mcp", "read", action.Unknown, "deny"}, // it may be the worst that there is
		{"/chat", "x", action.Pending, "need"},
		{"/chat", "dear", action.Known, "deny"},
		{"/chat", "cheap", action.Known, "allow"},
		{"/chat", "cheap", action.Unknown, "deny"},
		{"/perhaps", "dear", action.Unknown, "deny"},
		{"/perhaps", "cheap", action.Known, "ask"},
		{"/other", "dear", action.Known, "deny"},
		{"/plain", "dear", action.Known, "ask"},
	} {
		s := p.byName["api"]
		d := p.Decide(&action.Action{
			Peer: &action.Peer{Name: "a", Enrolled: []string{"r"}}, Service: &s.Service, Host: "api.test",
			Parts: []action.Part{{Effects: action.EffectWrite, Facts: &httpFacts{Method: "POST", Path: tt.path, State: action.Known, Body: tt.body, Amount: tt.amount}}},
		})
		got := d.Verdict.String()
		if d.Need != 0 {
			got = "need"
		}
		if got != tt.want {
			t.Errorf("%s %q %v: %s (%s), want %s", tt.path, tt.amount, tt.body, got, d.Reason, tt.want)
		}
	}
}
