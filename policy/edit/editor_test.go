package edit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/policy/source"
)

const small = `gateway {
  wireguard {}
}

service "github" {}

role "everyone" {
  use = [service.github]
}

rule "one" {
  on      = [service.github]
  methods = ["DELETE"]
  verdict = "deny"
}
`

func addRule(name string) action.Draft {
	return action.Draft{Edits: []action.Edit{{Op: "add", Kind: "rule", Name: name, Block: &action.Block{Attributes: map[string]any{
		"on": []any{map[string]any{"ref": "service.github"}}, "verdict": "deny", "methods": []any{"PUT"}, "paths": []any{"/" + name},
	}}}}}
}

func (e *Editor) revision(t *testing.T) string {
	t.Helper()
	now, err := e.Text(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return now.Revision
}

func (e *Editor) must(t *testing.T, d action.Draft, by string) action.Revision {
	t.Helper()
	r, _, err := e.Apply(t.Context(), Change{Draft: d, Base: e.revision(t), By: by, Note: "note of " + by})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func status(err error) int {
	var r *Refusal
	if errors.As(err, &r) {
		return r.HTTPStatus()
	}
	return 0
}

func TestOfTwoEditsOfOneRevisionOneIsLost(t *testing.T) {
	e := editor(directory(t, map[string]string{"a.hcl": small}))
	base := e.revision(t)
	var wg sync.WaitGroup
	results := make([]error, 8)
	for i := range results {
		wg.Go(func() {
			_, _, results[i] = e.Apply(t.Context(), Change{Draft: addRule(fmt.Sprintf("r%d", i)), Base: base, By: "ana"})
		})
	}
	wg.Wait()
	won := 0
	for _, err := range results {
		if err == nil {
			won++
		} else if status(err) != http.StatusPreconditionFailed || !strings.Contains(err.Error(), "revision 2 by ana") {
			t.Errorf("%v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d of them won", won)
	}
}

// Somebody writes the file between the check and the rename.
func TestAnEditDoesNotOverwriteTheHost(t *testing.T) {
	dir := directory(t, map[string]string{"a.hcl": small})
	e := editor(dir)
	theirs := small + "\n# theirs\n"
	e.Take = func(_ context.Context, _ *policy.Policy, _ *source.Files, write func() error) error {
		if err := os.WriteFile(filepath.Join(dir, "a.hcl"), []byte(theirs), 0o600); err != nil {
			return err
		}
		return write()
	}
	if _, _, err := e.Apply(t.Context(), Change{Draft: addRule("x"), Base: e.revision(t)}); status(err) != http.StatusPreconditionFailed {
		t.Errorf("%v", err)
	}
	if texts(t, e)["a.hcl"] != theirs {
		t.Error("it does")
	}
	list, err := e.Revisions(t.Context(), 0, 0)
	if err != nil || len(list) != 1 {
		t.Errorf("history %+v, %v", list, err)
	}
}

func TestHistoryAndRollback(t *testing.T) {
	dir := directory(t, map[string]string{"a.hcl": small})
	e := editor(dir)
	if err := e.Notice(t.Context()); err != nil {
		t.Fatal(err)
	}
	e.must(t, addRule("two"), "ana")
	byHand := strings.Replace(texts(t, e)["a.hcl"], `"DELETE"`, `"DELETE", "PATCH"`, 1)
	if err := os.WriteFile(filepath.Join(dir, "a.hcl"), []byte(byHand), 0o600); err != nil {
		t.Fatal(err)
	}
	e.must(t, addRule("three"), "bo")
	back := e.must(t, action.Draft{Rollback: 1}, "cy")
	if texts(t, e)["a.hcl"] != small {
		t.Errorf("the rollback came to\n%s", texts(t, e)["a.hcl"])
	}
	list, err := e.Revisions(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range list {
		got = append(got, fmt.Sprintf("%d %s %s to:%d %q +%d", r.Number, r.By, r.Origin, r.To, r.Note, strings.Count(r.Diff, "\n+")))
	}
	want := []string{
		`5 cy rollback to:1 "note of cy" +2`, `4 bo edit to:0 "note of bo" +8`, `3 host host to:0 "" +2`,
		`2 ana edit to:0 "note of ana" +8`, `1 host host to:0 "" +0`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("history\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	third, err := e.Revision(t.Context(), 3)
	if err != nil || third.Files["a.hcl"] != byHand || !strings.Contains(third.Diff, `+  methods = ["DELETE", "PATCH"]`) {
		t.Errorf("revision 3: %+v, %v", third, err)
	}
	if first, err := e.Revision(t.Context(), 1); err != nil || first.Revision != back.Revision {
		t.Errorf("the same text has two revisions: %v", err)
	}
	for _, n := range []int{0, 6, -1} {
		if _, err := e.Revision(t.Context(), n); status(err) != http.StatusNotFound {
			t.Errorf("revision %d: %v", n, err)
		}
	}
	if list, err := e.Revisions(t.Context(), 4, 2); err != nil || len(list) != 2 || list[0].Number != 3 {
		t.Errorf("a page: %+v, %v", list, err)
	}
}

// Where the host has changed a block of its own since, the policy blocks go back
// and that one stays.
func TestARollbackLeavesTheHostAlone(t *testing.T) {
	dir := directory(t, map[string]string{"a.hcl": small, "b.hcl": "# more\nrule \"b\" {\n  on      = \"*\"\n  methods = [\"PUT\"]\n  verdict = \"deny\"\n}\n"})
	e := editor(dir)
	if err := e.Notice(t.Context()); err != nil {
		t.Fatal(err)
	}
	e.must(t, action.Draft{Edits: []action.Edit{
		{Op: "remove", Kind: "rule", Name: "one"}, {Op: "remove", Kind: "rule", Name: "b"}, addRule("two").Edits[0],
	}}, "ana")
	changed := strings.Replace(texts(t, e)["a.hcl"], "wireguard {}", "wireguard { mtu = 1300 }", 1)
	if err := os.WriteFile(filepath.Join(dir, "a.hcl"), []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	e.must(t, action.Draft{Rollback: 1}, "ana")
	now := texts(t, e)
	want := strings.Replace(small, "wireguard {}", "wireguard { mtu = 1300 }", 1)
	if now["a.hcl"] != want || !strings.Contains(now["b.hcl"], `rule "b"`) {
		t.Errorf("it came to\n%s\n%s", now["a.hcl"], now["b.hcl"])
	}
}

func TestT48_LinksAndForeignFilesAreLeftAlone(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside.hcl")
	if err := os.WriteFile(outside, []byte(small), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := directory(t, map[string]string{"b.hcl": "rule \"b\" {\n  on      = \"*\"\n  methods = [\"PUT\"]\n  verdict = \"deny\"\n}\n"})
	if err := os.Symlink(outside, filepath.Join(dir, "a.hcl")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "c.hcl"), 0o700); err != nil {
		t.Fatal(err)
	}
	e := editor(dir)
	for name, d := range map[string]action.Draft{
		"a block in a link":    {Edits: []action.Edit{{Op: "remove", Kind: "rule", Name: "one"}}},
		"a new one into it":    {Edits: []action.Edit{{Op: "add", Kind: "role", Name: "x", File: "a.hcl"}}},
		"the link as a whole":  {Files: map[string]string{"a.hcl": small + "# x\n"}},
		"out of the directory": {Edits: []action.Edit{{Op: "add", Kind: "role", Name: "x", File: "../x.hcl"}}},
		"an absolute path":     {Edits: []action.Edit{{Op: "add", Kind: "role", Name: "x", File: outside}}},
		"a directory":          {Files: map[string]string{"c.hcl": "role \"x\" {\n}\n"}},
		"a hidden file":        {Files: map[string]string{".x.hcl": "role \"x\" {\n}\n"}},
		"a program":            {Files: map[string]string{"x.sh": "true\n"}},
	} {
		if _, _, err := e.Apply(t.Context(), Change{Draft: d, Base: e.revision(t)}); status(err) != http.StatusBadRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The link is put there after the check.
	e.Take = func(_ context.Context, _ *policy.Policy, _ *source.Files, write func() error) error {
		b := filepath.Join(dir, "b.hcl")
		text, err := os.ReadFile(b)
		if err == nil {
			err = errors.Join(os.Remove(b), os.WriteFile(filepath.Join(filepath.Dir(outside), "t.hcl"), text, 0o600), os.Symlink(filepath.Join(filepath.Dir(outside), "t.hcl"), b))
		}
		return errors.Join(err, write())
	}
	if _, _, err := e.Apply(t.Context(), Change{Draft: addRule("x"), Base: e.revision(t)}); err == nil {
		t.Error("a file that became a link was written")
	}
	if b, err := os.ReadFile(outside); err != nil || string(b) != small {
		t.Error("what is outside was written")
	}
}

func TestT48_AGuardedChangeNeedsPermission(t *testing.T) {
	e := editor(directory(t, map[string]string{"a.hcl": small + "\nservice \"shop\" {\n  hosts = [\"shop.example.com\"]\n  auth  = bearer(secret.set_x)\n}\n"}))
	move := action.Draft{Edits: []action.Edit{{Op: "replace", Kind: "service", Name: "shop", HCL: "service \"shop\" {\n  hosts = [\"evil.example.com\"]\n  auth  = bearer(secret.set_x)\n}"}}}
	no := errors.New("only an admin")
	var told []action.Guarded
	permit := func(list []action.Guarded) error { told = list; return no }
	_, p, err := e.Apply(t.Context(), Change{Draft: move, Base: e.revision(t), Permit: permit})
	if !errors.Is(err, no) || len(told) != 1 || !strings.HasPrefix(p.Diff, `# guarded: service "shop" has a secret, and changes its hosts: shop.example.com -> evil.example.com`) {
		t.Errorf("%v %+v\n%s", err, told, p.Diff)
	}
	if _, _, err := e.Apply(t.Context(), Change{Draft: addRule("x"), Base: e.revision(t), Permit: permit}); err != nil {
		t.Errorf("a rule: %v", err)
	}
}

// Where the gateway may not write, an edit says who may.
func TestAConfigurationThatIsTheHostsAlone(t *testing.T) {
	for _, cause := range []error{fs.ErrPermission, syscall.EROFS} {
		e := editor(directory(t, map[string]string{"a.hcl": small}))
		e.Take = func(context.Context, *policy.Policy, *source.Files, func() error) error {
			return &fs.PathError{Op: "openat", Path: "a.hcl", Err: cause}
		}
		_, _, err := e.Apply(t.Context(), Change{Draft: addRule("x"), Base: e.revision(t)})
		if status(err) != http.StatusConflict || !strings.Contains(err.Error(), "changed on the host") {
			t.Errorf("%v", err)
		}
		if list, err := e.Revisions(t.Context(), 0, 0); err != nil || len(list) != 1 {
			t.Errorf("%+v, %v", list, err)
		}
	}
}

// A gateway that ends between the write and the record keeps who did it.
func TestACrashBeforeTheRevisionIsClosed(t *testing.T) {
	e := editor(directory(t, map[string]string{"a.hcl": small}))
	boom := errors.New("boom")
	for _, written := range []bool{true, false} {
		e.Take = func(_ context.Context, _ *policy.Policy, _ *source.Files, write func() error) error {
			if written {
				if err := write(); err != nil {
					return err
				}
			}
			panic(boom)
		}
		func() {
			defer func() { recover() }() //nolint:errcheck // the crash
			name := fmt.Sprintf("r%v", written)
			_, _, err := e.Apply(t.Context(), Change{Draft: addRule(name), Base: e.revision(t), By: "ana"})
			t.Errorf("no crash: %v", err)
		}()
		if err := e.Notice(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	list, err := e.Revisions(t.Context(), 0, 0)
	if err != nil || len(list) != 2 || list[0].By != "ana" || list[0].Number != 2 {
		t.Errorf("history %+v, %v", list, err)
	}
}
