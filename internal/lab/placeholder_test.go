package lab_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"sallyport.dev/sallyport/internal/lab"
	"sallyport.dev/sallyport/policy/manifest"
)

const dummies = `
gateway {
  wireguard {
    listen = ":0"
  }
}
service "openai" {
  hosts   = ["api.example.com"]
  tls     = { ca = file("upstreams.pem") }
  posture = "open"
  auth    = placeholder("OPENAI_API_KEY", bearer(secret.openai))
}
service "notes" {
  hosts   = ["notes.example.com"]
  tls     = { ca = file("upstreams.pem") }
  posture = "open"
  env     = ["NOTES_KEY"]
  auth    = header("X-Notes", secret.notes)
}
role "everyone" { use = [service.openai, service.notes] }
`

// environment gives what an agent is told to set.
func environment(t *testing.T, a *lab.Agent) map[string]string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://sallyport.internal/manifest", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "application/json")
	resp, err := a.HTTP().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var page manifest.Page
	if err := json.NewDecoder(resp.Body).Decode(&page); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	for _, s := range page.Services {
		for _, v := range s.Environment {
			env[v.Name] = v.Value
		}
	}
	return env
}

// An agent gets in with its own placeholder in its place, and with nothing else; every
// other place, service or owner of one raises an alarm.
func TestT32_APlaceholderIsGoodInItsPlaceOnly(t *testing.T) {
	l := lab.New(t, dummies)
	var got *http.Request
	var body []byte
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		fmt.Fprintf(w, "you sent %q", r.Header)
	})
	l.HTTPS("api.example.com", echo)
	l.HTTPS("notes.example.com", echo)
	l.Secret("openai", canary)
	l.Secret("notes", "the-real-key-of-notes")
	laptop, other := l.Agent("laptop"), l.Agent("other")
	env, theirs := environment(t, laptop), environment(t, other)
	mine := env["OPENAI_API_KEY"]
	if !strings.HasPrefix(mine, "sk-proj-") || mine == theirs["OPENAI_API_KEY"] || env["OPENAI_BASE_URL"] != "https://api.example.com/v1" || !strings.HasPrefix(env["NOTES_KEY"], "spk_") {
		t.Fatalf("the manifest says %v, and to another agent %v", env, theirs)
	}
	if again := environment(t, laptop); again["OPENAI_API_KEY"] != mine {
		t.Error("another one each time")
	}
	alarms := 0
	for _, c := range []struct {
		what, host, field, value, body string
		status                         int
		alarm                          string
	}{
		{"in its place", "api", "Authorization", "Bearer " + mine, "", 200, ""},
		{"none", "api", "", "", "", 401, ""},
		{"any dummy", "api", "Authorization", "Bearer sk-any", "", 401, ""},
		{"another agent's", "api", "Authorization", "Bearer " + theirs["OPENAI_API_KEY"], "", 401, "the placeholder OPENAI_API_KEY of agent other for service openai in the header Authorization of what goes to service openai"},
		{"in another field", "api", "X-Api-Key", mine, "", 401, ""},
		{"to another service", "notes", "Authorization", "Bearer " + mine, "", 200, "the placeholder OPENAI_API_KEY of agent laptop for service openai in the header Authorization of what goes to service notes"},
		{"in a note", "notes", "X-Note", "see " + mine, "", 200, "the placeholder OPENAI_API_KEY of agent laptop for service openai in the header X-Note of what goes to service notes"},
		{"in a body", "notes", "", "", "my key is " + mine, 200, "the placeholder OPENAI_API_KEY of agent laptop for service openai in the body of what goes to service notes"},
		{"where any dummy will do", "notes", "X-Notes", env["NOTES_KEY"], "", 200, ""},
		{"where none is needed", "notes", "", "", "", 200, ""},
	} {
		got, body = nil, nil
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+c.host+".example.com/", bytes.NewBufferString(c.body))
		if err != nil {
			t.Fatal(err)
		}
		if c.field != "" {
			r.Header.Set(c.field, c.value)
		}
		resp, err := laptop.HTTP().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != c.status {
			t.Errorf("%s: %d %s", c.what, resp.StatusCode, answer)
		}
		switch {
		case c.status == 200 && c.host == "api" && got.Header.Get("Authorization") != "Bearer "+canary:
			t.Errorf("%s: the service got %v", c.what, got.Header)
		case c.status == 200 && c.host == "notes" && (got.Header.Get("X-Notes") != "the-real-key-of-notes" || string(body) != c.body):
			t.Errorf("%s: the service got %v, %q", c.what, got.Header, body)
		case c.status == 401 && (got != nil || !strings.Contains(string(answer), "/manifest")):
			t.Errorf("%s: the service got %v, the agent %s", c.what, got, answer)
		}
		if c.alarm == "" {
			continue
		}
		alarms++
		records := l.Records("kind:alarm", alarms)
		if r := records[len(records)-1]; len(records) != alarms || r.Summary != c.alarm || r.Verdict != "deny" || r.Agent.Name != "laptop" {
			t.Errorf("%s: %d alarms, the last is %q of %s", c.what, len(records), r.Summary, r.Agent.Name)
		}
	}
	if r := l.Records("kind:alarm", alarms); len(r) != alarms {
		t.Errorf("%d alarms, not %d", len(r), alarms)
	}
	l.Clean(canary)
	l.Clean("the-real-key-of-notes")
}

// A shell takes the environment as it is.
func TestTheEnvironmentForAShell(t *testing.T) {
	l := lab.New(t, dummies)
	a := l.Agent("laptop")
	resp, err := a.HTTP().Get("http://sallyport.internal/env")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	env := environment(t, a)
	want := fmt.Sprintf("export OPENAI_API_KEY='%s'\nexport OPENAI_BASE_URL='https://api.example.com/v1'\nexport NOTES_KEY='%s'\n", env["OPENAI_API_KEY"], env["NOTES_KEY"])
	if string(b) != want {
		t.Errorf("%s, not %s", b, want)
	}
}

// TestT32_APlaceholderIsNothingForADatabase: what holds the place of a key is told of in
// statements and in their values, too.
func TestT32_APlaceholderIsNothingForADatabase(t *testing.T) {
	l := lab.New(t, strings.Replace(dummies, "service.notes]", "service.notes, service.db]", 1)+`
service "db" {
  protocol = "postgres"
  hosts    = ["db.example.com"]
  auth     = password("postgres", secret.db)
  posture  = "open"
  tls      = "disable"
  insecure_injection = true
}
`)
	l.Secret("db", "upstream-password")
	l.Postgres("db.example.com")
	laptop := l.Agent("laptop")
	mine := environment(t, laptop)["OPENAI_API_KEY"]
	for i, sql := range []struct {
		text, where string
		args        []any
	}{
		{"SELECT '" + mine + "'", "statement", nil},
		{"SELECT $1::text", "values", []any{mine}},
	} {
		c, err := laptop.PG(t.Context(), "postgres://x@db.example.com/postgres?sslmode=disable")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Exec(t.Context(), sql.text, sql.args...); err != nil {
			t.Fatal(err)
		}
		c.Close(t.Context()) //nolint:errcheck // it is over
		r := l.Records("kind:alarm", i+1)
		want := "the placeholder OPENAI_API_KEY of agent laptop for service openai in the " + sql.where + " of what goes to service db"
		if len(r) != i+1 || r[i].Summary != want {
			t.Errorf("%d alarms: %+v, want %q", len(r), r, want)
		}
	}
}
