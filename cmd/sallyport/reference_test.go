package main

import (
	"os"
	"strings"
	"testing"

	"sallyport.dev/sallyport/policy/hclconf/shape"
	"sallyport.dev/sallyport/policy/presets"
	"sallyport.dev/sallyport/policy/reference"
)

const referencePage = "../../docs/reference.md"

// The reference says what the program does: a page that is not of this very build
// fails, UPDATE=1 writes it.
func TestReference(t *testing.T) {
	got := reference.Markdown(build().Policy.Tables)
	if os.Getenv("UPDATE") != "" {
		write(t, referencePage, []byte(got))
	}
	old, err := os.ReadFile(referencePage)
	if err != nil {
		t.Fatal(err)
	}
	if string(old) != got {
		t.Errorf("%s is stale: run UPDATE=1 go test ./cmd/sallyport -run TestReference", referencePage)
	}
	for _, table := range build().Policy.Tables {
		for _, f := range table.Facts {
			if f.Doc == "" || !strings.Contains(got, "| `"+f.Name+"` |") {
				t.Errorf("fact %s is not told", f.Name)
			}
		}
	}
	for _, name := range presets.List() {
		if !strings.Contains(got, "| `"+name+"` | ") || strings.Contains(got, "| `"+name+"` |  |") {
			t.Errorf("preset %s is not told", name)
		}
	}
	documented(t, "a configuration", shape.Language())
}

// documented checks that every block and attribute has its sentence.
func documented(t *testing.T, name string, s *shape.Shape) {
	t.Helper()
	for _, a := range s.Attrs {
		if a.Doc == "" || a.Type == "" {
			t.Errorf("%s of %s is not told", a.Name, name)
		}
	}
	for inner, b := range s.Blocks {
		if b.Doc == "" {
			t.Errorf("block %s is not told", inner)
		}
		documented(t, inner, b)
	}
}
