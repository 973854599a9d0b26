package dashboard_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/approval"
	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/dashboard"
	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/internal/lab"
)

const rules = `
gateway {
  wireguard {
    listen = ":0"
  }
}

secret "elsewhere" {
  env = "SALLYPORT_TEST_SECRET"
}

service "shop" {
  hosts = ["shop.example.com"]
  auth  = bearer(secret.shop)
  tls   = { ca = file("upstreams.pem") }
}

service "other" {
  hosts = ["other.example.com"]
  auth  = bearer(secret.elsewhere)
}

role "buyer" {
  use = [service.shop, service.other]
}
`

const second = `
role "helper" {
  members = ["agent:helper"]
  use     = [service.shop]
}
`

// ask sends one request to the API.
func ask(t *testing.T, l *lab.Lab, method, path, body string) *http.Response {
	t.Helper()
	w := httptest.NewRecorder()
	ctx := route.WithCaller(t.Context(), route.Host("root"))
	l.API.Handler().ServeHTTP(w, httptest.NewRequestWithContext(ctx, method, path, strings.NewReader(body)))
	return w.Result()
}

// asHost serves the API to somebody at admin.sock.
func asHost(api *dashboard.API) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		api.Handler().ServeHTTP(w, r.WithContext(route.WithCaller(r.Context(), route.Host("root"))))
	})
}

