package node

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport.dev/sallyport/internal/node/files"
)

// deny makes a configuration of n services and n rules; whoever sees other
// numbers sees no whole one.
func deny(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "service \"s%d\" {\n  hosts = [\"s%[1]d.example.com\"]\n}\n", i)
		fmt.Fprintf(&b, "rule \"r%d\" {\n  on      = [service.s%[1]d]\n  effects = [\"read\"]\n  verdict = \"deny\"\n}\n", i)
	}
	return b.String()
}

// TestT51_ReloadsInAStorm writes configurations as an editor does that has no
// other way: emptied first, then in pieces. Every piece that ends between two
// blocks is a configuration without an error, but one that lacks rules; a look at
// each of them must leave the last whole one in force.
func TestT51_ReloadsInAStorm(t *testing.T) {
	path := filepath.Join(t.TempDir(), "conf.hcl")
	if err := os.WriteFile(path, []byte(deny(2)), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := loadRules(Options{Config: path, Errs: io.Discard, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	seen := files.Settling{Taken: b.first}
	in := func(want int) {
		t.Helper()
		if p := b.Current(); len(p.Services()) != want || p.RuleCount() != want {
			t.Fatalf("in force: %d services and %d rules, want %d", len(p.Services()), p.RuleCount(), want)
		}
	}
	for n := 3; n < 40; n++ {
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		for piece := range strings.SplitAfterSeq(strings.TrimSuffix(deny(n), "\n"), "}\n") {
			b.look(t.Context(), &seen)
			in(n - 1)
			if n%7 == 0 {
				seen.Taken = "" // a SIGHUP in the middle of it
			}
			if _, err := f.WriteString(piece); err != nil {
				t.Fatal(err)
			}
		}
		f.Close()
		b.look(t.Context(), &seen)
		in(n - 1)
		b.look(t.Context(), &seen)
		in(n)
		if b.look(t.Context(), &seen) {
			t.Fatal("read again without a change")
		}
	}
	if err := os.WriteFile(path, []byte(deny(50)+"rule \"x\" {"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.look(t.Context(), &seen)
	b.look(t.Context(), &seen)
	in(39)
	if _, why := b.standing(); !strings.Contains(why, "rule \"x\"") {
		t.Errorf("nothing is told of the bad edit: %q", why)
	}
}

func TestADirectoryIsWatched(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("a.hcl", deny(1))
	b, err := loadRules(Options{Config: dir, Errs: io.Discard, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	seen := files.Settling{Taken: b.first}
	taken := func() bool { b.look(t.Context(), &seen); return b.look(t.Context(), &seen) }
	if taken() {
		t.Error("read again without a change")
	}
	for _, name := range []string{".a.hcl.swp", "a.hcl~"} {
		if put(name, "x"); taken() {
			t.Errorf("%s of an editor is taken for a change", name)
		}
	}
	if put("b.hcl", "service \"other\" {\n  hosts = [\"other.example.com\"]\n}\n"); !taken() || len(b.Current().Services()) != 2 {
		t.Error("a new file is not taken")
	}
	if err := os.Remove(filepath.Join(dir, "b.hcl")); err != nil {
		t.Fatal(err)
	}
	if !taken() || len(b.Current().Services()) != 1 {
		t.Error("a file that is gone still counts")
	}
}

// What is said of a configuration goes to viewers and into logs. A key that somebody
// typed into it does not.
func TestWhatIsSaidOfAConfigurationHoldsNoKey(t *testing.T) {
	const canary = "canary-hunter2"
	bad := []string{
		"service \"x\" {\n  hosts = [\"x.example.com\"]\n  auth  = bearer(\"" + canary + "\")\n}\n",
		"service \"x\" {\n  hosts = [\"x.example.com\"]\n  auth  = password(\"" + canary + "\"\n",
		"secret \"x\" {\n  value = \"" + canary + "\"\n}\n",
		"service \"x\" {\n  hosts = [\"sk-" + canary + "-0123456789\"]\n  verdct = 1 # " + canary + "\n}\n" + `secret "y" { token = "` + canary + `" }` + "\n",
		"gateway {\n  store = \"postgres://sally:" + canary + "@db/x\"\n  nonsense = 1\n}\n",
	}
	for i, text := range bad {
		path := filepath.Join(t.TempDir(), "conf.hcl")
		if err := os.WriteFile(path, []byte(deny(1)), 0o600); err != nil {
			t.Fatal(err)
		}
		var logs, errs strings.Builder
		o := Options{Config: path, Errs: &errs, Log: slog.New(slog.NewJSONHandler(&logs, nil))}
		b, err := loadRules(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		b.Reload(t.Context())
		_, said := b.standing()
		if _, err := loadRules(o); err == nil {
			t.Errorf("%d: it starts with\n%s", i, text)
		}
		for where, got := range map[string]string{"the API": said, "the log": logs.String(), "the start": errs.String()} {
			if got == "" || strings.Contains(got, canary) {
				t.Errorf("%d: %s says\n%s", i, where, got)
			}
		}
	}
}
