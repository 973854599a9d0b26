package policy

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/pulse"
	"sallyport.dev/sallyport/policy/finding"

	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite the want sections of testdata")

// Every file of testdata is a configuration and what is said about it, one line
// for each diagnostic; "ok" is nothing.
func TestConfigurations(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatal("no testdata", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			want := -1
			for i, f := range ar.Files {
				if f.Name == "want" {
					want = i
					continue
				}
				path := filepath.Join(dir, f.Name)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, f.Data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got := report(dir)
			if *update {
				ar.Files[want].Data = []byte(got)
				if err := os.WriteFile(name, txtar.Format(ar), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if want < 0 || got != string(ar.Files[want].Data) {
				t.Errorf("%s\ngot:\n%s", ar.Comment, got)
			}
		})
	}
}

// report loads a directory and gives its diagnostics, one a line, by place.
func report(dir string) string {
	_, _, diags := Load(dir, testOptions())
	var lines []string
	for _, d := range diags {
		at := ""
		if d.Subject != nil {
			at = strings.TrimPrefix(d.Subject.String(), dir+"/") + ": "
		}
		severity := ""
		if d.Severity != 1 {
			severity = string(finding.Of(d)) + ": "
		}
		lines = append(lines, strings.ReplaceAll(fmt.Sprintf("%s%s%s; %s", at, severity, d.Summary, d.Detail), dir, "DIR")+"\n")
	}
	if lines == nil {
		return "ok\n"
	}
	return strings.Join(lines, "")
}

func FuzzLoad(f *testing.F) {
	names, _ := filepath.Glob("testdata/*.txtar")
	for _, name := range names {
		if ar, err := txtar.ParseFile(name); err == nil {
			for _, file := range ar.Files {
				if strings.HasSuffix(file.Name, ".hcl") {
					f.Add(file.Data)
				}
			}
		}
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		name := filepath.Join(dir, "x.hcl")
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Skip(err)
		}
		p, files, diags := Load(name, testOptions())
		if (p == nil) != diags.HasErrors() {
			t.Errorf("policy %v with %v", p, diags)
		}
		for _, d := range diags {
			if d.Summary == "" || d.Detail == "" {
				t.Errorf("a diagnostic says nothing: %v", d)
			}
		}
		var b bytes.Buffer
		if err := WriteDiagnostics(&b, files, diags, false); err != nil {
			t.Error(err)
		}
		if bytes.ContainsAny(b.Bytes(), "\x1b\r\x00") {
			t.Errorf("a terminal would obey this: %q", b.String())
		}
		if p != nil {
			p.Manifest(agent()).Markdown()
		}
	})
}

// The examples of this folder's contract: everything that this version has.
func TestEveryPresetLoads(t *testing.T) {
	var b strings.Builder
	var use []string
	for _, name := range (library{}).List() {
		if text, _ := (library{}).Get(name); strings.Contains(string(text), "\n  hosts") {
			fmt.Fprintf(&b, "service %q {}\n", name)
		} else {
			host := strings.ReplaceAll(name, "_", "-") + ".acme.dev"
			fmt.Fprintf(&b, "service \"%s\" {\n preset = %q\n hosts = [%q]\n auth = %s\n}\n", name, name, host, map[bool]string{true: `password("u", secret.s)`, false: "bearer(secret.s)"}[name == "postgres"])
		}
		use = append(use, "service."+name)
	}
	fmt.Fprintf(&b, "role \"everyone\" { use = [%s] }\n", strings.Join(use, ", "))
	p, diags := tryLoad(t, b.String())
	if p == nil {
		t.Fatal(diags)
	}
	if len(p.Services()) != len(use) || !slices.Contains(use, "service.github") {
		t.Errorf("services %v", use)
	}
}

func TestWriteDiagnostics(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "p.hcl")
	text := "service \"db\" {\n\tprotocol = \"postgres\"\n  posture  = \"gaurded\"\n  hosts = [\"db.test\"]\n}\n"
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, files, diags := Load(name, testOptions())
	var b bytes.Buffer
	if err := WriteDiagnostics(&b, files, diags, false); err != nil {
		t.Fatal(err)
	}
	want := `Error: p.hcl:3:14: Unknown posture
   3 |   posture  = "gaurded"
     |              ^^^^^^^^^
  "gaurded" is no posture; it is "guarded", "locked" or "open". Did you mean "guarded"?
`
	if got := strings.ReplaceAll(b.String(), dir+"/", ""); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	b.Reset()
	if err := WriteDiagnostics(&b, files, diags, true); err != nil || !regexp.MustCompile("\x1b\\[1;31mError\x1b\\[0m").Match(b.Bytes()) {
		t.Errorf("no colour: %q %v", b.String(), err)
	}
}

