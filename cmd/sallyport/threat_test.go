package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval"
	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/dashboard"
	"sallyport.dev/sallyport/dashboard/account"
	"sallyport.dev/sallyport/dashboard/deeds"
	"sallyport.dev/sallyport/dashboard/door"
)

// hostile is text that steers a terminal: colours, a title, a carriage return
// that hides what stands before, a line feed that fakes a record, and marks that
// turn the direction of reading.
const hostile = "x\x1b[2J\x1b]0;owned\x07\r\nallow\u009b31m\u202eevil\x00\u2028"

// TestT49_TerminalsAreNotSteered lets a gateway answer with what an agent may
// have chosen, in every field, and looks at what the commands print.
func TestT49_TerminalsAreNotSteered(t *testing.T) {
	alone(t)
	srv := hostileGateway(t)
	for _, args := range []string{
		"log", "log -f", "approvals ls", "approvals show X", "approvals approve X", "agent ls",
		"agent show X", "agent rm X", "status", "secret ls", "audit verify", "operator ls", "operator log", "token ls",
	} {
		r := call(t.Context(), "", append(strings.Fields(args), "--gateway", srv)...)
		if !strings.Contains(r.stdout+r.stderr, "evil") {
			t.Errorf("%s shows nothing of it: exit %d\n%s%s", args, r.code, r.stdout, r.stderr)
		}
		steers(t, args, r.stdout+r.stderr)
	}
	for _, args := range [][]string{
		{"explain", "--role", "everyone", "GET https://api.github.com/" + hostile},
		{"explain", "--role", "everyone", "GET https://" + hostile + "/"},
		{"explain", "--role", "everyone", "--service", "github", "GET /" + url.PathEscape(hostile)},
		{"check", "-c", hostile},
	} {
		r := call(t.Context(), "", append(args, "-c", "../../examples/minimal")...)
		steers(t, strings.Join(args, " "), r.stdout+r.stderr)
	}
}

// steers fails the test if text holds anything but what is printed as it is.
func steers(t *testing.T, what, text string) {
	t.Helper()
	for _, r := range text {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Errorf("%q prints %U:\n%q", what, r, text)
			return
		}
	}
}

// hostileGateway answers on a socket; its agents and upstreams chose every text.
func hostileGateway(t *testing.T) string {
	t.Helper()
	rec := audit.Record{
		Seq: 1, ID: hostile, Time: time.Now(), Service: hostile, Kind: "http",
		Summary: hostile, Verdict: "allow", Status: hostile,
	}
	rec.Agent.Name = hostile
	failed, denied := rec, rec
	failed.Error, denied.Verdict, denied.Reason = hostile, "deny", hostile
	ask := approval.Request{
		ID: hostile, State: approval.Pending, Agent: hostile, Service: hostile, Summary: hostile, Sample: hostile,
		Rules: []string{hostile}, Reasons: []string{hostile}, By: hostile, Note: hostile, Digest: hostile,
	}
	agent := dashboard.Agent{Name: hostile, Address: hostile, State: hostile, Roles: []string{hostile}, Markdown: hostile}
	mux := http.NewServeMux()
	for path, v := range map[string]any{
		"/api/v1/actions":     []audit.Record{denied, failed, rec},
		"/api/v1/approvals":   []approval.Request{ask},
		"/api/v1/approvals/":  ask,
		"GET /api/v1/agents":  []dashboard.Agent{agent},
		"GET /api/v1/agents/": agent,
		"/api/v1/secrets":     []map[string]string{{"name": hostile, "source": hostile, "problem": hostile}},
		"/api/v1/status":      dashboard.Status{Ready: hostile, Config: hostile, WireGuard: hostile, Warnings: []string{hostile}, ConfigError: hostile},
		"/api/v1/audit/verify": dashboard.Verified{
			Report:    audit.Report{Records: 1, Months: []string{hostile}, Problems: []audit.Problem{{What: hostile}}},
			Operators: deeds.Report{Problems: []string{hostile}},
		},
		"GET /api/v1/operators": door.Operators{
			Local:  []account.Operator{{Name: hostile, Passkeys: []string{hostile}}},
			Config: map[string][]string{"admin": {hostile}},
		},
		"/api/v1/operators/audit": []deeds.Entry{{Who: hostile, From: hostile, What: hostile, Err: hostile, Notes: map[string]string{hostile: hostile}}},
		"GET /api/v1/tokens":      []account.Token{{Name: hostile, Owner: action.Person{Name: hostile, Via: hostile}}},
		"DELETE /api/v1/agents/X": nil,
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			if v == nil {
				w.WriteHeader(http.StatusNotFound)
				v = map[string]string{"detail": hostile}
			}
			w.Write(encode(t, v)) //nolint:errcheck // the command has gone then
		})
	}
	mux.HandleFunc("/api/v1/events", func(w http.ResponseWriter, _ *http.Request) {
		rec.Seq = 2
		w.Write([]byte("data: " + string(encode(t, rec)) + "\n\n")) //nolint:errcheck // likewise
	})
	return onSocket(t, mux)
}

func onSocket(t *testing.T, h http.Handler) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := door.ListenAdmin(path)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(h)
	srv.Listener.Close()
	srv.Listener = l
	srv.Start()
	t.Cleanup(srv.Close)
	return path
}
