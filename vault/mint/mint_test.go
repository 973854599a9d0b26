package mint

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/vault"
	"sallyport.dev/sallyport/vault/grant"
)

var at = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func minter(t *testing.T, srv *httptest.Server, scheme string) vault.Minter {
	t.Helper()
	m, ok := All(srv.Client(), nil, func() time.Time { return at })[scheme]
	if !ok {
		t.Fatal("nobody makes tokens of", scheme)
	}
	return m
}

func account(scheme string, spec any, names ...string) action.Auth {
	b, err := json.Marshal(spec)
	if err != nil {
		panic(err)
	}
	return action.Auth{Scheme: scheme, Spec: string(b), Secrets: names}
}

func secrets(texts ...string) []vault.Secret {
	var out []vault.Secret
	for _, s := range texts {
		out = append(out, vault.NewSecret([]byte(s)))
	}
	return out
}

// verified reads the claims of a token that key has signed.
func verified(token string, key *rsa.PublicKey) (header, claims map[string]any, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, nil, fmt.Errorf("%d parts", len(parts))
	}
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, nil, err
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], sig); err != nil {
		return nil, nil, err
	}
	for i, into := range []*map[string]any{&header, &claims} {
		b, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			return nil, nil, err
		}
		if err := json.Unmarshal(b, into); err != nil {
			return nil, nil, err
		}
	}
	return header, claims, nil
}

func newKey(t *testing.T) (*rsa.PrivateKey, string, string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	b, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return key, string(pkcs1), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: b}))
}

// A token endpoint that takes one client, one way, and each refresh token once.
func TestOAuth2(t *testing.T) {
	refresh := "r-1"
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fail := func(code string) {
			http.Error(w, `{"error":"`+code+`","error_description":"canary"}`, http.StatusBadRequest)
		}
		r.ParseForm()
		user, password, basic := r.BasicAuth()
		switch r.URL.Path {
		case "/basic":
			if user != url.QueryEscape("cl:ient") || password != url.QueryEscape("s3cr3t&") || r.PostForm.Has("client_secret") {
				fail("invalid_client")
				return
			}
		case "/body":
			if basic || r.PostForm.Get("client_id") != "cl:ient" || r.PostForm.Get("client_secret") != "s3cr3t&" {
				fail("invalid_client")
				return
			}
		case "/public":
			if basic || r.PostForm.Get("client_id") != "cl:ient" || r.PostForm.Has("client_secret") {
				fail("invalid_client")
				return
			}
		case "/mac":
			io.WriteString(w, `{"access_token":"x","token_type":"mac"}`)
			return
		case "/moved":
			http.Redirect(w, r, "/basic", http.StatusTemporaryRedirect)
			return
		}
		switch r.PostForm.Get("grant_type") {
		case "client_credentials":
			fmt.Fprintf(w, `{"access_token":"a %s %s","token_type":"Bearer","expires_in":"3600"}`, r.PostForm.Get("scope"), r.PostForm.Get("audience"))
		case "refresh_token":
			if r.PostForm.Get("refresh_token") != refresh {
				fail("invalid_grant")
				return
			}
			refresh += "+"
			fmt.Fprintf(w, `{"access_token":"of %s","token_type":"bearer","expires_in":60,"refresh_token":%q}`, r.PostForm.Get("refresh_token"), refresh)
		}
	}))
	defer srv.Close()
	m := minter(t, srv, "oauth2")
	spec := func(path string) grant.Spec { return grant.Spec{TokenURL: srv.URL + path, ClientID: "cl:ient"} }
	scoped := spec("/basic")
	scoped.Scopes, scoped.Audience = []string{"read", "write"}, "api"
	body, public := spec("/body"), spec("/public")
	body.InBody, public.Public = true, true
	for _, c := range []struct {
		name    string
		spec    grant.Spec
		secrets []vault.Secret
		want    string
		life    time.Duration
		next    string
	}{
		{"client", scoped, secrets("s3cr3t&"), "a read write api", time.Hour, ""},
		{"in the body", body, secrets("s3cr3t&"), "a  ", time.Hour, ""},
		{"refresh", spec("/basic"), secrets("s3cr3t&", "r-1"), "of r-1", time.Minute, "r-1+"},
		{"refresh of a public client", public, secrets("r-1+"), "of r-1+", time.Minute, "r-1++"},
		{"used up", public, secrets("r-1+"), `400 Bad Request: "invalid_grant"`, 0, ""},
		{"wrong secret", spec("/basic"), secrets("other"), "invalid_client", 0, ""},
		{"another type", spec("/mac"), secrets("x"), "not a bearer token", 0, ""},
		{"moved", spec("/moved"), secrets("s3cr3t&"), "307", 0, ""},
		{"in the clear", grant.Spec{TokenURL: "http://id.example.com/token"}, secrets("x"), "without TLS", 0, ""},
	} {
		got, err := m.Mint(t.Context(), account("oauth2", c.spec, "s", "r"), c.secrets)
		if c.life == 0 {
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "canary") {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err != nil || string(got.Value.Reveal()) != c.want || got.As.Scheme != "bearer" || !got.Until.Equal(at.Add(c.life)) {
			t.Errorf("%s: %q until %s, %v", c.name, got.Value.Reveal(), got.Until, err)
		}
		next := got.Next[len(c.secrets)-1]
		if string(next.Reveal()) != c.next {
			t.Errorf("%s: next %q", c.name, next.Reveal())
		}
	}
}

