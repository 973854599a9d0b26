package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport.dev/sallyport/vault/backup"

	"filippo.io/age"
)

// What keeps a gateway from starting is told with the cure.
func TestServeSaysWhatIsInItsWay(t *testing.T) {
	alone(t)
	dir := t.TempDir()
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().String()[len("127.0.0.1:"):]
	udp, err := net.ListenPacket("udp4", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	wg := udp.LocalAddr().String()[strings.LastIndex(udp.LocalAddr().String(), ":"):]
	write(t, filepath.Join(dir, "file"), nil)
	for name, tt := range map[string]struct {
		gateway string
		want    []string
	}{
		"a port of the dashboard": {"dashboard {\n    listen = \"localhost:" + port + "\"\n  }\n  wireguard {\n    listen = \":0\"\n  }", []string{"dashboard: ", port, "another program has that port", "ss -lntup"}},
		"a port of WireGuard":     {"wireguard {\n    listen = \"" + wg + "\"\n  }", []string{"wireguard: ", wg, "another program has that port"}},
		"a state directory that is a file": {
			"state_dir = \"" + filepath.Join(dir, "file", "state") + "\"\n  wireguard {\n    listen = \":0\"\n  }",
			[]string{"state directory", "a part of that path is a file"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			conf := filepath.Join(t.TempDir(), "c.hcl")
			state := ""
			if !strings.Contains(tt.gateway, "state_dir") {
				state = "state_dir = \"" + t.TempDir() + "/state\"\n  "
			}
			write(t, conf, []byte("gateway {\n  "+state+tt.gateway+"\n}\n"))
			r := call(t.Context(), "", "serve", "-c", conf)
			if r.code != 1 {
				t.Errorf("exit %d", r.code)
			}
			has(t, r.stderr, tt.want...)
		})
	}
}

// What is wrong with a backup, or with what should open it, is told with the cure.
func TestRestoreSaysWhatIsWrong(t *testing.T) {
	d := newDesk(t, oneRole)
	t.Chdir(t.TempDir())
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	write(t, "key", []byte(key.String()+"\n"))
	write(t, "other", []byte(other.String()+"\n"))
	write(t, "text", []byte("gateway {}\n"))
	write(t, "full/x", nil)
	const phrase = "correct horse battery\n"
	made := func(stdin string, args ...string) {
		t.Helper()
		if r := call(t.Context(), stdin, append(args, "--gateway", d.socket)...); r.code != 0 {
			t.Fatalf("%v: exit %d: %s", args, r.code, r.stderr)
		}
	}
	made(phrase, "backup", "by-phrase")
	made("", "backup", "by-key", "-r", key.Recipient().String())
	whole, err := os.ReadFile("by-key")
	if err != nil {
		t.Fatal(err)
	}
	write(t, "cut", whole[:len(whole)-9])
	for _, tt := range []struct {
		args, stdin string
		code        int
		want        string
	}{
		{"restore by-phrase", "wrong horse battery\n", 1, "that is not the passphrase of by-phrase"},
		{"restore by-phrase -i key", "", 1, "by-phrase is sealed with a passphrase, which is asked for without --identity"},
		{"restore by-key", phrase, 1, "by-key is sealed for age keys; name the file of a secret one with --identity"},
		{"restore by-key -i other", "", 1, "sealed for other age keys than that of --identity"},
		{"restore by-key -i text", "", 2, "--identity text: it holds no age identity, as age-keygen writes it"},
		{"restore by-key -i nothing", "", 2, "read the identity nothing: there is no such file"},
		{"restore nothing", phrase, 2, "read the backup nothing: there is no such file"},
		{"restore text", phrase, 1, "text: " + backup.ErrForeign.Error()},
		{"restore cut -i key", "", 1, "cut: the backup is damaged, or its end is missing"},
		{"restore by-key -i key --state full", "", 1, "full holds something already: name with --state"},
		{"backup short", "too short\n", 2, "12 characters or more, please: whoever has the file"},
		{"backup lines", phrase + phrase, 2, "the passphrase of the backup has more than one line"},
		{"backup by-key -r " + key.Recipient().String(), "", 2, "write by-key: it exists already"},
		{"backup nowhere/x", phrase, 2, "write nowhere/x: there is no such file or directory"},
		{"backup full", phrase, 2, "write full: "},
	} {
		r := call(t.Context(), tt.stdin, append(strings.Fields(tt.args), "--gateway", d.socket)...)
		if r.code != tt.code || !strings.Contains(r.stderr, tt.want) {
			t.Errorf("sallyport %s: exit %d, want %d with %q:\n%s", tt.args, r.code, tt.code, tt.want, r.stderr)
		}
	}
	if _, err := os.Stat("short"); err == nil {
		t.Error("a backup that was refused leaves a file")
	}
}
