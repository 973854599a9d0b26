package book_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/dashboard/book"
	"sallyport.dev/sallyport/dashboard/deeds"
	"sallyport.dev/sallyport/dashboard/pair"
	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/internal/lab"
)

const twoPeople = rules + `
operators {
  editors    = ["*@acme.dev"]
  admins     = ["admin@acme.dev", "boss@acme.dev"]
  two_person = true
}
`

// person asks on behalf of somebody with these rights, who came in some way.
func (h *house) person(name, via, method, path, match, body string, rights ...route.Right) answer {
	h.t.Helper()
	c := route.Caller{Person: action.Person{Name: name, Via: via}, Fresh: true, Rights: route.RightsOf(rights...), From: "a test"}
	if via == route.HostVia {
		c = route.Host(name)
	}
	r := httptest.NewRequestWithContext(route.WithCaller(h.t.Context(), c), method, "/api/v1/policy"+path, strings.NewReader(body))
	if match != "" {
		r.Header.Set("If-Match", match)
	}
	w := httptest.NewRecorder()
	h.API.Handler().ServeHTTP(w, r)
	return answer{w.Code, w.Header().Get("ETag"), w.Body.String()}
}

// TestT48_AnEditTakesTwoPeople: whoever writes an edit does not take it, whichever
// way they come in; a second editor does, and both stand in the history and the
// audit.
func TestT48_AnEditTakesTwoPeople(t *testing.T) {
	h := &house{t, lab.New(t, twoPeople)}
	tag := h.etag()
	var taken book.Taken
	if got := h.person("ana's key", "token", "PUT", "/blocks/rule/no%20deletions", tag, hcl(moreDeletions), route.Editor); got.status != 403 || !strings.Contains(got.body, "neither of two persons") {
		t.Errorf("a token proposes: %d %s", got.status, got.body)
	}
	got := h.person("ana@acme.dev", "oidc", "PUT", "/blocks/rule/no%20deletions", tag, hcl(moreDeletions), route.Editor)
	got.into(t, &taken)
	if taken.Waits == nil || taken.Revision.Number != 0 || got.etag != tag || h.etag() != tag {
		t.Fatalf("it does not wait: %s", got.body)
	}
	at := "/proposals/" + taken.Waits.ID
	var list []pair.Proposal
	h.person("vi@acme.dev", "oidc", "GET", "/proposals", "", "", route.Viewer).into(t, &list)
	if len(list) != 1 || list[0].By.Name != "ana@acme.dev" || list[0].Note != "as agreed" || !strings.Contains(list[0].Diff, `+  methods = ["DELETE", "PURGE"]`) {
		t.Errorf("%+v", list)
	}
	for _, tt := range []struct {
		name, via, method, path, match string
		status                         int
		want                           string
		right                          route.Right
	}{
		{"ana@acme.dev", "oidc", "POST", at + "/apply", tag, 403, "second person", route.Editor},
		{"Ana@acme.dev", "local", "POST", at + "/apply", tag, 403, "second person", route.Admin},
		{"ana@acme.dev", "tailnet", "POST", at + "/apply", tag, 403, "second person", route.Editor},
		{"ana@acme.dev", "token", "POST", at + "/apply", tag, 403, "second person", route.Editor},
		{"bo@acme.dev", "token", "POST", at + "/apply", tag, 403, "no second person", route.Editor},
		{"bo@acme.dev", "oidc", "POST", at + "/apply", tag, 403, "editor", route.Viewer},
		{"bo@acme.dev", "oidc", "POST", at + "/apply", "", 428, "If-Match", route.Editor},
		{"bo@acme.dev", "oidc", "POST", at + "/apply", `"000"`, 412, "changed meanwhile", route.Editor},
		{"bo@acme.dev", "oidc", "POST", "/proposals/none/apply", tag, 404, "no proposal", route.Editor},
		{"vi@acme.dev", "oidc", "GET", at, "", 403, "editor", route.Viewer},
		{"vi@acme.dev", "oidc", "DELETE", at, "", 403, "editor", route.Viewer},
	} {
		if got := h.person(tt.name, tt.via, tt.method, tt.path, tt.match, "", tt.right); got.status != tt.status || !strings.Contains(got.body, tt.want) {
			t.Errorf("%s via %s: %s %s: %d %s", tt.name, tt.via, tt.method, tt.path, got.status, got.body)
		}
	}
	if h.etag() != tag {
		t.Fatal("something was changed")
	}
	back, err := h.API.Book.Pair.Take(taken.Waits.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range [][2]string{{"POST", at + "/apply"}, {"DELETE", at}} {
		if got := h.person("cy@acme.dev", "oidc", to[0], to[1], tag, "", route.Editor); got.status != 409 || !strings.Contains(got.body, "right now") {
			t.Errorf("%s while somebody applies it: %d %s", to[0], got.status, got.body)
		}
	}
	if err := back(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	var look book.Pending
	got = h.person("bo@acme.dev", "oidc", "GET", at, "", "", route.Editor)
	got.into(t, &look)
	if !look.Preview.OK || got.etag != tag {
		t.Errorf("%s", got.body)
	}
	h.person("bo@acme.dev", "oidc", "POST", at+"/apply", got.etag, "", route.Editor).into(t, &taken)
	if taken.Revision.By != "ana@acme.dev" || taken.Revision.Approved != "bo@acme.dev" || taken.Revision.BreakGlass || h.etag() == tag {
		t.Errorf("%+v", taken.Revision)
	}
	var history []action.Revision
	h.person("vi@acme.dev", "oidc", "GET", "/history", "", "", route.Viewer).into(t, &history)
	if history[0].By != "ana@acme.dev" || history[0].Approved != "bo@acme.dev" {
		t.Errorf("%+v", history[0])
	}
	deed := h.lastDeed("POST /api/v1/policy/proposals/{id}/apply")
	if deed.Who != "bo@acme.dev" || deed.Notes["author"] != "ana@acme.dev" || deed.Notes["revision"] != "2" || deed.Status != 200 {
		t.Errorf("%+v", deed)
	}
	if got := h.person("cy@acme.dev", "oidc", "POST", at+"/apply", h.etag(), "", route.Editor); got.status != 404 {
		t.Errorf("it can be applied twice: %d", got.status)
	}
}

func (h *house) lastDeed(what string) deeds.Entry {
	h.t.Helper()
	list, err := h.API.Door.Deeds.Page(h.t.Context(), 0, 100)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, e := range list {
		if e.What == what && e.Err == "" {
			return e
		}
	}
	h.t.Fatalf("nobody did %s", what)
	return deeds.Entry{}
}

// The host alone needs nobody, and that is kept.
func TestTheHostBreaksTheGlass(t *testing.T) {
	h := &house{t, lab.New(t, twoPeople)}
	var taken book.Taken
	h.person("root", route.HostVia, "PUT", "/blocks/rule/no%20deletions", h.etag(), hcl(moreDeletions)).into(t, &taken)
	if taken.Waits != nil || !taken.Revision.BreakGlass || taken.Revision.By != "root" {
		t.Errorf("%+v", taken)
	}
	if d := h.lastDeed("PUT /api/v1/policy/blocks/{kind}/{name}"); d.Who != "root" || d.Notes["break_glass"] != "yes" {
		t.Errorf("%+v", d)
	}
	// Where one person is enough, there is no glass.
	h.Reload(strings.Replace(twoPeople, "two_person = true", "", 1))
	var plain book.Taken
	h.person("root", route.HostVia, "DELETE", "/blocks/rule/no%20deletions", h.etag(), "").into(t, &plain)
	if plain.Revision.BreakGlass {
		t.Errorf("%+v", plain.Revision)
	}
}

// A proposal is held against what is in force when it is applied: what somebody
// else has changed since is not undone, what does not load any more is refused, and
// an author who may not edit any more has proposed nothing.
func TestAProposalIsCheckedWhenItIsApplied(t *testing.T) {
	h := &house{t, lab.New(t, twoPeople)}
	propose := func(path, body string) string {
		t.Helper()
		var taken book.Taken
		h.person("ana@acme.dev", "oidc", "PUT", path, h.etag(), body, route.Editor).into(t, &taken)
		return "/proposals/" + taken.Waits.ID + "/apply"
	}
	apply := func(path string) answer {
		return h.person("bo@acme.dev", "oidc", "POST", path, h.etag(), "", route.Editor)
	}
	same := propose("/blocks/rule/no%20deletions", hcl(moreDeletions))
	more := propose("/blocks/rule/other", hcl("rule \"other\" {\n  on      = [service.shop]\n  methods = [\"PUT\"]\n  verdict = \"deny\"\n}"))
	gone := propose("/blocks/rule/late", hcl("rule \"late\" {\n  on      = [service.shop]\n  roles   = [role.buyer]\n  methods = [\"PUT\"]\n  verdict = \"deny\"\n}"))
	h.person("root", route.HostVia, "PUT", "/blocks/rule/no%20deletions", h.etag(), hcl(strings.Replace(moreDeletions, "PURGE", "PATCH", 1))).into(t, new(book.Taken))
	if got := apply(same); got.status != http.StatusPreconditionFailed || !strings.Contains(got.body, "propose it again") {
		t.Errorf("what a third has changed: %d %s", got.status, got.body)
	}
	if got := apply(more); got.status != 200 {
		t.Errorf("another block: %d %s", got.status, got.body)
	}
	h.Reload(strings.ReplaceAll(twoPeople, "buyer", "seller"))
	if got := apply(gone); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "buyer") {
		t.Errorf("what does not load any more: %d %s", got.status, got.body)
	}
	left := propose("/blocks/rule/last", hcl("rule \"last\" {\n  on      = [service.shop]\n  methods = [\"PUT\"]\n  verdict = \"deny\"\n}"))
	h.Reload(strings.Replace(twoPeople, `["*@acme.dev"]`, `["bo@acme.dev"]`, 1))
	if got := apply(left); got.status != 403 || !strings.Contains(got.body, "may not edit any more") {
		t.Errorf("an author who left: %d %s", got.status, got.body)
	}
	if got := h.person("bo@acme.dev", "oidc", "DELETE", strings.TrimSuffix(left, "/apply"), "", `{"note":"she left"}`, route.Editor); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	for _, bad := range []string{"rule \"x\" {\n  on = \"*\"\n  verdict = \"dney\"\n}"} {
		if got := h.person("bo@acme.dev", "oidc", "PUT", "/blocks/rule/x", h.etag(), hcl(bad), route.Editor); got.status != 422 || !strings.Contains(got.body, `"findings"`) {
			t.Errorf("what does not load is not proposed: %d %s", got.status, got.body)
		}
	}
}

// TestT48_AGuardedEditTakesTwoAdmins: neither of the two may be less than an admin
// where a secret goes elsewhere.
func TestT48_AGuardedEditTakesTwoAdmins(t *testing.T) {
	h := &house{t, lab.New(t, twoPeople)}
	h.Secret("shop", "sesame")
	move := hcl("service \"shop\" {\n  hosts = [\"evil.example.com\"]\n  auth  = bearer(secret.shop)\n  tls   = { ca = file(\"upstreams.pem\") }\n}")
	if got := h.person("ana@acme.dev", "oidc", "PUT", "/blocks/service/shop", h.etag(), move, route.Editor); got.status != 403 {
		t.Errorf("an editor proposes it: %d %s", got.status, got.body)
	}
	var taken book.Taken
	h.person("admin@acme.dev", "local", "PUT", "/blocks/service/shop", h.etag(), move, route.Admin).into(t, &taken)
	at := fmt.Sprintf("/proposals/%s/apply", taken.Waits.ID)
	if got := h.person("bo@acme.dev", "oidc", "POST", at, h.etag(), "", route.Editor); got.status != 403 || !strings.Contains(got.body, "only an admin") {
		t.Errorf("an editor applies it: %d %s", got.status, got.body)
	}
	h.Reload(strings.Replace(twoPeople, `"admin@acme.dev", `, "", 1))
	if got := h.person("boss@acme.dev", "local", "POST", at, h.etag(), "", route.Admin); got.status != 403 || !strings.Contains(got.body, "was not permitted") {
		t.Errorf("its author is no admin any more: %d %s", got.status, got.body)
	}
	h.Reload(twoPeople)
	h.person("boss@acme.dev", "local", "POST", at, h.etag(), "", route.Admin).into(t, &taken)
	if taken.Revision.Approved != "boss@acme.dev" || !strings.HasPrefix(taken.Revision.Diff, "# guarded") {
		t.Errorf("%+v", taken.Revision)
	}
}
