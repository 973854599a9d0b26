package remote

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/sigv4"
	"sallyport.dev/sallyport/vault"
)

// server answers what routes says, and everything else with 404.
func server(t *testing.T, routes map[string]http.HandlerFunc) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	for pattern, h := range routes {
		mux.HandleFunc(pattern, h)
	}
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv
}

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) }
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A hashi is a server that takes the logins and holds the secrets of the
// documentation's examples.
type hashi struct {
	t      *testing.T
	token  string // that is taken now
	logins int
}

func (h *hashi) routes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"POST /v1/auth/approle/login":    h.login(`{"role_id":"r-1","secret_id":"s-1"}`),
		"POST /v1/auth/kubernetes/login": h.login(`{"role":"sallyport","jwt":"a.jwt"}`),
		"POST /v1/auth/jwt-eu/login":     h.login(`{"role":"sallyport","jwt":"a.jwt"}`),
		"GET /v1/kv/data/db":             h.read(`{"request_id":"1","lease_id":"","renewable":false,"lease_duration":0,"data":{"data":{"password":"pa55","port":5432},"metadata":{"created_time":"2026-01-01T00:00:00Z","deletion_time":"","destroyed":false,"version":3}},"wrap_info":null,"warnings":null,"auth":null}`),
		"GET /v1/kv/data/gone":           h.read(`{"data":{"data":null,"metadata":{"deletion_time":"2026-01-01T00:00:00Z","version":4}}}`),
		"GET /v1/secret/old":             h.read(`{"lease_id":"","lease_duration":2764800,"data":{"password":"first-version"}}`),
		"GET /v1/database/creds/app":     h.read(`{"lease_id":"database/creds/app/abc","renewable":true,"lease_duration":3600,"data":{"username":"v-app-1","password":"generated"}}`),
	}
}

func (h *hashi) login(want string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var got, wanted map[string]string
		json.NewDecoder(r.Body).Decode(&got)
		json.Unmarshal([]byte(want), &wanted)
		if fmt.Sprint(got) != fmt.Sprint(wanted) {
			http.Error(w, `{"errors":["permission denied"]}`, http.StatusForbidden)
			return
		}
		h.logins++
		h.token = fmt.Sprintf("hvs.%d", h.logins)
		fmt.Fprintf(w, `{"auth":{"client_token":%q,"accessor":"x","policies":["default"],"lease_duration":3600,"renewable":true}}`, h.token)
	}
}

func (h *hashi) read(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Vault-Token") != h.token || r.Header.Get("X-Vault-Namespace") != "team" || r.Header.Get("X-Vault-Request") != "true" {
			http.Error(w, `{"errors":["permission denied"]}`, http.StatusForbidden)
			return
		}
		io.WriteString(w, text)
	}
}

func TestHashi(t *testing.T) {
	jwt, secretID := write(t, "a.jwt"), write(t, "s-1")
	kubernetes := HashiLogin{Role: "sallyport", JWTFile: jwt}
	for _, c := range []struct {
		name, path, field string
		login             HashiLogin
		want, wrong       string
		life              time.Duration
	}{
		{"kv 2", "kv/data/db", "password", kubernetes, "pa55", "", 0},
		{"a number", "kv/data/db", "port", kubernetes, "5432", "", 0},
		{"the whole", "/kv/data/db", "", kubernetes, `{"password":"pa55","port":5432}`, "", 0},
		{"kv 1", "secret/old", "password", HashiLogin{RoleID: "r-1", SecretIDFile: secretID}, "first-version", "", 0},
		{"database", "database/creds/app", "", kubernetes, `{"password":"generated","username":"v-app-1"}`, "", time.Hour},
		{"own mount", "kv/data/db", "password", HashiLogin{Mount: "jwt-eu", Role: "sallyport", JWTFile: jwt}, "pa55", "", 0},
		{"deleted", "kv/data/gone", "password", kubernetes, "", "deleted", 0},
		{"no such field", "kv/data/db", "user", kubernetes, "", `no field "user"`, 0},
		{"no such path", "kv/data/none", "x", kubernetes, "", "404", 0},
		{"wrong login", "kv/data/db", "x", HashiLogin{RoleID: "other", SecretIDFile: secretID}, "", "permission denied", 0},
		{"no token file", "kv/data/db", "x", HashiLogin{TokenFile: "/nowhere"}, "", "no such file", 0},
	} {
		h := &hashi{t: t}
		srv := server(t, h.routes())
		r := &Hashi{Client: srv.Client(), Address: srv.URL + "/", Namespace: "team", Path: c.path, Field: c.field, Login: c.login}
		got, err := r.Fetch(t.Context())
		if c.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err != nil || string(got.Value) != c.want || got.Life != c.life {
			t.Errorf("%s: %q for %s, %v", c.name, got.Value, got.Life, err)
		}
		if _, err := r.Fetch(t.Context()); err != nil || h.logins != 1 {
			t.Errorf("%s: logged in %d times, %v", c.name, h.logins, err)
		}
	}
}

