package http

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/http/ask"
	"sallyport.dev/sallyport/protocols/http/content"
	"sallyport.dev/sallyport/protocols/http/stash"
)

func asked(*action.Action) action.Decision {
	return action.Decision{Verdict: action.Ask, Rule: "writes", Reason: "Someone must look."}
}

// What was approved is what is sent, body, trailer and all.
func TestApprovedIsSent(t *testing.T) {
	bothVersions(t, func(t *testing.T, h2 bool) {
		var seen string
		b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			seen = fmt.Sprintf("%s %s %q %v %d %v", r.Method, r.RequestURI, body, err, r.ContentLength, r.Trailer)
		}))
		b.decide = asked
		var act *action.Action
		b.settle = func(_ context.Context, a *action.Action, d action.Decision) action.Decision {
			act = a
			return action.Decision{Verdict: action.Allow}
		}
		large := strings.Repeat("z", 100<<10)
		digests := map[string]bool{}
		for _, tt := range []struct {
			body io.Reader
			want string
		}{
			{strings.NewReader("hello"), `POST /p?token=1&a=b "hello" <nil> 5 map[]`},
			{io.MultiReader(strings.NewReader("hello")), `POST /p?token=1&a=b "hello" <nil> 5 map[]`},
			{strings.NewReader("hellO"), `POST /p?token=1&a=b "hellO" <nil> 5 map[]`},
			{strings.NewReader(large), `POST /p?token=1&a=b "` + large + `" <nil> 102400 map[]`},
			{nil, `POST /p?token=1&a=b "" <nil> 0 map[]`},
		} {
			resp, err := b.client(h2).Post("https://api.example/p?token=1&a=b", "text/plain", tt.body)
			if err != nil {
				t.Fatal(err)
			}
			if body(t, resp); resp.StatusCode != 200 || seen != tt.want {
				t.Errorf("%s: %.100s", resp.Status, seen)
			}
			digests[string(act.Digest)] = true
			if len(act.Digest) != 32 || !strings.HasPrefix(string(act.Sample), "POST https://api.example/p?token=[hidden]&a=b\n[… 1 bytes not shown …]\nheader Content-Type: text/plain\n") {
				t.Errorf("digest %x, sample %.80q", act.Digest, act.Sample)
			}
		}
		if len(digests) != 4 {
			t.Errorf("%d digests of 4 different requests", len(digests))
		}
		if left, _ := b.p.held.Held(""); left != 0 {
			t.Errorf("%d bytes still held", left)
		}
	})
}

func TestTooLargeToApprove(t *testing.T) {
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := sha256.New()
		n, err := io.Copy(h, r.Body)
		fmt.Fprintf(w, "%d %x %v", n, h.Sum(nil), err)
	}))
	b.svc.BodyInspectLimit = 1000
	b.decide = asked
	b.settle = func(context.Context, *action.Action, action.Decision) action.Decision {
		return action.Decision{Verdict: action.Allow}
	}
	b.p.StashDir = t.TempDir()
	for n, status := range map[int]int{1000: 200, 1001: 200, stash.Near + 1: 200, maxHold: 200, maxHold + 1: 413} {
		for _, known := range []bool{true, false} {
			sent := bytes.Repeat([]byte("x"), n)
			var r io.Reader = bytes.NewReader(sent)
			if !known {
				r = io.MultiReader(r)
			}
			resp, err := b.client(false).Post("https://api.example/", "a/b", r)
			if err != nil {
				t.Fatal(err)
			}
			got := body(t, resp)
			if resp.StatusCode != status || status == 200 && got != fmt.Sprintf("%d %x <nil>", n, sha256.Sum256(sent)) {
				t.Errorf("%d bytes, stated=%v: %s %s", n, known, resp.Status, got)
			}
			if status == 413 && !strings.Contains(got, "must be approved before it is sent, and its body is larger than the 8 MiB") {
				t.Errorf("without a reason: %s", got)
			}
		}
	}
	disk, _ := b.p.stashed.Held("")
	memory, _ := b.p.held.Held("")
	if left, err := os.ReadDir(b.p.StashDir); err != nil || len(left) > 0 || disk != 0 || memory != 0 {
		t.Errorf("left behind: %v, %d on the disk, %d in memory", left, disk, memory)
	}
	b.p.HoldMemory = 100
	resp, err := b.client(false).Post("https://api.example/", "a/b", strings.NewReader(strings.Repeat("x", 26)))
	if err != nil {
		t.Fatal(err)
	}
	if body(t, resp); resp.StatusCode != 429 {
		t.Errorf("held more than one agent may: %s", resp.Status)
	}
}

