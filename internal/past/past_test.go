package past

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit/record"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/protocols/http/ask"
	"sallyport.dev/sallyport/protocols/http/content"
	"sallyport.dev/sallyport/protocols/postgres/sql"
)

// rules read everything that a record holds.
const rules = `
service "api" {
  hosts   = ["api.example.com", "10.1.2.3:8443"]
  posture = "POSTURE"
  operation "refund" {
    match  = "POST /refunds"
    effect = "write"
  }
  operation "graph" {
    match = "* /graphql"
    as    = "graphql"
  }
  operation "tools" {
    match = "POST /mcp"
    as    = "mcp"
  }
  operation "model" {
    match = "POST /chat"
    as    = "llm"
  }
}
service "db" {
  protocol  = "postgres"
  hosts     = ["db.internal"]
  auth      = password("agent", secret.db)
  databases = ["app"]
  posture   = "POSTURE"
}
service "raw" {
  protocol = "tcp"
  hosts    = ["raw.example.com:22"]
}
role "one" { use = [service.api, service.db, service.raw] }
role "two" {
  members = ["tag:two", "user:bo@acme.dev"]
  use     = [service.api]
}
rule "small" {
  on         = [service.api]
  operations = ["refund"]
  when       = http.json.amount > 0 && http.json.amount <= 50
  verdict    = "allow"
  otherwise  = "ask"
}
rule "forms" {
  on      = [service.api]
  paths   = ["/forms/**"]
  when    = http.form.kind == "a"
  verdict = "allow"
}
rule "arguments" {
  on      = [service.api]
  paths   = ["/refunds", "/forms/*"]
  when    = http.args.force == "true"
  verdict = "deny"
}
rule "words" {
  on      = [service.api]
  paths   = ["/refunds"]
  when    = matches(http.body, "forbidden")
  verdict = "deny"
}
rule "pages" {
  on      = [service.api]
  when    = http.query.page == "2" || http.headers.x-team == "red" || http.size > 400
  verdict = "ask"
}
rule "mutations" {
  on      = [service.api]
  when    = graphql.type == "mutation" && contains(graphql.fields, "drop")
  verdict = "deny"
}
rule "tools" {
  on      = [service.api]
  tools   = ["look"]
  verdict = "allow"
}
rule "paths of tools" {
  on      = [service.api]
  when    = mcp.arguments.path == "/etc/passwd"
  verdict = "deny"
}
rule "models" {
  on      = [service.api]
  models  = ["small-*"]
  when    = llm.max_tokens <= 100
  verdict = "allow"
}
rule "who" {
  on      = [service.api]
  roles   = [role.two]
  hosts   = ["10.1.2.3"]
  verdict = "ask"
}
rule "orders" {
  on      = [service.db]
  verbs   = ["insert", "update"]
  tables  = ["orders"]
  when    = sql.has_where || sql.statements == 1
  verdict = "allow"
}
rule "literals" {
  on      = [service.db]
  when    = contains(sql.literals, "secret")
  verdict = "deny"
}
rule "columns" {
  on      = [service.db]
  columns = ["users.iban"]
  verdict = "deny"
}
rule "at night" {
  on      = "*"
  hours   = "00:00-06:00"
  roles   = [role.two]
  verdict = "deny"
}
`

func load(t testing.TB, text string) *policy.Policy {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sallyport.hcl")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, _, diags := policy.Load(path, options())
	if p == nil {
		t.Fatal(diags)
	}
	return p
}

func pick(r *rand.Rand, words ...string) string { return words[r.IntN(len(words))] }

