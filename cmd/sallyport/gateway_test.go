package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport.dev/sallyport/approval"
	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/dashboard"
	"sallyport.dev/sallyport/internal/lab"
	"sallyport.dev/sallyport/internal/node"
)

// patience bounds every wait of these tests.
const patience = 60 * time.Second

const shopRules = `
gateway {
  wireguard {
    listen = ":0"
  }
}

secret "env_one" {
  env = "SALLYPORT_TEST_SECRET"
}

service "shop" {
  hosts = ["shop.example.com"]
  auth  = bearer(secret.shop)
  tls   = { ca = file("upstreams.pem") }
}

service "other" {
  hosts = ["other.example.com"]
  auth  = bearer(secret.env_one)
}
`

const oneRole = shopRules + `
role "buyer" {
  use = [service.shop, service.other]
}
`

const twoRoles = oneRole + `
role "seller" {
  use = [service.shop]
}
`

// A desk is a gateway in this process and somebody who types commands at it.
type desk struct {
	*lab.Lab
	t      *testing.T
	socket string
}

func newDesk(t *testing.T, hcl string) *desk {
	t.Helper()
	alone(t)
	l := lab.New(t, hcl)
	return &desk{Lab: l, t: t, socket: filepath.Join(l.Dir, node.AdminSocket)}
}

// call runs a command against the gateway.
func (d *desk) call(args ...string) result {
	d.t.Helper()
	return call(d.t.Context(), "", append(args, "--gateway", d.socket)...)
}

// ok runs a command that must succeed, and gives what it printed.
func (d *desk) ok(args ...string) result {
	d.t.Helper()
	r := d.call(args...)
	if r.code != 0 {
		d.t.Fatalf("sallyport %s: exit %d\n%s%s", strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
	return r
}

// has fails the test unless text holds every one of want.
func has(t *testing.T, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("%q is missing in:\n%s", w, text)
		}
	}
}

func TestRefusalsOfTheGateway(t *testing.T) {
	d := newDesk(t, twoRoles)
	d.ok("agent", "add", "laptop", "--role", "buyer")
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"agent add laptop --role buyer", 1, "enrolled already; rekey it, or remove it first; --rekey gives it a new key"},
		{"agent add other", 2, "the configuration has buyer, seller; say which with --role"},
		{"agent add other --role boss", 2, `no role is called "boss"; the configuration has buyer, seller`},
		{"agent add Loud --role buyer", 2, "lower-case"},
		{"agent add other --role buyer --expires soon", 2, "is no duration such as 8h; --expires takes one"},
		{"agent add other --role buyer --expires -1h", 2, "is no duration such as 8h"},
		{"agent add nobody --rekey", 1, "no such agent"},
		{"agent show nobody", 1, `no agent is called "nobody"`},
		{"agent rm nobody", 1, "no such agent"},
		{"agent freeze nobody", 1, "no such agent"},
		{"agent unfreeze nobody", 1, "no such agent"},
		{"agent add other --role buyer --conf /nonexistent/x.conf", 2, "write /nonexistent/x.conf"},
		{"secret rm nothing", 1, "no such secret"},
		{"secret rm env_one", 1, "read from env SALLYPORT_TEST_SECRET"},
		{"approvals show NOPE", 1, "no such approval is pending"},
		{"approvals approve NOPE", 1, "no such approval is pending"},
		{"approvals deny NOPE", 1, "no such approval is pending"},
		{"explain NOPE -c ../../examples/minimal", 1, "no action has the id NOPE"},
	} {
		r := d.call(strings.Fields(tt.args)...)
		if r.code != tt.code || !strings.Contains(r.stderr, tt.want) || r.stdout != "" {
			t.Errorf("sallyport %s: exit %d, want %d with %q:\n%s%s", tt.args, r.code, tt.code, tt.want, r.stdout, r.stderr)
		}
	}
	if got := len(d.Roster.List()); got != 1 {
		t.Errorf("%d agents are enrolled after refusals, want 1", got)
	}
}

