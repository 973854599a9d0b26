package edit

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
)

// TestT48_NoSpellingReadsTheVaultsKey has a host that names files with file("…")
// itself, and an editor who names them again, by every name there is for them.
func TestT48_NoSpellingReadsTheVaultsKey(t *testing.T) {
	dir := directory(t, map[string]string{
		"a.hcl": strings.Replace(small, "gateway {", "secret \"x\" {\n  file = \"keys/token\"\n}\n\nsecret \"y\" {\n  exec = [\"sh\", \"-c\", \"cat --from=run.key\"]\n}\n\ngateway {\n  key = file(\"vault.key\")", 1),
		"b.hcl": "rule \"b\" {\n  on      = \"*\"\n  methods = [\"PUT\"]\n  verdict = \"deny\"\n  reason  = file(\"name.txt\")\n}\n",
		// name.txt is read by a rule already, and holds the name of the key.
		"vault.key": "sesame", "run.key": "sesame", "name.txt": "vault.key", "open": "sesame",
	})
	for _, sub := range []string{"keys", "own"} {
		if err := os.MkdirAll(filepath.Join(dir, sub, "sub"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"keys/token", "own/open"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("sesame"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Symlink("keys/sub", filepath.Join(dir, "way")), os.Symlink("own/sub", filepath.Join(dir, "into")), os.Link(filepath.Join(dir, "vault.key"), filepath.Join(dir, "hard"))); err != nil {
		t.Fatal(err)
	}
	e := editor(dir)
	e.Private = []string{filepath.Join(dir, "own")}
	for _, call := range []string{
		`file("vault.key")`, `(file("./vault.key"))`, `file("keys/../vault.key")`,
		`file("vault\u002ekey")`, `file("vault${"."}key")`, `file("hard")`, `file("way/../../vault.key")`,
		`file("keys/token")`, `file("way/../token")`, `file("run.key")`, `file("into/../open")`,
	} {
		for where, text := range map[string]string{
			"a rule":       "rule \"x\" {\n  on = \"*\"\n  methods = [%s]\n  verdict = \"deny\"\n}",
			"a reason":     "rule \"x\" {\n  on = \"*\"\n  methods = [\"PUT\"]\n  verdict = \"deny\"\n  reason = %s\n}",
			"what is half": "gateway {\n  name = %s\n}\nrule \"half",
		} {
			text = fmt.Sprintf(text, call)
			drafts := []action.Draft{{Files: map[string]string{"c.hcl": text + "\n"}}}
			if where != "what is half" {
				drafts = append(drafts, action.Draft{Edits: []action.Edit{{Op: "add", Kind: "rule", Name: "x", HCL: text}}})
			}
			for _, d := range drafts {
				e.silent(t, where+" with "+call, d, http.StatusBadRequest)
			}
		}
	}
	for _, call := range []string{`file("vault.key/.")`, `file("vault.key/")`} { // what is no directory has nothing below it
		d := action.Draft{Edits: []action.Edit{{Op: "add", Kind: "rule", Name: "x", HCL: "rule \"x\" {\n  on = \"*\"\n  methods = [" + call + "]\n  verdict = \"deny\"\n}"}}}
		e.silent(t, call, d, http.StatusUnprocessableEntity)
	}
	for _, call := range []string{`file(file("name.txt"))`, `file((file("name.txt")))`, `file("${file("name.txt")}")`} {
		d := action.Draft{Edits: []action.Edit{{Op: "add", Kind: "rule", Name: "x", HCL: "rule \"x\" {\n  on = \"*\"\n  methods = [" + call + "]\n  verdict = \"deny\"\n}"}}}
		e.silent(t, call, d, http.StatusUnprocessableEntity)
		p, err := e.Preview(t.Context(), d, nil)
		if err != nil || len(p.Findings) == 0 || p.Findings[0].Summary != "Not a constant" {
			t.Errorf("%s: %v, %+v", call, err, p.Findings)
		}
	}
	// What the host wrote stays editable around it.
	if p, err := e.Preview(t.Context(), addRule("y"), nil); err != nil || !p.OK || len(p.Guarded) > 0 {
		t.Errorf("another rule: %v, %+v", err, p)
	}
}

// silent checks that a draft is refused, and that neither the check nor the attempt
// to take it shows what the files hold; everything guarded is permitted.
func (e *Editor) silent(t *testing.T, name string, d action.Draft, want int) {
	t.Helper()
	p, err := e.Preview(t.Context(), d, nil)
	_, _, aerr := e.Apply(t.Context(), Change{Draft: d, Base: e.revision(t)})
	if status(aerr) != want || want == http.StatusBadRequest && status(err) != want {
		t.Errorf("%s: check says %v, apply %v", name, err, aerr)
	}
	told := fmt.Sprintf("%v %v %+v", err, aerr, p.Findings)
	if strings.Contains(strings.ToLower(told), "sesame") || strings.Contains(told, `file("vault.key") of`) || p.OK {
		t.Errorf("%s: it is told: %s", name, told)
	}
}

// A file that a block of the host and one of the policy share, as somebody on the
// host wrote it, hinders no edit of other blocks, and is not for one to say again.
func TestT48_AFileThatTheHostShares(t *testing.T) {
	dir := directory(t, map[string]string{
		"a.hcl":  strings.Replace(small, "gateway {", "secret \"x\" {\n  file = \"shared\"\n}\n\ngateway {", 1),
		"b.hcl":  "rule \"b\" {\n  on      = \"*\"\n  methods = [\"PUT\"]\n  verdict = \"deny\"\n  reason  = file(\"shared\")\n}\n",
		"shared": "sesame",
	})
	e := editor(dir)
	e.must(t, addRule("y"), "ana")
	if _, err := e.Preview(t.Context(), action.Draft{Files: map[string]string{"b.hcl": "# first\n" + texts(t, e)["b.hcl"]}}, nil); err != nil {
		t.Errorf("a comment: %v", err)
	}
	e.silent(t, "in another block", action.Draft{Edits: []action.Edit{{Op: "add", Kind: "rule", Name: "x", HCL: "rule \"x\" {\n  on = \"*\"\n  methods = [file(\"shared\")]\n  verdict = \"deny\"\n}"}}}, http.StatusBadRequest)
}
