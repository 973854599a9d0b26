package lab_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport.dev/sallyport/dashboard/connect"
	"sallyport.dev/sallyport/internal/lab"
	"sallyport.dev/sallyport/internal/lab/idp"
	"sallyport.dev/sallyport/internal/node"
)

const consentGateway = `
gateway {
  wireguard {
    listen = ":0"
  }
  dashboard {
    listen = "localhost:0"
  }
}
service "notes" {
  hosts = ["notes.example.com"]
  tls   = { ca = file("upstreams.pem") }
  auth  = oauth2({ %s, refresh_token = secret.notes })
}
role "everyone" { use = [service.notes] }
`

// operators speak with the API at admin.sock.
func operators(l *lab.Lab) *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", filepath.Join(l.Dir, node.AdminSocket))
	}}}
}

func post(t *testing.T, c *http.Client, path string, in, out any) (int, string) {
	t.Helper()
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Post("http://sallyport"+path, "application/json", bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if out != nil && resp.StatusCode == http.StatusOK {
		if err := json.Unmarshal(text, out); err != nil {
			t.Fatal(err)
		}
	}
	return resp.StatusCode, string(text)
}

// browser remembers cookies, as a person's does.
func browser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar}
}

func page(t *testing.T, c *http.Client, at string) (int, string, *http.Response) {
	t.Helper()
	resp, err := c.Get(at)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b), resp
}

// A consent is a lab with an authorization server, one account of which is to be
// connected.
type consent struct {
	*lab.Lab
	idp  *idp.Server
	desk *http.Client
}

func newConsent(t *testing.T, words func(*idp.Server) string) *consent {
	t.Helper()
	s := idp.New(t, time.Now)
	c := &consent{Lab: lab.New(t, fmt.Sprintf(consentGateway, words(s))), idp: s}
	c.desk = operators(c.Lab)
	s.Set(func(s *idp.Server) {
		s.Clients["gateway"], s.Back["gateway"] = "the-secret-of-the-client", []string{c.API.Connect.URLs()[0] + "/api/v1/connect/callback"}
	})
	c.Secret("client", "the-secret-of-the-client")
	c.HTTPS("notes.example.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "you sent %q", r.Header.Get("Authorization"))
	}))
	return c
}

func byCode(s *idp.Server) string {
	return fmt.Sprintf(`authorize_url = %q, token_url = %q, client_id = "gateway", client_secret = secret.client`, s.URL+"/authorize", s.URL+"/token")
}

func byResource(s *idp.Server) string {
	s.Register = true
	return fmt.Sprintf("resource = %q", s.Resource())
}

func (c *consent) begin(t *testing.T, w connect.Wish) connect.Connection {
	t.Helper()
	var at connect.Connection
	if code, text := post(t, c.desk, "/api/v1/secrets/notes/connect", w, &at); code != http.StatusOK {
		t.Fatalf("begin: %d %s", code, text)
	}
	return at
}

func (c *consent) look(t *testing.T, id string) connect.Connection {
	t.Helper()
	var at connect.Connection
	if code, text := post(t, c.desk, "/api/v1/connections/"+id, nil, &at); code != http.StatusOK {
		t.Fatalf("look: %d %s", code, text)
	}
	return at
}

