package edit

import (
	"os"
	"path/filepath"
	"testing"

	"sallyport.dev/sallyport/action"
)

// However the configuration's path is spelt, a draft is checked as a whole: a
// broken one is not written, and what only an admin changes is found.
func TestT48_EverySpellingOfThePathIsChecked(t *testing.T) {
	parent := t.TempDir()
	t.Chdir(parent)
	if err := os.MkdirAll("x", 0o700); err != nil {
		t.Fatal(err)
	}
	for i, path := range []string{
		"conf", "./conf", "conf/", "./conf/", "x/../conf", parent + "/./conf", "/" + parent + "//conf",
		"./conf/rules.hcl", "conf/../conf/rules.hcl", parent + "/./conf/rules.hcl",
	} {
		if err := os.RemoveAll("conf"); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll("conf", 0o700); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("conf", "rules.hcl")
		if err := os.WriteFile(file, []byte(small), 0o600); err != nil {
			t.Fatal(err)
		}
		e := editor(path)
		broken := action.Draft{Edits: []action.Edit{{Op: "add", Kind: "rule", Name: "broken", Block: &action.Block{Attributes: map[string]any{
			"on": []any{map[string]any{"ref": "service.nowhere"}}, "verdict": "deny",
		}}}}}
		if _, _, err := e.Apply(t.Context(), Change{Draft: broken, Base: e.revision(t), By: "ana"}); err == nil {
			t.Errorf("%d %s: a rule on a service that is not there is written", i, path)
		}
		if now, err := os.ReadFile(file); err != nil || string(now) != small {
			t.Errorf("%s: the file has changed: %v", path, err)
		}
		e.must(t, addRule("good"), "ana")
	}
}