func TestPending(t *testing.T) {
	b := newBench(t, http.HandlerFunc(echo))
	b.decide = asked
	var by, told time.Time
	var known bool
	b.settle = func(ctx context.Context, _ *action.Action, d action.Decision) action.Decision {
		by, known = action.Patience(ctx)
		told = time.Now()
		d.Approval = "A1"
		return d
	}
	for _, tt := range []struct {
		field, value string
		status       int
		waits        time.Duration // -1: as long as the approver says
	}{
		{"", "", 409, -1},
		{"Prefer", "respond-async", 202, 0},
		{"Prefer", "respond-async, wait=10", 202, 10 * time.Second},
		{"Prefer", "wait=20", 409, 20 * time.Second},
		{"User-Agent", "python-httpx/0.28.1", 409, 4 * time.Second},
		{"User-Agent", "Boto3/1.40.1 md/Botocore#1.40.1", 409, 55 * time.Second},
		{"User-Agent", "curl/8.5.0", 409, -1},
		{"X-Stainless-Timeout", "600", 409, 598 * time.Second},
		{"X-Stainless-Read-Timeout", "5", 409, 4 * time.Second},
	} {
		req, _ := http.NewRequest("POST", "https://api.example/", strings.NewReader("x"))
		if tt.field != "" {
			req.Header.Set(tt.field, tt.value)
		}
		sent := time.Now()
		resp, err := b.client(false).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var p struct {
			Type, Rule, Reason string
			URL                string `json:"approval_url"`
		}
		if err := json.Unmarshal([]byte(body(t, resp)), &p); err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != tt.status || resp.Header.Get("Retry-After") == "" || !strings.HasSuffix(p.Type, "/approval-pending") ||
			p.Rule != "writes" || p.URL != "http://sallyport.internal/approvals/A1" || resp.Header.Get("Operation-Location") != p.URL {
			t.Errorf("%s: %s %v %+v", tt.value, resp.Status, resp.Header, p)
		}
		if known != (tt.waits >= 0) || known && (by.Before(sent.Add(tt.waits)) || by.After(told.Add(tt.waits))) {
			t.Errorf("%s %q waits from %s to %s, known: %t; want %s", tt.field, tt.value, by.Sub(told), by.Sub(sent), known, tt.waits)
		}
	}
	if b.dials != 0 {
		t.Errorf("%d dials", b.dials)
	}
}

// A retry of the same request has the same digest, whatever the client counts; one
// that does something else has another.
func TestT40_TheDigestOfARetry(t *testing.T) {
	first := whole(t, post("/pay", http.Header{"Content-Type": {"application/json"}, "X-Stainless-Retry-Count": {"0"}}), `{"amount":5}`)
	for _, tt := range []struct {
		name, uri, field, value, body string
		same                          bool
	}{
		{"the next attempt", "/pay", "X-Stainless-Retry-Count", "1", `{"amount":5}`, true},
		{"another trace", "/pay", "Traceparent", "00-1-2-01", `{"amount":5}`, true},
		{"another body", "/pay", "", "", `{"amount":500}`, false},
		{"another path", "/pay/all", "", "", `{"amount":5}`, false},
		{"a query", "/pay?to=eve", "", "", `{"amount":5}`, false},
		{"another type", "/pay", "Content-Type", "text/plain", `{"amount":5}`, false},
		{"a field more", "/pay", "X-Sudo", "root", `{"amount":5}`, false},
		{"an If-Match", "/pay", "If-Match", "*", `{"amount":5}`, false},
	} {
		h := http.Header{"Content-Type": {"application/json"}}
		if tt.field != "" {
			h.Set(tt.field, tt.value)
		}
		if got := whole(t, post(tt.uri, h), tt.body); bytes.Equal(got.Digest, first.Digest) != tt.same {
			t.Errorf("%s: same=%v", tt.name, !tt.same)
		}
	}
}

