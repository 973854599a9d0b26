package dashboard_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/internal/lab"
)

// orders is a gateway that keeps the bodies of two orders, of which one has the word
// kept in it; id is that one's.
func orders(t *testing.T, kept string) (l *lab.Lab, id string) {
	t.Helper()
	l = lab.New(t, strings.Replace(rules, "gateway {", "gateway {\n  record {\n    bodies = \"4KiB\"\n  }", 1)+`
rule "orders" {
  on      = [service.shop]
  methods = ["POST", "PUT"]
  when    = http.json.what != "gold"
  verdict = "allow"
  effects = ["read", "write", "unknown"]
}
rule "gifts" {
  on      = [service.shop]
  paths   = ["/v1/gifts"]
  when    = startswith(http.json.what, "brass")
  verdict = "deny"
}
`)
	l.Secret("shop", "s3cret-of-the-shop")
	l.HTTPS("shop.example.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // which says it again
		w.Header().Set("Content-Type", "application/json")
		io.Copy(w, r.Body) //nolint:errcheck // the agent reads or not
	}))
	agent := l.Agent("laptop").HTTP()
	for i, what := range []string{"a candle", kept} {
		resp, err := agent.Post("https://shop.example.com/v1/orders", "application/json", strings.NewReader(`{"what":"`+what+`"}`))
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatal(resp, err)
		}
		resp.Body.Close()
		id = l.Records("service:shop", i+1)[i].ID
	}
	return l, id
}

// looks gives how a caller asks the API of l.
func looks(t *testing.T, l *lab.Lab) func(c route.Caller, path string) (int, string) {
	return func(c route.Caller, path string) (int, string) {
		w := httptest.NewRecorder()
		l.API.Handler().ServeHTTP(w, httptest.NewRequestWithContext(route.WithCaller(t.Context(), c), "GET", "/api/v1"+path, nil))
		return w.Code, w.Body.String()
	}
}

// viewers are somebody who may look, and the same one just after a fresh proof.
func viewers() (viewer, proved route.Caller) {
	viewer = route.Caller{Person: action.Person{Name: "vic@acme.dev", Via: "password"}, Rights: route.RightsOf(route.Viewer), From: "198.51.100.7"}
	proved = viewer
	proved.Fresh = true
	return viewer, proved
}

// TestT47_BodiesTakeAFreshProof: who may look at actions does not read what was sent
// in their bodies by that alone, whichever way they come.
func TestT47_BodiesTakeAFreshProof(t *testing.T) {
	const kept = "brass-candlestick"
	l, id := orders(t, kept)
	look := looks(t, l)
	viewer, proved := viewers()
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
		{"a viewer's explanation", viewer, "/actions/" + id + "/why", 409, false},
		{"a proof that nobody asked for", proved, "/actions/" + id + "/why", 409, false},
		{"an explanation with bodies", viewer, "/actions/" + id + "/why?bodies=1", 403, false},
		{"a viewer's archive", viewer, "/actions.har?q=service:shop", 200, false},
		{"a proved archive", proved, "/actions.har?q=service:shop&bodies=1", 200, true},
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
		if n := strings.Count(body, kept); n%2 > 0 {
			t.Errorf("%s: it stands there %d times, not in what was sent and in what came back", c.name, n)
		}
		if status == 200 && !strings.Contains(c.path, "har") && !strings.Contains(body, `"content_type"`) && !strings.Contains(c.path, "rows") {
			t.Errorf("%s: more is gone than the body: %s", c.name, body)
		}
	}
}