// random makes an action of the policy, as its protocol makes it of live traffic.
func random(t *testing.T, r *rand.Rand, p *policy.Policy) *action.Action {
	t.Helper()
	service := p.Services()[r.IntN(3)]
	host, port, trial := "api.example.com", uint16(443), action.Trial{}
	switch service.Name {
	case "api":
		trial.Method = pick(r, "GET", "POST", "PUT", "DELETE")
		path := pick(r, "/refunds", "/forms/x", "/graphql", "/mcp", "/chat", "/other")
		typ := pick(r, "application/json", "application/json; charset=utf-8", "application/x-www-form-urlencoded", "text/plain", "")
		trial.URL = "https://api.example.com" + path + pick(r, "", "?page=2", "?page=1&page=2", "?force=true", "?token=abc", "?query=mutation{drop}")
		trial.Body = []byte(pick(r, "", `{"amount": 7}`, `{"amount": 70, "note": "forbidden"}`, `{"amount": 7, "amount": 70}`, `{"amount": 7, "token": "x"}`, `{"force": true}`,
			`{"query": "mutation { drop }"}`, `{"query": "{ a }"}`, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"look","arguments":{"path":"/etc/passwd"}}}`,
			`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"look","arguments":{"password":"x"}}}`, `{"model":"small-1","max_tokens":50,"messages":[]}`, "kind=a", "kind=a&force=true", "kind=a&kind=b", "password=x&kind=a", "{"))
		trial.Headers = map[string]string{"X-Team": pick(r, "red", "blue"), "Authorization": "Bearer x"}
		if typ != "" {
			trial.Headers["Content-Type"] = typ
		}
	case "db":
		host, port = "db.internal", 5432
		trial.Database = pick(r, "app", "app", "other")
		trial.SQL = pick(r, "SELECT 1", "SELECT * FROM orders", "UPDATE orders SET a = 1", "UPDATE orders SET a = 'secret' WHERE id = 3", "INSERT INTO orders VALUES (1); DELETE FROM orders",
			"SELECT iban FROM users", "DROP TABLE orders", "WITH x AS (DELETE FROM a RETURNING *) SELECT * FROM x", "BEGIN", "SELECT 'a\\'", "DO $$ begin end $$")
	default:
		host, port = "raw.example.com", 22
	}
	a, err := options().Trials[service.Protocol](service, trial)
	if err != nil {
		return nil // it would have been refused before
	}
	a.ID, a.Kind, a.Service, a.Host = "X", "request", service, host
	a.Dst = netip.AddrPortFrom(netip.MustParseAddr("198.18.0.7"), port)
	a.Time = time.Date(2026, 11, 2, r.IntN(24), 30, 0, 0, time.UTC)
	a.Peer = &action.Peer{ID: "a", Name: "laptop", Enrolled: []string{"one"}, User: pick(r, "", "bo@acme.dev")}
	if f := request(a); f != nil && len(trial.Body) > 0 && r.IntN(2) == 0 {
		var typ []string
		if v := trial.Headers["Content-Type"]; v != "" {
			typ = []string{v}
		}
		f.Kept = content.Keep(typ, nil, trial.Body, 16<<10)
	}
	return a
}

// request gives the facts of a request; nil for anything else.
func request(a *action.Action) *ask.Request {
	if len(a.Parts) == 0 {
		return nil
	}
	f, _ := a.Parts[0].Facts.(*ask.Request)
	return f
}

// What is judged again comes to what was decided, or cannot be told; and it can be
// told wherever all of it was kept.
func TestReplayComesToWhatWasDecided(t *testing.T) {
	told, untold := 0, 0
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 7))
		p := load(t, strings.ReplaceAll(rules, "POSTURE", pick(r, "guarded", "locked", "open")))
		read := Reader(options().Tables)()
		for range 900 {
			a := random(t, r, p)
			if a == nil {
				continue
			}
			d := p.DecideAt(a, a.Time)
			if d.Need != 0 && a.Service.Protocol == "postgres" {
				a.Parts = learned(a.Parts)
				d = p.DecideAt(a, a.Time)
			}
			if d.Need != 0 {
				t.Fatalf("%s is not decided: %d", a.Summary, d.Need)
			}
			rec := record.New(nil, a, d)
			rec.Seal(1, record.Hash{}, a.Time)
			past, err := read(rec.Body())
			if err != nil || past.Action == nil {
				t.Fatalf("%v: %s\n%s", err, past.Why, rec.Body())
			}
			again, known := p.Replay(past.Action, past.Time)
			f := request(a)
			switch {
			case known && (again.Verdict != d.Verdict || again.Rule != d.Rule && d.Verdict != action.Deny): // of several denies any may be seen first
				t.Fatalf("seed %d: %s came to %s by %q and comes to %s by %q\n%s", seed, a.Summary, d.Verdict, d.Rule, again.Verdict, again.Rule, rec.Body())
			case known:
				told++
			case f == nil || f.Size == 0 || f.Kept != nil && !f.Kept.Hidden:
				t.Fatalf("seed %d: %s came to %s by %q and cannot be told\n%s", seed, a.Summary, d.Verdict, d.Rule, rec.Body())
			default:
				untold++
			}
			if past.Expect != d.Verdict {
				t.Fatalf("%s came to %s, and %s is expected", a.Summary, d.Verdict, past.Expect)
			}
		}
	}
	if told < 2000 || untold < 50 {
		t.Errorf("%d told, %d untold: that proves little", told, untold)
	}
}

// A line of a file is an action or an error, whatever it is.
func FuzzExpectations(f *testing.F) {
	f.Add([]byte(`{"id":"X","kind":"request","verdict":"allow","protocol":"http","parts":[{"effects":"read","facts":{"method":"GET"}}]}`))
	f.Add([]byte(`{"id":"X","kind":"gap","missing":3}`))
	f.Add([]byte(`{"id":"X","kind":"query","expect":"deny","protocol":"postgres","parts":[{"facts":{"verb":"select","text":"SELECT 1"}}]}`))
	p := load(f, strings.ReplaceAll(rules, "POSTURE", "guarded"))
	f.Fuzz(func(t *testing.T, line []byte) {
		past, err := Expectations(options().Tables)()(line)
		if err != nil || past.Action == nil {
			return
		}
		p.Replay(past.Action, past.Time)
		p.ReplayExplain(past.Action, past.Time)
	})
}

func TestLines(t *testing.T) {
	var got []string
	for line, err := range Lines(strings.NewReader("{\"a\":1}\n\n  {\"b\":2}  \r\n{\"error\":\"the store is gone\"}\n{\"c\":3}\n")) {
		got = append(got, fmt.Sprintf("%s %v", line, err))
	}
	want := []string{`{"a":1} <nil>`, `{"b":2} <nil>`, ` the records broke off: {"error":"the store is gone"}`}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for line, err := range Lines(strings.NewReader(strings.Repeat("x", maxLine+1))) {
		if err == nil {
			t.Errorf("a line without an end is %.20q", line)
		}
	}
}

func TestExpected(t *testing.T) {
	for text, want := range map[string]action.Verdict{
		`{"verdict":"allow"}`:                         action.Allow,
		`{"verdict":"deny"}`:                          action.Deny,
		`{"verdict":"allow","asks":[{"rule":"a"}]}`:   action.Ask, // somebody said yes
		`{"verdict":"deny","asks":[{"rule":"a"}]}`:    action.Ask, // or no
		`{"verdict":"ask","asks":[{"reason":"why"}]}`: action.Ask,
	} {
		var r record.Record
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			t.Fatal(err)
		}
		if got := Expected(&r); got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
}

// learned are the parts with what a rule had the protocol learn.
func learned(parts []action.Part) []action.Part { return sql.WithLiterals(parts) }
