package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/dashboard/book"
)

const tested = oneRole + `
# Payments are dear.
rule "dear" {
  on      = [service.shop]
  paths   = ["/pay/**"] # all of them
  verdict = "ask"
}

test "reading passes" {
  role    = role.buyer
  service = service.shop
  request = "GET /x"
  expect  = "allow"
}
`

// text is the configuration as it stands on disk.
func (d *desk) text() string {
	d.t.Helper()
	b, err := os.ReadFile(filepath.Join(filepath.Dir(d.Dir), "lab.hcl"))
	if err != nil {
		d.t.Fatal(err)
	}
	return string(b)
}

func TestRulesAreAddedReplacedAndRemoved(t *testing.T) {
	d := newDesk(t, tested)
	r := d.ok("rule", "add", "no ${deletions}", "--on", "shop,service.other", "--roles", "buyer", "--methods", "DELETE,PURGE",
		"--when", `http.headers.x-why == null`, "--verdict", "deny", "--reason", `Say "why".`, "--note", "as agreed", "--yes")
	has(t, r.stdout, "+rule \"no $${deletions}\" {\n", "+  on      = [service.shop, service.other]\n", "+  roles   = [role.buyer]\n",
		"+  when    = http.headers.x-why == null\n", "+  methods = [\"DELETE\", \"PURGE\"]\n", `+  reason  = "Say \"why\"."`)
	has(t, r.stderr, `New: rule "no ${deletions}" in lab.hcl, line `, "1 test passed.", "Revision 2 is in force.")
	if n := d.Rules.Current().RuleCount(); n != 2 {
		t.Errorf("%d rules are in force", n)
	}
	has(t, d.ok("rule", "ls").stdout, "dear", "no ${deletions}", "lab.hcl")
	has(t, d.ok("rule", "show", "dear").stdout, "# Payments are dear.\nrule \"dear\" {\n")

	r = call(t.Context(), "rule \"dear\" {\n  on = [service.shop]\n  paths = [\"/pay/**\", \"/refund\"]\n  verdict = \"ask\"\n}\n", "rule", "replace", "--yes", "--json", "--gateway", d.socket)
	var taken book.Taken
	if err := json.Unmarshal([]byte(r.stdout), &taken); err != nil || taken.Revision.Number != 3 || r.code != 0 {
		t.Errorf("exit %d, %v: %s%s", r.code, err, r.stdout, r.stderr)
	}
	has(t, d.text(), "# Payments are dear.\nrule \"dear\" {\n", `paths   = ["/pay/**", "/refund"]`)

	r = call(t.Context(), "# Bo's.\nservice \"third\" {\n  hosts = [\"third.example.com\"]\n}\n\nrole \"bo\" {\n  members = [\"user:bo@acme.dev\"]\n  use     = [service.third]\n}\n", "policy", "put", "--yes", "--gateway", d.socket)
	if r.code != 0 || len(d.Rules.Roles()) != 2 || len(d.Rules.Current().Services()) != 3 {
		t.Errorf("exit %d: %s%s", r.code, r.stdout, r.stderr)
	}
	has(t, d.text(), "\n# Bo's.\nservice \"third\" {\n")
	d.ok("policy", "rm", "role", "bo", "--yes")

	d.ok("rule", "rm", "dear", "-y")
	has(t, d.ok("policy", "history").stdout, "REVISION", "as agreed", "host")
	has(t, d.ok("policy", "show", "2", "--diff").stdout, `+rule "no $${deletions}" {`)
	has(t, d.ok("policy", "show", "--file", "lab.hcl").stdout, `rule "no $${deletions}" {`)
	r = d.ok("policy", "rollback", "1", "--yes", "--note", "start over")
	has(t, r.stdout, `-rule "no $${deletions}" {`, `+rule "dear" {`)
	if d.text() != tested {
		t.Errorf("the rollback came to\n%s", d.text())
	}
	has(t, d.ok("policy", "history", "-n", "1").stdout, "back to 1  start over")
}

