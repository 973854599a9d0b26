package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// serveConf names the configuration that this test binary serves instead of testing.
const serveConf = "SALLYPORT_TEST_SERVE"

func TestMain(m *testing.M) {
	if conf := os.Getenv(serveConf); conf != "" {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		os.Exit(run(ctx, newRoot(), "serve", "-c", conf)) //nolint:gocritic // the process ends
	}
	os.Exit(m.Run())
}

// A process is a gateway of its own, which can be killed.
type process struct {
	t      *testing.T
	dir    string
	log    *os.File
	cmd    *exec.Cmd
	socket string
}

// oneService is a gateway whose one service takes a secret.
const oneService = `
gateway {
  state_dir = "%s/state"
  wireguard {
    listen   = ":0"
    endpoint = "127.0.0.1:1"
  }
}
service "one" {
  hosts = ["one.example.com"]
  auth  = bearer(secret.a)
}
role "a" { use = [service.one] }
`

// newProcess prepares a gateway of a configuration, in which %s is its directory.
func newProcess(t *testing.T, hcl string) *process {
	t.Helper()
	alone(t)
	dir := t.TempDir()
	p := &process{t: t, dir: dir, socket: filepath.Join(dir, "state", "admin.sock")}
	if err := os.WriteFile(filepath.Join(dir, "sallyport.hcl"), []byte(strings.ReplaceAll(hcl, "%s", dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if p.log, err = os.Create(filepath.Join(dir, "log")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.kill()
		p.log.Close() //nolint:errcheck // the test is over
	})
	return p
}

// start runs it and waits until it answers.
func (p *process) start() {
	p.t.Helper()
	p.run()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if r := p.call("", "status"); r.code == 0 {
			return
		} else if time.Now().After(end) {
			p.t.Fatalf("it does not come up: %s\n%s", r.stderr, p.logged())
		}
	}
}

// run runs it, with more in its environment.
func (p *process) run(env ...string) {
	p.t.Helper()
	p.cmd = exec.Command(os.Args[0])
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.dir, serveConf + "=" + filepath.Join(p.dir, "sallyport.hcl"), "GOTRACEBACK=all"}, env...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
}

// kill ends it as a power cut does.
func (p *process) kill() {
	if p.cmd != nil && p.cmd.ProcessState == nil {
		p.cmd.Process.Kill() //nolint:errcheck // it may have ended
		p.cmd.Wait()         //nolint:errcheck // it was killed
	}
}

// wait waits for its end, which must come in time.
func (p *process) wait() error {
	defer time.AfterFunc(patience, func() { p.cmd.Process.Kill() }).Stop() //nolint:errcheck // it may have ended
	return p.cmd.Wait()
}

func (p *process) call(stdin string, args ...string) result {
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	return call(ctx, stdin, append(args, "--gateway", p.socket)...)
}

func (p *process) logged() string {
	b, err := os.ReadFile(p.log.Name())
	if err != nil {
		p.t.Fatal(err)
	}
	return string(b)
}

