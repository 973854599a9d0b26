//go:build e2e

package conformance

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval"
	"sallyport.dev/sallyport/internal/notrun"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// asking has everything that changes something asked, of people who let nobody
// wait for longer than a second.
const asking = `
service "api" {
  hosts = ["api.example.com"]
  tls   = { ca = file("upstreams.pem") }
  # operations
}

role "callers" {
  members = ["agent:caller"]
  use     = [service.api]
}

approver "ana" {
  members = ["ana@acme.dev"]
  hold    = "1s"
  timeout = "1m"
}

rule "ana looks" {
  on        = "*"
  effects   = ["write", "destructive"]
  verdict   = "ask"
  approvers = [approver.ana]
}
`

// models is a service that language models are asked at.
const models = `
  operation "model" {
    match  = ["POST /v1/chat/completions", "POST /v1/messages"]
    effect = "write"
    as     = "llm"
  }
`

// A waiter is a gateway whose clients wait for ana.
type waiter struct {
	*site
	api  string // where api.example.com is, for the agent
	conf string
	sent atomic.Int32
}

// hold has everybody who asks wait for so long from now on: longer than this machine may
// pause, where the answer, or a word before it, is to come in time.
func (w *waiter) hold(long string) {
	w.t.Helper()
	w.Reload(strings.Replace(w.conf, `hold    = "1s"`, `hold    = "`+long+`"`, 1))
}

func newWaiter(t *testing.T, operations ...string) *waiter {
	t.Helper()
	rules := strings.Replace(asking, "  # operations\n", strings.Join(operations, ""), 1)
	w := &waiter{conf: fmt.Sprintf(configuration, "") + rules, site: newSite(t, "", rules, "CREATE TABLE users (id int PRIMARY KEY, name text); INSERT INTO users VALUES (1, 'a'), (2, 'b'); ANALYZE users")}
	w.HTTPS("api.example.com", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.sent.Add(1)
		h := sha256.New()
		n, err := io.Copy(h, r.Body)
		if strings.HasSuffix(r.URL.Path, "/chat/completions") {
			rw.Header().Set("Content-Type", "application/json")
			io.WriteString(rw, `{"id":"1","object":"chat.completion","model":"gpt-5","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}]}`)
			return
		}
		if strings.HasSuffix(r.URL.Path, "/messages") {
			rw.Header().Set("Content-Type", "application/json")
			io.WriteString(rw, `{"id":"1","type":"message","role":"assistant","model":"claude","content":[{"type":"text","text":"hello"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}`)
			return
		}
		fmt.Fprintf(rw, "%d %x %v", n, h.Sum(nil), err)
	}))
	w.api = w.Plug("caller", "api.example.com", 443)
	return w
}

// answer waits until something waits, and has ana answer it.
func (w *waiter) answer(yes bool, scope approval.Scope) approval.Request {
	w.t.Helper()
	var id string
	w.await("an ask", func() bool {
		list := w.Desk.List()
		if len(list) > 0 {
			id = list[0].ID
		}
		return len(list) > 0
	})
	r, err := w.Desk.Answer(id, yes, action.Person{Name: "ana@acme.dev", Via: "oidc"}, "seen", scope)
	must(w.t, err)
	return r
}

// curl gives the status and the body of what curl gets.
func (w *waiter) curl(args ...string) (status, body string) {
	w.t.Helper()
	got := <-w.curling(args...)
	if got.err != nil {
		w.t.Fatalf("curl: %v: %s", got.err, got.body)
	}
	return got.status, got.body
}

// A page is what curl gets.
type page struct {
	status, body string
	err          error
}

// curling runs curl beside the test.
func (w *waiter) curling(args ...string) <-chan page {
	got := make(chan page, 1)
	go func() {
		out, err := w.run(nil, "curl", append([]string{
			"-sS", "--cacert", w.ca(), "--connect-to", "api.example.com:443:" + w.api, "-w", "\n%{http_code}",
		}, args...)...)
		i := strings.LastIndex(out, "\n")
		got <- page{status: out[i+1:], body: out[:max(i, 0)], err: err}
	}()
	return got
}

// problem is what the body of a refusal says.
func (w *waiter) problem(body string) (p struct {
	Type string `json:"type"`
	ID   string `json:"approval_id"`
	URL  string `json:"approval_url"`
}) {
	w.t.Helper()
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		w.t.Fatalf("%v: %s", err, body)
	}
	return p
}

