package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"sallyport.dev/sallyport/internal/demo"
	"sallyport.dev/sallyport/internal/node"
)

func TestTheDemoPlaysAsAnnounced(t *testing.T) {
	alone(t)
	dir, err := os.MkdirTemp("", "sallyport-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // as root, the database runs as another user
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", dir)
	r := call(t.Context(), "", "demo", "--once")
	if r.code != 0 {
		t.Fatalf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	has(t, r.stdout, "ok   allowed", "ok   denied", "ok   asked, then allowed", "ok   refused")
	has(t, strings.Join(strings.Fields(r.stdout), " "), "the upstream saw the real key")
	for line := range strings.Lines(r.stdout) {
		if strings.HasPrefix(line, "  ") && len(line) > 81 {
			t.Errorf("what came of it is too wide for a terminal of 80 columns: %s", line)
		}
	}
	has(t, r.stderr, "Every verdict was as announced.")
	if strings.Contains(r.stdout, "BAD") {
		t.Errorf("a bad verdict, and exit 0:\n%s", r.stdout)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("it leaves %v, %v", left, err)
	}
}

// opens fails unless a link to the dashboard leads to pages on this machine, and makes
// the first operator of whoever has it.
func opens(t *testing.T, link string) {
	t.Helper()
	base, token, _ := strings.Cut(link, "/setup#")
	if !strings.HasPrefix(base, "http://localhost:") {
		t.Fatalf("the dashboard is at %q", link)
	}
	ask := func(method, path, body string) string {
		req, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	has(t, ask("GET", "/setup", ""), "<title>Sallyport</title>")
	has(t, ask("POST", "/api/v1/setup/link", fmt.Sprintf(`{"token":%q}`, token)), `"good"`)
	has(t, ask("GET", "/api/v1/actions", ""), "401")
}

// signalled sends the process a signal, and returns when it has come.
func signalled(t *testing.T, s syscall.Signal) {
	t.Helper()
	came := make(chan os.Signal, 1)
	signal.Notify(came, s)
	defer signal.Stop(came)
	if err := syscall.Kill(os.Getpid(), s); err != nil {
		t.Fatal(err)
	}
	<-came
}

// When the script is played there is a dashboard to look around in. A browser that hangs
// up, of which a signal comes, ends nothing; a closed terminal ends the demo as Ctrl-C
// does, and nothing stays behind.
func TestTheDemoEndsWithItsTerminal(t *testing.T) {
	alone(t)
	dir, err := os.MkdirTemp("", "sallyport-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // as root, the database runs as another user
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", dir)
	read, out := io.Pipe()
	cmd := newRoot()
	cmd.SetOut(out)
	cmd.SetErr(io.Discard)
	done := make(chan int, 1)
	go func() {
		done <- run(t.Context(), cmd, "demo", "--json")
		out.Close()
	}()
	up, link := false, ""
	for lines := bufio.NewScanner(read); !up && lines.Scan(); {
		var v struct {
			OK                bool
			Socket, Dashboard string
		}
		unmarshal(t, lines.Text(), &v)
		up = v.Socket != ""
		if !up && !v.OK {
			t.Errorf("it prints %s", lines.Text())
		}
		if link = v.Dashboard; up {
			opens(t, link)
		}
	}
	if up {
		signalled(t, syscall.SIGPIPE)
		opens(t, link)
		signalled(t, syscall.SIGHUP)
	}
	if code := <-done; code != 0 || !up {
		t.Errorf("exit %d, up %v", code, up)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("it leaves %v, %v", left, err)
	}
}

func TestTheDemoHasACanonicalConfiguration(t *testing.T) {
	w, err := demo.NewWorld(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	loads(t, w.Config())
	b, err := os.ReadFile(w.Config())
	if err != nil {
		t.Fatal(err)
	}
	canonical(t, b)
	takesAnotherPort(t, w, regexp.MustCompile(`listen += "(:[0-9]+)"`).FindStringSubmatch(string(b))[1])
}

// takesAnotherPort takes the port that the show was to have.
func takesAnotherPort(t *testing.T, w *demo.World, port string) {
	t.Helper()
	taken, err := net.ListenPacket("udp", port)
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	o := node.Options{Build: build(), Config: w.Config(), Log: slog.New(slog.DiscardHandler), Errs: io.Discard}
	if err := serveDemo(ctx, w, o, func(*node.Node) { stop() }); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(w.Config()); err != nil || strings.Contains(string(b), port) {
		t.Errorf("it is said to be at %s, which is somebody else's: %v", port, err)
	}
}

func TestAVerdictThatWasNotAnnouncedIsSeen(t *testing.T) {
	for _, tt := range []struct {
		got  outcome
		text string
	}{
		{outcome{Want: "denied", Got: "denied", OK: true}, "ok   denied"}, {outcome{Want: "denied", Got: "allowed"}, "BAD  denied"}, {outcome{Want: "denied", Detail: "boom"}, "boom"},
	} {
		var b bytes.Buffer
		if err := tt.got.show(&b); err != nil || !strings.Contains(b.String(), tt.text) {
			t.Errorf("%+v: %v\n%s", tt, err, b.String())
		}
	}
}
