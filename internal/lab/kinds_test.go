package lab_test

import (
	"crypto"
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
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/lab"
	"sallyport.dev/sallyport/internal/sigv4"
)

// kindsByRole has every kind of account that goes with a request, one for each role.
const kindsByRole = `
gateway {
  wireguard {
    listen = ":0"
  }
}
service "bearer" {
  hosts = ["bearer.example.com"]
  tls   = { ca = file("upstreams.pem") }
  auth  = by_role({ role.one = bearer(secret.value1), role.two = bearer(secret.value2) })
}
service "header" {
  hosts = ["header.example.com"]
  tls   = { ca = file("upstreams.pem") }
  auth  = by_role({ role.one = header("X-Key", secret.value1), role.two = header("X-Key", secret.value2) })
}
service "basic" {
  hosts = ["basic.example.com"]
  tls   = { ca = file("upstreams.pem") }
  auth  = by_role({ role.one = basic("user1", secret.value1), role.two = basic("user2", secret.value2) })
}
service "query" {
  hosts = ["query.example.com"]
  tls   = { ca = file("upstreams.pem") }
  auth  = by_role({ role.one = query("key", secret.value1), role.two = query("key", secret.value2) })
}
service "cookie" {
  hosts = ["cookie.example.com"]
  tls   = { ca = file("upstreams.pem") }
  auth  = by_role({ role.one = cookie("session", secret.value1), role.two = cookie("session", secret.value2) })
}
service "dummy" {
  hosts = ["dummy.example.com"]
  tls   = { ca = file("upstreams.pem") }
  auth  = by_role({ role.one = placeholder("DUMMY_KEY", bearer(secret.value1)), role.two = placeholder("DUMMY_KEY", bearer(secret.value2)) })
}
service "aws" {
  hosts = ["s3.eu-central-1.amazonaws.com"]
  tls   = { ca = file("upstreams.pem") }
  auth = by_role({
    role.one = aws_sigv4({ key = secret.id1, secret = secret.value1 })
    role.two = aws_sigv4({ key = secret.id2, secret = secret.value2 })
  })
}
service "sts" {
  hosts = ["dynamodb.eu-central-1.amazonaws.com"]
  tls   = { ca = file("upstreams.pem") }
  auth = by_role({
    role.one = aws_sigv4({ key = secret.id1, secret = secret.value1, role_arn = "arn:aws:iam::1:role/role1", region = "eu-central-1", ca = file("upstreams.pem") })
    role.two = aws_sigv4({ key = secret.id1, secret = secret.value1, role_arn = "arn:aws:iam::1:role/role2", region = "eu-central-1", ca = file("upstreams.pem") })
  })
}
service "oauth" {
  hosts = ["oauth.example.com"]
  tls   = { ca = file("upstreams.pem") }
  auth = by_role({
    role.one = oauth2({ token_url = "https://id.example.com/token", client_id = "client1", client_secret = secret.value1, ca = file("upstreams.pem") })
    role.two = oauth2({ token_url = "https://id.example.com/token", client_id = "client2", client_secret = secret.value2, ca = file("upstreams.pem") })
  })
}
service "app" {
  hosts = ["app.example.com"]
  tls   = { ca = file("upstreams.pem") }
  auth = by_role({
    role.one = github_app({ app_id = "1", installation = "11", key = secret.app1, api = "https://id.example.com", ca = file("upstreams.pem") })
    role.two = github_app({ app_id = "2", installation = "22", key = secret.app2, api = "https://id.example.com", ca = file("upstreams.pem") })
  })
}
service "google" {
  hosts = ["google.example.com"]
  tls   = { ca = file("upstreams.pem") }
  auth  = by_role({ role.one = gcp_service_account(secret.google1, ["scope1"]), role.two = gcp_service_account(secret.google2, ["scope2"]) })
}
role "one" { use = [service.bearer, service.header, service.basic, service.query, service.cookie, service.dummy, service.aws, service.sts, service.oauth, service.app, service.google] }
role "two" { use = [service.bearer, service.header, service.basic, service.query, service.cookie, service.dummy, service.aws, service.sts, service.oauth, service.app, service.google] }
`