func TestAgentsAreEnrolledShownAndCutOff(t *testing.T) {
	d := newDesk(t, oneRole)
	r := d.ok("agent", "ls")
	has(t, r.stderr, "sallyport agent add NAME")

	r = d.ok("agent", "add", "laptop")
	has(t, r.stdout, "[Interface]\nAddress = 10.77.0.2/32", "PrivateKey = ", "AllowedIPs = 0.0.0.0/0, ::/0")
	has(t, r.stderr, "laptop is enrolled at 10.77.0.2, in role buyer.", "names no endpoint", "http://sallyport.internal/")
	if strings.Contains(r.stderr, "PrivateKey") {
		t.Error("the key stands among the messages")
	}

	conf := filepath.Join(t.TempDir(), "ci.conf")
	if err := os.WriteFile(conf, []byte("another's only key"), 0o600); err != nil {
		t.Fatal(err)
	}
	r = call(t.Context(), "", "agent", "add", "ci", "--conf", conf, "--gateway", d.socket)
	if b, err := os.ReadFile(conf); err != nil || string(b) != "another's only key" || !strings.Contains(r.stderr, "exists already") {
		t.Errorf("a key was written over: %q, %v, %s", b, err, r.stderr)
	}
	if err := os.Remove(conf); err != nil {
		t.Fatal(err)
	}
	r = d.ok("agent", "add", "ci", "--conf", conf, "--split", "--expires", "8h")
	if r.stdout != "" {
		t.Errorf("with --conf stdout holds %q", r.stdout)
	}
	has(t, r.stderr, "wg-quick up "+conf)
	first := private(t, conf)
	if strings.Contains(first, "0.0.0.0/0") || !strings.Contains(first, "198.18.0.0/15") {
		t.Errorf("--split routes\n%s", first)
	}
	d.ok("agent", "add", "ci", "--rekey", "--conf", conf)
	if private(t, conf) == first {
		t.Error("--rekey kept the key")
	}

	var list []dashboard.Agent
	unmarshal(t, d.ok("agent", "ls", "--json").stdout, &list)
	if len(list) != 2 || list[0].Name != "ci" || list[0].Expires.IsZero() || list[1].State != "active" {
		t.Errorf("agent ls --json: %+v", list)
	}
	has(t, d.ok("agent", "ls").stdout, "NAME", "laptop  10.77.0.2  buyer  active")
	has(t, d.ok("agent", "show", "laptop").stdout, "laptop (active)", "in role buyer", "Last handshake:  never", "shop.example.com")

	has(t, d.ok("agent", "freeze", "laptop").stderr, "laptop is frozen.")
	has(t, d.ok("agent", "show", "laptop").stdout, "laptop (frozen)", "shop.example.com")
	has(t, d.ok("agent", "unfreeze", "laptop").stderr, "laptop is active again.")
	has(t, d.ok("agent", "freeze", "--all").stderr, "Every agent is frozen.")
	if _, live := d.Roster.Current(list[0].ID); live {
		t.Error("an agent is live after freeze --all")
	}
	d.ok("agent", "unfreeze", "--all")
	has(t, d.ok("agent", "rm", "laptop").stderr, "laptop is removed.")
	if _, ok := d.Roster.Get("laptop"); ok {
		t.Error("rm left the agent")
	}
}

// private reads a file that only its owner may read.
func private(t *testing.T, path string) string {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("%s has mode %v", path, info.Mode())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func unmarshal(t *testing.T, text string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
}

func TestSecretsGoInAndNeverComeOut(t *testing.T) {
	const canary = "canary-7b1e"
	t.Setenv("SALLYPORT_TEST_SECRET", canary)
	d := newDesk(t, oneRole)
	r := call(t.Context(), canary+"\n", "secret", "set", "shop", "--gateway", d.socket)
	if r.code != 0 || r.stdout != "" {
		t.Fatalf("secret set: %+v", r)
	}
	has(t, r.stderr, "Secret shop is set.")
	if strings.Contains(r.stderr, "No service takes") {
		t.Errorf("shop is taken: %s", r.stderr)
	}
	r = call(t.Context(), canary+"\n", "secret", "set", "shpo", "--gateway", d.socket)
	has(t, r.stderr, "Secret shpo is set.", "No service takes a secret of that name; there are: env_one, shop.")
	r = call(t.Context(), "", "secret", "set", "shop", "ghp_0000", "--gateway", d.socket)
	has(t, r.stderr, "the value is no argument", "is in your history now")
	if r.code != 2 || strings.Contains(r.stderr, "ghp_0000") {
		t.Errorf("a value as an argument: %+v", r)
	}
	shown := []string{r.stderr}
	for _, args := range [][]string{{"secret", "ls"}, {"secret", "ls", "--json"}, {"status"}, {"log"}, {"secret", "rm", "shop"}} {
		r := d.ok(args...)
		shown = append(shown, r.stdout, r.stderr)
	}
	has(t, shown[1], "NAME", "env_one  env SALLYPORT_TEST_SECRET", "shop     sealed")
	d.Clean(canary, shown...)

	for _, tt := range []struct {
		name, stdin string
		want        string
	}{
		{"shop", "\n", "is empty"},
		{"shop", strings.Repeat("x", 64<<10+1), "longer than 65536 bytes"},
		{"9lives", "x", `secret name "9lives"`},
	} {
		r := call(t.Context(), tt.stdin, "secret", "set", tt.name, "--gateway", d.socket)
		if r.code != 2 || !strings.Contains(r.stderr, tt.want) {
			t.Errorf("secret set %s: exit %d, %s", tt.name, r.code, r.stderr)
		}
	}
	r = call(t.Context(), "x", "secret", "set", "env_one", "--gateway", d.socket)
	if r.code != 1 || !strings.Contains(r.stderr, "change it there") {
		t.Errorf("set of a secret from elsewhere: %+v", r)
	}
}

// A shopper is an agent that buys things.
type shopper struct {
	t *testing.T
	c *http.Client
}

func (d *desk) shopper(name string) shopper {
	d.t.Helper()
	d.Secret("shop", "sk-shop")
	d.HTTPS("shop.example.com", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "sold") }))
	return shopper{d.t, d.Agent(name).HTTP()}
}

