package book_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/dashboard/book"
	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/internal/lab"
)

const rules = `
gateway {
  wireguard {
    listen = ":0"
  }
}

service "shop" {
  hosts = ["shop.example.com"]
  auth  = bearer(secret.shop)
  tls   = { ca = file("upstreams.pem") }
}

role "buyer" {
  use = [service.shop]
}

# Nobody deletes.
rule "no deletions" {
  on      = [service.shop]
  methods = ["DELETE"]
  verdict = "deny"
}
`

// A house is a gateway, and people with one right each.
type house struct {
	t *testing.T
	*lab.Lab
}

// An answer is what the API said.
type answer struct {
	status int
	etag   string
	body   string
}

func (a answer) into(t *testing.T, v any) {
	t.Helper()
	if a.status >= 300 {
		t.Fatalf("%d: %s", a.status, a.body)
	}
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
}

// as asks on behalf of somebody: "editor", or "admin fresh" who has just proved it.
func (h *house) as(who, method, path, match, body string) answer {
	h.t.Helper()
	name, fresh := strings.CutSuffix(who, " fresh")
	c := route.Caller{Person: action.Person{Name: name + "@acme.dev"}, Fresh: fresh, Rights: map[string]route.Rights{
		"viewer": route.RightsOf(route.Viewer), "approver": route.RightsOf(route.Approver),
		"editor": route.RightsOf(route.Editor), "admin": route.RightsOf(route.Admin),
	}[name]}
	r := httptest.NewRequestWithContext(route.WithCaller(h.t.Context(), c), method, "/api/v1/policy"+path, strings.NewReader(body))
	if match != "" {
		r.Header.Set("If-Match", match)
	}
	w := httptest.NewRecorder()
	h.API.Handler().ServeHTTP(w, r)
	return answer{w.Code, w.Header().Get("ETag"), w.Body.String()}
}

func (h *house) etag() string { return h.as("viewer", "GET", "", "", "").etag }

func hcl(text string) string {
	b, err := json.Marshal(book.Content{HCL: text, Note: "as agreed"})
	if err != nil {
		return err.Error()
	}
	return string(b)
}

const moreDeletions = `rule "no deletions" {
  on      = [service.shop]
  methods = ["DELETE", "PURGE"]
  verdict = "deny"
}`

func TestARuleIsReadChangedAndInForce(t *testing.T) {
	h := &house{t, lab.New(t, rules)}
	var was book.Standing
	got := h.as("viewer", "GET", "/blocks/rule/no%20deletions", "", "")
	got.into(t, &was)
	if was.Line != 19 || !strings.HasPrefix(was.HCL, "# Nobody deletes.\nrule") || got.etag != `"`+was.Revision+`"` {
		t.Errorf("%+v, ETag %s", was, got.etag)
	}
	var taken book.Taken
	after := h.as("editor", "PUT", "/blocks/rule/no%20deletions", got.etag, hcl(moreDeletions))
	after.into(t, &taken)
	if taken.Revision.By != "editor@acme.dev" || taken.Revision.Note != "as agreed" || after.etag != `"`+taken.Revision.Revision+`"` || after.etag == got.etag {
		t.Errorf("%+v", taken)
	}
	if d := taken.Preview.Diff; !strings.Contains(d, `-  methods = ["DELETE"]`) || !strings.Contains(d, `+  methods = ["DELETE", "PURGE"]`) || strings.Count(d, "\n-") != 1 {
		t.Errorf("diff\n%s", d)
	}
	var added book.Taken
	h.as("editor", "PUT", "/blocks/rule/a%2Fb", after.etag, hcl("rule \"a/b\" {\n  on = \"*\"\n  methods = [\"PUT\"]\n  verdict = \"deny\"\n}")).into(t, &added)
	if h.Rules.Current().RuleCount() != 2 {
		t.Error("the new rule is not in force when the API answers")
	}
	var again book.Standing
	h.as("viewer", "GET", "/blocks/rule/a%2Fb", "", "").into(t, &again)
	var gone book.Taken
	h.as("editor", "DELETE", "/blocks/rule/a%2Fb", h.etag(), "").into(t, &gone)
	if h.Rules.Current().RuleCount() != 1 {
		t.Error("the rule that was removed is in force")
	}
	var back book.Taken
	h.as("editor", "POST", "/history/1/rollback", h.etag(), `{"note":"all of it"}`).into(t, &back)
	var history []action.Revision
	h.as("viewer", "GET", "/history", "", "").into(t, &history)
	if len(history) != 5 || history[0].To != 1 || history[0].Origin != "rollback" || history[4].By != "host" || history[4].Files != nil {
		t.Errorf("history %+v", history)
	}
	var first action.Revision
	h.as("viewer", "GET", "/history/1", "", "").into(t, &first)
	if text, err := os.ReadFile(filepath.Join(filepath.Dir(h.Dir), "lab.hcl")); err != nil || first.Files["lab.hcl"] != string(text) {
		t.Errorf("the rollback is not what revision 1 was: %v", err)
	}
}

