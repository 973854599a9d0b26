package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"sallyport.dev/sallyport/internal/lab"

	"github.com/spf13/cobra"
)

// plain are the commands that print something else than data, and say so.
var plain = []string{"lsp", "completion bash", "completion zsh", "completion fish", "completion powershell"}

// alone of a gateway; every other command must say that none answers.
var offline = slices.Concat(plain, []string{"check", "explain", "fmt", "test", "presets ls", "presets show", "init", "version", "restore", "db-role", "demo", "serve", "help"})

// leaves lists the commands that do something, by their words.
func leaves(cmd *cobra.Command) []string {
	var list []string
	for _, c := range cmd.Commands() {
		if c.HasSubCommands() {
			list = append(list, leaves(c)...)
			continue
		}
		list = append(list, strings.TrimPrefix(c.CommandPath(), "sallyport "))
	}
	return list
}

// values reads text as JSON, one value after the other.
func values(t *testing.T, of, text string) []any {
	t.Helper()
	var list []any
	for dec := json.NewDecoder(strings.NewReader(text)); ; {
		var v any
		err := dec.Decode(&v)
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Errorf("%s --json prints no JSON: %v\n%s", of, err, text)
			return nil
		}
		list = append(list, v)
	}
}

// complained checks that stderr is one object that tells the error.
func complained(t *testing.T, of string, r result, code int) {
	t.Helper()
	var e struct {
		Error string
		Code  int
	}
	dec := json.NewDecoder(strings.NewReader(r.stderr))
	dec.DisallowUnknownFields()
	var with struct {
		Error, Usage string
		Code         int
	}
	if err := dec.Decode(&with); err != nil || dec.More() {
		t.Errorf("%s: its error is not one object: %v\n%s", of, err, r.stderr)
		return
	}
	e.Error, e.Code = with.Error, with.Code
	if r.code != code || e.Code != code || e.Error == "" {
		t.Errorf("%s: exit %d, says %d, want %d: %q", of, r.code, e.Code, code, e.Error)
	}
}

// A said is a command as somebody types it, and what becomes of it.
type said struct {
	args, stdin string
	code        int
}