func TestLoadDirectory(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("b.hcl", "role \"r\" { use = service.api }\n")
	write("a.hcl", "service \"api\" { hosts = \"api.test\" }\n")
	write(".hidden.hcl", "nonsense\n")
	write("note.md", "nonsense\n")
	if err := os.Mkdir(filepath.Join(dir, "sub.hcl"), 0o700); err != nil {
		t.Fatal(err)
	}
	p, files, diags := Load(dir, testOptions())
	if p == nil {
		t.Fatal(diags)
	}
	if got := files.Paths(); len(got) != 2 || filepath.Base(got[0]) != "a.hcl" {
		t.Errorf("read %v", got)
	}
	for _, path := range []string{filepath.Join(dir, "nothing"), t.TempDir()} {
		if p, _, diags := Load(path, testOptions()); p != nil || !diags.HasErrors() {
			t.Errorf("%s loads", path)
		}
	}
}

func TestLive(t *testing.T) {
	var l Live
	p := loaded(t, httpPolicy("open", ""))
	if l.Current() != nil || l.Swap(p) != nil || l.Current() != p {
		t.Error("a Live does not hold what was swapped in")
	}
}

// What config.md calls the two lines, and what the language says around them.
func TestTwoLines(t *testing.T) {
	loaded(t, `
service "github" {}

role "everyone" { use = [service.github] }

test "reads pass" {
  role    = role.everyone
  request = "GET https://api.github.com/repos/acme/site/issues/1"
  expect  = "allow"
}
test "writes ask" {
  role    = role.everyone
  service = service.github
  request = "POST /repos/acme/site/issues"
  expect  = "ask"
}
test "destructive calls are refused" {
  role    = role.everyone
  service = service.github
  request = "DELETE /repos/acme/site"
  expect  = "deny"
}
`)
}

// The blocks of the language's page, as far as this version has them.
func TestWholeConfiguration(t *testing.T) {
	p := loaded(t, `
gateway {
  name      = "sallyport"
  state_dir = "/var/lib/sallyport"
  key       = file("/etc/sallyport/key")
  wireguard {
    listen   = ":51820"
    endpoint = "gw.example.com:51820"
    subnet   = "10.77.0.0/16"
    mtu      = 1420
  }
  dns {
    resolvers = ["10.0.0.2"]
    unknown   = "refuse"
  }
  record {
    keep   = "90d"
    strict = false
  }
  limits {
    connections_per_agent = 256
    body_inspect          = "256KiB"
  }
}
secret "stripe" {}
secret "openai" { env = "OPENAI_API_KEY" }
secret "app_db" { file = "/run/credentials/app_db" }
service "openai" {}
service "app_db" {
  protocol  = "postgres"
  hosts     = ["db.internal:5432", "10.4.0.0/24:5432"]
  upstream  = "10.4.0.12:5432"
  auth      = password("agent_ro", secret.app_db)
  databases = ["app", "reports"]
  tls       = { mode = "verify-full", server_name = "db.acme.dev" }
  posture   = "guarded"
  session {
    read_only         = true
    statement_timeout = "30s"
    lock_timeout      = "5s"
    idle_timeout      = "30m"
    max_rows          = 10000
    max_bytes         = "64MiB"
    max_connections   = 20
  }
}
service "billing" {
  hosts = ["billing.internal", "10.30.4.7:8443"]
  auth  = bearer(secret.stripe)
  operation "refund" {
    match  = "POST /v1/refunds"
    effect = "write"
  }
}
role "analyst" {
  members = ["tag:analyst", "user:bo@acme.dev", "agent:laptop-7"]
  use     = [service.openai, service.app_db, service.billing]
}
rule "no unbounded writes" {
  on      = [service.app_db]
  verbs   = ["update", "delete"]
  unless  = sql.has_where
  verdict = "deny"
  reason  = "Add a WHERE clause."
}
rule "personal data needs a yes" {
  on      = [service.app_db]
  roles   = [role.analyst]
  tables  = ["users", "payments.*", "!payments.currencies"]
  verdict = "ask"
}
rule "small refunds" {
  on         = [service.billing]
  operations = ["refund"]
  when       = http.json.amount == "20" && http.json.currency == "20"
  verdict    = "allow"
  otherwise  = "ask"
}
rule "card numbers stay home" {
  on      = [service.app_db]
  columns = ["payments.*.number", "users.iban"]
  verdict = "deny"
}
rule "new idea" {
  on      = "*"
  effects = ["destructive"]
  verdict = "deny"
  mode    = "observe"
}
test "an analyst cannot drop tables" {
  role     = role.analyst
  service  = service.app_db
  sql      = "DROP TABLE users"
  database = "app"
  expect   = "deny"
}
test "a small refund passes" {
  role    = role.analyst
  service = service.billing
  request = "POST /v1/refunds"
  headers = { content-type = "text/plain", "X-Trace" = "1" }
  body    = "20"
  rule    = "small refunds"
  expect  = "allow"
}
test "by tag" {
  tags    = ["tag:analyst"]
  request = "POST https://billing.internal/v1/refunds"
  body    = "70"
  rule    = "small refunds"
  expect  = "ask"
}
`)
	g := p.Gateway()
	if g.Wireguard == nil || g.Wireguard.Subnet.String() != "10.77.0.0/16" || g.Key.File != "/etc/sallyport/key" || g.Limits.BodyInspect != 256<<10 ||
		g.Record.Keep.Hours() != 90*24 || g.Resolvers[0].Port() != 53 {
		t.Errorf("gateway %+v", g)
	}
	if s := p.Services()[1]; s.Session.MaxBytes != 64<<20 || !s.Session.ReadOnly || !s.Injects || s.BodyInspectLimit != 256<<10 || len(s.Databases) != 2 {
		t.Errorf("service %+v", s)
	}
	if secrets := p.Secrets(); len(secrets) != 3 || secrets[1].Env != "OPENAI_API_KEY" {
		t.Errorf("secrets %+v", secrets)
	}
	if names := p.RoleNames(); !slices.Equal(names, []string{"analyst"}) {
		t.Errorf("roles: %v", names)
	}
	if names := p.SecretNames(); !slices.Equal(names, []string{"app_db", "openai", "stripe"}) {
		t.Errorf("secrets taken: %v", names)
	}
	if d := loaded(t, "").Gateway(); d.Name != "sallyport" || d.Wireguard != nil || d.Limits.ConnectionsPerAgent != 256 {
		t.Errorf("defaults %+v", d)
	}
}