// A token that was revoked costs one failure, and is fetched anew.
func TestHashiLogsInAgain(t *testing.T) {
	h := &hashi{t: t}
	srv := server(t, h.routes())
	r := &Hashi{
		Client: srv.Client(), Address: srv.URL, Namespace: "team", Path: "kv/data/db", Field: "password",
		Login: HashiLogin{Role: "sallyport", JWTFile: write(t, "a.jwt")},
	}
	if _, err := r.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.token = "revoked"
	if _, err := r.Fetch(t.Context()); err == nil {
		t.Error("a revoked token was taken")
	}
	if got, err := r.Fetch(t.Context()); err != nil || string(got.Value) != "pa55" {
		t.Errorf("%q, %v", got.Value, err)
	}
}

func TestHashiTokenFile(t *testing.T) {
	h := &hashi{t: t, token: "from-the-agent"}
	srv := server(t, h.routes())
	r := &Hashi{
		Client: srv.Client(), Address: srv.URL, Namespace: "team", Path: "kv/data/db", Field: "password",
		Login: HashiLogin{TokenFile: write(t, "from-the-agent")},
	}
	if got, err := r.Fetch(t.Context()); err != nil || string(got.Value) != "pa55" {
		t.Errorf("%q, %v", got.Value, err)
	}
}

func TestGoogle(t *testing.T) {
	srv := server(t, map[string]http.HandlerFunc{
		"GET /computeMetadata/v1/instance/service-accounts/default/token": func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Metadata-Flavor") != "Google" {
				http.Error(w, "", http.StatusForbidden)
				return
			}
			io.WriteString(w, `{"access_token":"ya29.x","expires_in":3599,"token_type":"Bearer"}`)
		},
		"GET /v1/projects/p/secrets/s/versions/{v}": func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer ya29.x" {
				http.Error(w, `{"error":{"code":401,"message":"no","status":"UNAUTHENTICATED"}}`, http.StatusUnauthorized)
				return
			}
			switch r.PathValue("v") {
			case "latest:access", "7:access":
				io.WriteString(w, `{"name":"projects/1/secrets/s/versions/7","payload":{"data":"MTIzNDU2Nzg5","dataCrc32c":"3808858755"}}`)
			case "8:access":
				io.WriteString(w, `{"payload":{"data":"MTIzNDU2Nzg4","dataCrc32c":"3808858755"}}`)
			default:
				http.Error(w, `{"error":{"code":404,"message":"gone","status":"NOT_FOUND"}}`, http.StatusNotFound)
			}
		},
	})
	for name, want := range map[string]string{
		"projects/p/secrets/s":            "123456789",
		"projects/p/secrets/s/versions/7": "123456789",
		"projects/p/secrets/s/versions/8": "checksum",
		"projects/p/secrets/s/versions/9": "NOT_FOUND gone",
	} {
		g := &Google{Client: srv.Client(), Name: name, Secrets: srv.URL, Metadata: srv.URL}
		got, err := g.Fetch(t.Context())
		if text := fmt.Sprint(string(got.Value), err); !strings.Contains(text, want) {
			t.Errorf("%s: %s", name, text)
		}
	}
}

