package route

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
)

type tagged struct {
	Text string `json:"text"`
}

func (t tagged) ETag() string { return "v1" }

// ledger is a Witness in memory.
type ledger struct {
	deeds  []Deed
	broken error
	full   error
}

func (l *ledger) Ready(context.Context) error { return l.full }

func (l *ledger) Keep(_ context.Context, d Deed) error {
	l.deeds = append(l.deeds, d)
	return l.broken
}

func call(h http.Handler, c *Caller, method, path, body string) *http.Response {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if c != nil {
		r = r.WithContext(WithCaller(r.Context(), *c))
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func TestAForgottenRightIsNobodys(t *testing.T) {
	host := Host("root")
	h := Table{{Method: "GET", Pattern: "/x", Do: Out(func(*http.Request) (string, error) { return "x", nil })}}.Handler(slog.New(slog.DiscardHandler), nil)
	if resp := call(h, &host, "GET", "/x", ""); resp.StatusCode != 403 {
		t.Errorf("the host gets %d", resp.StatusCode)
	}
}

func TestRights(t *testing.T) {
	for _, tt := range []struct {
		have Rights
		may  string
	}{
		{0, `[]`},
		{RightsOf(Viewer), `["viewer"]`},
		{RightsOf(Approver), `["viewer","approver"]`},
		{RightsOf(Editor), `["viewer","editor"]`},
		{RightsOf(Editor, Approver), `["viewer","approver","editor"]`},
		{RightsOf(Admin), `["viewer","approver","editor","admin"]`},
		{RightsOf(None, Known), `[]`},
	} {
		b, err := tt.have.MarshalJSON()
		if err != nil || string(b) != tt.may {
			t.Errorf("%b: %s, %v, want %s", tt.have, b, err, tt.may)
		}
		var back Rights
		if err := back.UnmarshalJSON(b); err != nil || len(back.List()) != len(tt.have.List()) {
			t.Errorf("%s reads as %b, %v", b, back, err)
		}
		if tt.have.Has(forgotten) || tt.have.Has(Admin+1) {
			t.Errorf("%b has what is no right", tt.have)
		}
	}
	for _, bad := range []string{`["known"]`, `["none"]`, `["boss"]`, `[""]`, `"admin"`} {
		var s Rights
		if err := s.UnmarshalJSON([]byte(bad)); err == nil {
			t.Errorf("%s reads as %v", bad, s.List())
		}
	}
}

func TestRevisions(t *testing.T) {
	admin := Host("root")
	h := Table{
		{Method: "GET", Pattern: "/x", Right: Viewer, Do: Out(func(*http.Request) (tagged, error) { return tagged{"t"}, nil })},
		{Method: "PUT", Pattern: "/x", Right: Editor, Do: Take(func(r *http.Request, in tagged) (tagged, error) { return in, IfMatch(r, "v1") })},
	}.Handler(slog.New(slog.DiscardHandler), nil)
	for _, tt := range []struct {
		method, header, value string
		status                int
	}{
		{"GET", "X", "", 200},
		{"GET", "If-None-Match", `"v1"`, 304},
		{"GET", "If-None-Match", `"v0"`, 200},
		{"PUT", "If-Match", `"v1"`, 200},
		{"PUT", "If-Match", `"v0"`, 412},
		{"PUT", "If-Match", `*`, 412},
		{"PUT", "X", "", 428},
	} {
		r := httptest.NewRequest(tt.method, "/x", strings.NewReader(`{"text":"u"}`))
		r.Header.Set(tt.header, tt.value)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r.WithContext(WithCaller(r.Context(), admin)))
		if w.Code != tt.status || tt.status == 200 && w.Header().Get("ETag") != `"v1"` {
			t.Errorf("%s %s %s: %d, want %d", tt.method, tt.header, tt.value, w.Code, tt.status)
		}
	}
}

func TestDeedsAreKeptBeforeTheAnswer(t *testing.T) {
	l := &ledger{}
	done := 0
	do := func(r *http.Request) (Nothing, error) {
		done++
		Note(r, "why", "because")
		if r.PathValue("name") == "bad" {
			return Nothing{}, Conflict("it is bad")
		}
		return Nothing{}, nil
	}
	h := Table{
		{Method: "DELETE", Pattern: "/x/{name}", Right: Editor, Do: Out(do)},
		{Method: "GET", Pattern: "/x/{name}", Right: Viewer, Do: Out(do)},
		{Method: "GET", Pattern: "/body/{name}", Right: Viewer, Watched: true, Do: Out(do)},
	}.Handler(slog.New(slog.DiscardHandler), l)
	editor := Caller{Person: action.Person{Name: "ed"}, Rights: RightsOf(Editor), From: "here"}
	viewer := Caller{Person: action.Person{Name: "vi"}, Rights: RightsOf(Viewer)}
	for _, tt := range []struct {
		who          *Caller
		method, path string
		status, kept int
	}{
		{&editor, "DELETE", "/x/good", 200, 1},
		{&editor, "DELETE", "/x/bad", 409, 2},
		{&viewer, "DELETE", "/x/good", 403, 3},
		{nil, "DELETE", "/x/good", 401, 3},
		{&viewer, "GET", "/x/good", 200, 3},
		{&viewer, "GET", "/body/good", 200, 4},
		{&viewer, "GET", "/nowhere", 404, 4},
	} {
		resp := call(h, tt.who, tt.method, tt.path, "")
		if resp.StatusCode != tt.status || len(l.deeds) != tt.kept {
			t.Errorf("%s %s: %d with %d kept, want %d with %d", tt.method, tt.path, resp.StatusCode, len(l.deeds), tt.status, tt.kept)
		}
	}
	d := l.deeds[1]
	if d.Caller.Person.Name != "ed" || d.What != "DELETE /x/{name}" || d.On["name"] != "bad" || d.Status != 409 || d.Err != "it is bad" || d.Notes["why"] != "because" {
		t.Errorf("%+v", d)
	}
	l.full = errors.New("the disk is full")
	before := done
	if resp := call(h, &editor, "DELETE", "/x/good", ""); resp.StatusCode != 503 || done != before {
		t.Errorf("with no audit: %d, and it was done %d times", resp.StatusCode, done-before)
	}
	l.full, l.broken = nil, errors.New("the disk is full now")
	if resp := call(h, &editor, "DELETE", "/x/good", ""); resp.StatusCode != 500 {
		t.Errorf("with an audit that breaks: %d", resp.StatusCode)
	}
}
