package lab_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"sallyport.dev/sallyport/internal/lab"
	"sallyport.dev/sallyport/internal/sigv4"
	"sallyport.dev/sallyport/policy/manifest"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/gorilla/websocket"
	"github.com/jackc/pgx/v5"
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

// gzipped is a text in a coding.
func gzipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return b.String()
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
		{"in a body with a coding", "notes", "Content-Encoding", "gzip", gzipped(t, "my key is "+mine), 200, "the placeholder OPENAI_API_KEY of agent laptop for service openai in the body of what goes to service notes"},
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

// TestT32_APlaceholderInASignature: an agent signs with the keys that its environment
// names, in the header or in the query, and the gateway with the account's; the id of
// another agent, one in another field and at another service are refused and told of.
func TestT32_APlaceholderInASignature(t *testing.T) {
	l := lab.New(t, strings.Replace(dummies, "service.notes]", "service.notes, service.aws]", 1)+`
service "aws" {
  hosts   = ["s3.eu-central-1.amazonaws.com"]
  tls     = { ca = file("upstreams.pem") }
  posture = "open"
  env     = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
  auth    = placeholder("AWS_ACCESS_KEY_ID", aws_sigv4({ key = secret.aws_id, secret = secret.aws_key }))
}
`)
	const id, key = "AKIAREALREALREALREAL", "the-real-secret-key-of-aws-0123456789abc"
	l.Secret("aws_id", id)
	l.Secret("aws_key", key)
	l.Secret("notes", "the-real-key-of-notes")
	l.HTTPS("s3.eu-central-1.amazonaws.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = sigv4.Verify(r, body, id, key, "s3")
		}
		if err != nil {
			w.WriteHeader(http.StatusForbidden)
		}
		fmt.Fprint(w, err)
	}))
	l.HTTPS("notes.example.com", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	laptop := l.Agent("laptop")
	mine, theirs := environment(t, laptop), environment(t, l.Agent("other"))
	account := func(env map[string]string) aws.Credentials {
		return aws.Credentials{AccessKeyID: env["AWS_ACCESS_KEY_ID"], SecretAccessKey: env["AWS_SECRET_ACCESS_KEY"]}
	}
	if got := account(mine); len(got.AccessKeyID) != 20 || len(got.SecretAccessKey) != 40 || got.AccessKeyID == theirs["AWS_ACCESS_KEY_ID"] {
		t.Fatalf("the manifest says %v", mine)
	}
	const nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	signed := func(by aws.Credentials) func(*http.Request) error {
		return func(r *http.Request) error {
			r.Header.Set("X-Amz-Content-Sha256", nothing)
			return v4.NewSigner().SignHTTP(t.Context(), by, r, nothing, "s3", "eu-central-1", time.Now())
		}
	}
	alarms := 0
	for _, c := range []struct {
		what, host string
		prepare    func(*http.Request) error
		status     int
		alarm      string
	}{
		{"its own", "s3.eu-central-1.amazonaws.com", signed(account(mine)), 200, ""},
		{"its own, presigned", "s3.eu-central-1.amazonaws.com", func(r *http.Request) error {
			at, _, err := v4.NewSigner().PresignHTTP(t.Context(), account(mine), r, "UNSIGNED-PAYLOAD", "s3", "eu-central-1", time.Now())
			if err == nil {
				r.URL, err = url.Parse(at)
			}
			return err
		}, 200, ""},
		{"any dummy", "s3.eu-central-1.amazonaws.com", signed(aws.Credentials{AccessKeyID: "AKIDAGENT", SecretAccessKey: "dummy"}), 401, ""},
		{"another agent's", "s3.eu-central-1.amazonaws.com", signed(account(theirs)), 401, "AWS_ACCESS_KEY_ID of agent other for service aws in the header Authorization of what goes to service aws"},
		{"in another field", "s3.eu-central-1.amazonaws.com", func(r *http.Request) error {
			r.Header.Set("X-Amz-Meta-Note", "see "+mine["AWS_ACCESS_KEY_ID"])
			return signed(aws.Credentials{AccessKeyID: "AKIDAGENT", SecretAccessKey: "dummy"})(r)
		}, 401, "AWS_ACCESS_KEY_ID of agent laptop for service aws in the header X-Amz-Meta-Note of what goes to service aws"},
		{"the secret half of it", "s3.eu-central-1.amazonaws.com", func(r *http.Request) error {
			r.Header.Set("X-Amz-Meta-Note", mine["AWS_SECRET_ACCESS_KEY"]+".")
			return signed(account(mine))(r)
		}, 200, "AWS_SECRET_ACCESS_KEY of agent laptop for service aws in the header X-Amz-Meta-Note of what goes to service aws"},
		{"at another service", "notes.example.com", signed(account(mine)), 200, "AWS_ACCESS_KEY_ID of agent laptop for service aws in the header Authorization of what goes to service notes"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+c.host+"/bucket/name?list-type=2", nil)
		if err == nil {
			err = c.prepare(r)
		}
		if err != nil {
			t.Fatal(err)
		}
		resp, err := laptop.HTTP().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != c.status {
			t.Errorf("%s: %s %s", c.what, resp.Status, text)
		}
		if c.alarm != "" {
			alarms++
		}
		got := l.Records("kind:alarm", alarms)
		if len(got) != alarms || c.alarm != "" && got[alarms-1].Summary != "the placeholder "+c.alarm {
			t.Errorf("%s: %d alarms, not %d; the last: %+v", c.what, len(got), alarms, got[max(0, len(got)-1):])
		}
	}
	l.Clean(key)
}

