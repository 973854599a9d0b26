package lab_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/dashboard/session"
	"sallyport.dev/sallyport/internal/lab"
	"sallyport.dev/sallyport/internal/pulse"
)

// Ending a session closes what its agent has open, idle or in the middle of an
// answer, within a second; the other agent's goes on, and so may the agent, in
// another session.
func TestASessionIsEnded(t *testing.T) {
	l := lab.New(t, strings.Replace(pushRules, "[\"push.acme.dev\"]", "[]", 1))
	begun := make(chan bool, 1)
	over := make(chan bool)
	l.HTTPS("shop.example.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/long" {
			return
		}
		io.WriteString(w, "the first half") //nolint:errcheck // the agent reads it
		http.NewResponseController(w).Flush()
		begun <- true
		<-over
	}))
	defer close(over)
	get := func(c *http.Client, path string) *http.Response {
		t.Helper()
		resp, err := c.Get("https://shop.example.com" + path)
		must(t, err)
		return resp
	}
	a, b := l.Agent("laptop"), l.Agent("other")
	quiet, other := a.HTTP(), b.HTTP()
	for _, c := range []*http.Client{quiet, other} {
		io.Copy(io.Discard, get(c, "/").Body) //nolint:errcheck // it is empty
	}
	long := get(a.HTTP(), "/long")
	<-begun
	records := l.Records("agent:laptop", 1)
	ana, bo := login(t, l, "ana", route.Editor), login(t, l, "bo", route.Viewer)
	id := records[0].Session
	if status, _ := bo.call("POST", "/api/v1/sessions/"+id+"/end", nil); status != 403 {
		t.Errorf("a viewer: %d", status)
	}
	if status, text := ana.call("POST", "/api/v1/sessions/"+id+"x/end", nil); status != 409 {
		t.Errorf("a session that is none: %d %s", status, text)
	}
	if l.Gateway.Open()["laptop"] != 2 {
		t.Fatalf("open: %v", l.Gateway.Open())
	}
	clock := pulse.Start()
	defer clock.Stop()
	start := time.Now()
	cut := make(chan time.Duration, 1) // how long the answer went on
	var broken error
	go func() {
		_, broken = io.ReadAll(long.Body)
		cut <- clock.Since(start)
	}()
	if status, text := ana.call("POST", "/api/v1/sessions/"+id+"/end", nil); status != 200 || !strings.Contains(text, `"connections":2`) {
		t.Fatalf("%d %s", status, text)
	}
	if took := <-cut; broken == nil || took > time.Second {
		t.Errorf("the answer ended with %v after %s", broken, took)
	}
	for l.Gateway.Open()["laptop"] > 0 {
		if clock.Since(start) > time.Second {
			t.Fatalf("still open after a second: %v", l.Gateway.Open())
		}
		time.Sleep(5 * time.Millisecond)
	}
	if l.Gateway.Open()["other"] != 1 {
		t.Errorf("the other agent's: %v", l.Gateway.Open())
	}
	l.Records("agent:laptop", 2) // the end of what was cut off is written down when it has been
	quiet.CloseIdleConnections() // it may not have noticed yet
	get(quiet, "/again").Body.Close()
	l.Records("agent:laptop again", 1)
	_, text := bo.call("GET", "/api/v1/sessions?q=agent:laptop", nil)
	var list []session.Session
	must(t, json.Unmarshal([]byte(text), &list))
	if len(list) != 2 || list[1].ID != id || list[1].Live || !list[0].Live || list[0].Agent != "laptop" || list[1].Actions != 2 {
		t.Errorf("%s", text)
	}
	if status, _ := ana.call("POST", "/api/v1/sessions/"+id+"/end", nil); status != 409 {
		t.Errorf("it is over already: %d", status)
	}
	_, text = bo.call("GET", "/api/v1/operators/audit", nil)
	if !strings.Contains(text, `"what":"POST /api/v1/sessions/{id}/end","on":{"id":"`+id+`"},"notes":{"connections":"2"}`) {
		t.Errorf("the operators' audit: %s", text)
	}
}