func TestGitHubApp(t *testing.T) {
	key, pkcs1, pkcs8 := newKey(t)
	_, other, _ := newKey(t)
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header, claims, err := verified(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), &key.PublicKey)
		if err != nil || header["alg"] != "RS256" || claims["iss"] != "123" || r.Method != "POST" || r.URL.Path != "/app/installations/77/access_tokens" {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintf(w, `{"message":"A JSON web token could not be decoded","documentation_url":"x"}`)
			return
		}
		if life := claims["exp"].(float64) - float64(at.Unix()); life > 600 || claims["iat"].(float64) >= float64(at.Unix()) {
			t.Errorf("claims %v", claims)
		}
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"token":"ghs_16C7e42F292c6912E7710c838347Ae178B4a","expires_at":"2026-11-25T13:00:00Z","permissions":{"issues":"write"}}`)
	}))
	defer srv.Close()
	m := minter(t, srv, "github_app")
	auth := account("github_app", GitHubApp{AppID: "123", Installation: "77", API: srv.URL}, "app")
	for name, text := range map[string]string{"PKCS #1": pkcs1, "PKCS #8": pkcs8} {
		got, err := m.Mint(t.Context(), auth, secrets(text))
		if err != nil || string(got.Value.Reveal()) != "ghs_16C7e42F292c6912E7710c838347Ae178B4a" || got.As.Scheme != "basic" || got.As.Name != "x-access-token" || !got.Until.Equal(at.Add(time.Hour)) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for name, text := range map[string]string{"could not be decoded": other, "no RSA private key": "canary"} {
		if _, err := m.Mint(t.Context(), auth, secrets(text)); err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestGoogleServiceAccount(t *testing.T) {
	key, _, pkcs8 := newKey(t)
	var srv *httptest.Server
	srv = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		header, claims, err := verified(r.PostForm.Get("assertion"), &key.PublicKey)
		if err != nil || r.PostForm.Get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" || header["kid"] != "k1" ||
			claims["iss"] != "agent@p.iam.gserviceaccount.com" || claims["aud"] != srv.URL+"/token" || claims["scope"] != "a b" {
			http.Error(w, `{"error":"invalid_grant","error_description":"Invalid JWT Signature."}`, http.StatusBadRequest)
			return
		}
		fmt.Fprint(w, `{"access_token":"ya29.c.x","expires_in":3599,"token_type":"Bearer"}`)
	}))
	defer srv.Close()
	m := minter(t, srv, "gcp_service_account")
	auth := account("gcp_service_account", Google{Scopes: []string{"a", "b"}}, "sa")
	file := map[string]string{"type": "service_account", "client_email": "agent@p.iam.gserviceaccount.com", "private_key": pkcs8, "private_key_id": "k1", "token_uri": srv.URL + "/token"}
	b, _ := json.Marshal(file)
	got, err := m.Mint(t.Context(), auth, secrets(string(b)))
	if err != nil || string(got.Value.Reveal()) != "ya29.c.x" || got.As.Scheme != "bearer" || !got.Until.Equal(at.Add(3599*time.Second)) {
		t.Errorf("%+v, %v", got, err)
	}
	strange := All(&http.Client{Transport: &http.Transport{}}, nil, func() time.Time { return at })["gcp_service_account"]
	if _, err := strange.Mint(t.Context(), auth, secrets(string(b))); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("a server that nothing proves: %v", err)
	}
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}))
	own := account("gcp_service_account", Google{Scopes: []string{"a", "b"}, CA: ca}, "sa")
	if got, err := strange.Mint(t.Context(), own, secrets(string(b))); err != nil || string(got.Value.Reveal()) != "ya29.c.x" {
		t.Errorf("a server that its own authority proves: %v", err)
	}
	for _, bad := range []string{"canary", `{"type":"authorized_user","refresh_token":"canary"}`, strings.Replace(string(b), "k1", "k2", 1)} {
		if _, err := m.Mint(t.Context(), auth, secrets(bad)); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%.40s: %v", bad, err)
		}
	}
}
