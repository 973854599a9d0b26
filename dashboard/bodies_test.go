package dashboard_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/internal/lab"
)

// TestT47_BodiesTakeAFreshProof: who may look at actions does not read what was sent
// in their bodies by that alone, whichever way they come.
func TestT47_BodiesTakeAFreshProof(t *testing.T) {
	l := lab.New(t, strings.Replace(rules, "gateway {", "gateway {\n  record {\n    bodies = \"4KiB\"\n  }", 1)+`
rule "orders" {
  on      = [service.shop]
  methods = ["POST", "PUT"]
  verdict = "allow"
  effects = ["read", "write", "unknown"]
}
`)
	l.Secret("shop", "s3cret-of-the-shop")
	l.HTTPS("shop.example.com", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	agent := l.Agent("laptop").HTTP()
	const kept = "brass-candlestick"
	resp, err := agent.Post("https://shop.example.com/v1/orders", "application/json", strings.NewReader(`{"what":"`+kept+`"}`))
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
	var id string
	for deadline := time.Now().Add(10 * time.Second); id == ""; time.Sleep(5 * time.Millisecond) {
		for _, rec := range l.Records("service:shop", 1) {
			id = rec.ID
		}
		if time.Now().After(deadline) {
			t.Fatal("nothing is recorded")
		}
	}
	look := func(c route.Caller, path string) (int, string) {
		w := httptest.NewRecorder()
		l.API.Handler().ServeHTTP(w, httptest.NewRequestWithContext(route.WithCaller(t.Context(), c), "GET", "/api/v1"+path, nil))
		return w.Code, w.Body.String()
	}
	viewer := route.Caller{Person: action.Person{Name: "vic@acme.dev", Via: "password"}, Rights: route.RightsOf(route.Viewer), From: "198.51.100.7"}
	proved := viewer
	proved.Fresh = true
	for _, c := range []struct {
		name   string
		who    route.Caller
		path   string
		status int
		shows  bool
	}{
		{"a viewer", viewer, "/actions/" + id, 200, false},
		{"a viewer's list", viewer, "/actions?q=service:shop", 200, false},
		{"a viewer's rows", viewer, "/actions/rows?q=service:shop", 200, false},
		{"a viewer's export", viewer, "/actions.jsonl?q=service:shop", 200, false},
		{"a viewer's archive", viewer, "/actions.har?q=service:shop", 200, false},
		{"an archive with bodies", viewer, "/actions.har?q=service:shop&bodies=1", 403, false},
		{"an export with bodies", viewer, "/actions.jsonl?q=service:shop&bodies=1", 403, false},
		{"all of it", viewer, "/actions/" + id + "/whole", 403, false},
		{"proved, but not asked for", proved, "/actions/" + id, 200, false},
		{"proved", proved, "/actions/" + id + "/whole", 200, true},
		{"a proved export", proved, "/actions.jsonl?q=service:shop&bodies=1", 200, true},
		{"the host", route.Host("root"), "/actions/" + id, 200, true},
		{"the host's export", route.Host("root"), "/actions.jsonl?q=service:shop", 200, true},
	} {
		status, body := look(c.who, c.path)
		if status != c.status || strings.Contains(body, kept) != c.shows {
			t.Errorf("%s: %d %s", c.name, status, body)
		}
		if status == 200 && !strings.Contains(c.path, "har") && !strings.Contains(body, `"content_type"`) && !strings.Contains(c.path, "rows") {
			t.Errorf("%s: more is gone than the body: %s", c.name, body)
		}
	}
}