// TestT48_RightsOfEdits asks everything of the table on behalf of everybody, and has
// each refusal in its place.
func TestT48_RightsOfEdits(t *testing.T) {
	h := &house{t, lab.New(t, rules)}
	h.Secret("shop", "sesame")
	tag, file := h.etag(), "lab.hcl"
	move := hcl("service \"shop\" {\n  hosts = [\"evil.example.com\"]\n  auth  = bearer(secret.shop)\n  tls   = { ca = file(\"upstreams.pem\") }\n}")
	deletion := `{"edits":[{"op":"remove","kind":"rule","name":"no deletions"}]}`
	for _, tt := range []struct {
		who, method, path, match, body string
		status                         int
		want                           string
	}{
		{"viewer", "GET", "", "", "", 200, `"kind":"gateway","file"`},
		{"approver", "GET", "/blocks?kind=rule", "", "", 200, `"no deletions"`},
		{"viewer", "GET", "/files/" + file, "", "", 200, "Nobody deletes"},
		{"viewer", "GET", "/files/nothing.hcl", "", "", 404, "no file"},
		{"viewer", "GET", "/blocks/rule/nothing", "", "", 404, "there is no rule"},
		{"viewer", "GET", "/history/9", "", "", 404, "no such revision"},
		{"viewer", "GET", "/history/x", "", "", 400, "no number"},
		{"viewer", "GET", "/history?before=0", "", "", 400, "no number"},
		{"viewer", "POST", "/check", "", deletion, 403, "editor"},
		{"viewer", "POST", "/apply", tag, deletion, 403, "editor"},
		{"approver", "PUT", "/blocks/rule/x", tag, hcl(moreDeletions), 403, "editor"},
		{"approver", "PUT", "/files/" + file, tag, `{"text":""}`, 403, "editor"},
		{"viewer", "DELETE", "/blocks/rule/no%20deletions", tag, "", 403, "editor"},
		{"viewer", "POST", "/history/1/rollback", tag, "", 403, "editor"},
		{"editor", "POST", "/check", "", deletion, 200, `"ok":true`},
		{"editor", "POST", "/check", "", `{"edits":[{"op":"add","kind":"operators","name":"x"}]}`, 400, "operators"},
		{"editor", "POST", "/check", "", `{"edits":[],"surprise":1}`, 400, "surprise"},
		{"editor", "POST", "/apply", "", deletion, 428, "If-Match"},
		{"editor", "POST", "/apply", "*", deletion, 412, "changed meanwhile"},
		{"editor", "POST", "/apply", `"000000"`, deletion, 412, "changed-meanwhile"},
		{"editor", "PUT", "/blocks/rule/no%20deletions", tag, hcl(strings.Replace(moreDeletions, "deny", "dney", 1)), 422, `"start":{"line":22,"column":13,"offset":`},
		{"editor", "PUT", "/blocks/gateway/x", tag, hcl("gateway {}"), 400, "block of the host"},
		{"editor", "PUT", "/files/" + file, tag, `{"text":"gateway {\n  name = \"mine\"\n}\n"}`, 400, "block of the host"},
		{"editor", "PUT", "/files/..%2Fx.hcl", tag, `{"text":""}`, 400, "the configuration is the one file"},
		{"editor", "PUT", "/blocks/service/shop", tag, move, 403, "only an admin changes where a secret goes"},
		{"admin", "PUT", "/blocks/service/shop", tag, move, 403, "step-up"},
		{"editor", "POST", "/history/7/rollback", tag, "", 404, "no such revision"},
	} {
		got := h.as(tt.who, tt.method, tt.path, tt.match, tt.body)
		if got.status != tt.status || !strings.Contains(got.body, tt.want) {
			t.Errorf("%s: %s %s: %d, want %d with %q:\n%s", tt.who, tt.method, tt.path, got.status, tt.status, tt.want, got.body)
		}
	}
	if h.etag() != tag {
		t.Error("something was changed")
	}
	var taken book.Taken
	h.as("admin fresh", "PUT", "/blocks/service/shop", tag, move).into(t, &taken)
	if !strings.HasPrefix(taken.Revision.Diff, `# guarded: service "shop" has a secret, and changes its hosts: shop.example.com -> evil.example.com`) {
		t.Errorf("%s", taken.Revision.Diff)
	}
}

