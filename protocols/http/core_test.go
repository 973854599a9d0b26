package http

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
)

func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%s %s %s auth=%q body=%q", r.Method, r.Host, r.RequestURI, r.Header.Get("Authorization"), body)
}

func TestAllowed(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		t.Run(fmt.Sprint("h2=", h2), func(t *testing.T) {
			b := newBench(t, http.HandlerFunc(echo))
			c := b.client(h2)
			for range 3 {
				resp, err := c.Get("https://api.example/a/./b?x=1")
				if err != nil {
					t.Fatal(err)
				}
				if got, want := body(t, resp), `GET api.example /a/b?x=1 auth="" body=""`; got != want {
					t.Errorf("got %s, want %s", got, want)
				}
				if h2 != (resp.ProtoMajor == 2) {
					t.Errorf("spoke %s", resp.Proto)
				}
			}
			resp, err := c.Post("https://api.example/p", "application/json", strings.NewReader(`{"a":1}`))
			if err != nil {
				t.Fatal(err)
			}
			if got := body(t, resp); !strings.Contains(got, `body="{\"a\":1}"`) {
				t.Error(got)
			}
			records := b.waitRecords(4)
			if len(records) != 4 || b.dials != 1 {
				t.Errorf("%d records, %d dials", len(records), b.dials)
			}
			for _, r := range records {
				if r.err != nil || r.res.Status != "200" || r.res.Failed || r.res.Sent == 0 || r.res.Received == 0 {
					t.Errorf("%+v", r)
				}
			}
		})
	}
}

func TestInjected(t *testing.T) {
	tests := []struct {
		auth action.Auth
		want string
	}{
		{action.Auth{Scheme: "bearer"}, "Authorization: Bearer " + canary},
		{action.Auth{Scheme: "header", Name: "X-Own"}, "X-Own: " + canary},
		{action.Auth{Scheme: "query", Name: "tok"}, "tok=" + canary},
		{action.Auth{Scheme: "cookie", Name: "sid"}, "Cookie: a=1; sid=" + canary},
	}
	for _, tt := range tests {
		t.Run(tt.auth.Scheme, func(t *testing.T) {
			var seen string
			b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				var s strings.Builder
				s.WriteString(r.RequestURI + "\n")
				r.Header.Write(&s)
				seen = s.String()
			}))
			tt.auth.Secrets = []string{"s"}
			b.auth, b.svc.Injects = &tt.auth, true
			req, _ := http.NewRequest("GET", "https://api.example/x?tok=mine&key=mine&z=1", nil)
			req.Header.Set("Authorization", "Bearer mine")
			req.Header.Set("X-Api-Key", "mine")
			req.Header.Set("X-Own", "mine")
			req.Header.Set("Cookie", "a=1; sid=mine")
			resp, err := b.client(false).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body(t, resp)
			if !strings.Contains(seen, tt.want) {
				t.Errorf("the origin saw %q, want %q", seen, tt.want)
			}
			if strings.Contains(seen, "Bearer mine") || strings.Contains(seen, "X-Api-Key") || strings.Contains(seen, "key=mine") {
				t.Errorf("the agent's credential went out: %q", seen)
			}
			if tt.auth.Name != "" && strings.Count(seen, tt.auth.Name) != 1 {
				t.Errorf("%s stands more than once: %q", tt.auth.Name, seen)
			}
			if r := b.waitRecords(1)[0]; !r.res.Injected || fmt.Sprintf("%+v %+v", r.act, r.act.Parts[0].Facts) == "" {
				t.Errorf("%+v", r.res)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		b := newBench(t, http.HandlerFunc(echo))
		b.auth, b.svc.Injects = &action.Auth{Scheme: "bearer", Secrets: []string{"s"}}, true
		b.decide = func(*action.Action) action.Decision {
			return action.Decision{Verdict: action.Deny, Rule: "no", Reason: "Not here."}
		}
		resp, err := b.client(h2).Post("https://api.example/p", "text/plain", strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		got := body(t, resp)
		if resp.StatusCode != 403 || resp.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %v", resp.Status, resp.Header)
		}
		for _, want := range []string{`"rule":"no"`, `"reason":"Not here."`, `"action_id":"01TEST"`, `"next_step"`, `"status":403`} {
			if !strings.Contains(got, want) {
				t.Errorf("%s lacks %s", got, want)
			}
		}
		if b.dials != 0 || b.opens != 0 {
			t.Errorf("%d dials, %d secrets opened", b.dials, b.opens)
		}
	}
}
