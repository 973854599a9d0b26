package inside_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval"
	"sallyport.dev/sallyport/dashboard/inside"
)

// asks is a Desk on which an agent has asked one thing of each state.
type asks struct{ proposed []string }

func (a *asks) Of(agent, id string) (approval.Request, bool) {
	if agent != "1" {
		return approval.Request{}, false
	}
	r, ok := map[string]approval.Request{
		"P": {ID: "P", State: approval.Pending, Summary: "POST /pay", Sample: "secret"},
		"A": {ID: "A", State: approval.Approved, By: "ana", Note: "go on"},
		"U": {ID: "U", State: approval.Approved, Used: time.Unix(1, 0)},
		"D": {ID: "D", State: approval.Denied, By: "ana", Note: "not today"},
	}[id]
	return r, ok
}

func (a *asks) Propose(_ context.Context, p *action.Peer, host, why, draft string) (approval.Request, error) {
	if len(a.proposed) == 2 {
		return approval.Request{}, fmt.Errorf("2 proposals of this agent wait already")
	}
	a.proposed = append(a.proposed, p.Name+" "+host+" "+why+"\n"+draft)
	return approval.Request{ID: "N", State: approval.Pending, Kind: approval.KindService, Summary: "a service for " + host}, nil
}

// say sends one request to the pages and gives the answer.
func say(t *testing.T, in *inside.Pages, method, path, body string) (*http.Response, string) {
	t.Helper()
	agent, _, _ := visit(t, in, 80)
	go fmt.Fprintf(agent, "%s %s HTTP/1.1\r\nHost: sallyport.internal\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", method, path, len(body), body)
	resp, err := http.ReadResponse(bufio.NewReader(agent), nil)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(resp.Body)
	return resp, string(b)
}

func TestAnAgentSeesHowItsAskStands(t *testing.T) {
	in, _ := pages()
	in.Desk = new(asks)
	for id, want := range map[string]struct {
		status int
		state  string
		next   string
		again  bool
	}{
		"P": {200, "pending", "Nobody has answered yet", true},
		"A": {200, "approved", "passes once", false},
		"U": {200, "approved", "was used", false},
		"D": {200, "denied", "Do not repeat", false},
		"X": {404, "", "", false},
	} {
		resp, body := say(t, in, "GET", "/approvals/"+id, "")
		var got inside.Standing
		if err := json.Unmarshal([]byte(body), &got); err != nil && want.status == 200 {
			t.Fatal(err, body)
		}
		if resp.StatusCode != want.status || string(got.State) != want.state || !strings.Contains(got.Next, want.next) ||
			(resp.Header.Get("Retry-After") != "") != want.again || strings.Contains(body, "secret") {
			t.Errorf("%s: %s %v %s", id, resp.Status, resp.Header, body)
		}
	}
}

func TestAnAgentAsksForAService(t *testing.T) {
	in, _ := pages()
	desk := new(asks)
	in.Desk = desk
	in.Serves = func(_ *action.Peer, host string) bool { return host == "api.github.com" }
	for _, c := range []struct {
		body   string
		status int
	}{
		{`{"host":"API.example.com.","reason":"the weather"}`, 202},
		{`{"host":"api.github.com"}`, 409},
		{`{"host":"localhost"}`, 400},
		{`{"host":"10.0.0.1"}`, 400},
		{`{"host":"a..b"}`, 400},
		{`{"host":"a\".b"}`, 400},
		{`{"host":"-a.example"}`, 400},
		{`{"host":"a.example:443"}`, 400},
		{`{"host":"*.example.com"}`, 400},
		{`{"host":""}`, 400},
		{`{"host":"a.example","channel":"#evil"}`, 400},
		{`{"host":"a.example"}{}`, 400},
		{`nonsense`, 400},
		{`{"host":"a.example","reason":"` + strings.Repeat("x", 5000) + `"}`, 400},
		{`{"host":"3d.example"}`, 202},
		{`{"host":"more.example"}`, 429},
	} {
		if resp, body := say(t, in, "POST", "/requests", c.body); resp.StatusCode != c.status {
			t.Errorf("%.60s: %s %s", c.body, resp.Status, body)
		}
	}
	want := []string{
		"laptop api.example.com the weather\nservice \"api_example_com\" {\n  hosts = [\"api.example.com\"]\n}\n# role \"buyer\": add service.api_example_com to use\n",
		"laptop 3d.example \nservice \"host_3d_example\" {\n  hosts = [\"3d.example\"]\n}\n# role \"buyer\": add service.host_3d_example to use\n",
	}
	if strings.Join(desk.proposed, "|") != strings.Join(want, "|") {
		t.Errorf("%q", desk.proposed)
	}
}

// Whatever an agent calls a host, the draft is one service at that host.
func FuzzDraft(f *testing.F) {
	f.Add("api.example.com")
	f.Add("x.example\"]\n}\nservice \"y\" {")
	f.Fuzz(func(t *testing.T, host string) {
		in, _ := pages()
		desk := new(asks)
		in.Desk = desk
		body, err := json.Marshal(map[string]string{"host": host})
		if err != nil || len(body) > 4000 {
			return
		}
		if resp, _ := say(t, in, "POST", "/requests", string(body)); resp.StatusCode != 202 {
			return
		}
		if n := strings.Count(desk.proposed[0], "\n"); n != 5 || strings.Count(desk.proposed[0], `"`) != 6 {
			t.Errorf("%q", desk.proposed[0])
		}
	})
}
