package spend

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit/usage"
	"sallyport.dev/sallyport/dashboard/route"
)

// shelf remembers what it was asked for.
type shelf struct {
	asked usage.Query
	rows  []usage.Row
	err   error
}

func (s *shelf) Usage(_ context.Context, q usage.Query) ([]usage.Row, error) {
	s.asked = q
	return s.rows, s.err
}

// ask asks as somebody with a right.
func ask(t *testing.T, s *shelf, query string, rights ...route.Right) (int, usage.Report) {
	t.Helper()
	p := Page{Store: s, Roles: func(p *action.Peer) []string { return p.Enrolled }}
	r := httptest.NewRequest("GET", "/api/v1/usage?"+query, nil)
	r = r.WithContext(route.WithCaller(r.Context(), route.Caller{Person: action.Person{Name: "ana"}, Rights: route.RightsOf(rights...)}))
	w := httptest.NewRecorder()
	p.Routes().Handler(slog.New(slog.DiscardHandler), nil).ServeHTTP(w, r)
	var report usage.Report
	if w.Code == http.StatusOK {
		if err := json.Unmarshal(w.Body.Bytes(), &report); err != nil {
			t.Fatal(err)
		}
	}
	return w.Code, report
}

func TestUsage(t *testing.T) {
	now := time.Now().UTC()
	day := now.Truncate(24 * time.Hour)
	s := &shelf{rows: []usage.Row{{Agent: usage.Agent{Name: "ci", Roles: []string{"r"}}, Model: "m", Sum: usage.Sum{Requests: 2, Input: 3, Cost: 4}}}}
	for query, since := range map[string]time.Time{
		"": now.Add(-7 * 24 * time.Hour), "since=24h": now.Add(-24 * time.Hour), "since=today": day, "since=2026-01-02&until=2026-01-03": time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC),
	} {
		code, r := ask(t, s, query, route.Viewer)
		if code != 200 || r.Total.Requests != 2 || len(r.Groups) != 1 || r.Groups[0].Key[0] != "ci" {
			t.Errorf("%q: %d %+v", query, code, r)
		}
		if query == "since=today" && s.asked.Since.After(since) {
			since = time.Now().UTC().Truncate(24 * time.Hour) // midnight has passed
		}
		if d := s.asked.Since.Sub(since); d < -time.Minute || d > time.Minute || !s.asked.Until.After(s.asked.Since) {
			t.Errorf("%q asks the store for %+v", query, s.asked)
		}
	}
	if _, r := ask(t, s, "by=role,model&step=hour&since=24h", route.Viewer); fmt.Sprint(r.Groups[0].Key) != "[r m]" || len(r.Times) < 24 || s.asked.Step != time.Hour {
		t.Errorf("%+v", r)
	}
	if _, r := ask(t, s, "by=total", route.Viewer); len(r.Groups) != 1 || len(r.Groups[0].Key) != 0 {
		t.Errorf("%+v", r)
	}
	for _, query := range []string{
		"since=soon", "since=7d%20agent:x", "since=x%20limit:5", "until=2020-01-01", "since=500d", "by=colour", "by=agent,model,role,user", "step=week", "step=hour&since=90d", "since=" + url.QueryEscape("2026-01-02\x00"),
	} {
		if code, _ := ask(t, s, query, route.Viewer); code != http.StatusBadRequest {
			t.Errorf("%q is answered %d", query, code)
		}
	}
	if code, _ := ask(t, s, ""); code != http.StatusForbidden {
		t.Errorf("without the right it is answered %d", code)
	}
	s.err = errors.New("disk")
	if code, _ := ask(t, s, "", route.Viewer); code != http.StatusInternalServerError {
		t.Errorf("a store that fails is answered %d", code)
	}
}
