package dashboard_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/internal/lab"
)

// open lists the routes that whoever reaches the listener may take. A new one
// needs a reason that is as good as theirs.
func open() []string {
	return []string{
		"GET /healthz", "GET /readyz", // a load balancer has no login
		"GET /api/v1/openapi.json",
		"GET /api/v1/login/oidc", "GET /api/v1/login/oidc/callback",
		"POST /api/v1/session/passkey/challenge", "POST /api/v1/session/passkey",
		"GET /api/v1/ca.pem",                                                                           // public by nature
		"GET /api/v1/session", "POST /api/v1/session", "POST /api/v1/setup", "POST /api/v1/setup/link", // how somebody becomes a caller
		// A browser that comes back from another site brings no login; see connect.
		"GET /api/v1/connect/{ticket}", "GET /api/v1/connect/callback", "GET /api/v1/connect/done",
		"POST /api/v1/approvals/{id}/answer", // proves itself by the signature of the message
	}
}

func TestEveryRouteHasARight(t *testing.T) {
	l := lab.New(t, rules)
	seen := make(map[string]bool)
	for _, rt := range l.API.Routes() {
		name := rt.Method + " " + rt.Pattern
		switch {
		case rt.Right < route.None || rt.Right > route.Admin:
			t.Errorf("%s: who may take it?", name)
		case rt.Right == route.None && !slices.Contains(open(), name):
			t.Errorf("%s is open to everybody; is that meant?", name)
		case rt.Right == route.Viewer && rt.Method != "GET":
			t.Errorf("%s: a viewer only looks", name)
		case rt.Proves && rt.Right != route.Known:
			t.Errorf("%s proves nobody", name)
		case !strings.HasSuffix(rt.Doc, "."):
			t.Errorf("%s: what is it for?", name)
		case seen[name]:
			t.Errorf("%s stands twice", name)
		}
		seen[name] = true
	}
	for _, name := range open() {
		if !seen[name] {
			t.Errorf("%s is no route", name)
		}
	}
}

// Whatever lets an agent in, or gives the gateway another secret to spend, takes a
// fresh proof: an address or an old login alone opens no door.
func TestT47_WhatOpensADoorTakesAFreshProof(t *testing.T) {
	l := lab.New(t, rules)
	want := []string{
		"POST /api/v1/agents", "POST /api/v1/agents/{name}/approve", "POST /api/v1/agents/{name}/rekey",
		"POST /api/v1/agents/{name}/unfreeze", "POST /api/v1/agents/unfreeze",
		"PUT /api/v1/secrets/{name}", "DELETE /api/v1/secrets/{name}", "POST /api/v1/secrets/{name}/rollback",
		"POST /api/v1/secrets/{name}/connect", "POST /api/v1/connections/{id}/address",
	}
	for _, rt := range l.API.Routes() {
		if i := slices.Index(want, rt.Method+" "+rt.Pattern); i >= 0 {
			want = slices.Delete(want, i, i+1)
			if !rt.StepUp || rt.Quiet {
				t.Errorf("%s %s takes no fresh proof, or is in no audit", rt.Method, rt.Pattern)
			}
		}
	}
	if len(want) > 0 {
		t.Errorf("%v are no routes", want)
	}
}

// fill puts something into the names of a pattern.
func fill(pattern string) string {
	return strings.NewReplacer("{name}", "nobody", "{id}", "X", "{$}", "").Replace(pattern)
}

// Every route is held against every set of rights: it lets in those that have its
// right, and answers all others with 401 or 403 before its handler is reached.
func TestRightsMatrix(t *testing.T) {
	l := lab.New(t, rules)
	people := map[string]route.Rights{
		"nobody": 0, "viewer": route.RightsOf(route.Viewer), "approver": route.RightsOf(route.Approver),
		"editor": route.RightsOf(route.Editor), "admin": route.RightsOf(route.Admin),
	}
	may := map[route.Right][]string{
		route.None:   {"unproven", "nobody", "viewer", "approver", "editor", "admin"},
		route.Known:  {"nobody", "viewer", "approver", "editor", "admin"},
		route.Viewer: {"viewer", "approver", "editor", "admin"}, route.Approver: {"approver", "admin"},
		route.Editor: {"editor", "admin"}, route.Admin: {"admin"},
	}
	for _, rt := range l.API.Routes() {
		reached := false
		row := rt
		row.Do = route.Out(func(*http.Request) (string, error) { reached = true; return "", nil })
		h := route.Table{row}.Handler(l.API.Logger, nil)
		for _, who := range append(slices.Sorted(maps.Keys(people)), "unproven") {
			for _, fresh := range []bool{false, true} {
				for _, shared := range []bool{false, true} {
					reached = false
					r := httptest.NewRequest(rt.Method, fill(rt.Pattern), nil)
					if rights, ok := people[who]; ok {
						r = r.WithContext(route.WithCaller(r.Context(), route.Caller{
							Person: action.Person{Name: who}, Rights: rights, Fresh: fresh, Shared: shared,
						}))
					}
					w := httptest.NewRecorder()
					h.ServeHTTP(w, r)
					proven := fresh || rt.Right == route.None || !rt.StepUp && (!shared || rt.Proves || rt.Quiet || rt.Method == "GET")
					want := slices.Contains(may[rt.Right], who) && proven
					if reached != want || want != (w.Code == 200) {
						t.Errorf("%s %s, %s, fresh %v, shared %v: %d, reached %v, want %v", rt.Method, rt.Pattern, who, fresh, shared, w.Code, reached, want)
					}
				}
			}
		}
	}
}
