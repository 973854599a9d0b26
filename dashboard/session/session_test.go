package session

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/audit/record"
	"sallyport.dev/sallyport/dashboard/route"
)

// records are what a log has of two sessions, newest first.
type records []audit.Record

func (r records) Query(context.Context, audit.Query) ([]audit.Record, error) { return r, nil }

type line map[string]string

func (l line) Sessions() map[string]string       { return l }
func (l line) EndSession(id string) (int, error) { return len(l), nil }

// A list of sessions says what each did, which go on, and who else looks at one.
func TestSessionsAreGrouped(t *testing.T) {
	at := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	rec := func(session, verdict, outcome, service string, after int) audit.Record {
		return audit.Record{Session: session, Verdict: verdict, Outcome: outcome, Service: service, Agent: record.Agent{Name: "ci"}, Time: at.Add(time.Duration(after) * time.Second)}
	}
	audience := &Audience{}
	asked := func(r audit.Record) audit.Record {
		r.Asks = []record.Ask{{Rule: "look first"}}
		return r
	}
	s := Sessions{Log: records{
		asked(rec("two", "allow", "done", "shop", 5)), asked(rec("one", "deny", "refused", "github", 4)), rec("two", "allow", "failed", "shop", 3),
		rec("", "deny", "refused", "", 2), rec("one", "allow", "done", "shop", 1),
	}, Line: line{"two": "a1"}, Audience: audience}
	leave := audience.Join("one", "bo")
	defer audience.Join("one", "ana")()
	again := audience.Join("one", "bo")
	list := func() (got []Session) {
		t.Helper()
		r := httptest.NewRequest("GET", "/api/v1/sessions", nil)
		r = r.WithContext(route.WithCaller(r.Context(), route.Caller{Person: action.Person{Name: "ana", Via: "local"}, Rights: route.RightsOf(route.Viewer)}))
		w := httptest.NewRecorder()
		s.Routes().Handler(slog.New(slog.DiscardHandler), nil).ServeHTTP(w, r)
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		return got
	}
	got := list()
	if len(got) != 2 || got[0].ID != "two" || !got[0].Live || got[0].Failed != 1 || got[0].Actions != 2 || got[0].Asked != 1 || len(got[0].Watchers) != 0 {
		t.Fatalf("%+v", got)
	}
	if o := got[1]; o.Live || o.Denied != 1 || o.Asked != 1 || strings.Join(o.Services, " ") != "github shop" || o.To.Sub(o.From) != 3*time.Second || !slices.Equal(o.Watchers, []string{"bo"}) {
		t.Errorf("%+v", o)
	}
	leave()
	leave() // a second time is none
	if got := list(); !slices.Equal(got[1].Watchers, []string{"bo"}) {
		t.Errorf("bo looks twice and has left once: %v", got[1].Watchers)
	}
	again()
	if got := list(); len(got[1].Watchers) != 0 || len(audience.all) != 1 {
		t.Errorf("bo has left: %v", got[1].Watchers)
	}
	if names := (*Audience)(nil).Of("one", ""); names != nil {
		t.Errorf("nobody is %v", names)
	}
}
