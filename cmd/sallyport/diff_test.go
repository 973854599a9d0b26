package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/internal/store"
	"sallyport.dev/sallyport/policy"

	"github.com/jackc/pgx/v5"
)

// diff replays what agents did: it tells what a change would have changed, and what
// cannot be told because a body is not recorded.
func TestDiffReplaysWhatWasRecorded(t *testing.T) {
	d := newDesk(t, oneRole)
	s := d.shopper("laptop")
	s.must("GET", "/v1/orders", 200)
	s.must("GET", "/v1/prices", 200)
	s.must("DELETE", "/v1/orders", 403)
	d.Records("service:shop", 3)
	dir := t.TempDir()
	conf := func(name, text string) string {
		path := filepath.Join(dir, name+".hcl")
		write(t, path, []byte(strings.ReplaceAll(text, `tls   = { ca = file("upstreams.pem") }`, "")))
		return path
	}
	same := conf("same", oneRole)
	r := d.call("diff", same, same)
	if r.code != 0 || !strings.Contains(r.stderr, "3 actions replayed: 0 changes, 0 cannot be told.") {
		t.Fatalf("the same twice: exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}

	r = d.call("diff", same, conf("stricter", oneRole+`
rule "no prices" {
  on      = [service.shop]
  paths   = ["/v1/prices"]
  verdict = "deny"
}
rule "orders may go" {
  on      = [service.shop]
  effects = ["destructive"]
  paths   = ["/v1/orders"]
  verdict = "ask"
}
`))
	if r.code != 1 {
		t.Errorf("two changes: exit %d", r.code)
	}
	has(t, r.stderr, "3 actions replayed: 2 changes (1 allow->deny, 1 deny->ask), 0 cannot be told.")
	has(t, r.stdout, "allow -> deny ", "GET shop.example.com/v1/prices", `Rule "no prices" denies this.`, "deny  -> ask  ", "DELETE shop.example.com/v1/orders")
	if strings.Count(r.stdout, "\n") != 2 {
		t.Errorf("more than the two:\n%s", r.stdout)
	}

	r = d.call("diff", same, conf("elsewhere", strings.ReplaceAll(oneRole, "shop.example.com", "shop.example.org")), "--json")
	if r.code != 1 || strings.Count(r.stdout, `"new": "deny"`) != 3 || !strings.Contains(r.stdout, `"count": 2`) {
		t.Errorf("a service that is gone: exit %d\n%s", r.code, r.stdout)
	}
	opaque := strings.Replace(strings.Replace(oneRole, "auth  = bearer(secret.shop)\n", "protocol = \"tcp\"\n", 1), `"shop.example.com"`, `"shop.example.com:443"`, 1)
	r = d.call("diff", same, conf("opaque", opaque))
	if r.code != 0 || !strings.Contains(r.stderr, "3 actions replayed: 0 changes, 3 cannot be told.") {
		t.Errorf("another protocol: exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	for _, args := range [][]string{{"diff", same}, {"diff", same, filepath.Join(dir, "none.hcl")}, {"diff", same, same, "--since", "yesterday"}} {
		if r := d.call(args...); r.code != 2 {
			t.Errorf("%v: exit %d\n%s", args, r.code, r.stderr)
		}
	}
}

// A rule that reads bodies can be replayed where they are recorded; where not, diff
// says so.
func TestDiffTellsBodiesThatAreRecorded(t *testing.T) {
	for record, want := range map[string]string{
		"":                            "2 actions replayed: 0 changes, 1 cannot be told.",
		`record { bodies = "16KiB" }`: "2 actions replayed: 1 change (1 ask->allow), 0 cannot be told.",
	} {
		t.Run(record, func(t *testing.T) {
			diffBodies(t, strings.Replace(oneRole, "gateway {\n", "gateway {\n  "+record+"\n", 1), want)
		})
	}
}

func diffBodies(t *testing.T, conf, want string) {
	d := newDesk(t, conf)
	s := d.shopper("laptop")
	d.Desk.Timeout = 1
	resp, err := s.c.Post("https://shop.example.com/v1/orders", "application/json", strings.NewReader(`{"amount": 3}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	s.must("GET", "/v1/orders", 200)
	d.Records("service:shop", 2)
	text := strings.ReplaceAll(oneRole, `tls   = { ca = file("upstreams.pem") }`, "")
	old, reads := filepath.Join(t.TempDir(), "old.hcl"), filepath.Join(t.TempDir(), "new.hcl")
	write(t, old, []byte(text))
	write(t, reads, []byte(text+`
rule "small ones" {
  on      = [service.shop]
  paths   = ["/v1/orders"]
  when    = http.json.amount < 5
  verdict = "allow"
}
`))
	r := d.call("diff", old, reads)
	if !strings.Contains(r.stderr, want) || strings.Contains(want, "0 changes") != (r.code == 0) {
		t.Errorf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

// What was recorded is a test: of the same rules it passes, of others it tells the
// difference, and what it cannot tell is no pass.
func TestRecordedActionsAreTests(t *testing.T) {
	d := newDesk(t, oneRole)
	s := d.shopper("laptop")
	s.must("GET", "/v1/orders", 200)
	s.must("GET", "/v1/prices", 200)
	s.must("DELETE", "/v1/orders", 403)
	d.Records("service:shop", 3)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		write(t, path, []byte(strings.ReplaceAll(text, `tls   = { ca = file("upstreams.pem") }`, "")))
		return path
	}
	lines := d.ok("log", "--json").stdout
	recorded, same := file("recorded.jsonl", lines), file("same.hcl", oneRole+`
rule "never" {
  on      = [service.other]
  paths   = ["/x"]
  verdict = "deny"
}
rule "cheap" {
  on      = [service.shop]
  paths   = ["/v1/orders"]
  when    = http.query.page == "1"
  verdict = "deny"
}
test "prices are read" {
  role    = role.buyer
  request = "GET https://shop.example.com/v1/prices"
  expect  = "allow"
}
`)
	xml := filepath.Join(dir, "junit.xml")
	r := d.ok("test", "-c", same, recorded, "--cover", "--junit", xml)
	has(t, r.stderr, "4 passed, 0 failed")
	has(t, r.stdout, "ok  allow  prices are read\n", `rule "never" reached 0, decided 0: never reached`,
		`rule "cheap" reached 2, decided 0; when true 0, false 2, unknown 0: when was never true`, "0 of 2 rules covered")
	b, err := os.ReadFile(xml)
	if err != nil {
		t.Fatal(err)
	}
	has(t, string(b), `<testsuite name="test blocks" tests="1" failures="0">`, `tests="3" failures="0">`, "GET shop.example.com/v1/orders (")

	stricter := file("stricter.hcl", oneRole+`
rule "no prices" {
  on      = [service.shop]
  paths   = ["/v1/prices"]
  verdict = "deny"
}
test "prices are read" {
  role    = role.buyer
  request = "GET https://shop.example.com/v1/prices"
  expect  = "allow"
}
`)
	r = d.call("test", "-c", stricter, recorded, "--junit", xml)
	if r.code != 1 {
		t.Errorf("exit %d", r.code)
	}
	has(t, r.stderr, "2 passed, 2 failed")
	has(t, r.stdout, `FAIL  deny   `+stricter+`:`, `Test "prices are read" expects allow and got deny by rule "no prices"`,
		"DIFF  "+recorded+":2  GET shop.example.com/v1/prices  expects allow, got deny: Rule \"no prices\" denies this.")
	if b, err = os.ReadFile(xml); err != nil {
		t.Fatal(err)
	}
	has(t, string(b), `failures="1"`, `<failure message="expects allow, got deny: Rule &#34;no prices&#34; denies this.">`)
	has(t, d.call("test", "-c", stricter, recorded, "--json").stdout, `"failed": 2`, `"cannot_tell": 0`, `"line": 2`, `"want": "allow"`)

	opaque := file("opaque.hcl", strings.Replace(strings.Replace(oneRole, "auth  = bearer(secret.shop)\n", "protocol = \"tcp\"\n", 1), `"shop.example.com"`, `"shop.example.com:443"`, 1))
	r = d.call("test", "-c", opaque, recorded)
	if r.code != 1 || !strings.Contains(r.stderr, "0 passed, 0 failed, 3 cannot be told") {
		t.Errorf("another protocol: exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}

	expected := file("expected.jsonl", strings.ReplaceAll(lines, `{"seq":`, `{"expect":"deny","seq":`))
	r = d.call("test", "-c", stricter, expected)
	if r.code != 1 || !strings.Contains(r.stderr, "2 passed, 2 failed") { // the block, and the orders
		t.Errorf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	for name, text := range map[string]string{"no JSON": "{", "no action": `{"a":1}`, "no verdict": strings.ReplaceAll(lines, `{"seq":`, `{"expect":"no","seq":`)} {
		if r := d.call("test", "-c", same, file("bad.jsonl", text)); r.code != 2 || !strings.Contains(r.stderr, "bad.jsonl: action 1: ") {
			t.Errorf("%s: exit %d\n%s", name, r.code, r.stderr)
		}
	}
	if r := d.call("test", "-c", same, filepath.Join(dir, "none.jsonl")); r.code != 2 {
		t.Errorf("no file: exit %d\n%s", r.code, r.stderr)
	}
}

// What is proposed of what an agent did in observe mode loads, and allows it.
func TestSuggest(t *testing.T) {
	observed := strings.Replace(oneRole, "auth  = bearer(secret.shop)\n", "auth  = bearer(secret.shop)\n  mode  = \"observe\"\n", 1)
	d := newDesk(t, observed)
	s := d.shopper("laptop")
	s.must("GET", "/v1/orders", 200)
	for i := range 3 {
		s.must("PUT", fmt.Sprintf("/v1/orders/%d", 1000+i), 200)
	}
	s.must("DELETE", "/v1/orders/$%7Bx%7D%22", 200)
	d.Records("service:shop", 5)
	path := filepath.Join(t.TempDir(), "conf.hcl")
	clear := func(text string) string {
		return strings.ReplaceAll(text, `tls   = { ca = file("upstreams.pem") }`, "")
	}
	write(t, path, []byte(clear(observed)))
	r := d.ok("suggest", "laptop", "-c", path)
	want := `# From 5 actions: 1 needs no rule, 4 are allowed by the rules below, 0 by none.

# From 3 actions.
rule "laptop may write shop" {
  on      = [service.shop]
  methods = ["PUT"]
  paths   = ["/v1/orders/*"]
  verdict = "allow"
}

# From 1 action. It allows what is destructive: look twice.
rule "laptop may do what is destructive at shop" {
  on      = [service.shop]
  effects = ["destructive"]
  methods = ["DELETE"]
  paths   = ["/v1/orders/*"]
  verdict = "allow"
}
`
	if r.stdout != want {
		t.Fatalf("got:\n%s\nwant:\n%s", r.stdout, want)
	}
	enforced, strict := filepath.Join(t.TempDir(), "enforced.hcl"), filepath.Join(t.TempDir(), "strict.hcl")
	write(t, strict, []byte(clear(oneRole)))
	write(t, enforced, []byte(clear(oneRole)+r.stdout))
	has(t, d.ok("check", "-c", enforced).stderr, "2 rules")
	has(t, d.call("diff", path, strict).stderr, "5 actions replayed: 4 changes (3 allow->ask, 1 allow->deny)")
	has(t, d.ok("diff", path, enforced).stderr, "5 actions replayed: 0 changes")
	var got struct {
		Seen, Fine, Allowed int
		Rules               []struct{ Actions int }
		HCL                 string
	}
	unmarshal(t, d.ok("suggest", "shop", "-c", path, "--json").stdout, &got)
	if got.Seen != 5 || got.Fine != 1 || got.Allowed != 4 || len(got.Rules) != 2 || !strings.Contains(got.HCL, `rule "seen at shop: write"`) {
		t.Errorf("%+v", got)
	}
	if r := d.call("suggest", "nobody", "-c", path); r.code != 1 || !strings.Contains(r.stderr, `nothing is recorded of an agent or a service called "nobody" (--since 7d)`) {
		t.Errorf("nobody: exit %d\n%s", r.code, r.stderr)
	}
	for _, args := range [][]string{{"suggest", "-c", path}, {"suggest", "shop", "-c", path, "--since", "ever"}, {"suggest", "shop", "-c", "nowhere"}} {
		if r := d.call(args...); r.code != 2 {
			t.Errorf("%v: exit %d\n%s", args, r.code, r.stderr)
		}
	}
}

// The records of a gateway that is stopped are read where they are kept.
func TestDiffNeedsNoGateway(t *testing.T) {
	alone(t)
	dir := t.TempDir()
	state := filepath.Join(dir, "state")
	path := filepath.Join(dir, "sallyport.hcl")
	text := strings.Replace(strings.ReplaceAll(oneRole, `tls   = { ca = file("upstreams.pem") }`, ""), "gateway {\n", "gateway {\n  state_dir = \"state\"\n", 1)
	write(t, path, []byte(text))
	if r := call(t.Context(), "", "diff", path, path); r.code != 5 || !strings.Contains(r.stderr, "no gateway answers") {
		t.Fatalf("without records: exit %d\n%s", r.code, r.stderr)
	}
	p, _, _ := policy.Load(path, build().Policy)
	if p == nil {
		t.Fatal("it does not load")
	}
	s, err := store.Open(t.Context(), state, nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := audit.New(t.Context(), s, build().Policy.Tables, audit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	a, err := build().Policy.Trials["http"](p.Services()[0], action.Trial{Method: "GET", URL: "https://shop.example.com/v1/prices"})
	if err != nil {
		t.Fatal(err)
	}
	a.ID, a.Time, a.Service, a.Host = action.NewID(time.Now()), time.Now(), p.Services()[0], "shop.example.com"
	a.Dst, a.Peer = netip.MustParseAddrPort("198.18.0.7:443"), &action.Peer{ID: "a1", Name: "laptop", Enrolled: []string{"buyer"}}
	if err := l.Begin(t.Context(), a, action.Decision{Verdict: action.Allow}); err != nil {
		t.Fatal(err)
	}
	l.End(a, action.Decision{Verdict: action.Allow}, action.Result{Status: "200"})
	if r := call(t.Context(), "", "diff", path, path); r.code != 5 || !strings.Contains(r.stderr, "its records cannot be read") {
		t.Errorf("while somebody else has them: exit %d\n%s", r.code, r.stderr)
	}
	if err := errors.Join(l.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	r := call(t.Context(), "", "diff", path, path)
	if r.code != 0 || !strings.Contains(r.stderr, "1 action replayed: 0 changes, 0 cannot be told.") {
		t.Errorf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if r := call(t.Context(), "", "diff", path, path, "--gateway", filepath.Join(dir, "other.sock")); r.code != 5 {
		t.Errorf("another gateway was named: exit %d\n%s", r.code, r.stderr)
	}
}

// Statements are tests, too: what a server's catalog said, what was bound and what
// stood in the text is all in the record.
func TestRecordedStatementsAreTests(t *testing.T) {
	const db = `
gateway {
  wireguard {
    listen = ":0"
  }
}
service "db" {
  protocol = "postgres"
  hosts    = ["db.example.com"]
  auth     = password("postgres", secret.db)
  tls      = { ca = file("upstreams.pem") }
  catalog  = true
}
role "analyst" { use = [service.db] }
rule "people are nobody's business" {
  on      = [service.db]
  tables  = ["public.people"]
  verdict = "deny"
}
rule "no sevens" {
  on      = [service.db]
  verbs   = ["select"]
  when    = contains(sql.literals, "seven")
  verdict = "deny"
}
rule "sixes" {
  on      = [service.db]
  verbs   = ["insert"]
  tables  = ["public.orders"]
  when    = contains(sql.params, "6")
  verdict = "allow"
}
`
	d := newDesk(t, db)
	d.Secret("db", "upstream-password")
	up := d.Postgres("db.example.com")
	admin, err := pgx.Connect(t.Context(), up.URL("postgres", "upstream-password", "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(context.Background())
	if _, err := admin.Exec(t.Context(), "CREATE TABLE people (id int); CREATE TABLE orders (n int); CREATE VIEW faces AS SELECT id FROM people"); err != nil {
		t.Fatal(err)
	}
	c, err := d.Agent("laptop").PG(t.Context(), "postgres://x@db.example.com/postgres?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	denied := 0
	for _, step := range []struct {
		sql  string
		args []any
		ok   bool
	}{
		{"SELECT 1", nil, true},
		{"INSERT INTO orders VALUES ($1)", []any{pgx.QueryExecModeExec, "6"}, true}, // a number would go in binary
		{"SELECT n FROM orders WHERE 'seven' = 'x'", nil, false},
		{"SELECT * FROM faces", nil, false},
		{"SELECT 1; SELECT * FROM people", []any{pgx.QueryExecModeSimpleProtocol}, false},
		{"SELECT 1; SELECT n FROM orders", []any{pgx.QueryExecModeSimpleProtocol}, true},
		{"DROP TABLE orders", nil, false},
	} {
		if _, err := c.Exec(t.Context(), step.sql, step.args...); (err == nil) != step.ok {
			t.Errorf("%s: %v", step.sql, err)
		}
		if !step.ok {
			denied++
		}
	}
	d.Records("service:db verdict:deny", denied)
	d.Records("service:db verdict:allow", 4) // the connection, too
	dir := t.TempDir()
	same, looser, recorded := filepath.Join(dir, "same.hcl"), filepath.Join(dir, "looser.hcl"), filepath.Join(dir, "recorded.jsonl")
	text := strings.ReplaceAll(db, `tls      = { ca = file("upstreams.pem") }`, "")
	write(t, same, []byte(text))
	write(t, looser, []byte(strings.Replace(text, `"6"`, `"8"`, 1)))
	write(t, recorded, []byte(d.ok("log", "--json").stdout))
	has(t, d.ok("test", "-c", same, recorded).stderr, " passed, 0 failed\n")
	has(t, d.ok("diff", same, same).stderr, "0 changes, 0 cannot be told.")
	r := d.call("diff", same, looser)
	if r.code != 1 || !strings.Contains(r.stderr, "1 change (1 allow->ask), 0 cannot be told.") || !strings.Contains(r.stdout, "INSERT INTO orders") {
		t.Errorf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}
