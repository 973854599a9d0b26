package sketch_test

import (
	"context"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/policy/edit"
	"sallyport.dev/sallyport/policy/edit/history"
	"sallyport.dev/sallyport/policy/sketch"
	"sallyport.dev/sallyport/protocols/http"
	"sallyport.dev/sallyport/protocols/postgres"
	"sallyport.dev/sallyport/protocols/postgres/sql"
	"sallyport.dev/sallyport/protocols/tcp"
)

func options() policy.Options {
	return policy.Options{
		Tables:    []action.FactTable{http.Facts(), postgres.Facts(), tcp.Facts()},
		Protocols: map[string]error{"http": nil, "postgres": sql.Available(), "tcp": nil},
		Trials: map[string]func(*action.Service, action.Trial) (*action.Action, error){
			"http": http.Trial, "postgres": postgres.Trial, "tcp": tcp.Trial,
		},
	}
}

const shop = `
service "shop" {
  hosts = ["shop.example.com"]
  operation "tools" {
    match = "POST /mcp"
    as    = "mcp"
  }
}
service "other" {
  hosts = ["other.example.com"]
}
service "app_db" {
  protocol = "postgres"
  hosts    = ["db.internal"]
  auth     = password("agent", secret.app_db)
}
role "buyer" { use = [service.shop, service.app_db] }
role "clerk" { use = [service.other, service.app_db] }
role "guest" {
  use = [
    service.shop, # and nothing else
  ]
}
`

// A bench is a configuration with its editor.
type bench struct {
	*sketch.Sketcher
	path string
}

func newBench(t *testing.T, rules string) *bench {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sallyport.hcl")
	if err := os.WriteFile(path, []byte(shop+rules), 0o600); err != nil {
		t.Fatal(err)
	}
	p, _, diags := policy.Load(path, options())
	if p == nil {
		t.Fatal(diags)
	}
	e := &edit.Editor{Path: path, Options: options(), Now: time.Now, Exists: func(string) bool { return true }, History: &history.Log{Store: empty{}}}
	return &bench{&sketch.Sketcher{Source: e, Rules: func() *policy.Policy { return p }, Tables: options().Tables}, path}
}

// empty is a store of which nothing is kept.
type empty struct{}

func (empty) Put(context.Context, string, string, []byte) error { return nil }
func (empty) Get(context.Context, string, string) ([]byte, bool, error) {
	return nil, false, nil
}
func (empty) Delete(context.Context, string, string) error { return nil }

// made is an action that an agent in roles sent to a service.
func (b *bench) made(t *testing.T, service string, tr action.Trial, roles ...string) *action.Action {
	t.Helper()
	places := map[string]string{"shop": "shop.example.com:443", "other": "other.example.com:443", "app_db": "db.internal:5432"}
	host, port, _ := strings.Cut(places[service], ":")
	for _, svc := range b.Rules().Services() {
		if svc.Name != service {
			continue
		}
		if tr.URL != "" {
			tr.URL = "https://" + host + tr.URL
		}
		a, err := options().Trials[svc.Protocol](svc, tr)
		if err != nil {
			t.Fatal(err)
		}
		a.ID, a.Time, a.Service, a.Host = "a", time.Now(), svc, host
		a.Dst = netip.MustParseAddrPort("198.18.0.7:" + port)
		a.Peer = &action.Peer{ID: "a1", Name: "laptop", Enrolled: roles}
		return a
	}
	t.Fatal("no such service")
	return nil
}

func send(method, path, body string) action.Trial {
	return action.Trial{Method: method, URL: path, Body: []byte(body), Headers: map[string]string{"Content-Type": "application/json"}}
}

func query(text string) action.Trial { return action.Trial{SQL: text, Database: "app"} }

const careful = `
rule "careful" {
  on      = [service.shop]
  methods = ["POST"]
  verdict = "ask" # two look
}
`