// TestT48_TheVaultsKeyIsNotChecked asks what a draft would do that names the key of
// the vault, as the gateway block does, where a finding would show it.
func TestT48_TheVaultsKeyIsNotChecked(t *testing.T) {
	h := &house{t, lab.New(t, rules)}
	dir := filepath.Dir(h.Dir)
	for name, text := range map[string]string{
		"vault.key": "sesame", "name.txt": "sesame",
		"lab.hcl": strings.Replace(rules, "gateway {", "gateway {\n  key = file(\"vault.key\")", 1) + "\nrule \"told\" {\n  on      = \"*\"\n  methods = [\"PUT\"]\n  verdict = \"deny\"\n  reason  = file(\"name.txt\")\n}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for call, status := range map[string]int{`file("vault.key")`: 400, `file("./vault.key")`: 400, `file(file("name.txt"))`: 200} {
		d, err := json.Marshal(action.Draft{Edits: []action.Edit{{Op: "add", Kind: "rule", Name: "x", HCL: "rule \"x\" {\n  on      = [service.shop]\n  methods = [" + call + "]\n  verdict = \"deny\"\n}"}}})
		if err != nil {
			t.Fatal(err)
		}
		got := h.as("editor", "POST", "/check", "", string(d))
		if got.status != status || strings.Contains(strings.ToLower(got.body), "sesame") || strings.Contains(got.body, `"ok":true`) {
			t.Errorf("%s: %d, want %d and no content:\n%s", call, got.status, status, got.body)
		}
	}
}

// What somebody on the host changes is a revision of its own, and an editor who
// did not see it is told.
func TestAChangeByHandIsKept(t *testing.T) {
	h := &house{t, lab.New(t, rules)}
	tag := h.etag()
	h.Reload(strings.Replace(rules, "buyer", "seller", 1))
	got := h.as("editor", "PUT", "/blocks/rule/no%20deletions", tag, hcl(moreDeletions))
	if got.status != http.StatusPreconditionFailed || !strings.Contains(got.body, "by host") {
		t.Errorf("%+v", got)
	}
	var history []action.Revision
	h.as("viewer", "GET", "/history", "", "").into(t, &history)
	if len(history) != 2 || history[0].By != "host" || !strings.Contains(history[0].Diff, `+role "seller"`) {
		t.Errorf("%+v", history)
	}
}

