package edit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/policy/edit/history"
	"sallyport.dev/sallyport/policy/source"
	"sallyport.dev/sallyport/protocols/http"

	"golang.org/x/tools/txtar"
)

// A memory is a store that forgets.
type memory map[string][]byte

func (m memory) Put(_ context.Context, bucket, key string, value []byte) error {
	m[bucket+"/"+key] = bytes.Clone(value)
	return nil
}

func (m memory) Get(_ context.Context, bucket, key string) ([]byte, bool, error) {
	v, ok := m[bucket+"/"+key]
	return v, ok, nil
}

func (m memory) Delete(_ context.Context, bucket, key string) error {
	delete(m, bucket+"/"+key)
	return nil
}

// directory makes a configuration of files.
func directory(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// editor makes an Editor of the configuration in a directory. What it takes is
// written and otherwise forgotten.
func editor(path string) *Editor {
	clock := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	return &Editor{
		Path: path, History: &history.Log{Store: memory{}},
		Options: policy.Options{
			Tables: []action.FactTable{http.Facts()},
			Trials: map[string]func(*action.Service, action.Trial) (*action.Action, error){"http": http.Trial},
		},
		Exists: func(name string) bool { return strings.HasPrefix(name, "set_") },
		Now:    func() time.Time { clock = clock.Add(time.Minute); return clock },
		Take: func(_ context.Context, _ *policy.Policy, _ *source.Files, write func() error) error {
			return write()
		},
	}
}

func texts(t testing.TB, e *Editor) map[string]string {
	t.Helper()
	now, err := Read(e.Path)
	if err != nil {
		t.Fatal(err)
	}
	return now.files
}

// TestEdits does what each file of testdata says: its draft, on its files, comes
// to what stands under want/, or to the words in want. UPDATE=1 writes that.
func TestEdits(t *testing.T) {
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(cases) < 10 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for _, path := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			files := map[string]string{}
			var draft action.Draft
			kept := &txtar.Archive{Comment: a.Comment}
			for _, f := range a.Files {
				if strings.HasPrefix(f.Name, "want") {
					continue
				}
				kept.Files = append(kept.Files, f)
				if f.Name == "draft.json" {
					if err := json.Unmarshal(f.Data, &draft); err != nil {
						t.Fatal(err)
					}
					continue
				}
				files[f.Name] = string(f.Data)
			}
			e := editor(directory(t, files))
			before := texts(t, e)
			kept.Files = append(kept.Files, outcome(t, e, draft, before)...)
			got := txtar.Format(kept)
			if os.Getenv("UPDATE") != "" {
				if err := os.WriteFile(path, got, 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want := txtar.Format(a); !bytes.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// outcome applies a draft and tells what came of it: words, and files that changed.
func outcome(t *testing.T, e *Editor, d action.Draft, before map[string]string) []txtar.File {
	t.Helper()
	var words strings.Builder
	now, err := e.Text(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rev, preview, err := e.Apply(t.Context(), Change{Draft: d, Base: now.Revision, By: "ana@acme.dev"})
	for _, p := range preview.Placed {
		fmt.Fprintf(&words, "%s %s in %s line %d\n", p.Op, title(p.Kind, p.Name), p.File, p.Line)
	}
	for _, g := range preview.Guarded {
		fmt.Fprintf(&words, "guarded: %s %s\n", title(g.Kind, g.Name), g.What)
	}
	for _, f := range preview.Findings {
		if f.Severity == "warning" && f.New {
			fmt.Fprintf(&words, "warning: %s:%d: %s\n", f.File, f.Start.Line, f.Summary)
		} else if f.Severity == "error" {
			fmt.Fprintf(&words, "%s: %s:%d:%d-%d:%d (%d-%d): %s: %s\n", f.Severity, f.File, f.Start.Line, f.Start.Column, f.End.Line, f.End.Column, f.Start.Offset, f.End.Offset, f.Summary, f.Detail)
		}
	}
	after := texts(t, e)
	if err != nil {
		var r *Refusal
		if !errors.As(err, &r) {
			t.Errorf("no refusal: %v", err)
		} else {
			fmt.Fprintf(&words, "refused (%d): %v\n", r.Status, r)
		}
		if fmt.Sprint(after) != fmt.Sprint(before) {
			t.Error("a refused edit has written something")
		}
	} else if rev.Number != 2 || rev.By != "ana@acme.dev" {
		t.Errorf("revision %+v", rev)
	}
	out := []txtar.File{{Name: "want", Data: []byte(words.String())}}
	for _, name := range slices.Sorted(mapKeys(after, before)) {
		if text, there := after[name]; there && text != before[name] {
			out = append(out, txtar.File{Name: "want/" + name, Data: []byte(text)})
		} else if !there {
			out = append(out, txtar.File{Name: "want-gone/" + name})
		}
	}
	return out
}

func mapKeys(maps ...map[string]string) func(func(string) bool) {
	all := map[string]bool{}
	for _, m := range maps {
		for k := range m {
			all[k] = true
		}
	}
	return func(yield func(string) bool) {
		for k := range all {
			if !yield(k) {
				return
			}
		}
	}
}