// TestEveryCommandSpeaksJSON: with --json a command prints JSON on stdout and, where
// it fails, one object on stderr. A new command needs a step here.
func TestEveryCommandSpeaksJSON(t *testing.T) {
	d := newDesk(t, strings.Replace(tested, "gateway {", "gateway {\n  dashboard {\n    listen = \"localhost:0\"\n  }", 1))
	t.Chdir(t.TempDir())
	write(t, "rules/sallyport.hcl", []byte("gateway {\n  wireguard {}\n}\n\nservice \"github\" {}\n\nservice \"db\" {\n  protocol = \"postgres\"\n  hosts = [\"db.internal\"]\n  upstream = \"10.4.0.12\"\n  auth = password(\"agent\", secret.db)\n  tls = { server_name = \"db.internal\" }\n}\n\nrole \"r\" {\n  use = [service.github, service.db]\n}\n"))
	write(t, "bad.hcl", []byte("service {\n"))
	write(t, "old.hcl", []byte(strings.ReplaceAll(oneRole, `tls   = { ca = file("upstreams.pem") }`, "")))
	s := d.shopper("buyer")
	s.must("GET", "/v1/things", 200)
	s.must("DELETE", "/v1/things", 403)
	denied := d.Records("service:shop", 2)[1]
	id := denied.ID
	var wg sync.WaitGroup
	defer wg.Wait()
	first := "" // is asked when a step names it: an agent waits a minute, and no longer
	const ask = "ASK"
	const password = "a password of ana\n"
	steps := []said{
		{"version", "", 0},
		{"help agent add", "", 0},
		{"presets ls", "", 0},
		{"presets show github", "", 0},
		{"presets show nothing", "", 2},
		{"init new --endpoint gw.example.com:51820 --service github --database none", "", 0},
		{"check -c rules", "", 0},
		{"fmt -c rules", "", 0},
		{"test -c rules", "", 0},
		{"explain -c rules --service db SELEC", "", 3},
		{"service ls", "", 0},
		{"service test shop", "", 0},
		{"service test nothing", "", 1},
		{"explain " + id + " -c old.hcl", "", 3},
		{"db-role db -c rules", "", 0},
		{"diff old.hcl old.hcl", "", 0},
		{"suggest shop -c old.hcl", "", 0},
		{"status", "", 0},
		{"doctor", "", 1},
		{"ca export", "", 0},
		{"approvals ls", "", 0},
		{"approvals show " + ask, "", 0},
		{"approvals rule " + ask + " --dry-run", "", 0},
		{"approvals approve " + ask + " --for 15m", "", 0},
		{"approvals grants", "", 0},
		{"approvals revoke " + ask, "", 0},
		{"approvals revoke " + ask, "", 1},
		{"approvals deny nothing", "", 1},
		{"usage", "", 0},
		{"session ls", "", 0},
		{"session show " + denied.Session, "", 0},
		{"session show nothing", "", 1},
		{"agent add ci", "", 0},
		{"agent add ci", "", 1},
		{"agent add cd --conf cd.conf", "", 0},
		{"agent ls", "", 0},
		{"agent show ci", "", 0},
		{"agent freeze ci", "", 0},
		{"agent unfreeze ci", "", 0},
		{"agent freeze --all", "", 0},
		{"agent unfreeze --all", "", 0},
		{"agent rm ci", "", 0},
		{"agent rm ci", "", 1},
		{"secret set x", "value of x\n", 0},
		{"secret rotate x", "another of x\n", 0},
		{"secret rollback x", "", 0},
		{"secret ls", "", 0},
		{"secret rm x", "", 0},
		{"secret rm x", "", 1},
		{"key rotate", "", 0},
		{"log", "", 0},
		{"log agent:nobody", "", 0},
		{"log --since 1h -n 5", "", 0},
		{"audit verify", "", 0},
		{"audit accept --note known", "", 1},
		{"operator add ana --right admin", password, 0},
		{"operator add ana", password, 1},
		{"operator rights ana editor", "", 0},
		{"operator passwd ana", "another of ana's\n", 0},
		{"operator ls", "", 0},
		{"operator log", "", 0},
		{"operator rm ana", "", 0},
		{"token create ci --right viewer", "", 0},
		{"token ls", "", 0},
		{"token rm ci", "", 0},
		{"backup b.age", "correct horse battery\n", 0},
		{"backup b.age", "correct horse battery\n", 2},
		{"restore b.age --state again", "wrong horse battery\n", 1},
		{"restore b.age --state again", "correct horse battery\n", 0},
		{"rule add x --on shop --verdict deny --paths /y --yes", "", 0},
		{"rule replace x --on shop --verdict deny --paths /z --yes", "", 0},
		{"rule ls", "", 0},
		{"rule show x", "", 0},
		{"rule rm x --yes", "", 0},
		{"rule rm x --yes", "", 1},
		{"policy show", "", 0},
		{"policy history", "", 0},
		{"policy proposals", "", 0},
		{"policy approve 1 --yes", "", 1},
		{"policy reject 1", "", 1},
		{"policy put --yes", "role \"r\" {\n  use = [service.shop]\n}\n", 0},
		{"policy rm role r --yes", "", 0},
		{"policy rollback 1 --yes", "", 0},
		{"check -c bad.hcl", "", 2},
	}
	seen := map[string]bool{"log": true, "approvals watch": true, "approvals deny": true, "serve": true, "demo": true} // see the other tests
	for _, step := range steps {
		if first == "" && strings.Contains(step.args, ask) {
			wg.Go(func() { s.do(t.Context(), "POST", "/v1/orders") }) //nolint:errcheck // its answer is not what this is about
			first = d.waiting()
		}
		step.args = strings.ReplaceAll(step.args, ask, first)
		r := call(t.Context(), step.stdin, append(append(strings.Fields(step.args), "--json"), "--gateway", d.socket)...)
		of := "sallyport " + step.args
		words := strings.Fields(step.args)
		seen[words[0]] = true
		seen[strings.Join(words[:min(2, len(words))], " ")] = true
		list := values(t, of, r.stdout)
		switch {
		case r.code != step.code:
			t.Errorf("%s: exit %d, want %d\n%s%s", of, r.code, step.code, r.stdout, r.stderr)
		case r.stderr != "":
			complained(t, of, r, step.code)
		case len(list) == 0 && words[0] != "log":
			t.Errorf("%s: exit %d, and prints nothing", of, r.code)
		}
	}
	for _, tt := range elsewhere(t) {
		words := strings.Fields(tt.args)
		r := call(t.Context(), "", append(words, "--json")...)
		seen[strings.Join(words[:2], " ")] = true
		if list := values(t, tt.args, r.stdout); r.code != 0 || len(list) == 0 || r.stderr != "" {
			t.Errorf("sallyport %s: exit %d\n%s%s", tt.args, r.code, r.stdout, r.stderr)
		}
	}
	for _, name := range leaves(newRoot()) {
		if slices.Contains(plain, name) {
			r := call(t.Context(), "", append(strings.Fields(name), "--json")...)
			complained(t, name, r, 2)
			continue
		}
		if !seen[name] {
			t.Errorf("no step here shows that sallyport %s speaks JSON", name)
		}
	}
}