// TestCurlComesBack: an answer in time, one that comes later, one that is used up,
// and what was changed in between.
func TestCurlComesBack(t *testing.T) {
	w := newWaiter(t)
	pay := func(body string) []string { return []string{"-d", body, "https://api.example.com/pay"} }

	w.hold("30s")
	waits := w.curling(pay("in=time")...)
	w.answer(true, approval.Scope{})
	if got := <-waits; got.status != "200" {
		t.Errorf("approved in time: %+v", got)
	}

	w.hold("1s")
	status, body := w.curl(pay("to=bob")...)
	p := w.problem(body)
	if status != "409" || !strings.HasSuffix(p.Type, "/approval-pending") || p.URL != "http://sallyport.internal/approvals/"+p.ID {
		t.Fatalf("%s %s", status, body)
	}
	if status, body = w.curl(pay("to=bob")...); status != "409" || w.problem(body).ID != p.ID {
		t.Errorf("asked again: %s %s", status, body)
	}
	w.answer(true, approval.Scope{})
	before := w.sent.Load()
	if status, body = w.curl(pay("to=eve")...); status != "409" || w.problem(body).ID == p.ID || w.sent.Load() != before {
		t.Errorf("another body passes, or is the same ask: %s %s", status, body)
	}
	w.answer(false, approval.Scope{})
	if status, body = w.curl(append([]string{"-A", "another/1.0"}, pay("to=bob")...)...); status != "200" || w.sent.Load() != before+1 {
		t.Errorf("the retry: %s %s", status, body)
	}
	if status, body = w.curl(pay("to=bob")...); status != "409" || w.problem(body).ID == p.ID {
		t.Errorf("the answer is used twice: %s %s", status, body)
	}
	w.answer(true, approval.Scope{Kind: approval.Similar, For: time.Minute, Times: 3})
	for i, sent := range []string{"to=bob", "n=1", "n=2", "n=3"} { // three uses, that of the asker included
		if status, body = w.curl(pay(sent)...); (status == "200") != (i < 3) {
			t.Errorf("use %d of a yes for three: %s %s", i+1, status, body)
		}
	}
}

func TestCurlThatDoesNotWait(t *testing.T) {
	w := newWaiter(t)
	w.hold("1m")
	began := time.Now()
	status, body := w.curl("-H", "Prefer: respond-async", "-d", "x=1", "https://api.example.com/pay")
	if took := time.Since(began); status != "202" || took > 30*time.Second {
		t.Errorf("after %s: %s %s", took, status, body)
	}
	w.answer(true, approval.Scope{})
	if status, body = w.curl("-H", "Prefer: respond-async", "-d", "x=1", "https://api.example.com/pay"); status != "200" {
		t.Errorf("%s %s", status, body)
	}
}

// TestCurlWithALargeBody: 8 MiB wait and are sent as they came, more is refused.
func TestCurlWithALargeBody(t *testing.T) {
	w := newWaiter(t)
	file := filepath.Join(t.TempDir(), "body")
	send := func(n int) <-chan page {
		must(t, os.WriteFile(file, []byte(strings.Repeat("sallyport\n", n/10+1)[:n]), 0o600))
		return w.curling("--data-binary", "@"+file, "https://api.example.com/upload")
	}
	const most = 8 << 20
	w.hold("30s")
	waits := send(most)
	if r := w.answer(true, approval.Scope{}); r.Hidden < most-32<<10 || !strings.Contains(r.Sample, "bytes not shown") {
		t.Errorf("the card hides what it does not show: %d, %.200s", r.Hidden, r.Sample)
	}
	sum := sha256.Sum256([]byte(strings.Repeat("sallyport\n", most/10+1)[:most]))
	if got := <-waits; got.status != "200" || got.body != fmt.Sprintf("%d %x <nil>", most, sum) {
		t.Errorf("%+v", got)
	}
	if got := <-send(most + 1); got.status != "413" || !strings.Contains(got.body, "larger than the 8 MiB") {
		t.Errorf("%+v", got)
	}
}

// TestAnSDKComesBack: the SDK of a language model retries by itself what is told to
// come back, and shows its user why it is refused.
func TestAnSDKComesBack(t *testing.T) {
	modules, err := filepath.Abs("../../.cache/npm/openai")
	must(t, err)
	if _, err := os.Stat(filepath.Join(modules, "done")); err != nil {
		notrun.Skip(t, "the npm package openai is not installed; run contrib/dev/ensure test")
	}
	for _, sdk := range []string{"openai", "anthropic"} {
		t.Run(sdk, func(t *testing.T) { comesBack(t, modules, sdk) })
	}
}

