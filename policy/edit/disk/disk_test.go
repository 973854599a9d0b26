package disk

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"testing"
)

func fill(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
}

func stand(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[e.Name()] = string(b)
	}
	return out
}

var (
	before = map[string]string{"a.hcl": "a", "b.hcl": "b", "gone.hcl": "gone"}
	after  = map[string]string{"a.hcl": "a2", "b.hcl": "b2", "c.hcl": "c"}
	steps  = []Step{{"a.hcl", "a2", false}, {"b.hcl", "b2", false}, {"c.hcl", "c", false}, {"gone.hcl", "", true}}
	back   = []Step{{"a.hcl", "a", false}, {"b.hcl", "b", false}, {"c.hcl", "", true}, {"gone.hcl", "gone", false}}
)

func TestSeveralFilesAtOnce(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, before)
	if err := Write(dir, steps, back); err != nil {
		t.Fatal(err)
	}
	if got := stand(t, dir); !maps.Equal(got, after) {
		t.Errorf("%q", got)
	}
	if info, err := os.Stat(filepath.Join(dir, "a.hcl")); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the mode became %v, %v", info.Mode(), err)
	}
}

// A step that cannot be taken undoes those before it.
func TestAllOrNone(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, before)
	if err := os.Mkdir(filepath.Join(dir, ".sallyport-c.hcl.new"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".sallyport-c.hcl.new", "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Write(dir, steps, back); err == nil {
		t.Fatal("written through a directory")
	}
	if err := os.RemoveAll(filepath.Join(dir, ".sallyport-c.hcl.new")); err != nil {
		t.Fatal(err)
	}
	if got := stand(t, dir); !maps.Equal(got, before) {
		t.Errorf("%q", got)
	}
}

// However far an edit came before the machine stopped, the next start finishes it.
func TestACrashIsMadeGood(t *testing.T) {
	for done := 0; done <= len(steps); done++ {
		dir := t.TempDir()
		fill(t, dir, before)
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		err = put(root, journal, []byte(`[{"name":"a.hcl","text":"a2"},{"name":"b.hcl","text":"b2"},{"name":"c.hcl","text":"c"},{"name":"gone.hcl","text":"","gone":true}]`), 0o600)
		for _, s := range steps[:done] {
			if s.Gone {
				err = errors.Join(err, root.Remove(s.Name))
			} else {
				err = errors.Join(err, put(root, s.Name, []byte(s.Text), 0o600))
			}
		}
		if err = errors.Join(err, Recover(dir)); err != nil {
			t.Fatal(err)
		}
		if got := stand(t, dir); !maps.Equal(got, after) {
			t.Errorf("after %d steps: %q", done, got)
		}
	}
	if err := Recover(filepath.Join(t.TempDir(), "nothing", "here.hcl")); err != nil {
		t.Errorf("of no configuration: %v", err)
	}
}

func TestNothingElseIsTouched(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "conf")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	fill(t, filepath.Dir(dir), map[string]string{"x": "x"})
	if err := os.Symlink("../x", filepath.Join(dir, "link.hcl")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"../x", "link.hcl", "/etc/hostname", ".", "..", "", "sub/x.hcl"} {
		if err := Write(dir, []Step{{name, "y", false}}, nil); !errors.Is(err, ErrForeign) {
			t.Errorf("%q: %v", name, err)
		}
		fill(t, dir, map[string]string{journal: `[{"name":"` + name + `","text":"y"}]`})
		if err := Recover(dir); !errors.Is(err, ErrForeign) {
			t.Errorf("%q in a journal: %v", name, err)
		}
	}
	fill(t, dir, map[string]string{journal: "half"})
	if err := Recover(dir); err == nil {
		t.Error("a journal that is none")
	}
	if got := stand(t, filepath.Join(dir, ".."))["x"]; got != "x" {
		t.Errorf("what is outside became %q", got)
	}
}