// TestT32_APlaceholderInAWebSocket: what an agent says over a WebSocket is looked at as
// the body of a request is, to a service without a secret too, and passes unchanged;
// nothing is compressed on the way.
func TestT32_APlaceholderInAWebSocket(t *testing.T) {
	l := lab.New(t, strings.Replace(dummies, "service.notes]", "service.notes, service.open]", 1)+`
service "open" {
  hosts   = ["open.example.com"]
  tls     = { ca = file("upstreams.pem") }
  posture = "open"
}
`)
	l.Secret("notes", "the-real-key-of-notes")
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := (&websocket.Upgrader{EnableCompression: true}).Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close()
		for {
			kind, b, err := c.ReadMessage()
			if err != nil || c.WriteMessage(kind, b) != nil {
				return
			}
		}
	})
	l.HTTPS("notes.example.com", echo)
	l.HTTPS("open.example.com", echo)
	laptop := l.Agent("laptop")
	mine := environment(t, laptop)["OPENAI_API_KEY"]
	alarms := 0
	for _, host := range []string{"notes", "open"} {
		d := websocket.Dialer{NetDialContext: laptop.DialContext, TLSClientConfig: laptop.TLS(), HandshakeTimeout: time.Minute, EnableCompression: true, WriteBufferSize: 16}
		c, resp, err := d.DialContext(t.Context(), "wss://"+host+".example.com/", nil)
		if err != nil {
			t.Fatal(err, l.Logs)
		}
		defer c.Close()
		if e := resp.Header.Get("Sec-WebSocket-Extensions"); e != "" {
			t.Errorf("%s: it speaks %s", host, e)
		}
		for _, m := range []struct {
			kind int
			text string
			tell bool
		}{
			{websocket.TextMessage, "hello", false},
			{websocket.TextMessage, `{"key":"` + mine + `"}`, true}, // in frames of 16 bytes
			{websocket.BinaryMessage, "\x00" + mine + "\xff", true},
			{websocket.TextMessage, "goodbye", false},
		} {
			if err := c.WriteMessage(m.kind, []byte(m.text)); err != nil {
				t.Fatal(err)
			}
			if kind, b, err := c.ReadMessage(); err != nil || kind != m.kind || string(b) != m.text {
				t.Fatalf("%s: %d %q, %v", host, kind, b, err)
			}
			if m.tell {
				alarms++
			}
			r := l.Records("kind:alarm", alarms)
			want := "the placeholder OPENAI_API_KEY of agent laptop for service openai in the message of what goes to service " + host
			if len(r) != alarms || alarms > 0 && m.tell && r[alarms-1].Summary != want {
				t.Errorf("%s, after %q: %d alarms, not %d: %+v", host, m.text, len(r), alarms, r)
			}
		}
	}
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
	const at = "postgres://x@db.example.com/postgres?sslmode=disable"
	connect := func(t *testing.T, url string) *pgx.Conn {
		t.Helper()
		c, err := laptop.PG(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close(context.Background()) }) //nolint:errcheck // the test is over
		return c
	}
	c := connect(t, at)
	if _, err := c.Exec(t.Context(), "CREATE TEMPORARY TABLE notes (a text, b text)"); err != nil {
		t.Fatal(err)
	}
	// what is written in pieces of so many bytes, each a CopyData
	load := func(how string, size int, data string) func() error {
		return func() error {
			src := io.Reader(strings.NewReader(data))
			if size == 1 {
				src = iotest.OneByteReader(src)
			}
			_, err := c.PgConn().CopyFrom(t.Context(), src, how)
			return err
		}
	}
	long := strings.Repeat("x", 70<<10)
	for i, what := range []struct {
		name, where string
		do          func() error
	}{
		{"a statement", "statement", func() error { _, err := c.Exec(t.Context(), "SELECT '"+mine+"'"); return err }},
		{"a value", "values", func() error { _, err := c.Exec(t.Context(), "SELECT $1::text", mine); return err }},
		{"a value that is written", "values", func() error { _, err := c.Exec(t.Context(), "INSERT INTO notes VALUES ($1)", mine); return err }},
		{"a value behind a long one", "values", func() error {
			_, err := c.Exec(t.Context(), "INSERT INTO notes VALUES ($1, $2)", long, mine)
			return err
		}},
		{"rows", "copied rows", load("COPY notes FROM STDIN", 100, "a\tb\nc\t"+mine+"\n")},
		{"rows in pieces of a byte", "copied rows", load("COPY notes FROM STDIN", 1, "a\tb\nc\t"+mine+"\n")},
		{"many rows", "copied rows", load("COPY notes FROM STDIN", 100, strings.Repeat("a\tb\n", 60_000)+"c\t"+mine+"\n")},
		{"rows in the binary format", "copied rows", func() error {
			_, err := c.CopyFrom(t.Context(), pgx.Identifier{"notes"}, []string{"a", "b"}, pgx.CopyFromRows([][]any{{"a", "b"}, {mine, "c"}}))
			return err
		}},
		{"a parameter of the session", "parameters of the session", func() error { return connect(t, at+"&application_name="+mine).Ping(t.Context()) }},
	} {
		if err := what.do(); err != nil {
			t.Fatalf("%s: %v", what.name, err)
		}
		r := l.Records("kind:alarm", i+1)
		want := "the placeholder OPENAI_API_KEY of agent laptop for service openai in the " + what.where + " of what goes to service db"
		if len(r) != i+1 || r[i].Summary != want {
			t.Errorf("%s: %d alarms, %+v, want %q", what.name, len(r), r[len(r)-1], want)
		}
	}
	if _, err := c.Exec(t.Context(), "INSERT INTO notes VALUES ($1, $2)", long, "fine"); err != nil {
		t.Error(err)
	}
	if err := load("COPY notes FROM STDIN", 100, strings.Repeat("a\tb\n", 60_000))(); err != nil {
		t.Error(err)
	}
	if r := l.Records("kind:alarm", 9); len(r) != 9 {
		t.Errorf("%d alarms: %+v", len(r), r)
	}
}
