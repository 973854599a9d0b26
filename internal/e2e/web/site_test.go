//go:build e2e

package web

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval"
	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/dashboard/web"
	"sallyport.dev/sallyport/internal/lab"
)

const configuration = `
gateway {
  wireguard {
    listen = ":0"
  }
  record {
    bodies = "16KiB"
  }
}

operators {
  admins = ["ana@acme.dev"]
}

service "github" {
  description = "Issues, pull requests and code"
  hosts       = ["api.github.com"]
  auth        = bearer(secret.github)
  tls         = { ca = file("upstreams.pem") }
}

service "orders" {
  description = "The orders database"
  protocol    = "postgres"
  hosts       = ["orders.example.com"]
  databases   = ["postgres"]
  auth        = password("postgres", secret.orders)
  tls         = { ca = file("upstreams.pem") }
}

service "payments" {
  hosts = ["payments.example.com"]
  auth  = bearer(secret.payments)
  tls   = { ca = file("upstreams.pem") }
}

role "developers" { use = [service.github, service.orders] }
role "ci" { use = [service.github] }

rule "no repository is deleted" {
  on      = [service.github]
  methods = ["DELETE"]
  when    = startswith(http.path, "/repos/")
  verdict = "deny"
  reason  = "Repositories are not deleted by agents. Ask a person to do it."
}

rule "opening an issue needs a yes" {
  on      = [service.github]
  methods = ["POST"]
  verdict = "ask"
  reason  = "Everybody can read an issue."
}

rule "reading orders is fine" {
  on      = [service.orders]
  verbs   = ["select"]
  verdict = "allow"
}
`

// A site is a running gateway with its dashboard.
type site struct {
	*lab.Lab
	t   *testing.T
	url string
}

// asksLast is longer than any machine takes for all pages.
const asksLast = time.Hour

// newSite starts a gateway whose dashboard takes every visitor for an admin who
// has just proved who they are.
func newSite(t *testing.T, conf string) *site {
	t.Helper()
	s := &site{Lab: lab.New(t, conf), t: t}
	s.Desk.Hold, s.Desk.Timeout = asksLast, asksLast
	pages, err := web.New()
	must(t, err)
	api := s.API.Handler()
	caller := route.Caller{
		Person: action.Person{Name: "ana@acme.dev", Via: "local"}, From: "127.0.0.1", Session: "s1", Fresh: true,
		Rights: route.RightsOf(route.Viewer, route.Approver, route.Editor, route.Admin),
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/api/") {
			pages.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r.WithContext(route.WithCaller(r.Context(), caller)))
	}))
	t.Cleanup(srv.Close)
	s.url = strings.Replace(srv.URL, "127.0.0.1", "localhost", 1)
	return s
}

// furnish gives the site upstreams, secrets and agents.
func (s *site) furnish() (laptop, ci *lab.Agent) {
	s.t.Helper()
	s.Secret("github", "a-token-that-stays-here")
	s.Secret("orders", "upstream-password")
	s.HTTPS("api.github.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) //nolint:errcheck // the agent may hang up
		w.Header().Set("Content-Type", "application/json")
		if strings.Contains(r.URL.Path, "missing") {
			w.WriteHeader(http.StatusNotFound)
		}
		if strings.HasSuffix(r.URL.Path, "/tokens") {
			w.Header().Set("Set-Cookie", "session=1")
			fmt.Fprintf(w, `{"id":7,"note":"for the runner %s","token":"a-new-one","owner":{"login":"octo","site_admin":false},"scopes":["repo","gist"],"expires_at":null}`, "\u202e")
			return
		}
		fmt.Fprint(w, `{"ok":true}`)
	}))
	return s.Agent("laptop", "developers"), s.Agent("ci-runner-1", "ci")
}

// request has an agent send one request; it gives the status.
func (s *site) request(ctx context.Context, c *http.Client, method, url, body string, header ...string) int {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		s.t.Error(err)
		return 0
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.Do(req)
	if err != nil {
		if ctx.Err() == nil {
			s.t.Errorf("%s %s: %v", method, url, err)
		}
		return 0
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body) //nolint:errcheck // the status is what counts
	return resp.StatusCode
}

// traffic has both agents do what agents do.
func (s *site) traffic(laptop, ci *lab.Agent) {
	s.t.Helper()
	ctx := s.t.Context()
	l, c := laptop.HTTP(), ci.HTTP()
	const api = "https://api.github.com"
	for i := range 12 {
		s.request(ctx, l, "GET", fmt.Sprintf("%s/repos/acme/shop/issues?state=open&page=%d", api, i+1), "")
		s.request(ctx, c, "GET", fmt.Sprintf("%s/repos/acme/shop/commits/%040x/status", api, i*7919), "", "User-Agent", "ci/2.1")
	}
	s.request(ctx, l, "GET", api+"/repos/acme/missing", "")
	s.request(ctx, l, "GET", api+"/repos/acme/shop/tokens", "")
	s.request(ctx, l, "DELETE", api+"/repos/acme/shop", "", "User-Agent", "octo-agent/1.4")
	s.request(ctx, c, "DELETE", api+"/repos/acme/shop/hooks/12", "")
	if pg, err := laptop.PG(ctx, "postgres://agent:any@orders.example.com/postgres?sslmode=require"); err == nil {
		defer pg.Close(ctx)
		for _, sql := range []string{
			"SELECT c.relname, c.reltuples FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'pg_catalog' ORDER BY c.relname LIMIT 20",
			"SELECT count(*) FROM pg_tables",
		} {
			pg.Exec(ctx, sql) //nolint:errcheck // what is recorded counts
		}
	}
}

// asked gives the ask whose summary holds a text.
func (s *site) asked(text string) approval.Request {
	s.t.Helper()
	for _, r := range s.Desk.List() {
		if strings.Contains(r.Summary, text) {
			return r
		}
	}
	s.t.Fatalf("nobody asked for %s", text)
	return approval.Request{}
}

// asks has an agent wait for answers in the background until the test ends.
func (s *site) asks(agent *lab.Agent) {
	s.t.Helper()
	c := agent.HTTP()
	c.Timeout = 0 // it waits as long as people take
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	s.t.Cleanup(func() { stop(); all.Wait() })
	post := func(path, body string) func() {
		return func() {
			s.request(ctx, c, "POST", "https://api.github.com"+path, body, "Content-Type", "application/json")
		}
	}
	for i, ask := range []func(){
		post("/repos/acme/shop/issues", `{"title":"Checkout fails with two coupons","labels":["bug","checkout"],"body":"Steps:\n1. Add two coupons\n2. Pay\n\nExpected: one is refused. Actual: a 500."}`),
		post("/repos/acme/shop/dispatches", "{\"event_type\":\"deploy\",\"client_payload\":{\"target\":\"staging\u202e dorp\u202c\",\"note\":\"zero\u200bwidth\"}}"),
		func() {
			pg, err := agent.PG(ctx, "postgres://agent:any@orders.example.com/postgres?sslmode=require")
			if err != nil {
				return // it is listed as not run
			}
			defer pg.Close(context.Background())                                                             //nolint:errcheck // the test is over
			pg.Exec(ctx, "DELETE FROM orders WHERE created < now() - interval '90 days' AND state = 'open'") //nolint:errcheck // likewise
		},
	} {
		all.Go(ask)
		s.waiting(i + 1)
	}
}
