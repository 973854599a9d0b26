package lab_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sallyport.dev/sallyport/internal/lab"
)

// An agent reaches a service whose tokens end; neither the token nor what it is
// made of comes back to it, and a client that is refused is refused with a reason.
func TestTokensAreMadeForAgents(t *testing.T) {
	made := 0
	id := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "gateway" || password != canary {
			http.Error(w, `{"error":"invalid_client"}`, http.StatusUnauthorized)
			return
		}
		made++
		fmt.Fprintf(w, `{"access_token":"access-token-number-%d","token_type":"Bearer","expires_in":3600}`, made)
	}))
	defer id.Close()
	l := lab.New(t, fmt.Sprintf(`
gateway {
  wireguard {
    listen = ":0"
  }
}
service "api" {
  hosts = ["api.example.com"]
  tls   = { ca = file("upstreams.pem") }
  auth  = oauth2({ token_url = %q, client_id = "gateway", client_secret = secret.client })
}
role "everyone" { use = [service.api] }
`, id.URL+"/token"))
	l.HTTPS("api.example.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "you sent %q", r.Header.Get("Authorization"))
	}))
	agent := l.Agent("ci").HTTP()
	get := func() (int, string) {
		resp, err := agent.Get("https://api.example.com/")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
	l.Secret("client", "the-wrong-client-secret")
	if code, body := get(); code != http.StatusBadGateway || strings.Contains(body, "wrong-client-secret") {
		t.Errorf("a client that is refused: %d %s", code, body)
	}
	if r := l.Records("service:api", 1)[0]; !strings.Contains(r.Error, "invalid_client") {
		t.Errorf("the record says %q", r.Error)
	}
	l.Secret("client", canary)
	for range 3 {
		code, body := get()
		if want := `you sent "Bearer ` + strings.Repeat("*", len("access-token-number-1")) + `"`; code != http.StatusOK || body != want {
			t.Errorf("%d %s, want %s", code, body, want)
		}
	}
	if made != 1 {
		t.Errorf("%d tokens were made", made)
	}
	if r := l.Records("service:api", 4)[3]; r.Secret != "client@2" {
		t.Errorf("the record names %q", r.Secret)
	}
	l.Clean(canary)
}
