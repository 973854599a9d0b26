package cond

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"golang.org/x/tools/txtar"
)

// TestDiagnostics reads the pages of testdata: conditions, each after the text
// that it stands for, and what is said of them.
func TestDiagnostics(t *testing.T) {
	pages, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	for _, page := range pages {
		t.Run(filepath.Base(page), func(t *testing.T) {
			archive, err := txtar.ParseFile(page)
			if err != nil || len(archive.Files) != 2 {
				t.Fatalf("%d files: %v", len(archive.Files), err)
			}
			got, want := said(t, archive.Files[0].Data), string(archive.Files[1].Data)
			if got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// said compiles every attribute of a file and gives what is said, a line each.
func said(t *testing.T, src []byte) string {
	t.Helper()
	f, diags := hclsyntax.ParseConfig(src, "rule.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	schema, lines := testSchema(), map[int]string{}
	last := 0
	for _, attr := range f.Body.(*hclsyntax.Body).Attributes {
		_, diags := schema.Compile(attr.Expr)
		var b strings.Builder
		for _, d := range diags {
			fmt.Fprintf(&b, "%d,%d-%d: %q %s; %s\n", d.Subject.Start.Line, d.Subject.Start.Column, d.Subject.End.Column,
				d.Subject.SliceBytes(src), d.Summary, d.Detail)
		}
		if len(diags) == 0 {
			fmt.Fprintf(&b, "%d: nothing\n", attr.NameRange.Start.Line)
		}
		lines[attr.NameRange.Start.Line] = b.String()
		last = max(last, attr.NameRange.Start.Line)
	}
	var all strings.Builder
	for i := range last + 1 {
		all.WriteString(lines[i])
	}
	return all.String()
}

// brokenLines gives the conditions of all pages.
func brokenLines(t testing.TB) []string {
	t.Helper()
	pages, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, page := range pages {
		archive, err := txtar.ParseFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(archive.Files[0].Data)) {
			_, expr, _ := strings.Cut(strings.TrimSpace(line), " = ")
			lines = append(lines, expr)
		}
	}
	return lines
}