// claims gives what a JSON Web Token says that this key has signed (RFC 7515, RS256).
func claims(token, key string) (map[string]any, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, fmt.Errorf("%d parts", len(parts))
	}
	block, _ := pem.Decode([]byte(key))
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(&private.(*rsa.PrivateKey).PublicKey, crypto.SHA256, sum[:], sig); err != nil {
		return nil, err
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, err
	}
	said := map[string]any{}
	if err := json.Unmarshal(b, &said); err != nil {
		return nil, err
	}
	now, iat, exp := float64(time.Now().Unix()), said["iat"], said["exp"]
	if i, ok := iat.(float64); !ok || i > now+1 {
		return nil, fmt.Errorf("it begins at %v", iat)
	}
	if e, ok := exp.(float64); !ok || e < now || e > now+3601 {
		return nil, fmt.Errorf("it ends at %v", exp)
	}
	return said, nil
}

// A giver makes tokens for those who prove who they are, and counts them.
type giver struct {
	keys map[string]string // private keys by name
	mu   sync.Mutex
	made map[string]int
}

func (g *giver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.ParseForm() //nolint:errcheck // what is missing is refused
	who := g.proven(r)
	if who == "" {
		http.Error(w, `{"error":"invalid_client"}`, http.StatusUnauthorized)
		return
	}
	g.mu.Lock()
	g.made[r.URL.Path+" "+who]++
	g.mu.Unlock()
	until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	if strings.HasPrefix(r.URL.Path, "/app/") {
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"token":"ghs-of-%s","expires_at":%q}`, who, until)
		return
	}
	fmt.Fprintf(w, `{"access_token":"token-of-%s","token_type":"Bearer","expires_in":3600}`, who)
}

// proven gives the number of who asks; "" if that is nobody.
func (g *giver) proven(r *http.Request) string {
	for _, n := range []string{"1", "2"} {
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		user, password, _ := r.BasicAuth()
		switch r.Method + " " + r.URL.Path {
		case "POST /token":
			if user == "client"+n && password == "value-of-role-"+n && r.Form.Get("grant_type") == "client_credentials" {
				return n
			}
		case "POST /app/installations/" + n + n + "/access_tokens":
			if said, err := claims(token, g.keys["app"+n]); err == nil && said["iss"] == n {
				return n
			}
		case "POST /google":
			said, err := claims(r.Form.Get("assertion"), g.keys["google"+n])
			if err == nil && said["iss"] == "sa"+n+"@p.iam.gserviceaccount.com" && said["scope"] == "scope"+n && strings.HasSuffix(fmt.Sprint(said["aud"]), "/google") {
				return n
			}
		}
	}
	return ""
}

// T33: whatever kind the accounts are of, an agent goes out with that of its role and no
// other, to servers that verify it; one that has both roles goes nowhere.
func TestT33_EveryKindByRole(t *testing.T) {
	l := lab.New(t, kindsByRole)
	g := &giver{keys: map[string]string{}, made: map[string]int{}}
	plain := httptest.NewServer(g) // where Google's key files say that it is
	defer plain.Close()
	l.HTTPS("id.example.com", g)
	for _, n := range []string{"1", "2"} {
		l.Secret("value"+n, "value-of-role-"+n)
		l.Secret("id"+n, "AKIAROLE"+n)
		g.keys["app"+n], _ = keyPEM(t)
		g.keys["google"+n], _ = keyPEM(t)
		l.Secret("app"+n, g.keys["app"+n])
		file, err := json.Marshal(map[string]string{"type": "service_account", "client_email": "sa" + n + "@p.iam.gserviceaccount.com", "private_key": g.keys["google"+n], "private_key_id": "k", "token_uri": plain.URL + "/google"})
		if err != nil {
			t.Fatal(err)
		}
		l.Secret("google"+n, string(file))
	}
	l.HTTPS("sts.eu-central-1.amazonaws.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if err := sigv4.Verify(r, body, "AKIAROLE1", "value-of-role-1", "sts"); err != nil {
			http.Error(w, `{"Error":{"Code":"SignatureDoesNotMatch"}}`, http.StatusForbidden)
			return
		}
		for _, n := range []string{"1", "2"} {
			if strings.Contains(string(body), "role%2Frole"+n+"&") {
				fmt.Fprintf(w, `{"AssumeRoleResponse":{"AssumeRoleResult":{"Credentials":{"AccessKeyId":"ASIA%[1]s","SecretAccessKey":"session-key-of-%[1]s","SessionToken":"session-of-%[1]s","Expiration":%d}}}}`, n, time.Now().Add(time.Hour).Unix())
			}
		}
	}))
	bearer := func(prefix string) func(*http.Request, []byte, string) bool {
		return func(r *http.Request, _ []byte, n string) bool {
			return r.Header.Get("Authorization") == "Bearer "+prefix+n
		}
	}
	verify := map[string]func(r *http.Request, body []byte, n string) bool{
		"bearer.example.com": bearer("value-of-role-"),
		"dummy.example.com":  bearer("value-of-role-"),
		"oauth.example.com":  bearer("token-of-"),
		"google.example.com": bearer("token-of-"),
		"header.example.com": func(r *http.Request, _ []byte, n string) bool { return r.Header.Get("X-Key") == "value-of-role-"+n },
		"query.example.com":  func(r *http.Request, _ []byte, n string) bool { return r.URL.RawQuery == "key=value-of-role-"+n },
		"cookie.example.com": func(r *http.Request, _ []byte, n string) bool {
			return r.Header.Get("Cookie") == "session=value-of-role-"+n
		},
		"basic.example.com": func(r *http.Request, _ []byte, n string) bool {
			user, password, _ := r.BasicAuth()
			return user == "user"+n && password == "value-of-role-"+n
		},
		"app.example.com": func(r *http.Request, _ []byte, n string) bool {
			user, password, _ := r.BasicAuth()
			return user == "x-access-token" && password == "ghs-of-"+n
		},
		"s3.eu-central-1.amazonaws.com": func(r *http.Request, body []byte, n string) bool {
			return sigv4.Verify(r, body, "AKIAROLE"+n, "value-of-role-"+n, "s3") == nil
		},
		"dynamodb.eu-central-1.amazonaws.com": func(r *http.Request, body []byte, n string) bool {
			return sigv4.Verify(r, body, "ASIA"+n, "session-key-of-"+n, "s3") == nil && r.Header.Get("X-Amz-Security-Token") == "session-of-"+n
		},
	}
	for host, is := range verify {
		l.HTTPS(host, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			for _, n := range []string{"1", "2"} {
				if is(r, body, n) {
					io.WriteString(w, "role "+n) //nolint:errcheck // the agent may be gone
					return
				}
			}
			http.Error(w, fmt.Sprint("nobody: ", r.URL, r.Header), http.StatusUnauthorized)
		}))
	}
	one, two, both := l.Agent("a1", "one"), l.Agent("a2", "two"), l.Agent("a3", "one", "two")
	var wg sync.WaitGroup
	for host := range verify {
		wg.Go(func() {
			for range 3 { // in turns, over the same pool
				for n, a := range map[string]*lab.Agent{"1": one, "2": two, "": both} {
					code, text := byKind(t, a, host)
					if n == "" && code != http.StatusForbidden || n != "" && (code != http.StatusOK || text != "role "+n) {
						t.Errorf("%s as role %q: %d %s", host, n, code, text)
					}
				}
			}
		})
	}
	wg.Wait()
	for asked, times := range g.made {
		if times != 1 {
			t.Errorf("%s: %d tokens are made", asked, times)
		}
	}
	if len(g.made) != 6 {
		t.Errorf("tokens are made for %v", g.made)
	}
}

// byKind asks a host as an agent does that holds nothing: a dummy where one is wanted.
func byKind(t *testing.T, a *lab.Agent, host string) (int, string) {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+host+"/", nil)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	switch {
	case strings.HasSuffix(host, ".amazonaws.com"):
		sign(t, r)
	case strings.HasPrefix(host, "dummy."):
		r.Header.Set("Authorization", "Bearer "+environment(t, a)["DUMMY_KEY"])
	}
	resp, err := a.HTTP().Do(r)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp.StatusCode, string(b)
}
