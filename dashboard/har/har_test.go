package har_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/dashboard/har"
	"sallyport.dev/sallyport/dashboard/route"
)

// A log is lines, and an error at the end.
type log struct {
	lines []string
	err   error
}

func (l log) Export(_ context.Context, _ audit.Query, f func([]byte) error) error {
	for _, line := range l.lines {
		if err := f([]byte(line)); err != nil {
			return fmt.Errorf("export: %w", err)
		}
	}
	return l.err
}

// The archive as its specification has it (HAR 1.2): what must be there is no
// pointer here, and what is not of it must begin with "_".
type (
	archive struct {
		Log struct {
			Version string
			Creator struct{ Name, Version string }
			Pages   []any
			Entries []entry
			Comment string
		}
	}
	entry struct {
		StartedDateTime time.Time
		Time            *float64
		Request         struct {
			Method, URL, HTTPVersion string
			Cookies                  *[]pair
			Headers, QueryString     *[]pair
			PostData                 *struct {
				MimeType, Text *string
				Comment        string
			}
			HeadersSize, BodySize *int
		}
		Response struct {
			Status                  *int
			StatusText, HTTPVersion *string
			Cookies, Headers        *[]pair
			Content                 *struct {
				Size          *int
				MimeType      *string
				Text, Comment string
			}
			RedirectURL           *string
			HeadersSize, BodySize *int
		}
		Cache   *struct{}
		Timings struct{ Send, Wait, Receive *float64 }

		ServerIPAddress, Connection, Comment string
		Ours                                 map[string]string `json:"_sallyport"`
	}
	pair struct{ Name, Value string }
)

// read takes an archive apart strictly.
func read(t *testing.T, raw []byte) archive {
	t.Helper()
	var a archive
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	if a.Log.Version != "1.2" || a.Log.Creator.Name == "" || a.Log.Creator.Version == "" || a.Log.Entries == nil {
		t.Errorf("%s", raw)
	}
	for _, e := range a.Log.Entries {
		u, err := url.Parse(e.Request.URL)
		if err != nil || !u.IsAbs() || e.StartedDateTime.IsZero() || e.Time == nil || *e.Time < 0 || e.Request.Method == "" || e.Request.HTTPVersion == "" {
			t.Errorf("%+v", e)
		}
		q, s := e.Request, e.Response
		if q.Cookies == nil || q.Headers == nil || q.QueryString == nil || q.HeadersSize == nil || q.BodySize == nil || e.Cache == nil {
			t.Errorf("%+v", q)
		}
		if s.Status == nil || s.StatusText == nil || s.HTTPVersion == nil || s.Cookies == nil || s.Headers == nil || s.Content == nil ||
			s.Content.Size == nil || s.Content.MimeType == nil || s.RedirectURL == nil || s.HeadersSize == nil || s.BodySize == nil {
			t.Errorf("%+v", s)
		}
		if tm := e.Timings; tm.Send == nil || tm.Wait == nil || tm.Receive == nil || *tm.Send+*tm.Wait+*tm.Receive != *e.Time {
			t.Errorf("%+v", tm)
		}
	}
	return a
}