// do asks for something, and gives the status.
func (s shopper) do(ctx context.Context, method, path string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, method, "https://shop.example.com"+path, strings.NewReader(""))
	if err != nil {
		return 0, err
	}
	resp, err := s.c.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

func (s shopper) must(method, path string, want int) {
	s.t.Helper()
	if got, err := s.do(s.t.Context(), method, path); got != want {
		s.t.Fatalf("%s %s: %d, %v; want %d", method, path, got, err, want)
	}
}

func TestTheLogIsShownExplainedAndVerified(t *testing.T) {
	d := newDesk(t, oneRole)
	has(t, d.ok("log").stderr, "No action is recorded yet.")
	has(t, d.ok("log", "verdict:deny").stderr, "No recorded action meets that.")
	has(t, d.ok("audit", "verify").stdout, "none yet", "whole")
	s := d.shopper("laptop")
	s.must("GET", "/v1/things", 200)
	s.must("DELETE", "/v1/things/1", 403)
	records := d.Records("service:shop", 2)

	r := d.ok("log")
	has(t, r.stdout, "allow  laptop       shop         GET", "secret injected", "deny   laptop       shop         DELETE", "  -- Service")
	if lines := strings.Count(r.stdout, "\n"); lines != 2 {
		t.Errorf("%d lines for 2 records:\n%s", lines, r.stdout)
	}
	if strings.Index(r.stdout, "GET") > strings.Index(r.stdout, "DELETE") {
		t.Error("the newest is not last")
	}
	var rec audit.Record
	unmarshal(t, d.ok("log", "--json", "verdict:deny").stdout, &rec)
	if rec.ID != records[1].ID || rec.Method != "DELETE" {
		t.Errorf("log --json: %+v", rec)
	}

	conf := filepath.Join(t.TempDir(), "other.hcl")
	write(t, conf, []byte(strings.ReplaceAll(oneRole, `, ca = file("upstreams.pem")`, "")))
	write(t, filepath.Join(filepath.Dir(conf), "upstreams.pem"), []byte(d.CA.PEM()))
	r = d.call("explain", records[1].ID, "-c", conf)
	if r.code != 3 {
		t.Errorf("explain of a denied action: exit %d\n%s", r.code, r.stderr)
	}
	has(t, r.stdout, "deny   Service", "effect destructive")
	has(t, d.ok("explain", records[0].ID, "-c", conf).stdout, "allow")

	var report audit.Report
	for deadline := time.Now().Add(patience); (report.Signed == 0 || !report.OK()) && time.Now().Before(deadline); {
		report = audit.Report{}
		unmarshal(t, d.call("audit", "verify", "--json").stdout, &report) // the head is signed right after the first records
	}
	if report.Records < 2 || !report.OK() {
		t.Errorf("audit verify: %+v", report)
	}
	has(t, d.ok("audit", "verify").stdout, "numbers 1 to ")
	has(t, d.ok("ca", "export").stdout, "-----BEGIN CERTIFICATE-----")
	if got := d.ok("ca", "export").stdout; got != string(d.CA.PEM()) {
		t.Errorf("ca export gives\n%s", got)
	}
}