// TestT47_ATraceTellsNoWordOfABody: the values that a rule was held against are no way
// to what was sent in a body, for an action that was refused as for one that was not.
func TestT47_ATraceTellsNoWordOfABody(t *testing.T) {
	const kept = "brass-candlestick"
	l, bought := orders(t, kept)
	resp, err := l.Agent("desktop").HTTP().Post("https://shop.example.com/v1/gifts", "application/json", strings.NewReader(`{"what":"`+kept+`"}`))
	if err != nil || resp.StatusCode != http.StatusForbidden {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
	given := l.Records("service:shop", 3)[2].ID
	look := looks(t, l)
	viewer, proved := viewers()
	for _, path := range []string{
		"/actions/" + given, "/actions?q=gifts", "/actions.jsonl?q=gifts", "/actions/rows?q=gifts", "/actions.har?q=gifts",
	} {
		status, body := look(viewer, path)
		if status != 200 || strings.Contains(body, kept) || !strings.Contains(body, "gifts") {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if _, body := look(viewer, "/actions/"+given); !strings.Contains(body, `"when http.json.what"`) || !strings.Contains(body, `"/v1/gifts"`) {
		t.Errorf("more is gone than what a body says: %s", body)
	}
	if _, found := look(viewer, "/actions?q=%22%5C%22value%5C%22:%5C%22%5C%5C%5C%22brass%22"); strings.Contains(found, given) {
		t.Errorf("a query finds what stands in a trace: %s", found)
	}
	if _, found := look(viewer, "/actions?q="+kept); strings.Contains(found, given) {
		t.Errorf("a query finds a word that a trace has: %s", found)
	}
	for _, id := range []string{bought, given} {
		status, body := look(viewer, "/actions/"+id+"/why")
		if status != http.StatusConflict || !strings.Contains(body, "bodies=1") {
			t.Errorf("why without a proof: %d %s", status, body)
		}
		if status, body := look(proved, "/actions/"+id+"/why?bodies=1"); status != 200 || !strings.Contains(body, kept) {
			t.Errorf("why with a proof: %d %s", status, body)
		}
		if status, body := look(route.Host("root"), "/actions/"+id+"/why"); status != 200 || !strings.Contains(body, kept) {
			t.Errorf("why for the host: %d %s", status, body)
		}
	}
}

// TestT47_NoDraftAsksABody: what a draft would have changed says nothing of what was sent
// in a body to who may not read it, whatever its rules ask. Whoever may and says so reads
// it, and that stands in the operators' audit.
func TestT47_NoDraftAsksABody(t *testing.T) {
	const kept = "brass-candlestick"
	l, _ := orders(t, kept)
	viewer, proved := viewers()
	for _, c := range []*route.Caller{&viewer, &proved} {
		c.Rights = route.RightsOf(route.Viewer, route.Editor)
	}
	ask := func(c route.Caller, params, guess string) (int, string) {
		w := httptest.NewRecorder()
		rule := `rule \"orders\" {\n  on = [service.shop]\n  methods = [\"POST\", \"PUT\"]\n  when = !startswith(http.json.what, \"` + guess + `\")\n  verdict = \"allow\"\n  effects = [\"read\", \"write\", \"unknown\"]\n}\n`
		draft := `{"since":"1h","edits":[{"op":"put","kind":"rule","name":"orders","hcl":"` + rule + `"}]}`
		r := httptest.NewRequestWithContext(route.WithCaller(t.Context(), c), "POST", "/api/v1/policy/impact"+params, strings.NewReader(draft))
		r.Header.Set("Content-Type", "application/json")
		l.API.Handler().ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	for name, who := range map[string]route.Caller{"no proof": viewer, "a proof that nobody asked for": proved} {
		_, none := ask(who, "", "x")
		for _, guess := range []string{"b", "brass", kept, "a "} {
			if status, got := ask(who, "", guess); status != 200 || got != none {
				t.Errorf("%s, %s: %d %s, and otherwise %s", name, guess, status, got, none)
			}
		}
		if !strings.Contains(none, `"cannot_tell":2,"withheld":2`) {
			t.Errorf("%s: it is not said that two bodies were not read: %s", name, none)
		}
	}
	if status, got := ask(viewer, "?bodies=1", "brass"); status != 403 || !strings.Contains(got, "step-up") {
		t.Errorf("bodies without a proof: %d %s", status, got)
	}
	for _, c := range []struct {
		who    route.Caller
		params string
	}{{proved, "?bodies=1"}, {route.Host("root"), ""}} {
		if status, got := ask(c.who, c.params, "brass"); status != 200 || strings.Count(got, `"old":`) != 2 || strings.Contains(got, "withheld") {
			t.Errorf("%s may read them: %d %s", c.who.Person.Name, status, got)
		}
	}
	status, deeds := looks(t, l)(route.Host("root"), "/operators/audit")
	if status != 200 || strings.Count(deeds, "/policy/impact") != 2 || !strings.Contains(deeds, `"draft":"`) {
		t.Errorf("the operators' audit: %d %s", status, deeds)
	}
}

// TestT47_NoHashTellsABody: a short body is soon guessed against any hash that it went
// into, of the record, of the one behind it or of the request. Without bodies there is
// none, in an answer or to be searched.
func TestT47_NoHashTellsABody(t *testing.T) {
	l, id := orders(t, "4711")
	look := looks(t, l)
	viewer, proved := viewers()
	records := l.Records("service:shop", 2)
	hashes := []string{records[0].Hash.String(), records[1].Hash.String(), records[1].Prev.String()}
	for _, path := range []string{
		"/actions/" + id, "/actions?q=service:shop", "/actions.jsonl", "/actions.jsonl?q=service:shop", "/actions/rows", "/actions.har", "/sessions", "/audit/verify",
	} {
		status, body := look(viewer, path)
		for _, field := range append(hashes, `"hash":`, `"prev":`, `"digest":`) {
			if status != 200 || strings.Contains(body, field) && (path != "/audit/verify" || len(field) > 20) {
				t.Errorf("%s shows %s: %d %s", path, field, status, body)
			}
		}
	}
	for _, hash := range hashes {
		if _, body := look(viewer, "/actions?q="+hash); body != "[]\n" {
			t.Errorf("a hash is found: %s", body)
		}
	}
	for _, c := range []struct {
		who  route.Caller
		path string
	}{{proved, "/actions/" + id + "/whole"}, {proved, "/actions.jsonl?bodies=1"}, {route.Host("root"), "/actions/" + id}} {
		if status, body := look(c.who, c.path); status != 200 || !strings.Contains(body, hashes[1]) || !strings.Contains(body, hashes[2]) {
			t.Errorf("%s does not see the chain in %s: %d %s", c.who.Person.Name, c.path, status, body)
		}
	}
}

// TestT47_NoQueryTellsAWordOfABody: whether a word stands in a body that somebody may
// not read does not show in what they find, in how much of it, in where the next page
// begins, or in what a stream lets through.
func TestT47_NoQueryTellsAWordOfABody(t *testing.T) {
	const kept = "brass-candlestick"
	l, id := orders(t, kept)
	look := looks(t, l)
	viewer, proved := viewers()
	page := func(c route.Caller, path string) (int, string, string) {
		w := httptest.NewRecorder()
		l.API.Handler().ServeHTTP(w, httptest.NewRequestWithContext(route.WithCaller(t.Context(), c), "GET", "/api/v1"+path, nil))
		return w.Code, w.Body.String(), w.Header().Get("Next-Cursor")
	}
	for _, list := range []string{"/actions?limit=1&q=", "/actions/rows?limit=1&q=", "/sessions?q=", "/actions.jsonl?q=", "/actions.har?q="} {
		_, none, _ := page(viewer, list+"no-such-word")
		for _, word := range []string{kept, "Brass", "candlestick"} {
			if status, got, next := page(viewer, list+word); status != 200 || got != none || next != "" {
				t.Errorf("%s%s: %d, next %q: %s", list, word, status, next, got)
			}
			// And what does not hold a word is found by that it does not.
			_, all, at := page(viewer, list)
			if _, got, next := page(viewer, list+"!"+word); got != all || next != at {
				t.Errorf("%s!%s: next %q, not %q: %s", list, word, next, at, got)
			}
		}
		if status, got, _ := page(viewer, list+kept+"&bodies=1"); status != http.StatusForbidden || strings.Contains(got, id) {
			t.Errorf("%s with bodies and no proof: %d %s", list, status, got)
		}
		status, got, _ := page(proved, list+kept+"&bodies=1")
		if status != 200 || got == none {
			t.Errorf("%s with bodies and a proof finds nothing: %d %s", list, status, got)
		}
		if strings.Contains(list, "rows") && strings.Contains(got, kept) {
			t.Errorf("a row shows the body: %s", got)
		}
		if status, got, _ := page(proved, list+kept); status != 200 || got != none {
			t.Errorf("%s: a proof alone looks in bodies: %d %s", list, status, got)
		}
	}
	if _, got := look(viewer, "/actions?q=orders"); !strings.Contains(got, id) {
		t.Errorf("what an answer shows is not found: %s", got)
	}
	if _, got := look(route.Host("root"), "/actions?q="+kept); !strings.Contains(got, id) {
		t.Errorf("the host owns the files, and finds nothing: %s", got)
	}
	for _, state := range []string{"q=brass&bodies=1", "bodies=1"} {
		if status := put(t, l, viewer, "/api/v1/views/mine", `{"state":"`+state+`"}`); status != http.StatusBadRequest {
			t.Errorf("a saved view keeps %s: %d", state, status)
		}
	}
	seen := func(c route.Caller, params string) string {
		ctx, stop := context.WithCancel(route.WithCaller(t.Context(), c))
		defer stop()
		r := httptest.NewRequestWithContext(ctx, "GET", "/api/v1/events?q="+params, nil)
		r.Header.Set("Last-Event-ID", "0")
		w := hangsUp{httptest.NewRecorder(), stop}
		l.API.Handler().ServeHTTP(w, r)
		return w.Body.String()
	}
	for params, want := range map[string]bool{kept: false, kept + "&view=row": false, "orders": true} {
		if got := seen(viewer, params); strings.Contains(got, id) != want || strings.Contains(got, "lost") {
			t.Errorf("a stream of %s: %s", params, got)
		}
	}
	if got := seen(viewer, kept+"&bodies=1"); !strings.Contains(got, "step-up") {
		t.Errorf("a stream with bodies and no proof: %s", got)
	}
	if got := seen(proved, kept+"&bodies=1"); !strings.Contains(got, id) || !strings.Contains(got, kept) {
		t.Errorf("a stream with bodies and a proof: %s", got)
	}
}

// hangsUp ends a stream when it has caught up.
type hangsUp struct {
	*httptest.ResponseRecorder
	stop func()
}

func (h hangsUp) Flush() { h.stop() }

func put(t *testing.T, l *lab.Lab, c route.Caller, path, body string) int {
	t.Helper()
	w := httptest.NewRecorder()
	l.API.Handler().ServeHTTP(w, httptest.NewRequestWithContext(route.WithCaller(t.Context(), c), "PUT", path, strings.NewReader(body)))
	return w.Code
}