func TestAWS(t *testing.T) {
	const account = `{"Code":"Success","AccessKeyId":"AKID","SecretAccessKey":"key","Token":"session","Expiration":"2030-01-01T00:00:00Z"}`
	srv := server(t, map[string]http.HandlerFunc{
		"PUT /latest/api/token": func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-aws-ec2-metadata-token-ttl-seconds") != "" {
				io.WriteString(w, "imds-token")
			}
		},
		"GET /latest/meta-data/iam/security-credentials/": func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Header.Get("X-aws-ec2-metadata-token") != "imds-token":
				http.Error(w, "", http.StatusUnauthorized)
			case strings.HasSuffix(r.URL.Path, "/a-role"):
				io.WriteString(w, account)
			default:
				io.WriteString(w, "a-role\n")
			}
		},
		"GET /container": func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "container-token" {
				io.WriteString(w, account)
			}
		},
		"POST /sts/": func(w http.ResponseWriter, r *http.Request) {
			r.ParseForm()
			if r.Form.Get("WebIdentityToken") != "web-token" || r.Form.Get("RoleArn") != "arn:role" || r.Form.Get("Action") != "AssumeRoleWithWebIdentity" {
				http.Error(w, `{"Error":{}}`, http.StatusBadRequest)
				return
			}
			io.WriteString(w, `{"AssumeRoleWithWebIdentityResponse":{"AssumeRoleWithWebIdentityResult":{"Credentials":{"AccessKeyId":"AKID","SecretAccessKey":"key","SessionToken":"session","Expiration":1.9e9}}}}`)
		},
		"POST /{$}": func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if err := sigv4.Verify(r, body, "AKID", "key", "secretsmanager"); err != nil || r.Header.Get("X-Amz-Security-Token") != "session" {
				w.WriteHeader(http.StatusBadRequest)
				fmt.Fprintf(w, `{"__type":"InvalidSignatureException","message":%q}`, fmt.Sprint(err))
				return
			}
			var asked struct{ SecretId string }
			json.Unmarshal(body, &asked)
			if strings.HasSuffix(asked.SecretId, ":binary") {
				io.WriteString(w, `{"ARN":"x","Name":"binary","SecretBinary":"AAEC"}`)
				return
			}
			io.WriteString(w, `{"ARN":"x","Name":"text","VersionId":"v","SecretString":"{\"username\":\"u\",\"password\":\"p\"}","VersionStages":["AWSCURRENT"]}`)
		},
	})
	for _, c := range []struct {
		name, arn string
		env       map[string]string
		want      string
	}{
		{"environment", "text", map[string]string{"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "key", "AWS_SESSION_TOKEN": "session"}, `{"username":"u","password":"p"}`},
		{"machine", "binary", nil, "\x00\x01\x02"},
		{"container", "text", map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": srv.URL + "/container", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": write(t, "container-token")}, `{"username":"u","password":"p"}`},
		{"web identity", "text", map[string]string{"AWS_ROLE_ARN": "arn:role", "AWS_WEB_IDENTITY_TOKEN_FILE": write(t, "web-token")}, `{"username":"u","password":"p"}`},
		{"wrong key", "text", map[string]string{"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "other"}, "InvalidSignatureException"},
	} {
		a := &AWS{
			Client: srv.Client(), ARN: "arn:aws:secretsmanager:eu-central-1:1:secret:" + c.arn,
			Getenv: func(n string) string { return c.env[n] }, Endpoint: srv.URL, STS: srv.URL + "/sts", Instance: srv.URL,
		}
		got, err := a.Fetch(t.Context())
		if text := string(got.Value) + fmt.Sprint(err); !strings.Contains(text, c.want) {
			t.Errorf("%s: %s", c.name, text)
		}
	}
	for _, arn := range []string{"", "arn:aws:s3:::bucket", "arn:aws:secretsmanager:evil.example/:1:secret:x", "arn:aws:secretsmanager:eu:1:secret:"} {
		if _, _, err := ParseARN(arn); err == nil {
			t.Errorf("%q is taken", arn)
		}
	}
}

// No answer is read without a bound, and no error tells what came.
func TestAnswersAreBounded(t *testing.T) {
	srv := server(t, map[string]http.HandlerFunc{
		"GET /v1/big":  says(strings.Repeat("x", maxAnswer+10)),
		"GET /v1/html": says("<html>canary</html>"),
		"GET /v1/none": says(`{}`),
		"GET /v1/moved": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/v1/html", http.StatusFound)
		},
	})
	client := *srv.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for path, want := range map[string]string{"big": "more than", "html": "no JSON", "none": "holds nothing", "moved": "302"} {
		h := &Hashi{Client: &client, Address: srv.URL, Path: path, Login: HashiLogin{TokenFile: write(t, "x")}}
		_, err := h.Fetch(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", path, err)
		}
	}
	var _ vault.Remote = (*AWS)(nil)
}

// An ended is a context whose deadline was passed without anybody knowing of it before:
// who dials gives up because of the context, and not because of the time.
type ended struct {
	context.Context
	over chan struct{}
}

func overIn(d time.Duration) ended {
	e := ended{context.Background(), make(chan struct{})}
	time.AfterFunc(d, func() { close(e.over) })
	return e
}

func (e ended) Done() <-chan struct{} { return e.over }

func (e ended) Err() error {
	select {
	case <-e.over:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// Whatever goes wrong with a store, the fetch ends in time with an error that an
// operator can act on and that shows nothing.
func TestEveryStoreMayFail(t *testing.T) {
	const canary = "canary-of-a-store-that-fails"
	var stop chan struct{} // ends the handlers of one way
	ways := []struct {
		name string
		do   http.HandlerFunc
		want string
	}{
		{"forbids", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, "403"},
		{"is asked too often", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) }, "429"},
		{"is broken", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, canary, http.StatusInternalServerError) }, "500"},
		{"talks nonsense", says("<html>" + canary), "no JSON"},
		{"says nothing", says(""), "no JSON"},
		{"says something else", says(`["` + canary + `"]`), "no JSON"},
		{"says too much", says(`{"x":"` + strings.Repeat(canary, maxAnswer/len(canary)+1) + `"}`), "more than"},
		{"sends it elsewhere", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://elsewhere.invalid/"+canary, http.StatusFound)
		}, "302"},
		{"breaks off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, canary)
		}, "unexpected EOF"},
		{"hangs", func(http.ResponseWriter, *http.Request) {
			<-stop
		}, "deadline exceeded"},
		{"drips", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, " "); err != nil {
					return
				}
				http.NewResponseController(w).Flush()
				select {
				case <-time.After(5 * time.Millisecond):
				case <-stop:
					return
				}
			}
		}, "deadline exceeded"},
	}
	for _, way := range ways {
		stop = make(chan struct{})
		srv := httptest.NewServer(way.do)
		client := *srv.Client()
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		token := write(t, canary)
		for name, r := range map[string]vault.Remote{
			"vault":                   &Hashi{Client: &client, Address: srv.URL, Path: "kv/data/db", Field: "x", Login: HashiLogin{TokenFile: token}},
			"vault, at the login":     &Hashi{Client: &client, Address: srv.URL, Path: "kv/data/db", Field: "x", Login: HashiLogin{RoleID: "r", SecretIDFile: token}},
			"vault's database engine": &Hashi{Client: &client, Address: srv.URL, Path: "database/creds/app", Login: HashiLogin{TokenFile: token}},
			"aws": &AWS{Client: &client, ARN: "arn:aws:secretsmanager:eu-central-1:1:secret:x", Endpoint: srv.URL, Getenv: func(n string) string {
				return map[string]string{"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": canary}[n]
			}},
			"gcp, at its metadata": &Google{Client: &client, Name: "projects/p/secrets/s", Secrets: srv.URL, Metadata: srv.URL},
		} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if way.want == "deadline exceeded" {
				ctx = overIn(100 * time.Millisecond)
			}
			got, err := r.Fetch(ctx)
			cancel()
			if err == nil || !strings.Contains(err.Error(), way.want) || strings.Contains(err.Error(), canary) || got.Value != nil {
				t.Errorf("%s %s: %q, %v", name, way.name, got.Value, err)
			}
		}
		close(stop)
		srv.Close()
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	if _, err := (&Hashi{Client: http.DefaultClient, Address: gone.URL, Path: "x", Login: HashiLogin{TokenFile: write(t, "x")}}).Fetch(t.Context()); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("one that is gone: %v", err)
	}
}