// A body that changes between the yes and the sending is not sent.
func TestT40_AChangedBodyIsNotSent(t *testing.T) {
	for _, n := range []int{100, stash.Near + 100} {
		dialled := 0
		b := newBench(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { dialled++ }))
		b.decide = asked
		b.settle = func(context.Context, *action.Action, action.Decision) action.Decision {
			return action.Decision{Verdict: action.Allow}
		}
		b.mutate = func(x *exchange) { x.kept.Near()[50] = 'y' }
		resp, err := b.client(false).Post("https://api.example/", "text/plain", strings.NewReader(strings.Repeat("x", n)))
		if err != nil {
			t.Fatal(err)
		}
		if body(t, resp); resp.StatusCode != 502 || dialled != 0 || b.dials != 0 {
			t.Errorf("%d bytes: %s, %d requests, %d dials", n, resp.Status, dialled, b.dials)
		}
	}
}

func TestWhatIsAlike(t *testing.T) {
	for _, tt := range []struct {
		readings        []string
		uri, body, want string
	}{
		{nil, "/v1/refunds?x=1", `{"amount":5}`, "POST https://api.example/v1/refunds?x=1"},
		{[]string{"graphql"}, "/repos/a/issues", `{"title":"x"}`, "POST https://api.example/repos/a/issues"},
		{[]string{"graphql"}, "/graphql", `{"query":"mutation { deleteRepo(id: 1) { ok } }"}`, `POST https://api.example/graphql graphql ["mutation"] ["deleteRepo"]`},
		{[]string{"graphql"}, "/graphql", `{"query":"mutation { deleteRepo("}`, ""},
		{[]string{"graphql"}, "/graphql", "not json", ""},
		{[]string{"mcp"}, "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"rm","arguments":{}}}`, `POST https://api.example/mcp rpc ["tools/call"] ["rm"]`},
		{[]string{"mcp"}, "/mcp", `{"jsonrpc":"2.0","method":`, ""},
	} {
		a, p := ask.Read(ask.Place{
			Peer: &action.Peer{}, Service: &action.Service{Name: "api", Readings: tt.readings}, Name: "api.example", Secure: true,
		}, &http.Request{Method: "POST", RequestURI: tt.uri, Host: "api.example", ProtoMajor: 1, Header: http.Header{"Content-Type": {"application/json"}}, ContentLength: int64(len(tt.body))})
		if p != nil {
			t.Fatal(p)
		}
		a.Understand(content.Read([]string{"application/json"}, nil, []byte(tt.body)))
		if err := a.Whole(nil, nil, ask.Bytes([]byte(tt.body))); err != nil || a.Act.Alike != tt.want {
			t.Errorf("%s %s: %q, want %q (%v)", tt.uri, tt.body, a.Act.Alike, tt.want, err)
		}
	}
}

// An ask ends when its asker hangs up.
func TestHangUpWhileAsked(t *testing.T) {
	bothVersions(t, func(t *testing.T, h2 bool) {
		for _, sent := range []string{"", "body"} {
			b := newBench(t, http.HandlerFunc(echo))
			b.decide = asked
			asking, over := make(chan struct{}), make(chan error, 1)
			b.settle = func(ctx context.Context, _ *action.Action, _ action.Decision) action.Decision {
				close(asking)
				select {
				case <-ctx.Done():
					over <- ctx.Err()
				case <-time.After(30 * time.Second):
					over <- errors.New("nobody noticed")
				}
				return action.Decision{}
			}
			ctx, cancel := context.WithCancel(context.Background())
			go func() { <-asking; cancel() }()
			req, _ := http.NewRequestWithContext(ctx, "POST", "https://api.example/", strings.NewReader(sent))
			b.client(h2).Do(req)
			if err := <-over; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
	})
}

// Where the credential cannot be had nothing is sent, and the agent hears no cause.
func TestFailedInjection(t *testing.T) {
	called := false
	b := newBench(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	b.svc.Injects = true
	b.linkErr = fmt.Errorf("the vault says %s", canary)
	resp, err := b.client(false).Get("https://api.example/")
	if err != nil {
		t.Fatal(err)
	}
	if got := body(t, resp); resp.StatusCode != 502 || strings.Contains(got, canary) || strings.Contains(got, "vault") {
		t.Errorf("%s %s", resp.Status, got)
	}
	b.linkErr = nil
	b.auth = &action.Auth{Scheme: "password", Name: "u", Secrets: []string{"s"}}
	resp, err = b.client(false).Get("https://api.example/")
	if err != nil {
		t.Fatal(err)
	}
	if body(t, resp); resp.StatusCode != 502 || called {
		t.Errorf("%s, called=%v", resp.Status, called)
	}
	for _, r := range b.waitRecords(2) {
		if !r.res.Failed || r.res.Injected || r.res.Err == "" {
			t.Errorf("%+v", r.res)
		}
	}
}

// A plain request to a service with a secret is sent to TLS and reaches nothing.
func TestPlainRequestOfInjectingService(t *testing.T) {
	b := bareBench(t)
	b.plainOrigin(http.HandlerFunc(echo))
	b.dst = b.dst80()
	b.svc.Injects, b.auth = true, &action.Auth{Scheme: "bearer", Secrets: []string{"s"}}
	got := raw(t, b.dial(context.Background()), "GET /a/../b?x=1 HTTP/1.1\r\nHost: api.example:80\r\n\r\n", "next_step")
	if !strings.HasPrefix(got, "HTTP/1.1 308") || !strings.Contains(got, "Location: https://api.example/b?x=1\r\n") || b.dials != 0 {
		t.Errorf("%q", got)
	}
	b.svc.PlainInjection = true
	raw(t, b.dial(context.Background()), "GET / HTTP/1.1\r\nHost: api.example\r\n\r\n", `auth="Bearer `+masked)
}

// Recorded facts can be read back and say the same, and hold no credential.
func TestFactsSurviveRecording(t *testing.T) {
	b := newBench(t, http.HandlerFunc(echo))
	req, _ := http.NewRequest("PUT", "https://api.example/a/b?x=1&y=2&y=3&token="+canary, strings.NewReader("{}"))
	req.Header = http.Header{
		"Authorization": {"Bearer " + canary}, "Cookie": {"sid=" + canary}, "X-Api-Key": {canary}, "X-My-Secret": {canary},
		"Content-Type": {"Application/JSON; charset=utf-8"}, "X-Team": {"core"}, "X-Multi": {"a", "b"}, "X-Long": {strings.Repeat("x", 5000)},
	}
	resp, err := b.client(false).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body(t, resp)
	act := b.waitRecords(1)[0].act
	text, err := json.Marshal(act.Parts[0].Facts)
	if err != nil || bytes.Contains(text, []byte(canary)) || len(text) > 2048 {
		t.Fatalf("%d bytes, %v: %s", len(text), err, text)
	}
	table := Facts()
	back := table.New()
	if err := json.Unmarshal(text, back); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"http.method": "PUT", "http.host": "api.example", "http.path": "/a/b", "http.content_type": "application/json", "http.size": "2",
		"http.query.x": "1", "http.query.y": "unknown", "http.query.z": "absent", "http.query.token": "unknown", "http.query_all.y": "[2 3]", "http.query_all.z": "absent",
		"http.headers.x-team": "core", "http.headers.x-multi": "unknown", "http.headers_all.x-multi": "[a b]", "http.headers.authorization": "unknown", "http.headers.cookie": "unknown",
		"http.headers.x-long": "unknown", "http.headers.nothing": "absent", "http.headers_all.authorization": "unknown", "http.headers.x-api-key": "unknown", "http.headers.x-my-secret": "unknown",
	}
	for name, want := range want {
		for i, facts := range []action.Facts{act.Parts[0].Facts, back} {
			if got := factText(table, facts, name); got != want {
				t.Errorf("%s (copy %d): %s, want %s", name, i, got, want)
			}
		}
	}
}

func factText(table action.FactTable, f action.Facts, name string) string {
	text := func(v any, s action.State) string {
		switch s {
		case action.Known:
			return fmt.Sprint(v)
		case action.Absent:
			return "absent"
		}
		return "unknown"
	}
	for _, spec := range table.Facts {
		key, hasKey := strings.CutPrefix(name, spec.Name+".")
		switch {
		case hasKey && spec.Key != nil:
			v, s := spec.Key(f, key)
			return text(v, s)
		case hasKey && spec.KeyList != nil:
			v, s := spec.KeyList(f, key)
			return text(v, s)
		case name == spec.Name && spec.Str != nil:
			v, s := spec.Str(f)
			return text(v, s)
		case name == spec.Name && spec.Num != nil:
			v, s := spec.Num(f)
			return text(v, s)
		}
	}
	return "no such fact"
}

func TestFactAccessorsDoNotAllocate(t *testing.T) {
	table := Facts()
	act, err := Trial(&action.Service{Name: "api"}, action.Trial{URL: "https://api.example/a?x=1&y=2", Headers: map[string]string{"X-Team": "core"}})
	if err != nil {
		t.Fatal(err)
	}
	f := act.Parts[0].Facts
	if n := allocations(func() {
		for i := range table.Facts {
			switch s := &table.Facts[i]; {
			case s.Str != nil:
				s.Str(f)
			case s.Num != nil:
				s.Num(f)
			case s.Key != nil:
				s.Key(f, "x-team")
			case s.KeyList != nil:
				s.KeyList(f, "y")
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// allocations is how often f allocates. What else runs in this process only adds.
func allocations(f func()) float64 {
	n := testing.AllocsPerRun(100, f)
	for range 4 {
		n = min(n, testing.AllocsPerRun(100, f))
	}
	return n
}

func TestTrial(t *testing.T) {
	svc := &action.Service{Name: "api", Injects: true}
	for _, tt := range []struct {
		trial action.Trial
		want  string
	}{
		{action.Trial{URL: "/repos/a/../b?x=1"}, "GET /repos/b?x=1 | read"},
		{action.Trial{Method: "DELETE", URL: "https://API.example:8443/x"}, "DELETE api.example/x 8443 | destructive"},
		{action.Trial{URL: "http://10.0.0.1/"}, "GET 10.0.0.1/ 80 | read"},
		{action.Trial{URL: "https://api.example?x"}, "GET api.example/?x 443 | read"},
		{action.Trial{URL: "/ws", Headers: map[string]string{"Upgrade": "websocket", "Connection": "Upgrade"}}, "GET /ws | unknown"},
		{action.Trial{Method: "LOCK", URL: "/"}, "LOCK / | unknown"},
		{action.Trial{URL: "/a%2fb"}, "error"},
		{action.Trial{URL: "ftp://x/"}, "error"},
		{action.Trial{Method: "TRACE", URL: "/"}, "error"},
		{action.Trial{URL: ""}, "error"},
		{action.Trial{Method: "a b", URL: "/"}, "error"},
	} {
		act, err := Trial(svc, tt.trial)
		got := "error"
		if err == nil {
			got = act.Summary
			if act.Dst.Port() != 0 {
				got += fmt.Sprint(" ", act.Dst.Port())
			}
			got += " | " + act.Parts[0].Effects.String()
		}
		if got != tt.want {
			t.Errorf("%+v: %s (%v), want %s", tt.trial, got, err, tt.want)
		}
	}
	act, err := Trial(&action.Service{Name: "x", Passthrough: true}, action.Trial{URL: "https://x.example/a"})
	if err != nil || act.Kind != "connect" || act.Dst.Port() != 443 {
		t.Errorf("%+v %v", act, err)
	}
}

// A connection that is held for an answer costs little more than an idle one.
func TestAHeldConnectionCostsLittle(t *testing.T) {
	b := newBench(t, http.HandlerFunc(echo))
	b.decide = func(a *action.Action) action.Decision {
		if strings.HasPrefix(a.Summary, "POST") {
			return asked(a)
		}
		return action.Decision{Verdict: action.Allow}
	}
	const n = 200
	var held sync.WaitGroup
	held.Add(n)
	answered := make(chan struct{})
	b.settle = func(context.Context, *action.Action, action.Decision) action.Decision {
		held.Done()
		<-answered
		return action.Decision{}
	}
	conns := make([]*tls.Conn, n)
	for i := range conns {
		conns[i] = b.tlsDial("http/1.1")
		raw(t, conns[i], "GET / HTTP/1.1\r\nHost: api.example\r\n\r\n", "\r\n\r\n")
	}
	idle := inUse()
	body := strings.Repeat("x", 2<<10)
	for _, c := range conns {
		fmt.Fprintf(c, "POST /pay HTTP/1.1\r\nHost: api.example\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	held.Wait()
	each := (inUse() - idle) / n
	for tries := 0; each > 16<<10 && tries < 5; tries++ { // what else this process does only adds
		each = min(each, (inUse()-idle)/n)
	}
	t.Logf("a held connection takes %.1f KiB more than an idle one", float64(each)/1024)
	if each > 16<<10 {
		t.Errorf("%d bytes", each)
	}
	close(answered)
}

// inUse is what lives on the heap and on stacks.
func inUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
