package http

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
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
			if len(act.Digest) != 32 || !strings.HasPrefix(string(act.Sample), "POST https://api.example/p?token=[hidden]&a=b\nheader Content-Type: text/plain\n") {
				t.Errorf("digest %x, sample %.80q", act.Digest, act.Sample)
			}
		}
		if len(digests) != 4 {
			t.Errorf("%d digests of 4 different requests", len(digests))
		}
		if b.p.held.total != 0 || len(b.p.held.agent) != 0 {
			t.Errorf("%d bytes still held", b.p.held.total)
		}
	})
}

func TestTooLargeToApprove(t *testing.T) {
	b := newBench(t, http.HandlerFunc(echo))
	b.svc.BodyInspectLimit = 1000
	b.decide = asked
	b.settle = func(context.Context, *action.Action, action.Decision) action.Decision {
		return action.Decision{Verdict: action.Allow}
	}
	for n, status := range map[int]int{1000: 200, 1001: 403} {
		for _, known := range []bool{true, false} {
			var r io.Reader = bytes.NewReader(make([]byte, n))
			if !known {
				r = io.MultiReader(r)
			}
			resp, err := b.client(false).Post("https://api.example/", "a/b", r)
			if err != nil {
				t.Fatal(err)
			}
			if body(t, resp); resp.StatusCode != status {
				t.Errorf("%d bytes, stated=%v: %s", n, known, resp.Status)
			}
		}
	}
	b.svc.BodyInspectLimit = 1 << 40
	if got := raw(t, b.tlsDial("http/1.1"), fmt.Sprintf("POST / HTTP/1.1\r\nHost: api.example\r\nContent-Length: %d\r\n\r\n", maxHold+1), "next_step"); !strings.Contains(got, " 403 ") {
		t.Errorf("more than anyone may hold: %q", got)
	}
	b.p.HoldMemory = 100
	resp, err := b.client(false).Post("https://api.example/", "a/b", strings.NewReader(strings.Repeat("x", 26)))
	if err != nil {
		t.Fatal(err)
	}
	if body(t, resp); resp.StatusCode != 403 {
		t.Errorf("held more than one agent may: %s", resp.Status)
	}
}

func TestPending(t *testing.T) {
	b := newBench(t, http.HandlerFunc(echo))
	b.decide = asked
	b.settle = func(_ context.Context, _ *action.Action, d action.Decision) action.Decision { return d }
	for prefer, status := range map[string]int{"": 409, "respond-async, wait=10": 202} {
		req, _ := http.NewRequest("POST", "https://api.example/", strings.NewReader("x"))
		req.Header.Set("Prefer", prefer)
		resp, err := b.client(false).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var p struct{ Type, Rule, Reason string }
		if err := json.Unmarshal([]byte(body(t, resp)), &p); err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != status || resp.Header.Get("Retry-After") == "" || !strings.HasSuffix(p.Type, "/approval-pending") || p.Rule != "writes" {
			t.Errorf("%s %v %+v", resp.Status, resp.Header, p)
		}
	}
	if b.dials != 0 {
		t.Errorf("%d dials", b.dials)
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
				case <-time.After(10 * time.Second):
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
	if n := testing.AllocsPerRun(100, func() {
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