func TestRefusalsOfEdits(t *testing.T) {
	d := newDesk(t, tested)
	file := filepath.Join(t.TempDir(), "rule.hcl")
	if err := os.WriteFile(file, []byte("rule \"all\" {\n  on = [service.shop]\n  verdict = \"deny\"\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args, stdin string
		code        int
		want        string // in what is said
	}{
		{"rule add x --on shop --verdict deny --paths /y", "", 2, "nothing is changed: say --yes"},
		{"rule add x --on shop --verdict deny --paths /y --json", "", 2, "with --json say --yes"},
		{"rule add x --on shop --verdict deny --paths /y --dry-run", "", 0, "New: rule"},
		{"rule add --on shop --verdict deny", "", 2, "name the rule"},
		{"rule add x --on shp --verdict deny --yes", "", 2, `Unknown service: No service is named "shp". Did you mean "shop"?`},
		{"rule add x --on shop --verdict dney --yes", "", 2, "Unknown verdict"},
		{"rule add x --on shop --verdict deny --when true} --yes", "", 2, "it is no expression"},
		{"rule add dear --on shop --verdict deny --yes", "", 1, "is there already"},
		{"rule add x --from " + file + " --yes", "", 2, `this is rule "all" and not "x"`},
		{"rule add --from " + file + " --yes", "", 1, "Test failed"},
		{"rule add --from /nonexistent/x.hcl --yes", "", 2, "no such file"},
		{"rule add --from " + file + " --on shop --yes", "", 2, "not from both"},
		{"rule add --yes", "rule \"a\" {}\nrule \"b\" {}\n", 2, "not one block"},
		{"rule add --yes", "gateway {}\n", 2, "not one block"},
		{"rule add --yes", "rule \"a\" {\n", 2, "this is no HCL"},
		{"rule add x --on shop --verdict ask --approvers oncall --yes", "", 2, "write approver.oncall or judge.oncall"},
		{"policy put --yes", "", 2, "no list of blocks"},
		{"policy put --yes", "gateway {\n}\n", 2, "block of the host"},
		{"policy put --yes", "rule \"x\" {\n  on = [service.shop]\n}\n", 2, "Attribute missing"},
		{"policy rm role nobody --yes", "", 1, "there is no role"},
		{"policy rm gateway x --yes", "", 2, "block of the host"},
		{"rule replace nothing --on shop --verdict deny --yes", "", 1, "there is no rule"},
		{"rule rm nothing --yes", "", 1, "there is no rule"},
		{"rule show nothing", "", 1, "there is no rule"},
		{"rule add x --on shop --verdict deny --paths /y --file ../x.hcl --yes", "", 2, "the configuration is the one file"},
		{"policy show 99", "", 1, "no such revision"},
		{"policy show x", "", 2, "no number"},
		{"policy show --diff", "", 2, "which revision"},
		{"policy rollback 0", "", 2, "no number"},
		{"policy rollback 1 --yes", "", 0, "Nothing would change."},
	} {
		r := call(t.Context(), tt.stdin, append(strings.Fields(tt.args), "--gateway", d.socket)...)
		if r.code != tt.code || !strings.Contains(r.stderr, tt.want) {
			t.Errorf("sallyport %s: exit %d, want %d with %q:\n%s%s", tt.args, r.code, tt.code, tt.want, r.stdout, r.stderr)
		}
	}
	if d.text() != tested || d.Rules.Current().RuleCount() != 1 {
		t.Error("something was changed")
	}
	r := d.ok("rule", "add", "x", "--on", "*", "--verdict", "deny", "--methods", "PUT", "--dry-run", "--json")
	var p action.Preview
	if err := json.Unmarshal([]byte(r.stdout), &p); err != nil || !p.OK || len(p.Placed) != 1 {
		t.Errorf("%v: %s", err, r.stdout)
	}
	r = call(t.Context(), "", "rule", "rm", "dear", "--yes", "--gateway", filepath.Join(t.TempDir(), "none.sock"))
	if r.code != 5 {
		t.Errorf("without a gateway: exit %d", r.code)
	}
}