func TestARuleForTheLikesOfAnAction(t *testing.T) {
	for _, c := range []struct {
		name, rules, service string
		action               action.Trial
		verdict              string
		hcl                  []string // that stand in it
		note                 string
	}{
		{
			"what the posture asks about", "", "shop", send("POST", "/v1/refunds", `{"n":1}`), "allow",
			[]string{`on      = [service.shop]`, `methods = ["POST"]`, `paths   = ["/v1/refunds"]`, `roles   = [role.buyer]`, `verdict = "allow"`},
			"",
		},
		{"ids become patterns", "", "shop", send("PUT", "/v1/orders/12345678", ""), "allow", []string{`"/v1/orders/*"`}, ""},
		{
			"what a rule asks about", careful, "shop", send("POST", "/v1/refunds", ""), "allow",
			[]string{`verdict = "ask" # two look`, `unless  =`, `http.method == "POST"`, `matches(http.path, "^/v1/refunds$")`, `contains(["buyer"], r)`, `verdict = "allow"`},
			`Rule "careful" asks about it today`,
		},
		{
			"with an exception already", strings.Replace(careful, "verdict", "unless  = http.path == \"/free\"\n  verdict", 1), "shop", send("POST", "/v1/refunds", ""), "allow",
			[]string{`(http.path == "/free") || (`},
			"",
		},
		{
			"a rule of two services", strings.Replace(careful, "[service.shop]", "[service.shop, service.other]", 1), "shop", send("POST", "/v1/refunds", ""), "allow",
			[]string{`unless  = service.name == "shop" && anytrue(`},
			"",
		},
		{"tables", "", "app_db", query("UPDATE users SET a = 1 WHERE id = 5"), "allow", []string{`verbs   = ["update"]`, `tables  = ["users"]`}, ""},
		{
			"tables, by a rule", "rule \"people\" {\n  on      = [service.app_db]\n  tables  = [\"users\"]\n  verdict = \"ask\"\n}\n", "app_db", query("SELECT a FROM users"), "allow",
			[]string{`alltrue([for x in sql.tables : contains(["users"], x)])`, `contains(["read", "write"], effect)`},
			"",
		},
		{"a tool", "", "shop", send("POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay","arguments":{}}}`), "allow", []string{`tools      = ["pay"]`}, ""},
		{
			"a rule about everything", "rule \"all\" {\n  on      = \"*\"\n  effects = [\"write\"]\n  verdict = \"ask\"\n}\n", "shop", send("POST", "/v1/x", ""), "ask",
			nil, "services of several protocols",
		},
		{
			"a limit that is used up", "rule \"few\" {\n  on        = [service.shop]\n  methods   = [\"POST\"]\n  when      = http.query.x == \"1\"\n  verdict   = \"allow\"\n  otherwise = \"ask\"\n}\n",
			"shop", send("POST", "/v1/x", ""), "ask", nil, "where its own conditions do not hold",
		},
		{
			"a test wants the ask", careful + "test \"two look\" {\n  role    = role.buyer\n  service = service.shop\n  request = \"POST /v1/refunds\"\n  expect  = \"ask\"\n}\n",
			"shop", send("POST", "/v1/refunds", ""), "", nil, "it would not be taken: the configuration would not load: ",
		},
		{"refused by now", "rule \"never\" {\n  on      = [service.shop]\n  methods = [\"POST\"]\n  verdict = \"deny\"\n}\n", "shop", send("POST", "/v1/x", ""), "", nil, "a rule refuses it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, c.rules)
			got, err := b.Rule(t.Context(), b.made(t, c.service, c.action, "buyer"), time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if got.Verdict != c.verdict || !strings.Contains(strings.Join(got.Notes, "\n"), c.note) {
				t.Errorf("%q, notes %q\n%s", got.Verdict, got.Notes, got.HCL)
			}
			for _, want := range c.hcl {
				if !strings.Contains(got.HCL, want) {
					t.Errorf("%q is missing from\n%s", want, got.HCL)
				}
			}
		})
	}
}

// Of a service that is a pattern the agent chooses the name: a rule for the likes of
// what it did at one host is none for another, and neither is an exception.
func TestT48_ARuleForOneHostIsNoneForAnother(t *testing.T) {
	const wide = `
service "hosting" {
  hosts = ["*.hosting.example.com"]
}
service "internet" {
  posture = "guarded"
}
role "walker" { use = [service.hosting, service.internet] }
`
	for name, tt := range map[string]struct{ rules, service, domain string }{
		"what the posture asks about": {"", "hosting", ".hosting.example.com"},
		"what a rule asks about":      {"rule \"careful\" {\n  on      = [service.hosting]\n  methods = [\"POST\"]\n  verdict = \"ask\"\n}\n", "hosting", ".hosting.example.com"},
		"what passes unseen":          {"", "internet", ".example.net"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, wide+tt.rules)
			at := func(host string) *action.Action {
				var a *action.Action
				for _, svc := range b.Rules().Services() {
					if svc.Name != tt.service {
						continue
					}
					tr, protocol := send("POST", "https://"+host+"/upload", `{"n":1}`), "http"
					if svc.Passthrough {
						tr, protocol = action.Trial{}, "tcp"
					}
					var err error
					if a, err = options().Trials[protocol](svc, tr); err != nil {
						t.Fatal(err)
					}
					a.Service = svc
				}
				a.ID, a.Time, a.Host = "a", time.Now(), host
				a.Dst = netip.MustParseAddrPort("198.18.0.7:443")
				a.Peer = &action.Peer{ID: "a1", Name: "laptop", Enrolled: []string{"walker"}}
				return a
			}
			got, err := b.Rule(t.Context(), at("good"+tt.domain), time.Now())
			if err != nil {
				t.Fatal(err)
			}
			with, err := b.Source.Draft(t.Context(), got.Draft)
			if err != nil {
				t.Fatalf("%v\n%s %q", err, got.HCL, got.Notes)
			}
			for host, want := range map[string]string{"good": "allow", "evil": "ask"} {
				if d, _ := with.Replay(at(host+tt.domain), time.Now()); d.Verdict.String() != want {
					t.Errorf("%s: %s, want %s: %s\n%s", host, d.Verdict, want, d.Reason, got.HCL)
				}
			}
		})
	}
}

// The exception is for the likes of the action and for nobody and nothing else.
func TestAnExceptionIsNoWiderThanItSays(t *testing.T) {
	b := newBench(t, "rule \"people\" {\n  on      = [service.app_db]\n  tables  = [\"users\", \"cards\"]\n  verdict = \"ask\"\n}\n")
	got, err := b.Rule(t.Context(), b.made(t, "app_db", query("UPDATE users SET a = 1 WHERE id = 5"), "buyer"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	with, err := b.Source.Draft(t.Context(), got.Draft)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"UPDATE users SET a = 2 WHERE id = 6":                            "buyer allow, clerk ask",
		"UPDATE users SET a = 2":                                         "buyer deny, clerk deny",
		"DELETE FROM users WHERE id = 5":                                 "buyer ask, clerk ask",
		"UPDATE cards SET a = 1 WHERE id = 5":                            "buyer ask, clerk ask",
		"UPDATE users SET a = 1 FROM cards WHERE cards.id = users.id":    "buyer ask, clerk ask",
		"UPDATE users SET a = 1 WHERE id = 5; SELECT a FROM cards":       "buyer ask, clerk ask",
		"SELECT a FROM users":                                            "buyer ask, clerk ask",
		"INSERT INTO users VALUES (1) ON CONFLICT DO UPDATE SET a = 1":   "buyer ask, clerk ask",
		"WITH x AS (DELETE FROM cards RETURNING 1) UPDATE users SET a=1": "buyer deny, clerk deny",
	} {
		var is []string
		for _, role := range []string{"buyer", "clerk"} {
			d, known := with.Replay(b.made(t, "app_db", query(text), role), time.Now())
			if !known {
				t.Errorf("%s: not known", text)
			}
			is = append(is, role+" "+d.Verdict.String())
		}
		if strings.Join(is, ", ") != want {
			t.Errorf("%s: %s, want %s\n%s", text, is, want, got.HCL)
		}
	}
}

// Whatever an agent sends, a sketch is values: it loads, says what it says, and
// nothing of it is syntax.
func TestT48_NothingOfAnActionBecomesSyntax(t *testing.T) {
	evil := []string{
		`/a"} rule "x" { on = "*" verdict = "allow" }`, `/${secret.app_db}`, `/%{ if true }x%{ endif }`, "/a\nverdict = \"allow\"", `/*`, `/**`, `/!a`, `/$${x}`,
		`/.*`, `/a|b`, `/(a`, `/a\`, "/\u202e", `/#`, `/x" || true || "`,
	}
	for _, path := range evil {
		b := newBench(t, careful)
		a := b.made(t, "shop", send("POST", "/v1/x", ""), "buyer")
		if r, ok := a.Parts[0].Facts.(interface{ SetPath(string) }); ok {
			r.SetPath(path)
		} else {
			raw, _ := json.Marshal(a.Parts[0].Facts)
			var m map[string]any
			_ = json.Unmarshal(raw, &m)
			m["path"] = path
			raw, _ = json.Marshal(m)
			_ = json.Unmarshal(raw, a.Parts[0].Facts)
		}
		got, err := b.Rule(t.Context(), a, time.Now())
		if err != nil {
			t.Errorf("%q: %v", path, err)
			continue
		}
		if len(got.Draft.Edits) == 0 {
			continue
		}
		with, err := b.Source.Draft(t.Context(), got.Draft)
		if err != nil {
			t.Errorf("%q: %v\n%s", path, err, got.HCL)
			continue
		}
		if n, was := with.RuleCount(), b.Rules().RuleCount(); n != was+1 {
			t.Errorf("%q: %d rules of %d\n%s", path, n, was, got.HCL)
		}
		for _, other := range []string{"/v1/refunds", "/secret"} {
			if d, _ := with.Replay(b.made(t, "shop", send("POST", other, ""), "buyer"), time.Now()); d.Verdict == action.Allow && strings.Count(path, "/") > 1 {
				t.Errorf("%q: %s passes\n%s", path, other, got.HCL)
			}
		}
	}
}

