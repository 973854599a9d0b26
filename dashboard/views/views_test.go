package views

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/dashboard/route"
)

// memory is a Store.
type memory map[string][]byte

func (m memory) Get(_ context.Context, bucket, key string) ([]byte, bool, error) {
	b, ok := m[bucket+" "+key]
	return b, ok, nil
}

func (m memory) Put(_ context.Context, bucket, key string, value []byte) error {
	m[bucket+" "+key] = value
	return nil
}

// A page of what people do with their views, in order.
func TestViews(t *testing.T) {
	at := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	h := (&Shelf{Store: memory{}, Now: func() time.Time { return at }}).Routes().Handler(slog.New(slog.DiscardHandler), nil)
	const denied = `{"name":"denied at CI","state":"q=verdict%3Adeny+agent%3Aci\u0026since=24h","saved":"2026-11-25T12:00:00Z"}`
	const all = `{"name":"All","state":"","saved":"2026-11-25T12:00:00Z"}`
	for i, row := range []struct {
		who, method, name, body string
		status                  int
		want                    string
	}{
		{"ana", "GET", "", "", 200, `[]`},
		{"ana", "PUT", "denied at CI", `{"state":"?q=verdict%3Adeny+agent%3Aci&since=24h"}`, 200, denied},
		{"ana", "PUT", "All", `{"state":""}`, 200, all},
		{"ana", "GET", "", "", 200, "[" + all + "," + denied + "]"},
		{"ANA", "GET", "", "", 200, `[]`},
		{"ANA", "PUT", "mine", `{"state":""}`, 200, `"mine"`},
		{"ANA", "DELETE", "All", "", 404, "you have no view"},
		{"ana", "GET", "", "", 200, "[" + all + "," + denied + "]"},
		{"bo", "GET", "", "", 200, `[]`},
		{"bo", "DELETE", "All", "", 404, "you have no view"},
		{"ana", "PUT", "denied at CI", `{"state":"q=text"}`, 200, `"state":"q=text"`},
		{"ana", "DELETE", "All", "", 200, `{}`},
		{"ana", "GET", "", "", 200, `[{"name":"denied at CI","state":"q=text","saved":"2026-11-25T12:00:00Z"}]`},

		{"ana", "PUT", " ", `{"state":""}`, 400, "1 to 60 letters"},
		{"ana", "PUT", strings.Repeat("ä", 61), `{"state":""}`, 400, "1 to 60 letters"},
		{"ana", "PUT", "a\u202eb", `{"state":""}`, 400, "1 to 60 letters"},
		{"ana", "PUT", "long", `{"state":"q=` + strings.Repeat("a", 2000) + `"}`, 400, "cannot be saved"},
		{"ana", "PUT", "no state", `{"state":"q=%zz"}`, 400, "no state of a list"},
		{"ana", "PUT", "no query", `{"state":"q=nothing%3Asuch"}`, 400, "nothing"},
		{"ana", "PUT", "elsewhere", `{"state":"sel=1&q="}`, 400, "none of them"},
		{"", "GET", "", "", 401, "log in"},
		{"", "PUT", "a", `{"state":""}`, 401, "log in"},
		{"stranger", "PUT", "a", `{"state":""}`, 403, "viewer"},
		{"stranger", "DELETE", "a", "", 403, "viewer"},
		{"stranger", "GET", "", "", 403, "viewer"},
	} {
		path := "/api/v1/views"
		if row.name != "" {
			path += "/" + url.PathEscape(row.name)
		}
		r := httptest.NewRequest(row.method, path, strings.NewReader(row.body))
		if row.who != "" {
			c := route.Caller{Person: action.Person{Name: row.who, Via: "local"}, Rights: route.RightsOf(route.Viewer)}
			if row.who == "stranger" {
				c.Rights = 0
			}
			r = r.WithContext(route.WithCaller(r.Context(), c))
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != row.status || !strings.Contains(w.Body.String(), row.want) {
			t.Errorf("%d: %s %s %s: %d %s, want %d %s", i, row.who, row.method, row.name, w.Code, w.Body, row.status, row.want)
		}
	}
}

func TestNobodyKeepsTooManyViews(t *testing.T) {
	h := (&Shelf{Store: memory{}, Now: time.Now}).Routes().Handler(slog.New(slog.DiscardHandler), nil)
	for i := range maxViews + 1 {
		r := httptest.NewRequest("PUT", fmt.Sprintf("/api/v1/views/v%d", i), strings.NewReader(`{"state":""}`))
		r = r.WithContext(route.WithCaller(r.Context(), route.Host("ana")))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if want := map[bool]int{true: 200, false: 409}[i < maxViews]; w.Code != want {
			t.Errorf("view %d: %d, want %d", i, w.Code, want)
		}
	}
}
