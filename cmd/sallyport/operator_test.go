package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sallyport.dev/sallyport/dashboard"
	"sallyport.dev/sallyport/dashboard/deeds"
	"sallyport.dev/sallyport/internal/notrun"
)

// withDoor is oneRole with a dashboard on a free port.
func withDoor() string {
	return strings.Replace(oneRole, "gateway {", "gateway {\n  dashboard {\n    listen = \"localhost:0\"\n  }", 1)
}

// url gives where people reach the gateway.
func (d *desk) url() string {
	d.t.Helper()
	var s dashboard.Status
	unmarshal(d.t, d.ok("status", "--json").stdout, &s)
	if len(s.Dashboard) != 1 || !strings.HasPrefix(s.Dashboard[0], "http://localhost:") {
		d.t.Fatalf("the dashboard is at %v", s.Dashboard)
	}
	return s.Dashboard[0]
}

// curl runs the real one and gives the status and what it printed.
func curl(t *testing.T, jar string, args ...string) (status, body string) {
	t.Helper()
	path, err := exec.LookPath("curl")
	if err != nil {
		notrun.Skip(t, "there is no curl")
	}
	args = append([]string{"-sS", "-b", jar, "-c", jar, "-w", "\n%{http_code}", "--max-time", "60"}, args...)
	out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("curl %v: %v\n%s", args, err, out)
	}
	i := bytes.LastIndexByte(out, '\n')
	return string(out[i+1:]), string(out[:i])
}

func TestAFirstOperatorByCurl(t *testing.T) {
	d := newDesk(t, withDoor())
	at, jar := d.url(), filepath.Join(t.TempDir(), "jar")
	link := regexp.MustCompile(regexp.QuoteMeta(at) + `/setup#(\S+)`).FindStringSubmatch(d.Logs.String())
	if link == nil {
		t.Fatalf("no link was printed:\n%s", d.Logs)
	}
	has(t, d.ok("status").stdout, "Dashboard:      "+at)
	json := []string{"-H", "Content-Type: application/json"}
	want := func(status, text string, args ...string) {
		t.Helper()
		if got, body := curl(t, jar, args...); got != status || !strings.Contains(body, text) {
			t.Errorf("curl %v: %s, want %s with %q:\n%s", args, got, status, text, body)
		}
	}
	want("401", "log in first", at+"/api/v1/agents")
	want("200", "ok", at+"/healthz")
	setup := `{"token":"` + link[1] + `","name":"ana","password":"a password of ana"}`
	want("415", "send JSON", "-d", setup, at+"/api/v1/setup")
	want("200", `"admin"`, append(json, "-d", setup, at+"/api/v1/setup")...)
	want("403", "this link does not hold", append(json, "-d", setup, at+"/api/v1/setup")...)
	want("200", "[]", at+"/api/v1/agents")
	want("200", `"name":"ana"`, at+"/api/v1/session")
	want("403", "another site", append(json, "-H", "Origin: http://evil.test", "-X", "POST", at+"/api/v1/agents/freeze")...)
	want("421", "no such name", "-H", "Host: evil.test", at+"/api/v1/agents")
	want("200", "[]", strings.Replace(at, "localhost", "127.0.0.1", 1)+"/api/v1/agents", "-H", "Host: "+strings.TrimPrefix(at, "http://"), "-H", "Cookie: "+cookie(t, jar))
	want("200", "PrivateKey", append(json, "-d", `{"name":"ci"}`, at+"/api/v1/agents")...)
	want("204", "", "-X", "DELETE", at+"/api/v1/session")
	want("401", "log in first", at+"/api/v1/agents")
	want("401", "wrong name or password", append(json, "-d", `{"name":"ana","password":"another password"}`, at+"/api/v1/session")...)
	want("200", `"fresh":true`, append(json, "-d", `{"name":"ana","password":"a password of ana"}`, at+"/api/v1/session")...)
	var log []deeds.Entry
	unmarshal(t, d.ok("operator", "log", "--json").stdout, &log)
	var whats []string
	for _, e := range log {
		whats = append(whats, e.Who+" "+e.What)
	}
	const told = "ana login|ana login|ana DELETE /api/v1/session|ana POST /api/v1/agents|ana setup"
	if got := strings.Join(whats, "|"); got != told {
		t.Errorf("the audit has %s", got)
	} else if log[3].Notes["name"] != "ci" {
		t.Errorf("it does not say which agent was enrolled: %v", log[3].Notes)
	}
	has(t, d.ok("audit", "verify").stdout, "Operators:  5 entries, signed up to number 5", "Verdict:    whole")
}

// cookie reads curl's jar.
func cookie(t *testing.T, jar string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "awk", "/sallyport/ {print $6 \"=\" $7}", jar).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func TestOperatorsAndTokensAtTheCommandLine(t *testing.T) {
	d := newDesk(t, withDoor())
	at := d.url()
	has(t, d.ok("operator", "ls").stderr, "There is no operator but the host itself")
	type step struct {
		stdin, args string
		code        int
		want        string
	}
	run := func(steps ...step) {
		t.Helper()
		for _, s := range steps {
			r := call(t.Context(), s.stdin, append(strings.Fields(s.args), "--gateway", d.socket)...)
			if r.code != s.code || !strings.Contains(r.stdout+r.stderr, s.want) {
				t.Errorf("%s: exit %d, want %d with %q\n%s%s", s.args, r.code, s.code, s.want, r.stdout, r.stderr)
			}
		}
	}
	run(
		step{"a password of ana\n", "operator add ana --right admin", 0, "Operator ana is made."},
		step{"a password of ana\n", "operator add ana", 1, "there is one of that name already"},
		step{"short\n", "operator add bo", 2, "at least 10 characters"},
		step{"a password of bo\n", "operator add bo@acme.dev", 0, "nothing else"},
		step{"", "operator rights bo@acme.dev editor approver", 0, "has the rights: approver, editor"},
		step{"", "operator ls", 0, "approver, editor"},
		step{"another of bo's\n", "operator passwd bo@acme.dev", 0, "logged out everywhere"},
		step{"", "operator rm bo@acme.dev", 0, "is removed"},
		step{"", "operator rm bo@acme.dev", 1, "there is none of that name"},
		step{"", "operator log -n 1", 0, "tried to remove an operator, name bo@acme.dev: refused"},
		step{"", "token create ci", 2, "say with --right"},
		step{"", "token ls", 0, "There is no token"},
	)
	r := d.ok("token", "create", "ci", "--right", "viewer", "--expires", "1h")
	has(t, r.stderr, "shown this once")
	has(t, d.ok("token", "ls").stdout, "ci", "viewer", "(admin.sock)")
	t.Setenv("SALLYPORT_URL", at)
	t.Setenv("SALLYPORT_TOKEN", strings.TrimSpace(r.stdout))
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"status", 0, "ready"},
		{"agent freeze --all", 1, `needs the right "editor"`},
		{"log", 0, ""},
		{"status --gateway http://gw.example.com", 2, "the token is not sent"},
	} {
		r := call(t.Context(), "", strings.Fields(tt.args)...)
		if r.code != tt.code || !strings.Contains(r.stdout+r.stderr, tt.want) {
			t.Errorf("%s by token: exit %d, want %d with %q\n%s%s", tt.args, r.code, tt.code, tt.want, r.stdout, r.stderr)
		}
	}
	run(step{"", "token rm ci", 0, "is ended"})
	if r := call(t.Context(), "", "status"); r.code != 1 || !strings.Contains(r.stderr, "does not hold") {
		t.Errorf("by an ended token: exit %d\n%s", r.code, r.stderr)
	}
}