// Texts made to cost: deep, long, huge. Each is an error, soon, and no panic.
func TestT53_ConfigurationBombs(t *testing.T) {
	n := 150_000
	if raceEnabled {
		n = 60_000
	}
	rule := func(when string) string {
		return "service \"a\" { hosts = [\"a.test\"] }\nrule \"x\" {\n on = \"*\"\n verdict = \"deny\"\n when = " + when + "\n}\n"
	}
	bombs := map[string]string{
		"parentheses":  rule(strings.Repeat("(", n) + strings.Repeat(")", n)),
		"brackets":     rule(strings.Repeat("[", n)),
		"lines":        rule(strings.Repeat("(\n", n)),
		"not":          rule(strings.Repeat("!", n) + "true"),
		"minus":        rule(strings.Repeat("-", n) + "1"),
		"minus apart":  rule("(" + strings.Repeat("-\n", n) + "1)"),
		"conditional":  rule(strings.Repeat("true ? true : ", n/10) + "true"),
		"sum":          rule("1" + strings.Repeat("+1", n) + " > 0"),
		"sum on lines": rule("(1" + strings.Repeat("+\n1", n) + ") > 0"),
		"in template":  rule(`"${1` + strings.Repeat("+\n1", n) + `}" == "1"`),
		"steps":        rule("http" + strings.Repeat(".a", n)),
		"indexes":      rule("http" + strings.Repeat("[0]", n)),
		"calls":        rule(strings.Repeat("f(", n)),
		"templates":    rule(strings.Repeat(`"${`, n)),
		"blocks":       strings.Repeat("a {\n", n),
		"objects":      strings.Repeat("a = {\n", n),
		"loops":        rule(strings.Repeat("[for x in ", n)),
		"big number":   "gateway {\n limits {\n connections_per_agent = 1e900000000\n }\n}\n",
		"big text":     "gateway {\n name = \"${1e900000000}\"\n}\n",
		"big loop":     "gateway {\n name = [for x in [1,2] : x][0]\n}\n",
		"huge":         "# " + strings.Repeat("x", 5<<20),
	}
	for name, text := range bombs {
		start := pulse.Spent()
		p, diags := tryLoad(t, text)
		if p != nil {
			t.Errorf("%s: loads", name)
		}
		if took := pulse.Spent() - start; took > 30*time.Second {
			t.Errorf("%s: took %s", name, took)
		}
		if len(diags) > 1<<20 {
			t.Errorf("%s: %d bytes of complaints", name, len(diags))
		}
	}
}

// What loads decides soon, whatever an agent sends.
func TestT53_PatternsAreLinear(t *testing.T) {
	p := loaded(t, httpPolicy("open", "rule \"x\" {\n on = \"*\"\n verdict = \"deny\"\n paths = [\"/"+strings.Repeat("**/*a*b/", 200)+"x\", \"/"+strings.Repeat("*a", 2000)+"b\"]\n when = matches(http.path, \"(a*)*(a|aa)*b$\")\n}\n"))
	for _, path := range []string{"/" + strings.Repeat("a/", 30_000), "/" + strings.Repeat("a", 60_000), "/" + strings.Repeat("aab/", 15_000)} {
		start := pulse.Spent()
		p.Decide(request(p, "api", "GET", path))
		if took := pulse.Spent() - start; took > 5*time.Second {
			t.Errorf("a path of %d bytes took %s", len(path), took)
		}
	}
}

// BenchmarkLoad compiles ten thousand rules over a hundred services.
func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		manyRules(b, 10_000)
	}
}
