package http

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/internal/notrun"
	"sallyport.dev/sallyport/protocols/http/ask"
)

// git as it is, fetching from and pushing to git's own server: new branches pass,
// main may not be touched, nothing is removed, and a refused push changes nothing.
func TestGit(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		notrun.Skip(t, "git is not installed (git)")
	}
	out, err := exec.Command(git, "--exec-path").Output()
	backend := filepath.Join(strings.TrimSpace(string(out)), "git-http-backend")
	if _, missing := os.Stat(backend); err != nil || missing != nil {
		notrun.Skip(t, "git has no http-backend here (git)")
	}
	dir := t.TempDir()
	server := &cgi.Handler{
		Path: backend, Env: []string{"GIT_PROJECT_ROOT=" + dir, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=agent"}, Stderr: os.Stderr,
	}
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		whole, err := io.ReadAll(r.Body) // CGI knows no chunks
		if err != nil {
			t.Error(err)
		}
		r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(whole)), int64(len(whole)), nil
		server.ServeHTTP(w, r)
	}))
	b.svc.Readings = []string{"git"}
	b.decide = decidePush
	root := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(root, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.ca.cert.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	l := b.loopback()
	at := netip.MustParseAddrPort(l.Addr().String())
	b.dst = netip.AddrPortFrom(b.dst.Addr(), at.Port()) // git asks for the port that it connects to
	b.serveOn(l)
	site := fmt.Sprintf("https://api.example:%d/acme/site.git", at.Port())
	run := func(in string, args ...string) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, git, append([]string{
			"-c", fmt.Sprintf("http.curloptResolve=api.example:%d:127.0.0.1", at.Port()),
			"-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "gc.auto=0", "-c", "maintenance.auto=false",
		}, args...)...)
		cmd.Dir, cmd.Env = in, append(os.Environ(), "GIT_SSL_CAINFO="+root, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_TERMINAL_PROMPT=0")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	must := func(in string, args ...string) string {
		t.Helper()
		out, err := run(in, args...)
		if err != nil {
			t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return out
	}
	must(dir, "init", "-q", "--bare", "-b", "main", "acme/site.git")
	work := filepath.Join(dir, "work")
	must(dir, "init", "-q", "-b", "main", "work")
	if err := os.WriteFile(filepath.Join(work, "large"), []byte(strings.Repeat("not so random ", 100<<10)), 0o600); err != nil {
		t.Fatal(err)
	}
	must(work, "add", ".")
	must(work, "commit", "-q", "-m", "first")
	must(work, "push", "-q", filepath.Join(dir, "acme", "site.git"), "main")

	must(dir, "clone", "-q", site, "clone")
	clone := filepath.Join(dir, "clone")
	must(clone, "switch", "-q", "-c", "topic")
	must(clone, "commit", "-q", "--allow-empty", "-m", "second")
	must(clone, "push", "-q", "origin", "topic")
	for name, args := range map[string][]string{
		"main": {"push", "origin", "topic:main"}, "force": {"push", "-f", "origin", "topic:main"}, "remove": {"push", "origin", ":topic"},
		"many": {"push", "origin", "topic:other", "topic:main"}, "prune": {"push", "--prune", "origin", "refs/heads/x*:refs/heads/*"},
	} {
		before := must(dir, "-C", "acme/site.git", "for-each-ref")
		if out, err := run(clone, args...); err == nil || !strings.Contains(out, "403") {
			t.Errorf("%s passed: %v\n%s", name, err, out)
		}
		if after := must(dir, "-C", "acme/site.git", "for-each-ref"); after != before {
			t.Errorf("%s changed something:\n%s", name, after)
		}
	}
	// A large push comes in chunks, and arrives whole.
	if err := os.WriteFile(filepath.Join(clone, "larger"), noise(3<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	must(clone, "add", ".")
	must(clone, "commit", "-q", "-m", "third")
	must(clone, "push", "-q", "origin", "HEAD:refs/heads/large")
	must(dir, "-C", "acme/site.git", "fsck", "--strict")
	if got := must(dir, "-C", "acme/site.git", "rev-parse", "large"); got != must(clone, "rev-parse", "HEAD") {
		t.Errorf("large is %s", got)
	}
}

// decidePush lets everything be fetched, and branches other than main be made.
func decidePush(a *action.Action) action.Decision {
	f := a.Parts[0].Facts
	refs, s := fact(f, "git.refs")
	deletes, d := fact(f, "git.deletes")
	switch {
	case s == action.Pending:
		return action.Decision{Need: ask.BodyFacts}
	case s == action.Absent && f.(*ask.Request).Git.Service != "": // fetching, or asking which refs there are
		return action.Decision{Verdict: action.Allow}
	case s != action.Known || d != action.Absent || len(deletes) > 0 || slices.Contains(refs, "refs/heads/main"):
		return action.Decision{Rule: "branches", Reason: "Push a new branch."}
	}
	return action.Decision{Verdict: action.Allow}
}

func fact(f action.Facts, name string) ([]string, action.State) {
	for _, spec := range ask.Table().Facts {
		if spec.Name == name {
			return spec.List(f)
		}
	}
	return nil, action.Unknown
}

// noise does not compress.
func noise(n int) []byte {
	b := make([]byte, n)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}
