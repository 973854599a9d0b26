package lab_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/dashboard/push"
	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/internal/lab"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const pushRules = `
gateway {
  wireguard {
    listen = ":0"
  }
  dashboard {
    listen        = "localhost:0"
    push_services = ["push.acme.dev"]
  }
}

service "shop" {
  hosts = ["shop.example.com"]
  tls   = { ca = file("upstreams.pem") }
}

role "buyer" { use = [service.shop] }

rule "buying needs a yes" {
  on      = [service.shop]
  methods = ["POST"]
  verdict = "ask"
}
`

// single takes a connection for each request: on one that is kept a POST fails if the
// other end gives it up at that moment.
var single = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// An operator is somebody who is logged in at the gateway's own door.
type operator struct {
	t      *testing.T
	url    string
	cookie []*http.Cookie
}

func (o *operator) call(method, path string, body any) (int, string) {
	o.t.Helper()
	raw, err := json.Marshal(body)
	must(o.t, err)
	r, err := http.NewRequestWithContext(o.t.Context(), method, o.url+path, bytes.NewReader(raw))
	must(o.t, err)
	r.Header.Set("Origin", o.url)
	r.Header.Set("Content-Type", "application/json")
	for _, c := range o.cookie {
		r.AddCookie(c)
	}
	resp, err := single.Do(r)
	must(o.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	must(o.t, err)
	if c := resp.Cookies(); len(c) > 0 {
		o.cookie = c
	}
	return resp.StatusCode, string(text)
}

func login(t *testing.T, l *lab.Lab, name string, rights ...route.Right) *operator {
	t.Helper()
	_, err := l.API.Door.Book.Add(t.Context(), name, "correct horse battery", route.RightsOf(rights...))
	must(t, err)
	o := &operator{t: t, url: l.API.Status().Dashboard[0]}
	if status, text := o.call("POST", "/api/v1/session", map[string]string{"name": name, "password": "correct horse battery"}); status != 200 {
		t.Fatalf("login: %d %s", status, text)
	}
	return o
}

// An ask that an agent makes reaches a browser through the gateway's one way out.
func TestAnAskReachesABrowser(t *testing.T) {
	l := lab.New(t, pushRules)
	l.HTTPS("shop.example.com", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	told := make(chan string, 8)
	l.HTTPS("push.acme.dev", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) //nolint:errcheck // package push opens it
		told <- r.URL.Path + " " + r.Header.Get("TTL")
		w.WriteHeader(http.StatusCreated)
	}))
	ana := login(t, l, "ana", route.Approver)
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	must(t, err)
	subscribe := func(endpoint string) (int, string) {
		return ana.call("POST", "/api/v1/push", map[string]any{"endpoint": endpoint, "browser": "a phone", "keys": map[string]string{
			"p256dh": base64.RawURLEncoding.EncodeToString(key.PublicKey().Bytes()), "auth": "AAAAAAAAAAAAAAAAAAAAAA",
		}})
	}
	if status, text := subscribe("https://fcm.googleapis.com/fcm/send/x"); status != 400 {
		t.Errorf("a push service that is not listed: %d %s", status, text)
	}
	if status, text := subscribe("https://push.acme.dev/abc"); status != 200 {
		t.Fatalf("%d %s", status, text)
	}
	agent := l.Agent("laptop")
	c := agent.HTTP()
	ask := func() {
		r, err := http.NewRequestWithContext(t.Context(), "POST", "https://shop.example.com/orders", strings.NewReader("{}"))
		must(t, err)
		r.Header.Set("Prefer", "respond-async")
		resp, err := c.Do(r)
		must(t, err)
		resp.Body.Close()
	}
	ask()
	select {
	case got := <-told:
		if !strings.HasPrefix(got, "/abc ") || got == "/abc 0" {
			t.Error(got)
		}
	case <-time.After(time.Minute):
		t.Fatalf("nobody was told\n%s", l.Logs)
	}
	var own struct {
		Key      string
		Browsers []struct{ Service, Problem, Told string }
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		_, text := ana.call("GET", "/api/v1/push", nil)
		must(t, json.Unmarshal([]byte(text), &own))
		if len(own.Browsers) == 1 && own.Browsers[0].Told != "" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(text)
		}
	}
}

// TestT47_ABrowserIsToldUntilItsOwnerLeaves: whoever logs out, gets another password
// from an admin, is removed, or leaves the browser to somebody else, has nothing more
// pushed to it; whoever logs in anew there goes on, until they log out.
func TestT47_ABrowserIsToldUntilItsOwnerLeaves(t *testing.T) {
	l := lab.New(t, pushRules)
	boss := login(t, l, "boss", route.Admin)
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	must(t, err)
	in := func(o *operator, name string) {
		t.Helper()
		if status, text := o.call("POST", "/api/v1/session", map[string]string{"name": name, "password": "correct horse battery"}); status != 200 {
			t.Fatalf("login: %d %s", status, text)
		}
	}
	listed := func() bool {
		_, text := boss.call("GET", "/api/v1/push", nil)
		var st push.Standing
		must(t, json.Unmarshal([]byte(text), &st))
		for _, b := range st.Browsers {
			if left := time.Until(b.Until); left < time.Hour || left > 2*time.Hour {
				t.Errorf("it is told for %v more, not as long as an idle login", left)
			}
		}
		return strings.Contains(text, "push.acme.dev")
	}
	for name, ends := range map[string]func(ana *operator) (int, string){
		"logs-out": func(ana *operator) (int, string) { return ana.call("DELETE", "/api/v1/session", nil) },
		"logs-out-of-a-later-login": func(ana *operator) (int, string) {
			in(ana, "logs-out-of-a-later-login")
			if !listed() {
				t.Error("it ended with another login of the same person")
			}
			return ana.call("DELETE", "/api/v1/session", nil)
		},
		"has-another-password": func(*operator) (int, string) {
			return boss.call("PUT", "/api/v1/operators/has-another-password/password", map[string]string{"password": "battery horse correct"})
		},
		"is-removed": func(*operator) (int, string) { return boss.call("DELETE", "/api/v1/operators/is-removed", nil) },
		"leaves-it-to-another": func(ana *operator) (int, string) {
			in(ana, "boss")
			return 200, ""
		},
	} {
		ana := login(t, l, name, route.Approver)
		if status, text := ana.call("POST", "/api/v1/push", map[string]any{"endpoint": "https://push.acme.dev/" + name, "browser": "a phone", "keys": map[string]string{
			"p256dh": base64.RawURLEncoding.EncodeToString(key.PublicKey().Bytes()), "auth": "AAAAAAAAAAAAAAAAAAAAAA",
		}}); status != 200 {
			t.Fatalf("%s: %d %s", name, status, text)
		}
		if !listed() {
			t.Fatalf("%s: not subscribed", name)
		}
		if status, text := ends(ana); status/100 != 2 {
			t.Fatalf("%s: %d %s", name, status, text)
		}
		if listed() {
			t.Errorf("a browser whose owner %s is told still", name)
		}
	}
}