func text(t *testing.T, resp *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestEveryRoute(t *testing.T) {
	l := lab.New(t, rules+second)
	long := strings.Repeat("x", 1<<20)
	for _, tt := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/healthz", "", 200, "ok"},
		{"GET", "/readyz", "", 200, "ready"},
		{"GET", "/metrics", "", 200, "sallyport_config_rejected 0"},
		{"GET", "/api/v1/status", "", 200, `"services":2`},
		{"GET", "/api/v1/ca.pem", "", 200, "BEGIN CERTIFICATE"},
		{"GET", "/api/v1/agents", "", 200, "[]"},
		{"POST", "/api/v1/agents", `{"name":"ci","roles":["buyer"],"expires":"8h"}`, 200, "PrivateKey"},
		{"POST", "/api/v1/agents", `{"name":"ci","roles":["buyer"]}`, 409, "enrolled already"},
		{"POST", "/api/v1/agents", `{"name":"helper"}`, 200, "PrivateKey"},
		{"POST", "/api/v1/agents", `{"name":"nobody"}`, 400, "the configuration has buyer, helper"},
		{"POST", "/api/v1/agents", `{"name":"x","roles":["boss"]}`, 400, `no role is called \"boss\"`},
		{"POST", "/api/v1/agents", `{"name":"Ä"}`, 400, "lower-case"},
		{"POST", "/api/v1/agents", `{"name":""}`, 400, "characters"},
		{"POST", "/api/v1/agents", `{"name":"x","roles":["buyer"],"expires":"0s"}`, 400, "no duration"},
		{"POST", "/api/v1/agents", `{"nom":"x"}`, 400, "unknown field"},
		{"POST", "/api/v1/agents", `{`, 400, "the request body"},
		{"POST", "/api/v1/agents", ``, 400, "the request body"},
		{"POST", "/api/v1/agents", `{"name":"x","roles":["buyer"]} {}`, 400, "the request body"},
		{"POST", "/api/v1/agents", `{"name":"` + long + `"}`, 413, "larger than"},
		{"GET", "/api/v1/agents", "", 200, `"state":"active"`},
		{"GET", "/api/v1/agents/ci", "", 200, `"manifest_markdown":"# What agent ci may use`},
		{"GET", "/api/v1/agents/nobody", "", 404, `no agent is called \"nobody\"`},
		{"POST", "/api/v1/agents/ci/freeze", "", 200, "{}"},
		{"GET", "/api/v1/agents/ci", "", 200, `"state":"frozen"`},
		{"POST", "/api/v1/agents/ci/unfreeze", "", 200, "{}"},
		{"POST", "/api/v1/agents/nobody/freeze", "", 404, "no such agent"},
		{"POST", "/api/v1/agents/nobody/unfreeze", "", 404, "no such agent"},
		{"POST", "/api/v1/agents/freeze", "", 200, "{}"},
		{"POST", "/api/v1/agents/unfreeze", "", 200, "{}"},
		{"POST", "/api/v1/agents/ci/rekey", "", 200, "PrivateKey"},
		{"POST", "/api/v1/agents/ci/rekey", `{"split":true}`, 200, "198.18.0.0/15"},
		{"POST", "/api/v1/agents/ci/rekey", `{`, 400, "the request body"},
		{"POST", "/api/v1/agents/nobody/rekey", "", 404, "no such agent"},
		{"DELETE", "/api/v1/agents/ci", "", 200, "{}"},
		{"DELETE", "/api/v1/agents/ci", "", 404, "no such agent"},
		{"PUT", "/api/v1/agents/ci", "", 405, "not allowed"},
		{"GET", "/api/v1/secrets", "", 200, `"elsewhere"`},
		{"PUT", "/api/v1/secrets/shop", `{"value":"s3cret"}`, 200, "{}"},
		{"PUT", "/api/v1/secrets/shop", `{"value":""}`, 400, "empty"},
		{"PUT", "/api/v1/secrets/shop", `{"value":"` + strings.Repeat("x", 64<<10+1) + `"}`, 400, "longer than"},
		{"PUT", "/api/v1/secrets/shop", `{"value":["s3cret"]}`, 400, "the request body"},
		{"PUT", "/api/v1/secrets/9x", `{"value":"v"}`, 400, "secret name"},
		{"PUT", "/api/v1/secrets/elsewhere", `{"value":"v"}`, 409, "change it there"},
		{"DELETE", "/api/v1/secrets/shop", "", 200, "{}"},
		{"DELETE", "/api/v1/secrets/shop", "", 404, "no such secret"},
		{"DELETE", "/api/v1/secrets/9x", "", 400, "secret name"},
		{"DELETE", "/api/v1/secrets/elsewhere", "", 409, "remove it there"},
		{"GET", "/api/v1/secrets/shop", "", 405, "not allowed"},
		{"GET", "/api/v1/approvals", "", 200, "[]"},
		{"GET", "/api/v1/approvals/X", "", 404, "no such approval"},
		{"POST", "/api/v1/approvals/X/approve", "", 404, "no such approval"},
		{"POST", "/api/v1/approvals/X/deny", `{"note":"n"}`, 404, "no such approval"},
		{"POST", "/api/v1/approvals/X/deny", `{"vote":true}`, 400, "unknown field"},
		{"GET", "/api/v1/actions", "", 200, "[]"},
		{"GET", "/api/v1/actions?q=verdict:deny", "", 200, "[]"},
		{"GET", "/api/v1/actions?q=color:red", "", 400, "is no field"},
		{"GET", "/api/v1/actions/X", "", 404, "no action has the id X"},
		{"GET", "/api/v1/actions.jsonl", "", 200, ""},
		{"GET", "/api/v1/actions.jsonl?q=color:red", "", 400, "is no field"},
		{"GET", "/api/v1/events?q=color:red", "", 400, "is no field"},
		{"GET", "/api/v1/actions?cursor=x", "", 400, "is none that the gateway gave"},
		{"GET", "/api/v1/actions?limit=501", "", 400, "from 1 to 500"},
		{"GET", "/api/v1/audit/verify", "", 200, `"records":0`},
		{"GET", "/", "", 404, "not found"},
		{"GET", "/api/v1/", "", 404, "not found"},
		{"GET", "/api/v1/agents/..%2fsecrets", "", 404, "no agent is called"},
	} {
		resp := ask(t, l, tt.method, tt.path, tt.body)
		got := text(t, resp)
		if resp.StatusCode != tt.status || !strings.Contains(got, tt.want) {
			t.Errorf("%s %s %.60s: %d, want %d with %q:\n%.300s", tt.method, tt.path, tt.body, resp.StatusCode, tt.status, tt.want, got)
		}
		if strings.Contains(got, "s3cret") {
			t.Errorf("%s %s gives the secret out: %s", tt.method, tt.path, got)
		}
		if resp.StatusCode >= 400 && tt.want != "" {
			isProblem(t, resp, got)
		}
	}
	l.Clean("s3cret")
}

// isProblem checks the form of a refusal (RFC 9457).
func isProblem(t *testing.T, resp *http.Response, body string) {
	t.Helper()
	var p struct {
		Title, Detail string
		Status        int
	}
	if err := json.Unmarshal([]byte(body), &p); err != nil || p.Status != resp.StatusCode || p.Title == "" || p.Detail == "" {
		t.Errorf("%d: %v in %s", resp.StatusCode, err, body)
	}
	if got := resp.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("%d has Content-Type %s", resp.StatusCode, got)
	}
}

