package suggest

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit/record"
	"sallyport.dev/sallyport/internal/past"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/policy/glob"
	"sallyport.dev/sallyport/policy/replay"
	"sallyport.dev/sallyport/policy/source"
	"sallyport.dev/sallyport/protocols/http"
	"sallyport.dev/sallyport/protocols/postgres"
	"sallyport.dev/sallyport/protocols/postgres/sql"
	"sallyport.dev/sallyport/protocols/tcp"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
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

// observed is a configuration in which everything is let through and recorded.
const observed = `
service "shop" {
  hosts   = ["shop.example.com"]
  auth    = bearer(secret.shop)
  posture = "POSTURE"
  mode    = "observe"
  operation "refund" {
    match  = "POST /v1/refunds"
    effect = "write"
  }
  operation "graph" {
    match = "POST /graphql"
    as    = "graphql"
  }
  operation "tools" {
    match = "POST /mcp"
    as    = "mcp"
  }
}
service "app_db" {
  protocol = "postgres"
  hosts    = ["db.internal"]
  auth     = password("agent", secret.app_db)
  posture  = "POSTURE"
  mode     = "observe"
}
service "ssh" {
  protocol = "tcp"
  hosts    = ["ssh.example.com:22"]
  posture  = "POSTURE"
  mode     = "observe"
}
role "buyer" { use = [service.shop, service.app_db, service.ssh] }
role "clerk" { use = [service.app_db] }
`

// A world is a configuration and what was recorded under it.
type world struct {
	text    string
	policy  *policy.Policy
	records [][]byte
}

func newWorld(tb testing.TB, posture, rules string) *world {
	tb.Helper()
	w := &world{text: strings.ReplaceAll(observed, "POSTURE", posture) + rules}
	w.policy = load(tb, w.text)
	return w
}

func load(tb testing.TB, text string) *policy.Policy {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "sallyport.hcl")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	p, _, diags := policy.Load(path, options())
	if p == nil {
		tb.Fatalf("%v\n%s", diags, text)
	}
	return p
}

// do records an action as it was judged then.
func (w *world) do(tb testing.TB, service string, t action.Trial) {
	tb.Helper()
	ports := map[string]string{"shop": "shop.example.com:443", "app_db": "db.internal:5432", "ssh": "ssh.example.com:22"}
	host, port, _ := strings.Cut(ports[service], ":")
	for _, svc := range w.policy.Services() {
		if svc.Name != service {
			continue
		}
		if service == "shop" {
			t.URL = "https://" + host + t.URL
		}
		a, err := options().Trials[svc.Protocol](svc, t)
		if err != nil {
			return // it would have been refused before
		}
		a.ID, a.Time, a.Kind, a.Service, a.Host = action.NewID(time.Now()), time.Now(), "request", svc, host
		a.Dst = netip.MustParseAddrPort("198.18.0.7:" + port)
		a.Peer = &action.Peer{ID: "a1", Name: "laptop", Enrolled: []string{"buyer"}}
		d := w.policy.DecideAt(a, a.Time)
		if d.Need != 0 {
			tb.Fatalf("%+v is not decided", t)
		}
		r := record.New(nil, a, d)
		r.Seal(uint64(len(w.records)+1), record.Hash{}, a.Time)
		w.records = append(w.records, r.Body())
	}
}

