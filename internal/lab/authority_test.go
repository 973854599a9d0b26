package lab_test

import (
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/dashboard/connect"
	"sallyport.dev/sallyport/internal/lab"
	"sallyport.dev/sallyport/internal/lab/idp"
	"sallyport.dev/sallyport/internal/pki"
)

// T18: an authorization server whose authority no host knows is asked nothing, unless
// the account names that authority; and then no other proves it.
func TestT18_AnAuthorizationServerProvesItself(t *testing.T) {
	other, err := pki.New("other")
	if err != nil {
		t.Fatal(err)
	}
	for name, words := range map[string]func(*idp.Server) string{
		"looked up, with a code to type in": func(s *idp.Server) string {
			return fmt.Sprintf(`issuer = %q, flow = "device_code", client_id = "gateway", client_secret = secret.client`, s.URL)
		},
		"named by a resource, which registers": func(s *idp.Server) string {
			s.Register = true
			return fmt.Sprintf(`resource = %q, flow = "device_code"`, s.Resource())
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := idp.NewTLS(t, time.Now)
			s.Clients["gateway"] = "the-secret-of-the-client"
			with := func(ca string) string {
				return fmt.Sprintf(consentGateway, fmt.Sprintf("%s, ca = %q", words(s), ca))
			}
			l := lab.New(t, fmt.Sprintf(consentGateway, words(s)))
			c := &consent{Lab: l, idp: s, desk: operators(l)}
			l.Secret("client", "the-secret-of-the-client")
			l.HTTPS("notes.example.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprintf(w, "you sent %q", r.Header.Get("Authorization"))
			}))
			for _, conf := range []string{"", with(string(other.PEM()))} {
				if conf != "" {
					l.Reload(conf)
				}
				if code, text := post(t, c.desk, "/api/v1/secrets/notes/connect", connect.Wish{}, nil); code == http.StatusOK || !strings.Contains(text, "unknown authority") {
					t.Errorf("a server that nothing proves: %d %s", code, text)
				}
			}
			l.Reload(with(s.Authority()))
			at := c.begin(t, connect.Wish{})
			s.Agree(true)
			eventually(t, func() bool { return c.look(t, at.ID).State == "connected" }, // the server says how often it may be asked
				func() string { return fmt.Sprintf("%+v", c.look(t, at.ID)) })
			agent := l.Agent("ci").HTTP()
			get := func() (int, string) {
				agent.CloseIdleConnections() // that of before ends with the account, and what is sent on it meanwhile
				resp, err := agent.Get("https://notes.example.com/")
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				b, _ := io.ReadAll(resp.Body)
				return resp.StatusCode, string(b)
			}
			if code, text := get(); code != http.StatusOK || !strings.HasPrefix(text, `you sent "Bearer ****`) {
				t.Errorf("%d %s", code, text)
			}
			l.Reload(with(string(other.PEM())))
			if code, _ := get(); code != http.StatusBadGateway {
				t.Errorf("a token of a server that nothing proves any more: %d", code)
			}
			if r := l.Records("service:notes", 2)[1]; !strings.Contains(r.Error, "unknown authority") {
				t.Errorf("the record says %q", r.Error)
			}
			if wrong := s.Wrong(); len(wrong) > 0 {
				t.Errorf("the server complains of %q", wrong)
			}
		})
	}
}

// T18: GitHub's own servers in a company are proven by what the account says.
func TestT18_AnOwnGitHubProvesItself(t *testing.T) {
	var asked []string
	api := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Path)
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"token":"ghs_an-installation","expires_at":%q}`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	}))
	api.Config.ErrorLog = log.New(io.Discard, "", 0)
	api.StartTLS()
	defer api.Close()
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: api.Certificate().Raw}))
	conf := func(more string) string {
		return fmt.Sprintf(`
gateway {
  wireguard {
    listen = ":0"
  }
}
service "ghe" {
  hosts = ["ghe.example.com"]
  tls   = { ca = file("upstreams.pem") }
  auth  = github_app({ app_id = "1", installation = "2", key = secret.app, api = %q%s })
}
role "everyone" { use = [service.ghe] }
`, api.URL+"/api/v3", more)
	}
	l := lab.New(t, conf(""))
	key, _ := keyPEM(t)
	l.Secret("app", key)
	l.HTTPS("ghe.example.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		fmt.Fprint(w, user, " ", password == "ghs_an-installation")
	}))
	agent := l.Agent("ci").HTTP()
	get := func() (int, string) {
		agent.CloseIdleConnections() // likewise
		resp, err := agent.Get("https://ghe.example.com/")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b)
	}
	if code, _ := get(); code != http.StatusBadGateway || len(asked) > 0 {
		t.Errorf("a server that nothing proves: %d, asked %q", code, asked)
	}
	l.Reload(conf(fmt.Sprintf(", ca = %q", ca)))
	if code, text := get(); code != http.StatusOK || text != "x-access-token true" || !slices.Equal(asked, []string{"POST /api/v3/app/installations/2/access_tokens"}) {
		t.Errorf("%d %s, asked %q", code, text, asked)
	}
}