func TestAServiceThatAnAgentProposes(t *testing.T) {
	for _, c := range []struct {
		name, host string
		roles      []string
		verdict    string
		hcl        []string
		note       string
	}{
		{"a host of nobody's", "api.example.org", []string{"buyer"}, "allow", []string{`service "api_example_org" {`, `hosts = ["api.example.org"]`, `use = [service.shop, service.app_db, service.api_example_org]`}, `role "buyer"`},
		{"one that a preset knows", "api.github.com", []string{"buyer"}, "allow", []string{`service "github" {`, `service.github]`}, "secret, which has to be set: github"},
		{"a list of several lines", "7.example.org", []string{"guest"}, "allow", []string{`service "host_7_example_org"`, "# and nothing else", "service.host_7_example_org,"}, ""},
		{"an agent of several roles", "api.example.org", []string{"buyer", "clerk"}, "", []string{`service "api_example_org"`}, "in 2 roles"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, "")
			got, err := b.Service(t.Context(), &action.Peer{ID: "a", Name: "laptop", Enrolled: c.roles}, c.host)
			if err != nil {
				t.Fatal(err)
			}
			if got.Verdict != c.verdict || !strings.Contains(strings.Join(got.Notes, "\n"), c.note) {
				t.Errorf("%q, notes %q\n%s", got.Verdict, got.Notes, got.HCL)
			}
			for _, want := range c.hcl {
				if !strings.Contains(got.HCL, want) {
					t.Errorf("%q is missing from\n%s", want, got.HCL)
				}
			}
		})
	}
}
