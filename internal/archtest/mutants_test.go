package archtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/notrun"
)

// TestMutantsAreOfThisTree holds every patch of contrib/mutants against the code, so
// that a stale one is noticed before contrib/dev/mutants runs at night: it fits, and a
// test that could turn red stands in a package that it changes.
func TestMutantsAreOfThisTree(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		notrun.Skip(t, "git is not installed (git)")
	}
	dir := root(t)
	patches, err := filepath.Glob(filepath.Join(dir, "contrib/mutants/*.patch"))
	if err != nil || len(patches) == 0 {
		t.Fatalf("no patches: %v", err)
	}
	for _, name := range patches {
		patch, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range []error{applies(t.Context(), git, dir, patch), proven(dir, filepath.Base(name), patch)} {
			if err != nil {
				t.Errorf("contrib/mutants/%s: %v", filepath.Base(name), err)
			}
		}
	}
}

// TestStaleMutantsAreNoticed is what the one above finds wrong.
func TestStaleMutantsAreNoticed(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		notrun.Skip(t, "git is not installed (git)")
	}
	above := t.TempDir()
	dir := filepath.Join(above, "tree") // unpacked in a repository of something else
	if out, err := exec.CommandContext(t.Context(), git, "init", "-q", above).CombinedOutput(); err != nil {
		t.Fatalf("git init: %v\n%s", err, out)
	}
	write := func(name, text string) {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("vault/a.go", "package vault\n\nvar closed = true\n")
	write("vault/a_test.go", "package vault\n\nfunc TestT18_Closed(t *testing.T) {}\n")
	write("audit/a.go", "package audit\n\nvar closed = true\n")
	patch := func(folder, was string) []byte {
		return fmt.Appendf(nil, "diff --git a/%[1]s/a.go b/%[1]s/a.go\n--- a/%[1]s/a.go\n+++ b/%[1]s/a.go\n@@ -1,3 +1,3 @@\n package %[1]s\n \n-var closed = %[2]s\n+var closed = false\n", folder, was)
	}
	added := "--- /dev/null\n+++ b/vault/m.go\n@@ -0,0 +1 @@\n+package vault\n"
	for _, tt := range []struct {
		name, file    string
		patch         []byte
		fresh, proven bool
	}{
		{"as it should be", "T18-open.patch", patch("vault", "true"), true, true},
		{"other code", "T18-open.patch", patch("vault", "yes"), false, true},
		{"a file that is gone", "T18-open.patch", patch("netstack", "true"), false, false},
		{"a test of another row", "T1-open.patch", patch("vault", "true"), true, false},
		{"a test elsewhere", "T18-open.patch", patch("audit", "true"), true, false},
		{"and a file in its package", "T18-open.patch", append(patch("audit", "true"), added...), true, true},
		{"a test of its own", "T19-open.patch", append(patch("audit", "true"), strings.ReplaceAll(added, "package vault", "func TestT19_Open(t *testing.T) {}")...), true, true},
		{"no row", "open.patch", patch("vault", "true"), true, false},
		{"no patch", "T18-open.patch", []byte("\n"), false, false},
	} {
		if err := applies(t.Context(), git, dir, tt.patch); (err == nil) != tt.fresh {
			t.Errorf("%s: applies: %v", tt.name, err)
		}
		if err := proven(dir, tt.file, tt.patch); (err == nil) != tt.proven {
			t.Errorf("%s: proven: %v", tt.name, err)
		}
	}
}

// applies says why a patch does not fit the tree in dir. That needs no repository, and
// in one that the tree is only a part of git would pass over every file.
func applies(ctx context.Context, git, dir string, patch []byte) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, git, "apply", "--check", "-")
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(string(patch))
	cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("the code has changed: write the same removal against it, see that contrib/dev/mutants catches it: %w\n%s", err, out)
	}
	return nil
}

var (
	mutantRow    = regexp.MustCompile(`^T[0-9]+-`)
	mutantFolder = regexp.MustCompile(`(?m)^\+\+\+ b/(.*)/[^/\n]*$`)
)

// proven says why no test can turn red: contrib/dev/mutants runs those that are named
// after the patch's row in the folders of the files that it changes or adds.
func proven(dir, file string, patch []byte) error {
	row := strings.TrimSuffix(mutantRow.FindString(file), "-")
	if row == "" {
		return fmt.Errorf("its name does not begin with a row of docs/security.md, as T18-what.patch does")
	}
	test := "func Test" + row + "_"
	if strings.Contains(string(patch), "\n+"+test) {
		return nil
	}
	for _, m := range mutantFolder.FindAllSubmatch(patch, -1) {
		tests, err := filepath.Glob(filepath.Join(dir, string(m[1]), "*_test.go"))
		if err != nil {
			return err
		}
		for _, name := range tests {
			src, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			if strings.Contains(string(src), "\n"+test) {
				return nil
			}
		}
	}
	return fmt.Errorf("no Test%s_ stands in a package that it changes; a file that it adds names another, such as gateway/mutant.go", row)
}