func (w *world) source(records [][]byte) replay.Source {
	return replay.Source{Reader: past.Reader(options().Tables), Records: func(yield func([]byte, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	}}
}

func (w *world) propose(tb testing.TB) *Proposal {
	tb.Helper()
	m := &Maker{
		Subject: "laptop", Tables: options().Tables, Policy: w.policy,
		With: func(hcl []byte) (*policy.Policy, error) {
			path := filepath.Join(tb.TempDir(), "sallyport.hcl")
			o := options()
			o.Overlay = source.Overlay{path: []byte(w.text + string(hcl))}
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				return nil, err
			}
			p, _, diags := policy.Load(path, o)
			if p == nil {
				return nil, fmt.Errorf("%w\n%s", diags, hcl)
			}
			return p, nil
		},
		Records: func(context.Context) (replay.Source, func(), error) { return w.source(w.records), func() {}, nil },
	}
	p, err := m.Make(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func get(path string) action.Trial { return action.Trial{Method: "GET", URL: path} }
func send(method, path, body string) action.Trial {
	return action.Trial{Method: method, URL: path, Body: []byte(body), Headers: map[string]string{"Content-Type": "application/json"}}
}
func query(text string) action.Trial { return action.Trial{SQL: text, Database: "app"} }

func TestProposal(t *testing.T) {
	w := newWorld(t, "guarded", `
rule "no dumps" {
  on      = [service.shop]
  paths   = ["/v1/dump"]
  verdict = "deny"
}
rule "look at customers" {
  on      = [service.app_db]
  tables  = ["customers"]
  verdict = "deny"
  mode    = "observe"
}
`)
	for i := range 3 {
		w.do(t, "shop", get("/v1/orders"))
		w.do(t, "shop", send("POST", fmt.Sprintf("/v1/orders/%d/lines", i), `{}`))
		w.do(t, "shop", send("PUT", fmt.Sprintf("/v1/orders/%d/lines", i), `{}`))
		w.do(t, "shop", send("POST", "/v1/refunds", `{}`))
		w.do(t, "app_db", query(fmt.Sprintf("UPDATE orders SET a = %d WHERE id = %d", i, i)))
	}
	w.do(t, "shop", send("DELETE", "/v1/carts/2f1c9b1e-8f0e-4d53-9c86-7a2f3d0c1b5a", ""))
	w.do(t, "shop", send("POST", "/graphql", `{"query":"mutation { b: addItem(id: 1) { id } c: setNote(id: 1) { id } }"}`))
	w.do(t, "shop", send("POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"create_issue","arguments":{}}}`))
	w.do(t, "shop", send("POST", "/v1/dump", `{}`))
	w.do(t, "app_db", query("INSERT INTO orders (a) VALUES (1)"))
	w.do(t, "app_db", query("DELETE FROM lines"))
	w.do(t, "app_db", query("UPDATE customers SET name = 'x' WHERE id = 1"))
	w.do(t, "app_db", query(`UPDATE "we.ird" SET a = 1 WHERE a = 2`))
	w.do(t, "ssh", action.Trial{})

	want, err := os.ReadFile("testdata/proposal.hcl")
	if err != nil && os.Getenv("UPDATE") == "" {
		t.Fatal(err)
	}
	p := w.propose(t)
	got := p.HCL()
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile("testdata/proposal.hcl", got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(got) != string(want) {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

// randomRule is a rule that may stand beside what is proposed.
func randomRule(r *rand.Rand, n int) string {
	return fmt.Sprintf("rule \"r%d\" {\n  on = [service.shop]\n  methods = [%q]\n  verdict = %q\n  mode = %q\n}\n", n,
		pick(r, "GET", "POST", "DELETE"), pick(r, "deny", "ask", "allow"), pick(r, "enforce", "observe"))
}

func pick(r *rand.Rand, words ...string) string { return words[r.IntN(len(words))] }

// randomAction is a request or statement in which names are what agents choose.
func randomAction(r *rand.Rand) (string, action.Trial) {
	segment := func() string {
		return pick(r, "orders", "v1", "items", fmt.Sprint(r.IntN(100)), fmt.Sprintf("ord_%08d", r.IntN(100)), "2f1c9b1e-8f0e-4d53-9c86-7a2f3d0c1b5a",
			"*", "**", "$%7Bevil%7D", "%22%0Aevil", "!evil", "a;evil", "Ünicode", strings.Repeat("evil", 40), "customer-"+string(rune('a'+r.IntN(26))))
	}
	switch r.IntN(8) {
	case 0, 1, 2, 3:
		path := ""
		for range 1 + r.IntN(4) {
			path += "/" + segment()
		}
		return "shop", send(pick(r, "GET", "POST", "PUT", "PATCH", "DELETE", "REPORT"), path, "{}")
	case 4:
		return "shop", send("POST", "/graphql", fmt.Sprintf(`{"query":%q}`, pick(r, "{ a }", "mutation { a b }", "mutation { evil }", "{", "mutation($x: Int) { c }")))
	case 5:
		return "shop", send("POST", "/mcp", fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":%q}}`, pick(r, "create", "ev\\\"}il", "a.b", "*")))
	case 6:
		return "ssh", action.Trial{}
	}
	table := pick(r, "orders", "shop.lines", `"ev""il"`, `"*"`, `"Odd"`, "customers")
	return "app_db", query(fmt.Sprintf(pick(r, "SELECT * FROM %s", "UPDATE %s SET a = 1 WHERE b = 2", "DELETE FROM %s", "DROP TABLE %s", "INSERT INTO %s VALUES (1)",
		"TRUNCATE %s", "WITH x AS (DELETE FROM %[1]s WHERE a = 1 RETURNING *) SELECT * FROM x, lines", "SELECT lo_import('x') -- %s", "DO $$ begin end $$ -- %s"), table))
}

// What a proposal says that it allows is allowed once it is applied and postures are
// enforced; what a rule denies stays denied; and no order of the records changes a
// letter of it.
func TestProposalKeepsItsWord(t *testing.T) {
	claims := 0
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 1))
		rules := ""
		for i := range r.IntN(3) {
			rules += randomRule(r, i)
		}
		w := newWorld(t, pick(r, "guarded", "locked"), rules)
		for range 60 {
			service, trial := randomAction(r)
			w.do(t, service, trial)
		}
		p := w.propose(t)
		hcl := string(p.HCL())
		left := 0
		for _, l := range p.Left {
			left += l.Count
		}
		if p.Seen != len(w.records) || p.Fine+p.Allowed+left != p.Seen {
			t.Fatalf("seed %d: %d seen of %d: %d fine, %d allowed, %d left", seed, p.Seen, len(w.records), p.Fine, p.Allowed, left)
		}
		enforced := regexp.MustCompile(`mode {2,}= "observe"`).ReplaceAllString(w.text, `mode = "enforce"`)
		claimed := w.keepsItsWord(t, load(t, w.text+hcl), load(t, enforced), load(t, enforced+hcl))
		if claimed != p.Fine+p.Allowed {
			t.Fatalf("seed %d: it claims %d and says %d\n%s", seed, claimed, p.Fine+p.Allowed, hcl)
		}
		claims += p.Allowed
		r.Shuffle(len(w.records), func(i, k int) { w.records[i], w.records[k] = w.records[k], w.records[i] })
		if again := string(w.propose(t).HCL()); again != hcl {
			t.Fatalf("seed %d: another order makes\n%s\nof\n%s", seed, again, hcl)
		}
		onlyRules(t, hcl)
	}
	if claims < 500 {
		t.Errorf("only %d actions were claimed: that proves little", claims)
	}
}

// keepsItsWord judges every record by the rules that were proposed and gives how
// many they claim.
func (w *world) keepsItsWord(t *testing.T, with, before, after *policy.Policy) (claimed int) {
	t.Helper()
	m := &Maker{Policy: w.policy}
	read := past.Reader(options().Tables)()
	for _, raw := range w.records {
		p, err := read(raw)
		if err != nil {
			t.Fatal(err)
		}
		n := m.try(NewLooker(options().Tables, w.policy), with, p, nil)
		was, _ := before.Replay(p.Action, p.Time)
		is, known := after.Replay(p.Action, p.Time)
		if n.Fine || n.allowed {
			claimed++
			if !known || is.Verdict != action.Allow {
				t.Fatalf("%s is claimed and comes to %s: %s", p.Summary, is.Verdict, is.Reason)
			}
		}
		if was.Verdict == action.Deny && was.Rule != "" && is.Verdict != action.Deny {
			t.Fatalf("%s was denied by rule %q and comes to %s", p.Summary, was.Rule, is.Verdict)
		}
	}
	return claimed
}

// onlyRules fails unless text is rules that allow, and comments, without a word
// that agents made up.
func onlyRules(t *testing.T, text string) {
	t.Helper()
	f, diags := hclsyntax.ParseConfig([]byte(text), "proposal.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("%v\n%s", diags, text)
	}
	body, ok := f.Body.(*hclsyntax.Body)
	if !ok || len(body.Attributes) > 0 {
		t.Fatalf("it states attributes:\n%s", text)
	}
	for _, b := range body.Blocks {
		if b.Type != "rule" || len(b.Body.Blocks) > 0 {
			t.Fatalf("it has a block %s:\n%s", b.Type, text)
		}
		v, _ := b.Body.Attributes["verdict"].Expr.Value(nil)
		if v.AsString() != "allow" {
			t.Fatalf("it does not allow:\n%s", text)
		}
	}
	for _, bad := range []string{"${", "%{", "$%7B", "%22", "!evil", "a;evil", `ev"`, `ev\"`, "Ünicode", "evilevil", "\x00"} {
		if strings.Contains(text, bad) {
			t.Fatalf("%q stands in\n%s", bad, text)
		}
	}
}

// Whatever agents call things, a proposal is rules and nothing else, and no name of
// theirs is a pattern, a template or a comment's end.
func TestT48_AProposalIsOnlyRules(t *testing.T) {
	w := newWorld(t, "locked", "")
	evil := []string{
		"${evil}", "%{ if evil }", `"]\n}\nrule "evil" {`, "*/evil", "evil\nrule", "!evil", "**", "a*evil", "# evil", "// evil", "<<EOT\nevil", "\\evil", "evil\u2028x", "evil evil",
	}
	for i, e := range evil {
		escaped := string(rune('a'+i)) + "/" + url.PathEscape(e) // nothing that would be widened anyway
		w.do(t, "shop", send("POST", "/v1/"+escaped, "{}"))
		w.do(t, "shop", send("POST", "/v1/"+escaped+"/17", "{}"))
		w.do(t, "shop", send("PROPFIND", "/"+escaped, ""))
		b, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": map[string]any{"name": e}})
		if err != nil {
			t.Fatal(err)
		}
		w.do(t, "shop", send("POST", "/mcp", string(b)))
		quoted := `"` + strings.ReplaceAll(e, `"`, `""`) + `"`
		w.do(t, "app_db", query("SELECT * FROM "+quoted))
		w.do(t, "app_db", query("DELETE FROM "+quoted+"."+quoted))
		w.do(t, "app_db", query("SELECT "+quoted+"(1)"))
	}
	if len(w.records) < 4*len(evil) {
		t.Fatalf("only %d of what agents tried is an action", len(w.records))
	}
	text := string(w.propose(t).HCL())
	onlyRules(t, text)
	if strings.Contains(text, "evil") || strings.ContainsAny(text, "\\\u2028") {
		t.Errorf("what an agent made up stands in\n%s", text)
	}
}

func TestTemplate(t *testing.T) {
	for path, want := range map[string]string{
		"/":                       "/",
		"/v1/orders":              "/v1/orders",
		"/v1/orders/17/lines":     "/v1/orders/*/lines",
		"/v1/orders/ord_00001234": "/v1/orders/*",
		"/x/2f1c9b1e-8f0e-4d53-9c86-7a2f3d0c1b5a": "/x/*",
		"/commits/9f86d08":                        "/commits/*",
		"/u/01J9ZK3W7QW3E4R5T6Y7U8I9O0":           "/u/*",
		"/repos/acme/site/issues/1":               "/repos/acme/site/issues/*",
		"/a/b.json":                               "/a/b.json",
		"/api/v1beta1/pods":                       "/api/v1beta1/pods",
		"/2026-11-22":                             "/*",
		"/issue-17":                               "/*",
		"/a/*/b":                                  "/a/*/b",
		"/a/**":                                   "/a/*",
		"/a/%24%7Bx%7D":                           "/a/*",
		"/a/" + strings.Repeat("x", 65):           "/a/*",
		strings.Repeat("/a", 30):                  strings.Repeat("/a", 24) + "/**",
		"/oauth2/token":                           "/oauth2/token",
		"/base64/dGhpc0lzQmFzZTY0":                "/base64/*",
		"/sha256/x509":                            "/sha256/x509",
		"/u/user12345":                            "/u/*",
	} {
		if got := Template(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

func TestWiden(t *testing.T) {
	var list []string
	for c := 'a'; c < 'a'+crowd; c++ {
		list = append(list, "/shops/"+string(c)+"/orders")
	}
	list = append(list, "/shops/z/orders/*", "/health")
	if got := fmt.Sprint(widen(set(list))); got != "[/health /shops/*/orders /shops/z/orders/*]" {
		t.Error(got)
	}
	if got := fmt.Sprint(widen([]string{"/a/*", "/a/b", "/a/c/d"})); got != "[/a/* /a/c/d]" {
		t.Error(got)
	}
}

// A template holds nothing but plain characters and its own stars, and the path is
// one of its paths.
func FuzzTemplate(f *testing.F) {
	f.Add("/a/17/*/b")
	f.Fuzz(func(t *testing.T, path string) {
		path = "/" + strings.TrimPrefix(path, "/")
		template := Template(path)
		for _, s := range strings.Split(template, "/") {
			if s != "*" && s != "**" && strings.ContainsFunc(s, func(r rune) bool {
				return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.~", r)
			}) {
				t.Fatalf("%q becomes %q", path, template)
			}
		}
		g, err := glob.Compile(template, '/')
		if err != nil || !g.Match(path) && !strings.Contains(path, "//") && !strings.HasSuffix(path, "/") {
			t.Fatalf("%q is no path of %q: %v", path, template, err)
		}
	})
}
