package inbox

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval"
	"sallyport.dev/sallyport/dashboard/route"
)

// The people of these tests: ana is an approver, bo looks only, cy is a member of an
// approver and nothing else, eve is nobody.
func caller(name string) route.Caller {
	if who, ok := strings.CutSuffix(name, ", beside"); ok { // an agent
		c := caller(who)
		c.Shared = true
		return c
	}
	rights := map[string]route.Rights{"ana": route.RightsOf(route.Approver), "bo": route.RightsOf(route.Viewer), "root": route.RightsOf(route.Viewer, route.Approver, route.Editor, route.Admin)}
	c := route.Caller{Person: action.Person{Name: name, Via: "oidc"}, Rights: rights[strings.TrimSuffix(strings.TrimSuffix(name, "'s token"), ", fresh")]}
	if name == "root" {
		c.Person.Via = approval.HostDoor
	}
	if who, ok := strings.CutSuffix(name, ", fresh"); ok {
		c.Person.Name, c.Fresh = who, true
	}
	if owner, ok := strings.CutSuffix(name, "'s token"); ok { // made to look only
		c = route.Caller{Person: action.Person{Name: owner, Via: "token"}, Rights: route.RightsOf(route.Viewer)}
	}
	return c
}

type bench struct {
	*approval.Desk
	http.Handler
	stop  func()
	wg    sync.WaitGroup
	ctx   context.Context
	grave atomic.Bool // cy's approver wants a fresh proof

	full   action.Transcript // of what is filed next
	hidden int64
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{}
	d := &approval.Desk{
		Now: time.Now, Log: slog.New(slog.DiscardHandler), Key: []byte("k"),
		Approver: func(name string) (approval.Approver, bool) {
			return approval.Approver{Members: []string{"cy"}, StepUp: b.grave.Load()}, name == "approver.cy"
		},
		Paper:    func(*action.Action, action.Decision) []byte { return make([]byte, 1200) }, // as much as a record is
		Operator: func(p action.Person) bool { return p.Name == "ana" || p.Via == approval.HostDoor },
	}
	b.Desk, b.Handler = d, Inbox{Desk: d, Drafter: drafter{}}.Routes().Handler(d.Log, nil)
	b.ctx, b.stop = context.WithCancel(context.Background())
	t.Cleanup(func() { b.stop(); b.wg.Wait() })
	return b
}

// A drafter drafts nothing, and says for what.
type drafter struct{}

func (drafter) Sketch(_ context.Context, r approval.Request, _ bool) (action.Sketch, error) {
	return action.Sketch{Notes: []string{"of " + r.ID}}, nil
}

// file asks, and returns when the ask is on the desk.
func (b *bench) file(t *testing.T, id, sample string, approvers ...string) {
	t.Helper()
	changed := b.Changed()
	b.wg.Go(func() {
		b.Settle(b.ctx, &action.Action{
			ID: id, Peer: &action.Peer{ID: id, Name: "laptop", User: "own@acme.dev"}, Service: &action.Service{Name: "api"},
			Digest: []byte(id), Summary: "POST /pay", Sample: []byte(sample), Alike: "POST /pay", Transcript: b.full, Hidden: b.hidden,
		}, action.Decision{Verdict: action.Ask, Asks: []action.Asking{{Rule: "careful", Approvers: approvers}}})
	})
	<-changed
}

