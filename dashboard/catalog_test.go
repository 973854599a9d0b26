package dashboard_test

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/lab"
)

// What the pages list: services with their secrets and roles, records without what
// only their own page shows, and how the rules judge one of them now.
func TestWhatThePagesList(t *testing.T) {
	l := lab.New(t, rules)
	client := l.Agent("laptop").HTTP()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, "https://shop.example.com/orders/1", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	id := l.Records("method:DELETE", 1)[0].ID
	for _, c := range []struct {
		path   string
		status int
		has    []string
		hasNot string
	}{
		{"/api/v1/services", 200, []string{`"name":"shop"`, `"secrets":["shop"]`, `"roles":["buyer"]`, `"hosts":["shop.example.com"]`, `"denied":["destructive","admin"]`}, "a value"},
		{"/api/v1/roles", 200, []string{`"name":"buyer"`, `"services":["shop","other"]`}, "members"},
		{"/api/v1/actions/rows?q=method:DELETE", 200, []string{id, `"verdict":"deny"`, `"agent":{"id":`, `"summary":"DELETE shop.example.com/orders/1"`}, "prev"},
		{"/api/v1/actions/rows?q=agent:nobody", 200, []string{"[]"}, "null"},
		{"/api/v1/actions/rows?q=color:red", 400, []string{"is no field"}, id},
		{"/api/v1/actions/" + id + "/why", 200, []string{`"now":{"decision":{"verdict":"deny"`, `"posture":"guarded"`, `"effects":"destructive"`}, "null"},
		{"/api/v1/actions/NOPE/why", 404, []string{"no action has the id NOPE"}, id},
	} {
		resp := ask(t, l, "GET", c.path, "")
		body := text(t, resp)
		if resp.StatusCode != c.status || strings.Contains(body, c.hasNot) {
			t.Errorf("%s: %s %s", c.path, resp.Status, body)
		}
		for _, want := range c.has {
			if !strings.Contains(body, want) {
				t.Errorf("%s lacks %s:\n%s", c.path, want, body)
			}
		}
	}
}

// The stream says how many asks wait, at first and at every change, and gives
// records as rows, to whoever asks for that.
func TestEventsTellOfAsks(t *testing.T) {
	l := lab.New(t, rules)
	srv := httptest.NewServer(asHost(l.API))
	defer srv.Close()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+"/api/v1/events?view=row&with=approvals", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	next := func(want string) string {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), want) {
				return lines.Text()
			}
		}
		t.Fatalf("the stream ended before %q: %v", want, lines.Err())
		return ""
	}
	next(`{"pending":0}`)
	client := l.Agent("laptop").HTTP()
	asked, hangUp := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		req, err := http.NewRequestWithContext(asked, http.MethodPost, "https://shop.example.com/orders", strings.NewReader("{}"))
		if err != nil {
			t.Error(err)
			return
		}
		if resp, err := client.Do(req); err == nil {
			resp.Body.Close()
		}
	}()
	next(`{"pending":1}`)
	l.Answer(false)
	var row string
	for settled := false; row == "" || !settled; { // in either order
		switch line := next("data: "); {
		case strings.Contains(line, `"method":"POST"`):
			row = line
		case strings.Contains(line, `{"pending":0}`):
			settled = true
		}
	}
	if strings.Contains(row, "prev") || !strings.Contains(row, `"verdict":"deny"`) {
		t.Errorf("the row %s", row)
	}
	hangUp()
	<-done
}