// about reads what the kernel tells of a process.
func about(t *testing.T, pid int, what string) string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, what))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// No secret stands in the arguments or the environment of the gateway or of a program
// that it runs, in its log, in what it says when it crashes, or on its disk; and there
// is no core to look into.
func TestTheProcessTellsNothing(t *testing.T) {
	const sealed, printed, fetched, token = "canary-sealed-5c1b09e2", "canary-printed-40d7aa61", "canary-fetched-9f3e7c10", "canary-token-of-vault-11"
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Vault-Token") != token {
			http.Error(w, `{"errors":["permission denied `+fetched+`"]}`, http.StatusForbidden)
			return
		}
		fmt.Fprintf(w, `{"data":{"data":{"password":%q},"metadata":{"version":1}}}`, fetched)
	}))
	defer store.Close()
	p := newProcess(t, `
gateway {
  state_dir = "%s/state"
  wireguard {
    listen   = ":0"
    endpoint = "127.0.0.1:1"
  }
}
secret "printed" { exec = ["%s/print"] }
secret "fetched" {
  vault {
    address = "`+store.URL+`"
    path    = "kv/data/db"
    field   = "password"
    auth    = { token_file = "%s/token" }
  }
}
service "one" {
  hosts = ["one.example.com"]
  auth  = bearer(secret.sealed)
}
service "two" {
  hosts = ["two.example.com"]
  auth  = bearer(secret.printed)
}
service "three" {
  hosts = ["three.example.com"]
  auth  = bearer(secret.fetched)
}
role "everyone" { use = [service.one, service.two, service.three] }
`)
	for name, text := range map[string]string{
		"print": "#!/bin/sh\ncat /proc/$$/environ /proc/$$/cmdline > " + p.dir + "/child\necho grumbling >&2\nrev <<'X'\n" + reversed(printed) + "\nX\n",
		"token": token,
	} {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	p.start()
	if r := p.call(sealed, "secret", "set", "sealed"); r.code != 0 {
		t.Fatal(r.stderr)
	}
	said := ""
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		r := p.call("", "status")
		said += r.stdout + r.stderr
		if !strings.Contains(r.stdout, "secret ") {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the secrets do not come: %s", r.stdout)
		}
	}
	for _, args := range [][]string{{"secret", "ls"}, {"secret", "ls", "--json"}, {"status", "--json"}, {"audit", "verify"}, {"agent", "ls"}, {"log"}} {
		r := p.call("", args...)
		said += r.stdout + r.stderr
	}
	pid := p.cmd.Process.Pid
	child, err := os.ReadFile(filepath.Join(p.dir, "child"))
	if err != nil {
		t.Fatal(err)
	}
	if names := strings.Count(string(child), "="); names > 5 || strings.Contains(string(child), serveConf) { // and what the shell adds
		t.Errorf("a program gets %q", child)
	}
	if limits := about(t, pid, "limits"); !strings.Contains(limits, "Max core file size        0                    0 ") {
		t.Errorf("a core may be written: %s", limits)
	}
	said += about(t, pid, "environ") + about(t, pid, "cmdline") + string(child)
	p.cmd.Process.Signal(syscall.SIGQUIT) //nolint:errcheck // the next line waits for it
	p.wait()                              //nolint:errcheck // it crashes
	if !strings.Contains(p.logged(), "goroutine ") {
		t.Fatalf("it did not say how it crashed: %s", p.logged())
	}
	for name, canary := range map[string]string{"a sealed secret": sealed, "one that a program printed": printed, "one of another store": fetched, "the token of the other store": token} {
		if strings.Contains(said, canary) {
			t.Errorf("%s was said", name)
		}
		err := filepath.WalkDir(p.dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() || filepath.Base(path) == "token" {
				return err
			}
			b, err := os.ReadFile(path)
			if bytes.Contains(b, []byte(canary)) {
				t.Errorf("%s stands in %s", name, path)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func reversed(s string) string {
	b := []byte(s)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}

// A gateway that is killed while its key is rotated, or a secret is set, comes up with
// every secret: under the old key or the new one.
func TestKilledWhileTheKeyIsRotated(t *testing.T) {
	p := newProcess(t, `
gateway {
  state_dir = "%s/state"
  wireguard {
    listen   = ":0"
    endpoint = "127.0.0.1:1"
  }
}
service "one" {
  hosts = ["one.example.com"]
  auth  = by_role({
    role.a = bearer(secret.a)
    role.b = bearer(secret.b)
  })
}
role "a" { use = [service.one] }
role "b" { use = [service.one] }
`)
	p.start()
	for _, name := range []string{"a", "b"} {
		if r := p.call("a value that stays", "secret", "set", name); r.code != 0 {
			t.Fatal(r.stderr)
		}
	}
	for round := range 6 {
		done := make(chan struct{})
		go func() {
			defer close(done)
			p.call("", "key", "rotate")
			p.call(fmt.Sprint("another value of ", round), "secret", "set", "b")
		}()
		select { // at any moment
		case <-done:
		case <-time.After(rand.N(30 * time.Millisecond)):
		}
		p.kill()
		<-done
		p.start()
		r := p.call("", "secret", "ls")
		if r.code != 0 || strings.Contains(r.stdout, "!") || strings.Count(r.stdout, "sealed") != 2 {
			t.Fatalf("round %d: %s%s\n%s", round, r.stdout, r.stderr, p.logged())
		}
	}
}

// A gateway whose state is damaged, or whose key is another or gone, refuses to start,
// says why, and changes nothing: what is there can still be saved.
func TestADamagedStateIsLeftAlone(t *testing.T) {
	p := newProcess(t, oneService)
	p.start()
	if r := p.call("the value of a secret", "secret", "set", "a"); r.code != 0 {
		t.Fatal(r.stderr)
	}
	p.cmd.Process.Signal(syscall.SIGTERM) //nolint:errcheck // the next line waits for it
	p.wait()                              //nolint:errcheck // it was told to
	state, key := filepath.Join(p.dir, "state", "state.db"), filepath.Join(p.dir, "state", "key")
	whole := map[string][]byte{}
	for _, path := range []string{state, key} {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		whole[path] = b
	}
	for _, c := range []struct {
		what, path string
		bytes      []byte // nil: gone
		want       string
	}{
		{"half of the store", state, whole[state][:len(whole[state])/2], "malformed"},
		{"something else for a store", state, bytes.Repeat([]byte("x"), len(whole[state])), "not a database"},
		{"another key", key, []byte("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n"), "not with this one"},
		{"half of a key", key, whole[key][:20], "a vault key is 32 bytes"},
		{"no key", key, nil, "the key of the vault is missing"},
	} {
		os.Remove(c.path) //nolint:errcheck // it is written anew, or missing
		if c.bytes != nil {
			if err := os.WriteFile(c.path, c.bytes, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		r := call(ctx, "", "serve", "-c", filepath.Join(p.dir, "sallyport.hcl"))
		cancel()
		if r.code == 0 || !strings.Contains(r.stderr, c.want) {
			t.Errorf("%s: exit %d, %s", c.what, r.code, r.stderr)
		}
		now, err := os.ReadFile(c.path)
		if c.bytes == nil && err == nil || c.bytes != nil && !bytes.Equal(now, c.bytes) {
			t.Errorf("%s: it was changed", c.what)
		}
		if err := os.WriteFile(c.path, whole[c.path], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.start()
	if r := p.call("", "secret", "ls"); r.code != 0 || strings.Contains(r.stdout, "!") || !strings.Contains(r.stdout, "sealed") {
		t.Errorf("after all that: %s%s", r.stdout, r.stderr)
	}
}