func TestAVoteCountsOnce(t *testing.T) {
	l := lab.New(t, rules)
	l.Secret("shop", "s3cret")
	l.HTTPS("shop.example.com", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "sold") }))
	c := l.Agent("laptop").HTTP()
	status := make(chan int, 1)
	go func() {
		resp, err := c.Post("https://shop.example.com/v1/orders", "text/plain", strings.NewReader("one"))
		if err != nil {
			status <- 0
			return
		}
		resp.Body.Close()
		status <- resp.StatusCode
	}()
	changed := l.Desk.Changed()
	for len(l.Desk.List()) == 0 {
		<-changed
		changed = l.Desk.Changed()
	}
	id := l.Desk.List()[0].ID
	var r approval.Request
	if err := json.Unmarshal([]byte(text(t, ask(t, l, "GET", "/api/v1/approvals/"+id, ""))), &r); err != nil || r.State != approval.Pending || r.Sample == "" {
		t.Errorf("%v: %+v", err, r)
	}
	resp := ask(t, l, "POST", "/api/v1/approvals/"+id+"/approve", `{"note":"go on"}`)
	if got := text(t, resp); resp.StatusCode != 200 || !strings.Contains(got, `"approved"`) || !strings.Contains(got, "go on") {
		t.Errorf("approve: %d %s", resp.StatusCode, got)
	}
	if got := <-status; got != 200 {
		t.Errorf("the agent got %d", got)
	}
	resp = ask(t, l, "POST", "/api/v1/approvals/"+id+"/deny", "")
	if got := text(t, resp); resp.StatusCode != 409 || !strings.Contains(got, "already answered") {
		t.Errorf("a second answer: %d %s", resp.StatusCode, got)
	}
	rec := l.Records("service:shop", 1)[0]
	resp = ask(t, l, "GET", "/api/v1/actions/"+rec.ID, "")
	if got := text(t, resp); resp.StatusCode != 200 || !strings.Contains(got, `"POST"`) || strings.Contains(got, "s3cret") {
		t.Errorf("the record: %d %s", resp.StatusCode, got)
	}
	for query, want := range map[string]int{"": 1, "service:shop+since:1h": 1, "verdict:deny": 0} {
		resp = ask(t, l, "GET", "/api/v1/actions.jsonl?q="+query, "")
		got := text(t, resp)
		if resp.StatusCode != 200 || strings.Count(got, "\n") != want || want == 1 && !strings.Contains(got, `"hash":"`+rec.Hash.String()) {
			t.Errorf("export of %q: %d %s", query, resp.StatusCode, got)
		}
	}
}

