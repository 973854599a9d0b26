package main

import (
	"context"
	"encoding/base64"
	"net"
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

const unitFile = "../../contrib/sallyport.service"

// directives reads the lines of a unit.
func directives(t *testing.T, text string) []string {
	t.Helper()
	var out []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' && line[0] != '[' {
			out = append(out, line)
		}
	}
	return out
}

// The unit runs the gateway as nobody in particular, without a privilege and without
// cores, and systemd finds nothing wrong with it.
func TestTheUnitOfSystemd(t *testing.T) {
	b, err := os.ReadFile(unitFile)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	have := directives(t, text)
	for _, want := range []string{
		"Type=notify", "DynamicUser=yes", "StateDirectory=sallyport", "StateDirectoryMode=0700", "LimitCORE=0", "UMask=0077",
		"NoNewPrivileges=yes", "CapabilityBoundingSet=", "ProtectSystem=strict", "ExecStart=/usr/local/bin/sallyport serve -c /etc/sallyport",
	} {
		if !slices.Contains(have, want) {
			t.Errorf("the unit does not say %s", want)
		}
	}
	for _, want := range []string{"#LoadCredentialEncrypted=sallyport:/etc/sallyport/key.cred", "LoadCredential=sallyport:/etc/sallyport/key", `key = systemd("sallyport")`} {
		if !strings.Contains(text, want) {
			t.Errorf("the unit does not tell of %s", want)
		}
	}
	t.Run("verified", func(t *testing.T) {
		tool, err := exec.LookPath("systemd-analyze")
		if err != nil {
			notrun.Skip(t, "systemd-analyze is not installed (systemd)")
		}
		here := filepath.Join(t.TempDir(), "sallyport.service")
		text = strings.Replace(text, "/usr/local/bin/sallyport", os.Args[0], 1)
		text = strings.Replace(text, "#LoadCredentialEncrypted=", "LoadCredentialEncrypted=", 1)
		write(t, here, []byte(text))
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		out, err := exec.CommandContext(ctx, tool, "verify", "--man=no", here).CombinedOutput()
		if err != nil || strings.Contains(string(out), "sallyport.service:") {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

// As the unit starts it, the gateway takes its key from systemd's credentials, says when
// it is ready and when it goes; without the credential it starts over nothing.
func TestAsTheUnitStartsIt(t *testing.T) {
	p := newProcess(t, `
gateway {
  state_dir = "%s/state"
  key       = systemd("sallyport")
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
`)
	credentials := filepath.Join(p.dir, "credentials")
	if err := os.Mkdir(credentials, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(credentials, "sallyport"), []byte(base64.StdEncoding.EncodeToString([]byte("a key that only systemd can open"))))
	at := filepath.Join(p.dir, "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: at, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close() //nolint:errcheck // the test is over
	hears := func(want string) {
		t.Helper()
		buf := make([]byte, 100)
		manager.SetReadDeadline(time.Now().Add(patience)) //nolint:errcheck // the read fails, then
		if n, err := manager.Read(buf); err != nil || string(buf[:n]) != want {
			t.Fatalf("systemd hears %q, %v, not %s\n%s", buf[:n], err, want, p.logged())
		}
	}
	for round := range 2 {
		p.run("NOTIFY_SOCKET="+at, "CREDENTIALS_DIRECTORY="+credentials)
		hears("READY=1")
		if round == 0 {
			if r := p.call("the value of a secret", "secret", "set", "a"); r.code != 0 {
				t.Fatal(r.stderr)
			}
		} else if r := p.call("", "secret", "ls"); r.code != 0 || !strings.Contains(r.stdout, "sealed") || strings.Contains(r.stdout, "!") {
			t.Errorf("after a restart: %s%s", r.stdout, r.stderr)
		}
		p.cmd.Process.Signal(syscall.SIGTERM) //nolint:errcheck // the next line waits for it
		hears("STOPPING=1")
		if err := p.wait(); err != nil {
			t.Errorf("it ends with %v\n%s", err, p.logged())
		}
	}
	if _, err := os.Stat(filepath.Join(p.dir, "state", "key")); err == nil {
		t.Error("a key lies beside the state")
	}
	for _, env := range [][]string{{"NOTIFY_SOCKET=" + at}, {"NOTIFY_SOCKET=" + at, "CREDENTIALS_DIRECTORY=" + p.dir}} {
		p.run(env...)
		if err := p.wait(); err == nil {
			t.Error("without its key it starts")
		}
		if !strings.Contains(p.logged(), "redential") {
			t.Errorf("it does not say what is missing: %s", p.logged())
		}
		manager.SetReadDeadline(time.Now().Add(time.Millisecond)) //nolint:errcheck // likewise
		buf := make([]byte, 100)
		if n, err := manager.Read(buf); err == nil && string(buf[:n]) != "STOPPING=1" {
			t.Errorf("it tells systemd %q", buf[:n])
		}
	}
}
