package oidc_test

import (
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/dashboard/oidc"
)

// A provider whose authority no host knows is asked nothing, unless the configuration
// names that authority; and then no other proves it.
func TestAProviderIsProvenByItsOwnAuthority(t *testing.T) {
	var srv *httptest.Server
	var asked []string
	srv = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Path)
		if r.Method == http.MethodPost {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, `{"error":"invalid_grant"}`) //nolint:errcheck // the test fails otherwise
			return
		}
		json.NewEncoder(w).Encode(map[string]any{ //nolint:errcheck // likewise
			"issuer": srv.URL, "authorization_endpoint": srv.URL + "/auth", "token_endpoint": srv.URL + "/token", "jwks_uri": srv.URL + "/keys",
		})
	}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	of := func(client *http.Client, ca string) *oidc.Provider {
		return oidc.New(oidc.Config{Issuer: srv.URL, ClientID: "c", HTTP: client, CA: ca, Now: time.Now, Secret: func() (string, error) { return "s", nil }})
	}
	stranger := &http.Client{Transport: &http.Transport{}}
	start := oidc.Start{Peer: "p", Redirect: "https://gw/cb"}
	if _, _, err := of(stranger, "").Begin(t.Context(), start); err == nil || !strings.Contains(err.Error(), "unknown authority") || len(asked) > 0 {
		t.Fatalf("a provider that nothing proves: %v, asked %q", err, asked)
	}
	p := of(stranger, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})))
	at, browser, err := p.Begin(t.Context(), start)
	if err != nil || !strings.HasPrefix(at, srv.URL+"/auth?") {
		t.Fatalf("%s, %v", at, err)
	}
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Finish(t.Context(), u.Query().Get("state"), "code", browser); err == nil || !strings.Contains(err.Error(), "invalid_grant") || asked[len(asked)-1] != "POST /token" {
		t.Errorf("%v, asked %q", err, asked)
	}
	if _, _, err := of(srv.Client(), otherAuthority).Begin(t.Context(), start); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("a provider that another authority proves: %v", err)
	}
}

// otherAuthority has nothing to do with the server.
const otherAuthority = `-----BEGIN CERTIFICATE-----
MIIBczCCARmgAwIBAgIUKgIMLr2JcktVZ3zAj413NBbuV7swCgYIKoZIzj0EAwIw
DjEMMAoGA1UEAwwDbGFiMCAXDTI2MTEyNTIzNDg0MVoYDzIxMjYxMTAxMjM0ODQx
WjAOMQwwCgYDVQQDDANsYWIwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATF7xsA
Pe8LSE67e2Jh12XQnJFCDeUJfXQvC8xN3DbKe1HJZAza1vHYSlyxZrA93uoLpb4L
AG3MKpaRve3zbCQIo1MwUTAdBgNVHQ4EFgQUkckoWNjZmMS0WBod1Fz3U8FIVR4w
HwYDVR0jBBgwFoAUkckoWNjZmMS0WBod1Fz3U8FIVR4wDwYDVR0TAQH/BAUwAwEB
/zAKBggqhkjOPQQDAgNIADBFAiALLnQ7D3s8J2Vcoq4U+gqVciUj1momsBIZ1hwj
ht14uAIhAPKc25WD8zOft/jR7He3H2yR/3WG/cHIBawg/ZGBE3ah
-----END CERTIFICATE-----
`
