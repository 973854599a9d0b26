package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/policy/finding"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

const (
	tree         = "../.."
	readmeLimit  = 200
	minDocuments = 4 // README, CONTRIBUTING, SECURITY and docs: fewer means that the walk is broken
)

// walk lists the files of the repository that end in ext, by path in the tree.
func walk(t *testing.T, ext string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // somebody works in the tree, and it was there for a moment
		}
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != tree && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules" || name == "bin") {
			return filepath.SkipDir
		}
		if !d.IsDir() && strings.HasSuffix(name, ext) {
			list = append(list, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// A fence is one fenced block of a document.
type fence struct {
	file string
	line int // of its first line
	text string
}

func (f fence) String() string {
	return fmt.Sprintf("%s:%d", strings.TrimPrefix(f.file, tree+"/"), f.line)
}

// fences gives every block of a language in every document.
func fences(t *testing.T, language string) []fence {
	t.Helper()
	documents := walk(t, ".md")
	if len(documents) < minDocuments {
		t.Fatalf("only %d documents were found", len(documents))
	}
	var list []fence
	for _, file := range documents {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		open := false
		for i, line := range strings.Split(string(b), "\n") {
			switch {
			case open && strings.TrimSpace(line) == "```":
				open = false
			case open:
				list[len(list)-1].text += line + "\n"
			case strings.TrimSpace(line) == "```"+language:
				open = true
				list = append(list, fence{file: file, line: i + 2})
			}
		}
		if open {
			t.Errorf("%s: a fence is not closed", file)
		}
	}
	return list
}

// loads fails the test unless a configuration loads, its tests pass and nothing
// is to be said about it.
func loads(t *testing.T, path string) {
	t.Helper()
	_, files, diags := policy.Load(path, build().Policy)
	diags = slices.DeleteFunc(diags, func(d *hcl.Diagnostic) bool {
		// The one is true of every rule by columns, the other of a page about the gateway
		// block: good to know, nothing to mend.
		return finding.Of(d) == finding.Views || finding.Of(d) == finding.Empty
	})
	if len(diags) > 0 {
		var b strings.Builder
		policy.WriteDiagnostics(&b, files, diags, false) //nolint:errcheck // a Builder takes everything
		t.Errorf("%s", b.String())
	}
}

func canonical(t *testing.T, text []byte) {
	t.Helper()
	if got := hclwrite.Format(text); string(got) != string(text) {
		t.Errorf("not in the layout of `sallyport fmt`, which is:\n%s", got)
	}
}

func TestExamples(t *testing.T) {
	var dirs []string
	for _, file := range walk(t, ".hcl") {
		dir := filepath.Dir(file)
		if dir == filepath.Join(tree, "policy/presets") {
			continue // tested where they are
		}
		t.Run(file, func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			canonical(t, b)
		})
		if !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	if len(dirs) < 3 {
		t.Errorf("only %d examples were found", len(dirs))
	}
	for _, dir := range dirs {
		t.Run(dir, func(t *testing.T) { loads(t, dir) })
	}
}

func TestExamplesInDocuments(t *testing.T) {
	list := fences(t, "hcl")
	if len(list) == 0 {
		t.Fatal("no document has an example")
	}
	for _, f := range list {
		t.Run(f.String(), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "example.hcl")
			if err := os.WriteFile(path, []byte(f.text), 0o600); err != nil {
				t.Fatal(err)
			}
			loads(t, path)
			canonical(t, []byte(f.text))
		})
	}
}

// TestExamplesOfCommands parses every line of a document that begins with
// sallyport as the program would: the command, its flags and its arguments.
func TestExamplesOfCommands(t *testing.T) {
	seen := 0
	for _, f := range fences(t, "sh") {
		for i, line := range strings.Split(f.text, "\n") {
			line, ok := strings.CutPrefix(strings.TrimPrefix(strings.TrimSpace(line), "sudo "), "sallyport ")
			if !ok {
				continue
			}
			seen++
			if err := parses(words(line)); err != nil {
				t.Errorf("%s:%d: sallyport %s: %v", f.file, f.line+i, line, err)
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d commands were found", seen)
	}
}

func parses(args []string) error {
	cmd, rest, err := newRoot().Find(args)
	if err != nil {
		return err
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	if cmd.HasSubCommands() {
		return fmt.Errorf("%s is not the name of a command", strings.Join(rest, " "))
	}
	return cmd.ValidateArgs(cmd.Flags().Args())
}

// words splits a line as a shell does, up to a comment, a pipe or a redirection.
func words(line string) []string {
	var list []string
	var word strings.Builder
	quote, in := rune(0), false
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, in = r, true
		case !in && strings.ContainsRune("#|<>&", r):
			return list
		case r == ' ':
			if in {
				list = append(list, word.String())
			}
			word.Reset()
			in = false
		default:
			word.WriteRune(r)
			in = true
		}
	}
	if in {
		list = append(list, word.String())
	}
	return list
}

func TestReadmeIsShort(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(tree, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), "\n"); n > readmeLimit {
		t.Errorf("README.md has %d lines, more than %d", n, readmeLimit)
	}
}

// TestDocumentsLinkToWhatExists checks the relative links of every document.
func TestDocumentsLinkToWhatExists(t *testing.T) {
	for _, file := range walk(t, ".md") {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split(string(b), "](")[1:] {
			target, _, _ := strings.Cut(part, ")")
			target, _, _ = strings.Cut(target, "#")
			if target == "" || strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), target)); err != nil {
				t.Errorf("%s links to %s: %v", file, target, err)
			}
		}
	}
}