func TestAsksAreListedShownAndAnswered(t *testing.T) {
	d := newDesk(t, oneRole)
	has(t, d.ok("approvals", "ls").stderr, "Nothing waits for an answer.")
	s := d.shopper("laptop")
	for _, tt := range []struct {
		verb string
		want int
	}{{"approve", 200}, {"deny", 403}} {
		status := make(chan int, 1)
		go func() {
			code, _ := s.do(t.Context(), "POST", "/v1/orders")
			status <- code
		}()
		id := d.waiting()
		has(t, d.ok("approvals", "ls").stdout, "ID", id, "laptop", "shop", "POST")
		has(t, d.ok("approvals", "show", id).stdout, id+" (pending)", "Action:", "POST", "SHA-256:", "Why:  ", "any operator who may approve: 0 of 1\n")
		has(t, d.ok("status").stdout, "1 waiting")
		has(t, d.ok("approvals", tt.verb, id, "--note", "said so").stderr, "POST")
		if got := <-status; got != tt.want {
			t.Errorf("%s: the agent got %d, want %d", tt.verb, got, tt.want)
		}
		r := d.call("approvals", "approve", id)
		if r.code != 1 || !strings.Contains(r.stderr, "already answered") {
			t.Errorf("a second answer: %+v", r)
		}
		has(t, d.ok("approvals", "show", id).stdout, "said so")
	}
}