// An agent's open connection sees an edit with its next request: what the API
// answers is in force.
func TestAnEditDecidesTheNextRequest(t *testing.T) {
	h := &house{t, lab.New(t, rules)}
	before := h.Rules.Current()
	var taken book.Taken
	h.as("editor", "POST", "/apply", h.etag(), fmt.Sprintf(`{"note":"n","edits":[{"op":"replace","kind":"rule","name":"no deletions","hcl":%q}]}`, moreDeletions)).into(t, &taken)
	if h.Rules.Current() == before {
		t.Error("the old rules are in force")
	}
	if taken.Preview.Tests != 0 {
		t.Errorf("%+v", taken.Preview)
	}
}

// TestT47_AKeyInTheConfigurationIsForEditors: where somebody typed a key into a file,
// whoever may look and not edit reads stars, in what is in force and in what was.
func TestT47_AKeyInTheConfigurationIsForEditors(t *testing.T) {
	const typed, later = "ghp_0123456789abcdefghijklmnopqrstuvwxyz", "glpat-abcdefghijklmnopqrst"
	h := &house{t, lab.New(t, strings.Replace(rules, "# Nobody deletes.", "# Nobody deletes with "+typed+".", 1))}
	var taken book.Taken
	rule := strings.Replace(moreDeletions, "{", "{\n  reason = \"Ask for "+later+".\"", 1)
	h.as("editor", "PUT", "/blocks/rule/no%20deletions", h.etag(), hcl("# Not with "+typed+".\n"+rule)).into(t, &taken)
	var text action.SourceText
	h.as("editor", "GET", "", "", "").into(t, &text)
	last := fmt.Sprintf("/history/%d", taken.Revision.Number)
	for _, path := range []string{"", "/blocks", "/blocks/rule/no%20deletions", "/files/" + text.Files[0].Name, "/history", last} {
		for who, sees := range map[string]bool{"viewer": false, "approver": false, "editor": true, "admin": true} {
			got := h.as(who, "GET", path, "", "")
			if got.status != 200 || strings.Contains(got.body, later) != sees || strings.Contains(got.body, typed) && !sees {
				t.Errorf("%s of %s: %d %s", path, who, got.status, got.body)
			}
			if !strings.Contains(got.body, "no deletions") || !strings.Contains(got.body, "PURGE") && path != "/history/1" {
				t.Errorf("%s of %s: more is gone than the key: %s", path, who, got.body)
			}
		}
	}
	// A diff that begins inside of what was put out of use.
	const inside = "brass-candlestick"
	aside := "# auth = password(\n#   \"a\",\n#   \"b\",\n#   \"c\",\n#   \"" + inside + "\",\n# )\n"
	for _, reason := range []string{"One.", "Two."} {
		h.as("editor", "PUT", "/blocks/rule/no%20deletions", h.etag(), hcl(aside+strings.Replace(moreDeletions, "{", "{\n  reason = \""+reason+"\"", 1))).into(t, &taken)
	}
	if strings.Contains(taken.Revision.Diff, "password(") || !strings.Contains(taken.Revision.Diff, inside) {
		t.Fatalf("it begins elsewhere: %s", taken.Revision.Diff)
	}
	for _, path := range []string{"", "/history", fmt.Sprintf("/history/%d", taken.Revision.Number)} {
		if got := h.as("viewer", "GET", path, "", ""); got.status != 200 || strings.Contains(got.body, inside) || !strings.Contains(got.body, "Two.") {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	var seen, real action.SourceText
	h.as("viewer", "GET", "", "", "").into(t, &seen)
	h.as("editor", "GET", "", "", "").into(t, &real)
	if a, b := seen.Files[0].Text, real.Files[0].Text; len(a) != len(b) || seen.Revision != real.Revision {
		t.Errorf("what is hidden moves what is not:\n%s\n%s", a, b)
	}
}
