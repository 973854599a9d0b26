package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// A result is what a command left behind.
type result struct {
	code           int
	stdout, stderr string
}

// call runs the program in this process, with nothing on stdin unless told so.
func call(ctx context.Context, stdin string, args ...string) result {
	cmd := newRoot()
	var stdout, stderr bytes.Buffer
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&stdout)
	cmd.SetErr(&stderr)
	code := run(ctx, cmd, args...)
	return result{code, stdout.String(), stderr.String()}
}

// alone keeps a test away from whatever configuration and gateway this machine
// has.
func alone(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("XDG_STATE_HOME", filepath.Join(dir, "state"))
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(dir, "config"))
	t.Setenv("SALLYPORT_URL", "")
}

// TestTranscripts plays testdata/*.txtar. The file transcript of each holds
// commands as somebody would type them ("$ "), what they are given on stdin
// ("< "), and after them stdout ("1 "), stderr ("2 ") and an exit code that is
// not 0. All other files stand in the directory where they run. With UPDATE=1
// the transcripts are written anew.
func TestTranscripts(t *testing.T) {
	list, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(list) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, path := range list {
		t.Run(filepath.Base(path), func(t *testing.T) {
			path, err := filepath.Abs(path)
			if err != nil {
				t.Fatal(err)
			}
			a, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			alone(t)
			t.Chdir(t.TempDir())
			got, at := "", -1
			for i, f := range a.Files {
				if f.Name == "transcript" {
					at = i
					continue
				}
				write(t, f.Name, f.Data)
			}
			if at < 0 {
				t.Fatal("it has no transcript")
			}
			want := string(a.Files[at].Data)
			for _, step := range strings.Split("\n"+want, "\n$ ")[1:] {
				got += play(t.Context(), step)
			}
			if got == want {
				return
			}
			if os.Getenv("UPDATE") != "" {
				a.Files[at].Data = []byte(got)
				write(t, path, txtar.Format(a))
				return
			}
			t.Errorf("got:\n%s\nwant:\n%s", got, want)
		})
	}
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// play runs one step of a transcript and tells it as it should stand there.
func play(ctx context.Context, step string) string {
	line, rest, _ := strings.Cut(step, "\n")
	text, stdin := "$ "+line+"\n", ""
	for l := range strings.Lines(strings.TrimSuffix(rest, "\n") + "\n") {
		if in, ok := strings.CutPrefix(l, "<"); ok {
			stdin += strings.TrimPrefix(in, " ")
			text += l
		}
	}
	if name, ok := strings.CutPrefix(line, "cat "); ok {
		b, err := os.ReadFile(name)
		return text + marked("1", string(b)) + marked("2", complaint(err))
	}
	r := call(ctx, stdin, words(strings.TrimPrefix(line, "sallyport "))...)
	text += marked("1", r.stdout) + marked("2", r.stderr)
	if r.code != 0 {
		text += fmt.Sprintf("exit %d\n", r.code)
	}
	return text
}

func complaint(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// marked puts a mark before every line.
func marked(mark, text string) string {
	var b strings.Builder
	for l := range strings.Lines(text) {
		b.WriteString(strings.TrimRight(mark+" "+strings.TrimSuffix(l, "\n"), " ") + "\n")
	}
	return b.String()
}