func TestAnAskThatTimedOutExitsWith4(t *testing.T) {
	d := newDesk(t, oneRole)
	d.Desk.Timeout = 50 * time.Millisecond
	d.shopper("laptop").must("POST", "/v1/orders", 403)
	rec := d.Records("verdict:deny", 1)[0]
	r := d.call("approvals", "approve", rec.ID)
	if r.code != 4 || !strings.Contains(r.stderr, "nobody answered in time") {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
}

// waiting gives the id of the ask that waits, once there is one.
func (d *desk) waiting() string {
	d.t.Helper()
	deadline := time.After(patience)
	for {
		changed := d.Desk.Changed()
		if list := d.Desk.List(); len(list) > 0 && list[0].State == approval.Pending {
			return list[0].ID
		}
		select {
		case <-changed:
		case <-deadline:
			d.t.Fatal("nobody asked")
		}
	}
}

func TestFollowingEndsWhenToldTo(t *testing.T) {
	d := newDesk(t, oneRole)
	s := d.shopper("laptop")
	s.must("GET", "/before", 200)
	d.Records("service:shop", 1)
	ctx, interrupt := context.WithCancel(t.Context())
	out := &lab.Buffer{}
	cmd := newRoot()
	cmd.SetOut(out)
	cmd.SetErr(io.Discard)
	done := make(chan int, 1)
	go func() { done <- run(ctx, cmd, "log", "-f", "--gateway", d.socket) }()
	await(t, out, "/before")
	s.must("GET", "/after", 200)
	await(t, out, "/after")
	interrupt()
	if code := <-done; code != 0 {
		t.Errorf("exit %d", code)
	}
	for _, path := range []string{"/before", "/after"} {
		if n := strings.Count(out.String(), path); n != 1 {
			t.Errorf("%s stands there %d times:\n%s", path, n, out)
		}
	}
}

func TestWatchPrintsEachAskOnce(t *testing.T) {
	d := newDesk(t, oneRole)
	s := d.shopper("laptop")
	ctx, interrupt := context.WithCancel(t.Context())
	out := &lab.Buffer{}
	cmd := newRoot()
	cmd.SetOut(out)
	cmd.SetErr(io.Discard)
	done := make(chan int, 1)
	go func() { done <- run(ctx, cmd, "approvals", "watch", "--gateway", d.socket) }()
	var wg sync.WaitGroup
	wg.Go(func() { s.do(t.Context(), "POST", "/v1/orders") }) //nolint:errcheck // its answer is not what this is about
	id := d.waiting()
	await(t, out, id)
	d.ok("approvals", "deny", id)
	wg.Wait()
	interrupt()
	if code := <-done; code != 0 || strings.Count(out.String(), id) != 1 {
		t.Errorf("exit %d:\n%s", code, out)
	}
}

// await waits until out holds text.
func await(t *testing.T, out *lab.Buffer, text string) {
	t.Helper()
	for deadline := time.Now().Add(patience); !strings.Contains(out.String(), text); {
		if time.Now().After(deadline) {
			t.Fatalf("%q does not come:\n%s", text, out)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func TestStatusShowsARejectedConfiguration(t *testing.T) {
	d := newDesk(t, oneRole)
	r := d.ok("status")
	has(t, r.stdout, "ready", "2 services, 0 rules", "0 enrolled, 0 connections open", "secret shop has no value")
	path := d.API.Status().Config
	write(t, path, []byte(oneRole+"\nrule \"x\" {}\n"))
	d.Rules.Reload(t.Context())
	r = d.call("status")
	if r.code != 1 {
		t.Errorf("exit %d", r.code)
	}
	has(t, r.stdout, "Not taken:", "Attribute missing", `rule "x" {}`, "2 services, 0 rules")
	var s dashboard.Status
	unmarshal(t, d.call("status", "--json").stdout, &s)
	if s.ConfigError == "" || s.Ready != "ready" {
		t.Errorf("status --json: %+v", s)
	}
	t.Setenv("SALLYPORT_URL", "unix://"+d.socket)
	if r := call(t.Context(), "", "status"); r.code != 1 {
		t.Errorf("by SALLYPORT_URL: exit %d, %s", r.code, r.stderr)
	}
}

func TestTwoGatewaysDoNotShareAState(t *testing.T) {
	d := newDesk(t, oneRole)
	conf := filepath.Join(t.TempDir(), "second.hcl")
	text := strings.Replace(oneRole, "gateway {", "gateway {\n  state_dir = \""+d.Dir+"\"", 1)
	write(t, conf, []byte(strings.Replace(text, `, ca = file("upstreams.pem")`, "", 1)))
	write(t, filepath.Join(filepath.Dir(conf), "upstreams.pem"), d.CA.PEM())
	if r := call(t.Context(), "", "serve", "-c", conf); r.code != 1 || !strings.Contains(r.stderr, "another gateway runs on it") {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
}

func TestTheStateOfOthersIsRefused(t *testing.T) {
	alone(t)
	dir := t.TempDir()
	state := filepath.Join(dir, "state")
	if err := os.Mkdir(state, 0o755); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(dir, "sallyport.hcl")
	write(t, conf, []byte("gateway {\n  state_dir = \""+state+"\"\n  wireguard {\n    listen = \":0\"\n  }\n}\n"))
	if r := call(t.Context(), "", "serve", "-c", conf); r.code != 1 || !strings.Contains(r.stderr, "chmod 700 "+state) {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
}

func TestServeSaysReady(t *testing.T) {
	alone(t)
	dir := t.TempDir()
	conf := filepath.Join(dir, "sallyport.hcl")
	write(t, conf, []byte("gateway {\n  wireguard {\n    listen = \":0\"\n  }\n}\n"))
	ctx, stop := context.WithCancel(t.Context())
	logs := &lab.Buffer{}
	cmd := newRoot()
	cmd.SetOut(io.Discard)
	cmd.SetErr(logs)
	done := make(chan int, 1)
	go func() { done <- run(ctx, cmd, "serve", "-c", conf) }()
	await(t, logs, `"msg":"ready"`)
	if r := call(t.Context(), "", "status"); r.code != 0 {
		t.Errorf("status without --gateway: exit %d, %s", r.code, r.stderr)
	}
	if r := call(t.Context(), "", "agent", "add", "x"); r.code != 2 || !strings.Contains(r.stderr, "has no role") {
		t.Errorf("agent add without any role: exit %d, %s", r.code, r.stderr)
	}
	stop()
	if code := <-done; code != 0 {
		t.Errorf("exit %d:\n%s", code, logs)
	}
}

func TestCompletionAndHelp(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if r := call(t.Context(), "", "completion", shell); r.code != 0 || len(r.stdout) < 1000 {
			t.Errorf("completion %s: exit %d, %d bytes", shell, r.code, len(r.stdout))
		}
	}
	for _, group := range []string{"agent", "secret", "approvals", "audit", "ca", "presets"} {
		if r := call(t.Context(), "", group); r.code != 0 || !strings.Contains(r.stdout, "\nCommands:\n") {
			t.Errorf("%s: exit %d\n%s", group, r.code, r.stderr)
		}
	}
	r := call(t.Context(), "", "__complete", "agent", "")
	has(t, r.stdout, "add", "freeze", "unfreeze")
	if r := call(t.Context(), "", "version", "--json"); !json.Valid([]byte(r.stdout)) {
		t.Errorf("version --json: %s", r.stdout)
	}
	has(t, call(t.Context(), "", "version").stdout, "sallyport ")
}

func TestAnInterruptedCommandExitsWith130(t *testing.T) {
	alone(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	cmd := newRoot()
	cmd.SetErr(&bytes.Buffer{})
	cmd.SetOut(io.Discard)
	in, out := io.Pipe() // nobody ever answers
	defer out.Close()
	cmd.SetIn(in)
	if code := run(ctx, cmd, "init", t.TempDir()); code != 130 {
		t.Errorf("exit %d", code)
	}
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Error(err)
	}
	return b
}