func (b *bench) say(t *testing.T, who, method, path, body string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r = r.WithContext(route.WithCaller(r.Context(), caller(who)))
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestWhoSeesAndAnswersWhat(t *testing.T) {
	b := newBench(t)
	b.file(t, "default", "x")
	b.file(t, "cys", "x", "approver.cy")
	for _, c := range []struct {
		who, method, path, body string
		status                  int
		want                    string
	}{
		{"bo", "GET", "/api/v1/approvals", "", 200, `"id":"default"`},
		{"bo", "GET", "/api/v1/approvals/cys", "", 200, `"id":"cys"`},
		{"cy", "GET", "/api/v1/approvals", "", 200, `"id":"cys"`},
		{"cy", "GET", "/api/v1/approvals/default", "", 404, ""},
		{"ana", "GET", "/api/v1/approvals/cys/draft", "", 200, `"notes":["of cys"]`}, // who edits is for /policy to say
		{"bo", "GET", "/api/v1/approvals/cys/draft", "", 200, `"notes":["of cys"]`},
		{"bo", "GET", "/api/v1/approvals/none/draft", "", 404, ""},
		{"cy", "GET", "/api/v1/approvals/cys/draft", "", 403, "viewer"}, // it shows the policy
		{"eve", "GET", "/api/v1/approvals/cys/draft", "", 403, "viewer"},
		{"eve", "GET", "/api/v1/approvals", "", 200, `[]`},
		{"eve", "GET", "/api/v1/approvals/cys", "", 404, ""},
		{"bo", "POST", "/api/v1/approvals/default/approve", "", 403, "somebody else"},
		{"eve", "POST", "/api/v1/approvals/cys/deny", "", 403, "somebody else"},
		{"ana", "POST", "/api/v1/approvals/cys/approve", "", 403, "somebody else"},
		{"own@acme.dev", "POST", "/api/v1/approvals/default/approve", "", 403, "agent of their own"},
		{"ana's token", "POST", "/api/v1/approvals/default/approve", "", 403, "not made to approve"},
		{"ana", "POST", "/api/v1/approvals/default/approve", `{"scope":"always"}`, 400, "once, exact and similar"},
		{"ana", "POST", "/api/v1/approvals/default/approve", `{"scope":"similar","for":"soon"}`, 400, "duration"},
		{"ana", "POST", "/api/v1/approvals/default/deny", `{"scope":"similar"}`, 400, "no has no scope"},
		{"ana", "POST", "/api/v1/approvals/default/approve", `{"scope":"similar","for":"15m","times":3,"note":"fine"}`, 200, `"left":2`},
		{"ana", "POST", "/api/v1/approvals/default/approve", "", 409, "already answered"},
		{"cy", "POST", "/api/v1/approvals/cys/approve", "", 200, `"state":"approved"`},
		{"ana", "POST", "/api/v1/approvals/none/approve", "", 404, ""},
		{"bo", "GET", "/api/v1/grants", "", 200, `"id":"default"`},
		{"eve", "GET", "/api/v1/grants", "", 200, `[]`},
		{"eve", "DELETE", "/api/v1/grants/default", "", 403, "somebody else"},
		{"ana's token", "DELETE", "/api/v1/grants/default", "", 403, "not made to approve"},
		{"ana", "DELETE", "/api/v1/grants/default", "", 200, `"revoked":"ana"`},
		{"ana", "DELETE", "/api/v1/grants/default", "", 404, ""},
		{"bo", "GET", "/api/v1/approvals?past=1&limit=x", "", 400, "number"},
		{"bo", "GET", "/api/v1/approvals?past=1", "", 200, `"state":"approved"`},
	} {
		status, got := b.say(t, c.who, c.method, c.path, c.body)
		if status != c.status || !strings.Contains(got, c.want) {
			t.Errorf("%s: %s %s %s: %d %s", c.who, c.method, c.path, c.body, status, got)
		}
		if c.who == "cy" && strings.Contains(got, `"id":"default"`) {
			t.Errorf("cy sees what is for others: %s", got)
		}
	}
}

// TestT47_WhatWouldBeSentIsForWhoMayAnswer: who only looks sees that an agent asks, and
// not what is in the body.
func TestT47_WhatWouldBeSentIsForWhoMayAnswer(t *testing.T) {
	b := newBench(t)
	b.file(t, "default", "brass candlestick")
	b.file(t, "cys", "brass candlestick", "approver.cy")
	for who, shows := range map[string]bool{"bo": false, "ana": true, "cy": true, "root": true, "ana's token": false} {
		for _, path := range []string{"", "/cys"} {
			_, got := b.say(t, who, "GET", "/api/v1/approvals"+path, "")
			if who == "ana" && path == "/cys" {
				continue // somebody else is asked, and she is told so above
			}
			if strings.Contains(got, `"digest":`) != shows || strings.Contains(got, "candlestick") != shows || strings.Contains(got, `"hidden_bytes":17`) == shows {
				t.Errorf("%s reads %s: %s", who, path, got)
			}
		}
	}
}

// TestT47_BesideAnAgentAnAskShowsNoBody: with the session of whoever shares its address an
// agent lists no bodies; all of one is read with a proof that is used up.
func TestT47_BesideAnAgentAnAskShowsNoBody(t *testing.T) {
	b := newBench(t)
	b.full = long("all of the candlestick")
	b.file(t, "default", "brass candlestick")
	b.file(t, "cys", "brass candlestick", "approver.cy")
	for who, path := range map[string]string{"ana, beside": "", "ana, fresh, beside": "", "cy, beside": "/cys", "cy, fresh, beside": ""} {
		for _, at := range []string{path, "?past=9"} {
			if status, got := b.say(t, who, "GET", "/api/v1/approvals"+at, ""); status != 200 || strings.Contains(got, "candlestick") || strings.Contains(got, `"digest":`) || !strings.Contains(got, `"hidden_bytes":17`) {
				t.Errorf("%s reads %s: %d %s", who, at, status, got)
			}
		}
	}
	b.file(t, "refused", "brass candlestick")
	for _, path := range []string{"/api/v1/approvals/default/approve", "/api/v1/approvals/refused/deny"} { // the proof was for that
		if status, got := b.say(t, "ana, fresh, beside", "POST", path, "{}"); status != 200 || strings.Contains(got, "candlestick") || strings.Contains(got, `"digest":`) {
			t.Errorf("an answer shows the body: %s: %d %s", path, status, got)
		}
	}
	if status, got := b.say(t, "cy, beside", "GET", "/api/v1/approvals/cys/whole", ""); status != 403 {
		t.Errorf("all of it without a proof: %d %s", status, got)
	}
	if status, got := b.say(t, "cy, fresh, beside", "GET", "/api/v1/approvals/cys/whole", ""); status != 200 || !strings.Contains(got, "candlestick") {
		t.Errorf("all of it with one: %d %s", status, got)
	}
}

// The rules come to want a fresh proof while the ask waits: what they want now holds.
func TestT41_AYesTakesTheProofThatTheRulesWantNow(t *testing.T) {
	b := newBench(t)
	b.file(t, "x", "x", "approver.cy")
	b.grave.Store(true)
	if status, got := b.say(t, "cy", "POST", "/api/v1/approvals/x/approve", ""); status != 403 || !strings.Contains(got, "/step-up") {
		t.Errorf("a yes without it: %d %s", status, got)
	}
	if status, got := b.say(t, "cy", "POST", "/api/v1/approvals/x%20/approve", ""); status != 403 || !strings.Contains(got, "/step-up") {
		t.Errorf("a yes to the same ask, written otherwise: %d %s", status, got)
	}
	if status, got := b.say(t, "cy", "GET", "/api/v1/approvals/x", ""); status != 200 || !strings.Contains(got, `"step_up":true`) {
		t.Errorf("%d %s", status, got)
	}
	if status, got := b.say(t, "cy, fresh", "POST", "/api/v1/approvals/x/approve", ""); status != 200 {
		t.Errorf("a yes with it: %d %s", status, got)
	}
}

// A long text is what an action would send, and can be kept.
type long string

func (l long) WriteTo(w io.Writer) (int64, error) {
	n, err := io.WriteString(w, string(l))
	return int64(n), err
}

func (long) Keep() (func(), bool) { return func() {}, true }

// A watched text tells whether anybody has heard of the ask before it is kept.
type watched struct {
	long
	heard <-chan struct{}
	late  *atomic.Bool
}

func (w watched) Keep() (func(), bool) {
	select {
	case <-w.heard:
		w.late.Store(true)
	default:
	}
	return w.long.Keep()
}

// Who hears of an ask can read all of it at once.
func TestAllOfItIsThereWhenTheAskIs(t *testing.T) {
	b := newBench(t)
	late := new(atomic.Bool)
	b.full = watched{"all of it", b.Changed(), late}
	b.file(t, "x", "the beginning", "approver.cy")
	if status, body := b.say(t, "cy, fresh", "GET", "/api/v1/approvals/x/whole", ""); status != 200 || late.Load() {
		t.Errorf("%d %s; it came later than the word of it: %v", status, body, late.Load())
	}
}

// All of what is asked can be read, piece by piece, by who sees the ask, after a fresh
// proof that is kept; and nobody reads it behind the answer.
func TestT40_AllOfItCanBeRead(t *testing.T) {
	b := newBench(t)
	text := strings.Repeat("| dé\u2603 line\n", 20_000)
	b.full, b.hidden = long(text), 5
	b.file(t, "x", "the beginning", "approver.cy")
	var got strings.Builder
	for at := int64(0); ; {
		status, body := b.say(t, "cy, fresh", "GET", fmt.Sprintf("/api/v1/approvals/x/whole?limit=65537&offset=%d", at), "")
		var p Passage
		if err := json.Unmarshal([]byte(body), &p); status != 200 || err != nil || p.Total != int64(len(text)) || p.Offset != at {
			t.Fatalf("%d %v %.200s", status, err, body)
		}
		got.WriteString(p.Text)
		if at = p.Next; at == p.Total {
			break
		}
	}
	if got.String() != text {
		t.Errorf("%d bytes of %d", got.Len(), len(text))
	}
	for _, c := range []struct {
		who, query string
		status     int
	}{
		{"cy", "", 403}, {"eve, fresh", "", 404}, {"cy, fresh", "?offset=-1", 400}, {"cy, fresh", "?limit=2", 400}, {"cy, fresh", "?limit=99999999", 400}, {"cy, fresh", "?offset=99999999", 200},
	} {
		if status, body := b.say(t, c.who, "GET", "/api/v1/approvals/x/whole"+c.query, ""); status != c.status {
			t.Errorf("%s %s: %d %.200s", c.who, c.query, status, body)
		}
	}
	for _, rt := range (Inbox{}).Routes() {
		if strings.HasSuffix(rt.Pattern, "/whole") && (!rt.Watched || !rt.StepUp) {
			t.Errorf("%s is not kept in the operators' audit, or takes no proof", rt.Pattern)
		}
	}
	if status, body := b.say(t, "cy", "GET", "/api/v1/approvals/x", ""); status != 200 || !strings.Contains(body, `"whole":true`) {
		t.Errorf("%d %s", status, body)
	}
	b.say(t, "cy", "POST", "/api/v1/approvals/x/deny", "")
	if status, body := b.say(t, "cy, fresh", "GET", "/api/v1/approvals/x/whole", ""); status != 410 {
		t.Errorf("after the answer: %d %.200s", status, body)
	}
}

func TestTheGlassIsBrokenOnTheHost(t *testing.T) {
	b := newBench(t)
	b.file(t, "x", "x", "approver.gone")
	if status, got := b.say(t, "ana", "POST", "/api/v1/approvals/x/approve", ""); status != 403 {
		t.Errorf("%d %s", status, got)
	}
	if status, got := b.say(t, "root", "POST", "/api/v1/approvals/x/approve", ""); status != 200 || !strings.Contains(got, `"break_glass":true`) {
		t.Errorf("%d %s", status, got)
	}
}

// Ten thousand asks of 2 KiB wait; the list of them comes at once, and they take
// no more than they must.
func TestTenThousandWait(t *testing.T) {
	b := newBench(t)
	sample := strings.Repeat("x", 2<<10)
	before := memory()
	const n = 10_000
	for i := range n {
		b.file(t, fmt.Sprintf("a%05d", i), strings.Clone(sample))
	}
	cost := memory() - before
	var all []approval.Request
	var status int
	var body string
	took := time.Hour // the best of a few: other tests run, too
	for range 5 {
		began := time.Now()
		status, body = b.say(t, "bo", "GET", "/api/v1/approvals", "")
		took = min(took, time.Since(began))
	}
	if err := json.Unmarshal([]byte(body), &all); status != 200 || err != nil || len(all) != mostListed {
		t.Errorf("%d, %d asks, %v", status, len(all), err)
	}
	t.Logf("%d asks take %.1f MiB; a list of %d takes %s", n, float64(cost)/(1<<20), len(all), took)
	if cost > 100<<20 {
		t.Errorf("%d MiB for %d asks", cost>>20, n)
	}
	if !raceEnabled && took > 50*time.Millisecond {
		t.Errorf("the list takes %s", took)
	}
}

// memory is what lives on the heap, actions included. The stack that waits is that
// of the connection.
func memory() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestALongListIsBrief(t *testing.T) {
	b := newBench(t)
	for i := range 40 {
		b.file(t, fmt.Sprint("a", i), strings.Repeat("y", 32<<10))
	}
	_, body := b.say(t, "root", "GET", "/api/v1/approvals", "")
	if strings.Contains(body, "yy") || !strings.Contains(body, `"brief":true`) {
		t.Errorf("%.200s", body)
	}
	if _, body = b.say(t, "root", "GET", "/api/v1/approvals?limit=3", ""); !strings.Contains(body, "yy") || strings.Contains(body, `"brief"`) {
		t.Errorf("%.200s", body)
	}
}