// everything is what anybody could read of it: logs, the API, the audit of operators.
func (c *consent) everything(t *testing.T) string {
	t.Helper()
	all := c.Logs.String()
	for _, path := range []string{"/api/v1/secrets", "/api/v1/status", "/api/v1/operators/log", "/api/v1/policy"} {
		resp, err := c.desk.Get("http://sallyport" + path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		all += string(b)
	}
	return all
}

// T35: a person connects an account in a browser, and agents use it; no token is in
// anything that somebody can read.
func TestT35_AnAccountIsConnected(t *testing.T) {
	for name, words := range map[string]func(*idp.Server) string{"by code": byCode, "of a resource that registers": byResource} {
		t.Run(name, func(t *testing.T) {
			c := newConsent(t, words)
			if list := c.Warnings(); !slices.ContainsFunc(list, func(s string) bool { return strings.Contains(s, "sallyport secret connect notes") }) {
				t.Errorf("before: %q", list)
			}
			at := c.begin(t, connect.Wish{})
			if c.look(t, at.ID).State != "waiting" || strings.Contains(at.Link, "state=") {
				t.Errorf("it begins as %+v", at)
			}
			code, text, resp := page(t, browser(t), at.Link)
			if code != http.StatusOK || !strings.Contains(text, "notes is connected") {
				t.Fatalf("the person sees %d %s", code, text)
			}
			if last := resp.Request.URL.String(); strings.Contains(last, "code=") || strings.Contains(last, "state=") {
				t.Errorf("the browser ends at %s", last)
			}
			if got := c.look(t, at.ID); got.State != "connected" {
				t.Errorf("%+v", got)
			}
			agent := c.Agent("ci").HTTP()
			var wg sync.WaitGroup
			for range 50 {
				wg.Go(func() {
					resp, err := agent.Get("https://notes.example.com/")
					if err != nil {
						t.Error(err)
						return
					}
					defer resp.Body.Close()
					b, _ := io.ReadAll(resp.Body)
					if resp.StatusCode != http.StatusOK || !strings.HasPrefix(string(b), `you sent "Bearer ****`) {
						t.Errorf("%d %s", resp.StatusCode, b)
					}
				})
			}
			wg.Wait()
			if n := c.idp.Renewed(); n != 1 {
				t.Errorf("50 requests make %d tokens", n)
			}
			if wrong := c.idp.Wrong(); len(wrong) > 0 {
				t.Errorf("the server complains of %q", wrong)
			}
			all := c.everything(t)
			for _, secret := range append(c.idp.Secrets(), "the-secret-of-the-client") {
				if strings.Contains(all, secret) {
					t.Errorf("%.12s… can be read", secret)
				}
			}
		})
	}
}

// T35: the link is for one browser, what it brings back is good once and in that
// browser only, and how it ended is for who began it.
func TestT35_TheWayBackIsForOneBrowser(t *testing.T) {
	c := newConsent(t, byCode)
	at := c.begin(t, connect.Wish{})
	stop := func(c *http.Client) *http.Client {
		c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		return c
	}
	mine, theirs := stop(browser(t)), stop(browser(t))
	hop := func(b *http.Client, at string) string {
		_, _, resp := page(t, b, at)
		to, err := resp.Location()
		if err != nil {
			t.Fatalf("%s: %s", at, resp.Status)
		}
		return to.String()
	}
	server := hop(mine, at.Link)
	if code, _, _ := page(t, theirs, at.Link); code != http.StatusForbidden {
		t.Errorf("the link in another browser: %d", code)
	}
	home := hop(mine, server)
	for _, tt := range []struct {
		name string
		by   *http.Client
		at   string
	}{
		{"another browser", theirs, home},
		{"no cookie", stop(&http.Client{}), home},
		{"another state", mine, strings.Replace(home, "state=", "state=X", 1)},
		{"no state", mine, strings.Replace(home, "state=", "stat=", 1)},
	} {
		if code, text, _ := page(t, tt.by, tt.at); code != http.StatusForbidden {
			t.Errorf("%s: %d %s", tt.name, code, text)
		}
	}
	if to := hop(mine, home); !strings.Contains(to, "/api/v1/connect/done?id=") {
		t.Errorf("it ends at %s", to)
	}
	if code, _, _ := page(t, mine, home); code != http.StatusForbidden {
		t.Errorf("the same once more: %d", code)
	}
	if code, _, _ := page(t, mine, at.Link); code != http.StatusForbidden {
		t.Errorf("the link once more: %d", code)
	}
	resp, err := single.Post(c.API.Connect.URLs()[0]+"/api/v1/connections/"+at.ID, "application/json", strings.NewReader("{}"))
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("somebody unproven asks: %v %v", resp.Status, err)
	}
	resp.Body.Close()
	if wrong := c.idp.Wrong(); len(wrong) > 0 {
		t.Errorf("the server complains of %q", wrong)
	}
}

// Where no browser reaches the gateway, the address is brought by hand.
func TestAnAddressIsBroughtByHand(t *testing.T) {
	c := newConsent(t, byCode)
	at := c.begin(t, connect.Wish{Paste: true})
	b := browser(t)
	b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	_, _, resp := page(t, b, at.Link)
	home, err := resp.Location()
	if err != nil {
		t.Fatal(err)
	}
	if code, _, _ := page(t, b, home.String()); code != http.StatusForbidden {
		t.Errorf("the address in a browser: %d", code)
	}
	if code, text := post(t, c.desk, "/api/v1/connections/"+at.ID+"/address", connect.Brought{URL: "https://x/?code=y"}, nil); code != http.StatusBadRequest {
		t.Errorf("another address: %d %s", code, text)
	}
	whole := connect.Brought{URL: " " + home.String() + "\n"}
	// To ask how it stands seals nothing, whatever comes along: that takes no proof.
	if code, text := post(t, c.desk, "/api/v1/connections/"+at.ID, whole, nil); code == http.StatusOK && !strings.Contains(text, `"waiting"`) {
		t.Errorf("brought to who only asks: %d %s", code, text)
	}
	var got connect.Connection
	if code, text := post(t, c.desk, "/api/v1/connections/"+at.ID+"/address", whole, &got); code != http.StatusOK || got.State != "connected" {
		t.Errorf("%d %s: %+v", code, text, got)
	}
}

// What a server refuses, an operator reads, and an agent is refused with a reason.
func TestAnAccountThatIsRefused(t *testing.T) {
	c := newConsent(t, byCode)
	c.idp.Set(func(s *idp.Server) { s.Liar = "https://evil.example" })
	at := c.begin(t, connect.Wish{})
	if _, text, _ := page(t, browser(t), at.Link); !strings.Contains(text, `"https://evil.example"`) {
		t.Errorf("the person sees %s", text)
	}
	if got := c.look(t, at.ID); got.State != "failed" || !strings.Contains(got.Error, "comes from") {
		t.Errorf("%+v", got)
	}
	c.idp.Set(func(s *idp.Server) { s.Liar = "" })
	page(t, browser(t), c.begin(t, connect.Wish{}).Link)
	c.idp.Set(func(s *idp.Server) { delete(s.Clients, "gateway") })
	resp, err := c.Agent("ci").HTTP().Get("https://notes.example.com/")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusBadGateway {
		t.Errorf("an agent gets %s", resp.Status)
	}
	if r := c.Records("service:notes", 1)[0]; !strings.Contains(r.Error, "invalid_client") {
		t.Errorf("the record says %q", r.Error)
	}
	if code, text := post(t, c.desk, "/api/v1/secrets/client/connect", nil, nil); code != http.StatusConflict || !strings.Contains(text, "no service has an account") {
		t.Errorf("a secret that nobody connects: %d %s", code, text)
	}
}