// elsewhere is a gateway with what this machine has not, a tailnet and a server of
// accounts, as far as its API tells; and what is typed at it.
func elsewhere(t *testing.T) []said {
	t.Helper()
	at := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/v1/status":
			io.WriteString(w, `{"tailnet":{"state":"Running","name":"gw","addresses":["100.64.0.1"],"hostname":"gw"}}`)
		case "/api/v1/agents/laptop/approve":
			io.WriteString(w, `{"name":"laptop","state":"active"}`)
		case "/api/v1/policy/proposals/1":
			if r.Method == http.MethodDelete {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			io.WriteString(w, `{"proposal":{"id":"1"},"preview":{"ok":true,"base":"r","files":["a.hcl"]}}`)
		case "/api/v1/policy/proposals/1/apply":
			io.WriteString(w, `{"revision":{"number":2}}`)
		case "/api/v1/sessions/1/end":
			io.WriteString(w, `{"connections":1}`)
		case "/api/v1/secrets/mail/connect":
			io.WriteString(w, `{"id":"1","secret":"mail","state":"waiting","link":"https://gw.test/connect"}`)
		case "/api/v1/connections/1":
			io.WriteString(w, `{"id":"1","secret":"mail","state":"connected"}`)
		case "/api/v1/tailnet/logout":
			w.WriteHeader(http.StatusNoContent)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(at.Close)
	return []said{
		{args: "setup tailnet --gateway " + at.URL},
		{args: "agent approve laptop --gateway " + at.URL},
		{args: "tailnet logout --gateway " + at.URL},
		{args: "secret connect mail --gateway " + at.URL},
		{args: "session kill 1 --gateway " + at.URL},
		{args: "policy approve 1 --yes --gateway " + at.URL},
		{args: "policy reject 1 --gateway " + at.URL},
	}
}

// What goes on until Ctrl-C prints an object a line.
func TestWhatGoesOnSpeaksJSON(t *testing.T) {
	d := newDesk(t, oneRole)
	s := d.shopper("laptop")
	s.must("GET", "/before", 200)
	d.Records("service:shop", 1)
	ctx, interrupt := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	start := func(args ...string) *lab.Buffer {
		out := &lab.Buffer{}
		cmd := newRoot()
		cmd.SetOut(out)
		cmd.SetErr(io.Discard)
		wg.Go(func() {
			if code := run(ctx, cmd, append(args, "--json", "--gateway", d.socket)...); code != 0 {
				t.Errorf("%v: exit %d", args, code)
			}
		})
		return out
	}
	log, watch := start("log", "-f"), start("approvals", "watch")
	await(t, log, "/before")
	wg.Go(func() { s.do(t.Context(), "POST", "/v1/orders") }) //nolint:errcheck // its answer is not what this is about
	id := d.waiting()
	await(t, watch, id)
	r := d.ok("approvals", "deny", id, "--json")
	values(t, "approvals deny", r.stdout)
	await(t, log, "/v1/orders")
	interrupt()
	wg.Wait()
	for of, out := range map[string]*lab.Buffer{"log -f": log, "approvals watch": watch} {
		for lines := bufio.NewScanner(strings.NewReader(out.String())); lines.Scan(); {
			if !json.Valid(lines.Bytes()) {
				t.Errorf("%s prints %s", of, lines.Bytes())
			}
		}
	}
}

// TestExitCodes walks the whole tree: what is typed wrongly is 2, and a gateway that
// does not answer 5, in words as in JSON.
func TestExitCodes(t *testing.T) {
	alone(t)
	t.Chdir(t.TempDir())
	write(t, "c.hcl", []byte("gateway {\n  wireguard {}\n}\n\nservice \"github\" {}\n\nrole \"r\" {\n  use = [service.github]\n}\n"))
	for _, name := range leaves(newRoot()) {
		words := strings.Fields(name)
		r := call(t.Context(), "", append(slices.Clone(words), "--nonsense")...)
		if r.code != 2 || r.stdout != "" || !strings.Contains(r.stderr, "unknown flag: --nonsense\nUsage: sallyport "+name) {
			t.Errorf("sallyport %s --nonsense: exit %d\n%s%s", name, r.code, r.stdout, r.stderr)
		}
		r = call(t.Context(), "", append(slices.Clone(words), "--nonsense", "--json")...)
		complained(t, name, r, 2)
		if slices.Contains(offline, name) {
			continue
		}
		args, stdin := slices.Clone(words), ""
		switch name {
		case "agent freeze", "agent unfreeze":
			args = append(args, "--all")
		case "operator add", "operator passwd", "secret set", "secret rotate", "backup":
			args, stdin = append(args, "x"), "correct horse battery\n"
		case "diff":
			args = append(args, "c.hcl", "c.hcl")
		case "policy rollback", "policy approve":
			args = append(args, "1", "--yes")
		case "policy rm":
			args = append(args, "rule", "x", "--yes")
		case "policy put", "rule add", "rule replace":
			args, stdin = append(args, "--yes"), "rule \"x\" {\n  on = \"*\"\n  verdict = \"deny\"\n}\n"
		case "audit accept":
			args = append(args, "--note", "x")
		case "token create":
			args = append(args, "x", "--right", "viewer")
		case "suggest":
			args = append(args, "github", "-c", "c.hcl")
		case "agent ls", "approvals ls", "approvals grants", "approvals watch", "audit verify", "ca export", "doctor", "key rotate", "log",
			"operator log", "operator ls", "policy history", "policy proposals", "policy show", "rule ls", "secret ls", "service ls", "setup tailnet", "status", "tailnet logout", "token ls", "usage":
		default:
			args = append(args, "x")
		}
		r = call(t.Context(), stdin, append(args, "--json", "--gateway", "nowhere.sock")...)
		complained(t, strings.Join(args, " "), r, 5)
		if left, err := os.ReadDir("."); err != nil || len(left) != 1 {
			t.Errorf("sallyport %s leaves %v, %v", name, left, err)
		}
	}
	for _, name := range []string{"nonsense", "agent nonsense", "completion bsh", "help nonsense", "help agent nonsense"} {
		r := call(t.Context(), "", strings.Fields(name)...)
		if r.code != 2 || r.stdout != "" || !strings.Contains(r.stderr, "no command") {
			t.Errorf("sallyport %s: exit %d\n%s%s", name, r.code, r.stdout, r.stderr)
		}
	}
}

// Help is for programs, too, at every level.
func TestHelpSpeaksJSON(t *testing.T) {
	names := []string{""}
	for _, c := range newRoot().Commands() {
		names = append(names, c.Name())
	}
	for _, name := range append(names, leaves(newRoot())...) {
		r := call(t.Context(), "", append(strings.Fields(name), "--help", "--json")...)
		var page struct {
			Command, Short, Usage string
			Flags                 []any
		}
		if err := json.Unmarshal([]byte(r.stdout), &page); err != nil || r.code != 0 || page.Short == "" || len(page.Flags) == 0 || page.Command != strings.TrimSpace("sallyport "+name) {
			t.Errorf("%s --help --json: exit %d, %v\n%s%s", name, r.code, err, r.stdout, r.stderr)
		}
	}
}

// A configuration that names its state directory leads to its gateway.
func TestCommandsFindTheGatewayOfTheirConfiguration(t *testing.T) {
	d := newDesk(t, oneRole)
	dir := t.TempDir()
	t.Chdir(dir)
	write(t, "abs.hcl", []byte("gateway {\n  state_dir = \""+d.Dir+"\"\n}\n"))
	write(t, "broken.hcl", []byte("gateway {\n  state_dir = \""+d.Dir+"\"\n}\nservice \"x\" { nonsense = 1 }\n"))
	write(t, "rel/a.hcl", []byte("gateway {\n  state_dir = \"../state\"\n}\n"))
	if err := os.Symlink(d.Dir, filepath.Join(dir, "state")); err != nil {
		t.Fatal(err)
	}
	for _, conf := range []string{"abs.hcl", "broken.hcl", "rel"} {
		if r := call(t.Context(), "", "status", "-c", conf); r.code != 0 {
			t.Errorf("status -c %s: exit %d\n%s", conf, r.code, r.stderr)
		}
	}
}