func comesBack(t *testing.T, modules, sdk string) {
	w := newWaiter(t, models)
	_, port, err := net.SplitHostPort(w.api)
	must(t, err)
	ask := func(say string) chan string {
		out := make(chan string, 1)
		go func() {
			got, err := w.run([]string{"MODULES=" + modules, "PORT=" + port, "CA=" + w.ca(), "SAY=" + say, "SDK=" + sdk}, "node", "testdata/openai/ask.mjs")
			out <- fmt.Sprint(got, err)
		}()
		return out
	}
	got := ask("the weather?")
	w.await("the SDK to be told to come back", func() bool {
		list := w.Desk.List()
		return len(list) > 0 && list[0].Again
	})
	w.answer(true, approval.Scope{})
	if out := <-got; out != "hello<nil>" || w.sent.Load() != 1 {
		t.Errorf("%s, sent %d times", out, w.sent.Load())
	}
	got = ask("the secret?")
	w.answer(false, approval.Scope{})
	if out := <-got; !strings.Contains(out, "error 403") || !strings.Contains(out, "Denied by ana@acme.dev: seen") || !strings.Contains(out, "tell your user") {
		t.Errorf("%s", out)
	}
	// What has to come back says where it is waited for, when the SDK gives up.
	if sdk == "anthropic" { // one is enough: it takes its time
		if out := <-ask("the time?"); !strings.Contains(out, "error 409") || !strings.Contains(out, "http://sallyport.internal/approvals/") {
			t.Errorf("%s", out)
		}
	}
	// curl finds the fields where they always are.
	status, body := w.curl("-d", `{"model":"m","messages":[]}`, "-H", "Content-Type: application/json", "-H", "Prefer: respond-async", "https://api.example.com/v1/messages")
	if p := w.problem(body); status != "202" || !strings.HasSuffix(p.Type, "/approval-pending") || p.URL == "" {
		t.Errorf("%s %s", status, body)
	}
}

// TestPsqlComesBack: a notice, then 42501 with the id in the hint; the same
// statement in another session passes once.
func TestPsqlComesBack(t *testing.T) {
	w := newWaiter(t)
	psql := func(sql string, env ...string) string {
		out, _ := w.run(env, "psql", "-X", "-q", "-v", "VERBOSITY=verbose", "-c", sql, w.uri())
		return out
	}
	const change = "UPDATE users SET name = 'c' WHERE id = 1"
	w.hold("4s") // the notice comes first
	out := psql(change)
	w.hold("1s")
	id := w.Desk.List()[0].ID
	for _, want := range []string{"NOTICE:  00000: sallyport: this statement waits for an approval", "ERROR:  42501", "HINT:  approval " + id} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if r := w.answer(true, approval.Scope{}); !strings.Contains(r.Sample, "impact: update of about ") || !strings.Contains(r.Sample, "in public.users") {
		t.Errorf("the card has no impact:\n%s", r.Sample)
	}
	if out := psql("UPDATE users SET name = 'd' WHERE id = 1"); !strings.Contains(out, "42501") {
		t.Errorf("another value passes: %s", out)
	}
	w.answer(false, approval.Scope{})
	if out := psql(change, "PGOPTIONS=-csearch_path=other,public"); !strings.Contains(out, "42501") {
		t.Errorf("another path passes: %s", out)
	}
	w.answer(false, approval.Scope{})
	if out := psql(change); strings.Contains(out, "ERROR") { // a slow machine may have it wait for a moment
		t.Errorf("the same again: %s", out)
	}
	if got := w.owner("postgres", "SELECT name FROM users WHERE id = 1"); got != "c" {
		t.Errorf("the name is %s", got)
	}
	if out := psql(change); !strings.Contains(out, "42501") {
		t.Errorf("used twice: %s", out)
	}
}

// TestPgxComesBack does the same in the extended protocol, in one session and in
// the next.
func TestPgxComesBack(t *testing.T) {
	w := newWaiter(t)
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	agent := w.Agent("gopher", "agents")
	connect := func() *pgx.Conn {
		c, err := agent.PG(ctx, "postgres://anybody:anything@db.example.com/postgres?sslmode=verify-full")
		must(t, err)
		t.Cleanup(func() { c.Close(context.Background()) })
		return c
	}
	for _, other := range []bool{false, true} {
		change := func(c *pgx.Conn, id int) error {
			_, err := c.Exec(ctx, "UPDATE users SET name = $1 WHERE id = $2", fmt.Sprint(other), id)
			return err
		}
		first := connect()
		next := first
		if other {
			next = connect()
			_, err := next.Exec(ctx, "SELECT 1") // names of statements are counted by some
			must(t, err)
		}
		var pg *pgconn.PgError
		if err := change(first, 1); !errors.As(err, &pg) || pg.Code != "42501" || !strings.Contains(pg.Hint, w.Desk.List()[0].ID) {
			t.Fatalf("%+v", err)
		}
		if r := w.answer(true, approval.Scope{}); !strings.Contains(r.Sample, "impact: update of about 1 row in public.users") {
			t.Errorf("the card has no impact:\n%s", r.Sample)
		}
		if err := change(next, 2); !errors.As(err, &pg) || pg.Code != "42501" {
			t.Errorf("other values pass: %v", err)
		}
		w.answer(false, approval.Scope{})
		if err := change(next, 1); err != nil {
			t.Errorf("the same again, other=%v: %v", other, err)
		}
		if err := change(next, 1); !errors.As(err, &pg) || pg.Code != "42501" {
			t.Errorf("used twice: %v", err)
		}
		w.answer(true, approval.Scope{})
	}
}