func TestEventsAreStreamed(t *testing.T) {
	l := lab.New(t, rules)
	srv := httptest.NewServer(asHost(l.API))
	defer srv.Close()
	ctx, hangUp := context.WithCancel(t.Context())
	defer hangUp()
	req, err := http.NewRequestWithContext(ctx, "GET", srv.URL+"/api/v1/events?q=verdict:deny", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("Content-Type %s", got)
	}
	lines := bufio.NewScanner(resp.Body)
	next := func() string {
		if !lines.Scan() {
			t.Fatalf("the stream ended: %v", lines.Err())
		}
		return lines.Text()
	}
	if got := next(); got != ": following" {
		t.Errorf("it begins with %q", got)
	}
	c := l.Agent("laptop").HTTP()
	for _, path := range []string{"https://shop.example.com/one", "http://192.0.2.9/two"} {
		r, err := http.NewRequestWithContext(t.Context(), "DELETE", path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := c.Do(r); err == nil {
			resp.Body.Close()
		}
	}
	for range 2 {
		var id string
		for !strings.HasPrefix(id, "id: ") {
			id = next()
		}
		var rec audit.Record
		if err := json.Unmarshal([]byte(strings.TrimPrefix(next(), "data: ")), &rec); err != nil {
			t.Fatal(err)
		}
		if rec.Verdict != "deny" || id != fmt.Sprintf("id: %d", rec.Seq) {
			t.Errorf("%s: %+v", id, rec)
		}
	}
	hangUp()
	if lines.Scan() && lines.Err() == nil && lines.Text() != "" {
		t.Errorf("after a hang-up: %q", lines.Text())
	}
}

// A stream that was cut off goes on behind the last record that its client has.
func TestEventsGoOnWhereTheyStopped(t *testing.T) {
	l := lab.New(t, rules)
	srv := httptest.NewServer(asHost(l.API))
	defer srv.Close()
	c := l.Agent("laptop").HTTP()
	visit := func(path string) {
		t.Helper()
		if resp, err := c.Get("http://192.0.2.9/" + path); err == nil {
			resp.Body.Close()
		}
	}
	for i := range 4 {
		visit(fmt.Sprint("before", i))
	}
	kept := l.Records("verdict:deny", 4)
	follow := func(last string) (next func() (string, audit.Record), end func()) {
		t.Helper()
		ctx, hangUp := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, "GET", srv.URL+"/api/v1/events?q=verdict:deny", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Last-Event-ID", last)
		resp, err := srv.Client().Do(req)
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("%v, %v", resp, err)
		}
		lines := bufio.NewScanner(resp.Body)
		lines.Buffer(nil, 1<<20)
		return func() (string, audit.Record) {
			for lines.Scan() {
				if id, ok := strings.CutPrefix(lines.Text(), "id: "); ok && lines.Scan() {
					var rec audit.Record
					if err := json.Unmarshal([]byte(strings.TrimPrefix(lines.Text(), "data: ")), &rec); err != nil {
						t.Fatal(err)
					}
					return id, rec
				}
			}
			t.Fatalf("the stream ended: %v", lines.Err())
			return "", audit.Record{}
		}, func() { hangUp(); resp.Body.Close() }
	}
	first := kept[len(kept)-1].Seq
	for _, r := range kept {
		first = min(first, r.Seq)
	}
	next, end := follow(fmt.Sprint(first))
	visit("after")
	seen := []uint64{}
	for range 4 {
		_, rec := next()
		seen = append(seen, rec.Seq)
	}
	end()
	for i, seq := range seen {
		if seq != first+uint64(i)+1 {
			t.Fatalf("behind %d come %v", first, seen)
		}
	}
	if resp := ask(t, l, "GET", "/api/v1/actions?limit=2", ""); resp.Header.Get("Next-Cursor") != fmt.Sprint(seen[2]) {
		t.Errorf("the first page ends with %q, want %d", resp.Header.Get("Next-Cursor"), seen[2])
	}
	resp := ask(t, l, "GET", fmt.Sprintf("/api/v1/actions?limit=500&cursor=%d", seen[2]), "")
	var rest []audit.Record
	if err := json.Unmarshal([]byte(text(t, resp)), &rest); err != nil || len(rest) != 3 || rest[2].Seq != first || resp.Header.Get("Next-Cursor") != "" {
		t.Errorf("the last page: %d records, %v, %v", len(rest), err, resp.Header)
	}
}

func TestReadyTellsWhatIsMissing(t *testing.T) {
	l := lab.New(t, rules)
	api := *l.API
	api.Ready = func() error { return errors.New("the disk is full") }
	w := httptest.NewRecorder()
	asHost(&api).ServeHTTP(w, httptest.NewRequest("GET", "/readyz", nil))
	if w.Code != 503 || !strings.Contains(w.Body.String(), "the disk is full") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	w = httptest.NewRecorder()
	asHost(&api).ServeHTTP(w, httptest.NewRequest("GET", "/api/v1/status", nil))
	if !strings.Contains(w.Body.String(), `"ready":"the disk is full"`) {
		t.Errorf("status: %s", w.Body)
	}
}

func TestAnExpiredAgentIsShownAndReplaced(t *testing.T) {
	l := lab.New(t, rules)
	if _, _, err := l.Roster.Add(t.Context(), "ci", []string{"buyer"}, time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	var got string
	for deadline := time.Now().Add(time.Minute); !strings.Contains(got, `"state":"expired"`); time.Sleep(20 * time.Millisecond) {
		if got = text(t, ask(t, l, "GET", "/api/v1/agents/ci", "")); time.Now().After(deadline) {
			t.Fatalf("%s", got)
		}
	}
	if resp := ask(t, l, "POST", "/api/v1/agents", `{"name":"ci"}`); resp.StatusCode != 200 {
		t.Errorf("in its place: %d %s", resp.StatusCode, text(t, resp))
	}
}

func TestMetricsOfOneNameAreAnError(t *testing.T) {
	g := dashboard.Gauge{Name: "x", Help: "h", Value: func() float64 { return 1 }}
	if _, err := dashboard.NewMetrics(g, g); err == nil {
		t.Error("two gauges of one name")
	}
}
