//go:build e2e

package web

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/notrun"
)

const modules = "../../../.cache/npm/web/node_modules"

// stepWithin is when a step that has no end of its own is given up.
const stepWithin = 10 * time.Minute

// A browser is a real one, driven line by line.
type browser struct {
	t    *testing.T
	in   io.WriteCloser
	out  *bufio.Reader
	base string
	kill func()
}

// args of one step.
type args map[string]any

// newBrowser starts a browser, or lists the test as not run.
func newBrowser(t *testing.T, base string) *browser {
	t.Helper()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		notrun.Skip(t, "chromium is not installed: run contrib/dev/ensure test")
	}
	dir, err := filepath.Abs(modules)
	must(t, err)
	if _, err := os.Stat(filepath.Join(dir, "playwright-core")); err != nil {
		notrun.Skip(t, "playwright-core is not installed: run contrib/dev/ensure test")
	}
	node := "node"
	if own, err := filepath.Abs("../../../.cache/node/bin/node"); err == nil {
		if _, err := os.Stat(own); err == nil {
			node = own
		}
	}
	if _, err := exec.LookPath(node); err != nil {
		notrun.Skip(t, "node is not installed: run contrib/dev/ensure test")
	}
	cmd := exec.Command(node, "testdata/driver.mjs")
	cmd.Env = append(os.Environ(), "SALLYPORT_MODULES="+dir, "SALLYPORT_CHROMIUM="+chromium)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	b := &browser{t: t, in: in, out: bufio.NewReader(out), base: base, kill: func() { cmd.Process.Kill() }} //nolint:errcheck // it may be gone
	t.Cleanup(func() {
		in.Close()
		defer time.AfterFunc(stepWithin, b.kill).Stop()
		cmd.Wait() //nolint:errcheck // it ends with its input
	})
	return b
}

// do runs one step, which must succeed, and reads what it gives into v.
func (b *browser) do(op string, a args, v any) {
	b.t.Helper()
	if a == nil {
		a = args{}
	}
	a["op"] = op
	line, err := json.Marshal(a)
	must(b.t, err)
	if _, err := b.in.Write(append(line, '\n')); err != nil {
		b.t.Fatalf("%s: the browser is gone: %v", op, err)
	}
	limit := time.AfterFunc(stepWithin, b.kill)
	raw, err := b.out.ReadBytes('\n')
	limit.Stop()
	if err != nil {
		b.t.Fatalf("%s %v: the browser is gone, or took longer than %s: %v", op, a, stepWithin, err)
	}
	var answer struct {
		Value json.RawMessage
		Error string
	}
	must(b.t, json.Unmarshal(raw, &answer))
	if answer.Error != "" {
		if shots := os.Getenv("SALLYPORT_SHOTS"); shots != "" && op != "shot" {
			b.shot(filepath.Join(shots, "failed.png"), false)
		}
		b.t.Fatalf("%s %v: %s", op, a, answer.Error)
	}
	if v != nil {
		must(b.t, json.Unmarshal(answer.Value, v))
	}
}

// A look is how the operator's screen is.
type look struct {
	width, height int
	scheme        string // "light", "dark"
}

func (b *browser) open(l look) {
	b.t.Helper()
	b.do("open", args{"width": l.width, "height": l.height, "scheme": l.scheme}, nil)
}

func (b *browser) visit(path string) {
	b.t.Helper()
	b.do("goto", args{"url": b.base + path}, nil)
	b.see("h1", "")
}

func (b *browser) see(at, text string) { b.t.Helper(); b.do("see", args{"at": at, "text": text}, nil) }
func (b *browser) gone(at string)      { b.t.Helper(); b.do("gone", args{"at": at}, nil) }
func (b *browser) click(at string)     { b.t.Helper(); b.do("click", args{"at": at}, nil) }
func (b *browser) fill(at, text string) {
	b.t.Helper()
	b.do("fill", args{"at": at, "text": text}, nil)
}
func (b *browser) press(key string)  { b.t.Helper(); b.do("press", args{"text": key}, nil) }
func (b *browser) until(expr string) { b.t.Helper(); b.do("until", args{"text": expr}, nil) }

func (b *browser) text(at string) (s string) {
	b.t.Helper()
	b.do("text", args{"at": at}, &s)
	return s
}

func (b *browser) eval(expr string, v any) { b.t.Helper(); b.do("eval", args{"text": expr}, v) }

func (b *browser) count(at string) (n int) {
	b.t.Helper()
	b.do("count", args{"at": at}, &n)
	return n
}

func (b *browser) shot(path string, full bool) {
	b.t.Helper()
	b.do("shot", args{"path": path, "full": full}, nil)
}

// faults is what went wrong in the page since it was opened.
type faults struct {
	Said    []string // errors, and what the console calls one
	Ran     []string // of what should never run
	Refused []string // by the page's own policy
}

// clean fails if anything went wrong in the page since it was called last, but for
// what the console says of answers that are expected.
func (b *browser) clean(what string, expected ...string) {
	b.t.Helper()
	var f faults
	b.do("faults", nil, &f)
	for _, s := range f.Said {
		if !slices.ContainsFunc(expected, func(e string) bool { return strings.Contains(s, e) }) {
			b.t.Errorf("%s: %s", what, s)
		}
	}
	for _, s := range f.Ran {
		b.t.Errorf("%s: a script ran: %s", what, s)
	}
	for _, s := range f.Refused {
		b.t.Errorf("%s: the policy refused %s", what, s)
	}
}

// accessible fails for what axe finds.
func (b *browser) accessible(what string) {
	b.t.Helper()
	var found []string
	b.do("axe", nil, &found)
	for _, f := range found {
		b.t.Errorf("%s: %s", what, strings.TrimSpace(f))
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
