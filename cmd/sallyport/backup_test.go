package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"filippo.io/age"
)

// A gateway whose disk is lost comes back out of its backup as the same one: with its
// secrets, its CA, its key of WireGuard and its agents. The backup shows nothing of it.
func TestABackupMakesTheSameGateway(t *testing.T) {
	p := newProcess(t, oneService)
	const canary = "canary-of-a-backup-0c7d"
	identity, err := age.GenerateX25519Identity() // a passphrase takes its time
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(p.dir, "identity"), []byte(identity.String()+"\n"))
	ok := func(stdin string, args ...string) string {
		t.Helper()
		r := p.call(stdin, args...)
		if r.code != 0 {
			t.Fatalf("sallyport %s: exit %d: %s\n%s", strings.Join(args, " "), r.code, r.stderr, p.logged())
		}
		return r.stdout
	}
	public := func(agent string) string {
		t.Helper()
		m := regexp.MustCompile(`PublicKey *= *(\S{44})`).FindStringSubmatch(ok("", "agent", "add", agent))
		if m == nil {
			t.Fatal("an agent is not told the gateway's key")
		}
		return m[1]
	}
	state, archive := filepath.Join(p.dir, "state"), filepath.Join(p.dir, "gateway.age")
	root := func() string {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(state, "ca.pem"))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	p.start()
	ok(canary, "secret", "set", "a")
	key, ca := public("laptop"), root()
	ok("", "backup", archive, "-r", identity.Recipient().String())
	b, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{canary, "SQLite format 3", "laptop"} {
		if bytes.Contains(b, []byte(shown)) {
			t.Errorf("the backup shows %q", shown)
		}
	}
	p.kill()
	if err := os.RemoveAll(state); err != nil {
		t.Fatal(err)
	}
	if r := call(t.Context(), "", "restore", archive, "-i", filepath.Join(p.dir, "identity"), "--state", state); r.code != 0 {
		t.Fatalf("restore: exit %d: %s", r.code, r.stderr)
	}
	p.start()
	if list := ok("", "secret", "ls"); !regexp.MustCompile(`a +sealed +1 `).MatchString(list) || strings.Contains(list, "!") {
		t.Errorf("its secrets: %s", list)
	}
	if list := ok("", "agent", "ls"); !strings.Contains(list, "laptop") {
		t.Errorf("its agents: %s", list)
	}
	if public("other") != key {
		t.Error("agents would meet another gateway")
	}
	if root() != ca {
		t.Error("agents would meet another CA")
	}
}