func ask(l log, query string, fresh bool) *httptest.ResponseRecorder {
	h := har.Archives{Log: l, Version: "1.0", Most: 100}.Routes().Handler(slog.New(slog.DiscardHandler), nil)
	r := httptest.NewRequest("GET", "/api/v1/actions.har?"+query, http.NoBody)
	r = r.WithContext(route.WithCaller(r.Context(), route.Caller{Person: action.Person{Name: "ana"}, Rights: route.RightsOf(route.Viewer), Fresh: fresh}))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const (
	post  = `{"id":"A1","time":"2026-11-25T20:00:00.123456Z","session":"S","agent":{"name":"ci"},"service":"shop","protocol":"http","host":"shop.test","dst":"198.18.0.1:8443","kind":"request","parts":[{"effects":"write","facts":{"method":"POST","host":"shop.test","path":"/a%2Fb","query":[{"name":"x y","values":["1","2"]},{"name":"token","hidden":true}],"headers":[{"name":"Authorization","hidden":true},{"name":"Accept","values":["*/*"]}],"content_type":"application/json","size":12,"body":{"text":"{\"pin\":\"[hidden]\"}","hidden":true}}}],"verdict":"allow","rule":"r","outcome":"done","status":"201","upstream":"10.0.0.7:443","sent":99,"received":75,"duration_ns":1500000,"answer":{"fields":[{"name":"Date","values":["today"]},{"name":"Location","values":["/b?code=[hidden]"]},{"name":"Set-Cookie","hidden":true}],"trailers":[{"name":"X-Late","values":["1"]}],"type":"application/json","size":40,"text":"{\"made\":\"it\",","hidden":true,"cut":true}}`
	deny  = `{"id":"A2","time":"2026-11-25T20:00:01Z","agent":{"name":"ci"},"protocol":"http","host":"shop.test","dst":"198.18.0.1:80","kind":"request","parts":[{"facts":{"method":"DELETE","host":"shop.test","path":"/"}}],"verdict":"deny","reason":"Nobody deletes.","outcome":"refused","sample":"the sample"}`
	query = `{"id":"A3","time":"2026-11-25T20:00:02Z","agent":{"name":"ci"},"protocol":"postgres","kind":"query","parts":[{"facts":{}}],"verdict":"allow","outcome":"done"}`
)

// An archive has the requests and no body; with a fresh proof, those that are
// recorded.
func TestAnArchive(t *testing.T) {
	got := ask(log{lines: []string{post, deny, query}}, "", false)
	a := read(t, got.Body.Bytes())
	if len(a.Log.Entries) != 2 || a.Log.Comment != "1 actions that are no HTTP requests are left out." || !strings.Contains(got.Header().Get("Content-Disposition"), ".har") {
		t.Fatalf("%s", got.Body)
	}
	e := a.Log.Entries[0]
	if e.Request.URL != "https://shop.test:8443/a%2Fb?x+y=1&x+y=2&token=%5Bhidden%5D" || *e.Response.Status != 201 || *e.Response.StatusText != "Created" ||
		*e.Time != 1.5 || e.ServerIPAddress != "10.0.0.7" || e.Request.PostData != nil || e.Ours["id"] != "A1" || e.Ours["rule"] != "r" {
		t.Errorf("%+v", e)
	}
	if h := *e.Request.Headers; len(h) != 2 || h[0] != (pair{"Authorization", "[hidden]"}) || h[1] != (pair{"Accept", "*/*"}) {
		t.Errorf("%v", h)
	}
	if p := e.Response; len(*p.Headers) != 4 || (*p.Headers)[2] != (pair{"Set-Cookie", "[hidden]"}) || (*p.Headers)[3].Name != "X-Late" || *p.RedirectURL != "/b?code=[hidden]" ||
		*p.Content.Size != 40 || *p.Content.MimeType != "application/json" || p.Content.Text != "" {
		t.Errorf("%+v", p)
	}
	if e := a.Log.Entries[1]; e.Request.URL != "http://shop.test/" || *e.Response.Status != 0 || e.Comment != "Nobody deletes." || e.Request.PostData != nil {
		t.Errorf("%+v", e)
	}
	if strings.Contains(got.Body.String(), "pin") || strings.Contains(got.Body.String(), "made") || strings.Contains(got.Body.String(), "sample") {
		t.Errorf("it has bodies: %s", got.Body)
	}
	if got := ask(log{lines: []string{post}}, "bodies=1", false); got.Code != 403 || !strings.Contains(got.Body.String(), "step-up") || strings.Contains(got.Body.String(), "pin") {
		t.Errorf("bodies for nobody: %d %s", got.Code, got.Body)
	}
	a = read(t, ask(log{lines: []string{post, deny}}, "bodies=1", true).Body.Bytes())
	if p := a.Log.Entries[0].Request.PostData; p == nil || *p.Text != `{"pin":"[hidden]"}` || *p.MimeType != "application/json" || !strings.Contains(p.Comment, "secrets") {
		t.Errorf("%+v", p)
	}
	if c := a.Log.Entries[0].Response.Content; c.Text != `{"made":"it",` || c.Comment != "values that may be secrets are [hidden]; this is its beginning" {
		t.Errorf("%+v", c)
	}
	if p := a.Log.Entries[1].Request.PostData; p == nil || *p.Text != "the sample" {
		t.Errorf("%+v", p)
	}
}

// Whatever becomes of it, an archive can be read and says what is missing.
func TestAnArchiveCanAlwaysBeRead(t *testing.T) {
	a := read(t, ask(log{lines: []string{post, "{broken", deny}, err: errors.New("the disk is gone")}, "", false).Body.Bytes())
	if len(a.Log.Entries) != 2 || !strings.Contains(a.Log.Comment, "broke off: the disk is gone") {
		t.Errorf("%+v", a.Log)
	}
	many := log{lines: make([]string, 110)}
	for i := range many.lines {
		many.lines[i] = deny
	}
	a = read(t, ask(many, "", false).Body.Bytes())
	if len(a.Log.Entries) != 100 || !strings.Contains(a.Log.Comment, "a shorter time") {
		t.Errorf("%d entries: %s", len(a.Log.Entries), a.Log.Comment)
	}
	if got := ask(log{}, "q=since:yesterday", false); got.Code != 400 {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	if a := read(t, ask(log{}, "", false).Body.Bytes()); len(a.Log.Entries) != 0 {
		t.Errorf("%+v", a)
	}
}

func FuzzArchive(f *testing.F) {
	for _, line := range []string{post, deny, query} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if got := ask(log{lines: []string{line, post}}, "bodies=1", true).Body.Bytes(); !json.Valid(got) {
			t.Errorf("%s", got)
		}
	})
}
