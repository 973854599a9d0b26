//go:build e2e

package web

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/dashboard/route"
)

// An edit that somebody else wrote waits on the policy's page until it is applied
// there; one's own waits for them.
func TestTwoPeople(t *testing.T) {
	s := newSite(t, strings.Replace(configuration, `admins = ["ana@acme.dev"]`, "admins     = [\"ana@acme.dev\"]\n  editors    = [\"bo@acme.dev\"]\n  two_person = true", 1))
	b := newBrowser(t, s.url)
	b.open(look{1280, 860, "light"})
	var before struct{ Revision string }
	propose := func(name, who string) {
		t.Helper()
		call := func(method, path, match, body string, v any) {
			r := httptest.NewRequest(method, "/api/v1/policy"+path, strings.NewReader(body))
			r.Header.Set("If-Match", `"`+match+`"`)
			r = r.WithContext(route.WithCaller(r.Context(), route.Caller{Person: action.Person{Name: who, Via: "oidc"}, Rights: route.RightsOf(route.Editor)}))
			w := httptest.NewRecorder()
			s.API.Handler().ServeHTTP(w, r)
			if w.Code != 200 {
				t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
			}
			must(t, json.Unmarshal(w.Body.Bytes(), v))
		}
		call("GET", "", "", "", &before)
		hcl := fmt.Sprintf("rule %q {\n  on      = [service.github]\n  methods = [\"PUT\"]\n  verdict = \"deny\"\n}", name)
		body, err := json.Marshal(map[string]any{"note": "as <b>agreed</b>", "edits": []any{map[string]any{"op": "add", "kind": "rule", "name": name, "hcl": hcl}}})
		must(t, err)
		call("POST", "/apply", before.Revision, string(body), new(any))
	}
	propose("no puts", "bo@acme.dev")
	b.visit("/policy")
	b.see(".panel h2", "1 edit waits for a second person")
	b.accessible("a proposal")
	b.click("button:has-text('Look and apply')")
	b.see(".diff .d-in", "no puts")
	b.accessible("a proposal, looked at")
	if shots := os.Getenv("SALLYPORT_SHOTS"); shots != "" {
		b.shot(filepath.Join(shots, "proposal-1280-light.png"), false)
	}
	b.done(".dialog .main", "Revision 2 is in force")
	b.click("[role=tab]:has-text('History')")
	b.see(".hcl-block", "bo@acme.dev and ana@acme.dev")
	propose("no posts", "ana@acme.dev")
	b.visit("/policy")
	b.click("button:has-text('Look')")
	b.see(".dialog", "somebody else applies it")
	if b.count(".dialog .main") != 0 {
		t.Error("one may apply one's own")
	}
	b.click("button:has-text('Withdraw it')")
	b.gone(".dialog")
	b.clean("two people")
}
