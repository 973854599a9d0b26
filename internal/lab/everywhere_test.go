package lab_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/dashboard/connect"
	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/internal/lab"
	"sallyport.dev/sallyport/internal/lab/idp"
	"sallyport.dev/sallyport/internal/node"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/policy/account"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/vault"
	"sallyport.dev/sallyport/vault/mint"
	"sallyport.dev/sallyport/vault/remote"
	"sallyport.dev/sallyport/vault/scrub"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/gorilla/websocket"
)

// everyKind has a service for each kind of credential, and a secret from each source
// that a file can name without another program; those of programs and of other stores
// are looked for where the whole gateway runs (TestTheProcessTellsNothing).
const everyKind = `
gateway {
  wireguard {
    listen = ":0"
  }
  dashboard {
    listen = "localhost:0"
  }
  record {
    bodies = "16KiB"
  }
}
secret "k_env" { env = "LAB_CANARY" }
secret "k_file" { file = %q }
secret "k_manager" { aws = "arn:aws:secretsmanager:eu-central-1:1:secret:one" }
secret "k_google_manager" { gcp = "projects/p/secrets/s" }
service "s_bearer" {
  hosts = ["bearer.example.com"]
  auth  = bearer(secret.k_bearer)
  %[2]s
}
service "s_header" {
  hosts = ["header.example.com"]
  auth  = header("X-Key", secret.k_env)
  %[2]s
}
service "s_basic" {
  hosts = ["basic.example.com"]
  auth  = basic("user", secret.k_file)
  %[2]s
}
service "s_query" {
  hosts = ["query.example.com"]
  auth  = query("token", secret.k_query)
  %[2]s
}
service "s_cookie" {
  hosts = ["cookie.example.com"]
  auth  = cookie("session", secret.k_cookie)
  %[2]s
}
service "s_placeholder" {
  hosts = ["placeholder.example.com"]
  auth  = placeholder("SOME_KEY", bearer(secret.k_placeholder))
  %[2]s
}
service "s_roles" {
  hosts = ["roles.example.com"]
  auth  = by_role({ role.everyone = bearer(secret.k_role) })
  %[2]s
}
service "s_aws" {
  hosts = ["s3.eu-central-1.amazonaws.com"]
  auth  = aws_sigv4({ key = secret.k_awsid, secret = secret.k_aws })
  %[2]s
}
service "s_oauth" {
  hosts = ["oauth.example.com"]
  auth  = oauth2({ token_url = "%[3]s/token", client_id = "c", client_secret = secret.k_client, refresh_token = secret.k_refresh })
  %[2]s
}
service "s_code" {
  hosts = ["code.example.com"]
  auth  = oauth2({ authorize_url = "%[4]s/authorize", token_url = "%[4]s/token", client_id = "gateway", client_secret = secret.k_code_client, refresh_token = secret.k_code })
  %[2]s
}
service "s_device" {
  hosts = ["device.example.com"]
  auth  = oauth2({ issuer = %[4]q, flow = "device_code", client_id = "gateway", client_secret = secret.k_code_client, refresh_token = secret.k_device })
  %[2]s
}
service "s_registered" {
  hosts = ["registered.example.com"]
  auth  = oauth2({ resource = "%[4]s/mcp", refresh_token = secret.k_registered })
  %[2]s
}
service "s_sts" {
  hosts = ["dynamodb.eu-central-1.amazonaws.com"]
  auth  = aws_sigv4({ key = secret.k_awsid, secret = secret.k_aws, role_arn = "arn:aws:iam::1:role/agent", region = "eu-central-1" })
  %[2]s
}
service "s_rds" {
  protocol = "postgres"
  hosts    = ["app.abc.eu-central-1.rds.amazonaws.com"]
  tls      = { ca = file("upstreams.pem") }
  posture  = "open"
  auth     = aws_sigv4({ user = "agent", key = secret.k_rdsid, secret = secret.k_rds })
}
service "s_manager" {
  hosts = ["manager.example.com"]
  auth  = bearer(secret.k_manager)
  %[2]s
}
service "s_google_manager" {
  hosts = ["googlemanager.example.com"]
  auth  = bearer(secret.k_google_manager)
  %[2]s
}
service "s_app" {
  hosts = ["app.example.com"]
  auth  = github_app({ app_id = "1", installation = "2", api = %[3]q, key = secret.k_app })
  %[2]s
}
service "s_google" {
  hosts = ["google.example.com"]
  auth  = gcp_service_account(secret.k_google)
  %[2]s
}
service "s_mtls" {
  hosts = ["mtls.example.com"]
  auth  = mtls(secret.k_cert, secret.k_key)
  %[2]s
}
service "s_pg" {
  protocol = "postgres"
  hosts    = ["pg.example.com"]
  auth     = password("postgres", secret.k_pg)
  tls      = { ca = file("upstreams.pem") }
  posture  = "open"
}
role "everyone" {
  use = [
    service.s_bearer, service.s_header, service.s_basic, service.s_query, service.s_cookie, service.s_placeholder, service.s_roles,
    service.s_aws, service.s_sts, service.s_rds, service.s_oauth, service.s_code, service.s_device, service.s_registered,
    service.s_app, service.s_google, service.s_mtls, service.s_pg, service.s_manager, service.s_google_manager,
  ]
}
`

// echo answers with all that it got, in the forms that servers write it in: in the
// status line's fields, in the body, behind it, and in the messages of a WebSocket.
func echo(w http.ResponseWriter, r *http.Request) {
	var all strings.Builder
	fmt.Fprintf(&all, "%s %s\n", r.Method, r.RequestURI)
	for name, values := range r.Header {
		for _, v := range values {
			fmt.Fprintf(&all, "%s: %s\n", name, v)
			if _, token, ok := strings.Cut(v, " "); ok {
				fmt.Fprintf(&all, "%s: %s\n", name, token)
				if plain, err := base64.StdEncoding.DecodeString(token); err == nil {
					fmt.Fprintf(&all, "%s: %s\n", name, plain)
				}
			}
		}
	}
	if websocket.IsWebSocketUpgrade(r) {
		c, err := new(websocket.Upgrader).Upgrade(w, r, http.Header{"X-Seen": {r.Header.Get("Authorization")}})
		if err == nil {
			c.WriteMessage(websocket.TextMessage, []byte(all.String())) //nolint:errcheck // the agent reads or not
			c.Close()
		}
		return
	}
	text := all.String()
	w.Header().Set("Trailer", "X-After")
	w.Header().Set("X-Before", strings.ReplaceAll(text, "\n", " "))
	w.Header().Set("Location", "https://elsewhere.example.com/?"+url.QueryEscape(r.Header.Get("Authorization")+r.Header.Get("X-Key")))
	if r.URL.Path == "/fails" {
		w.WriteHeader(http.StatusInternalServerError)
	}
	quoted, _ := json.Marshal(text)
	for _, form := range []string{text, string(quoted), url.QueryEscape(text), hex.EncodeToString([]byte(text)), base64.StdEncoding.EncodeToString([]byte(text)), base64.URLEncoding.EncodeToString([]byte("x" + text))} {
		io.WriteString(w, form+"\n") //nolint:errcheck // the agent reads or not
	}
	w.Header().Set("X-After", strings.ReplaceAll(text, "\n", " "))
}

// keyPEM makes a private key, and gives a line of it that nothing else holds.
func keyPEM(t *testing.T) (text, line string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	return text, strings.Split(text, "\n")[5]
}

// outside is what the gateway itself asks, by the name of the host.
type outside map[string]http.HandlerFunc

func (o outside) RoundTrip(r *http.Request) (*http.Response, error) {
	h, ok := o[r.URL.Hostname()]
	if !ok {
		return http.DefaultTransport.RoundTrip(r)
	}
	w := httptest.NewRecorder()
	h(w, r)
	return w.Result(), nil
}

// says answers with a text that is made of arguments.
func says(format string, args ...any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, format, args...) }
}

// A breaking protocol has a bug: it dies with a secret in its hands.
type breaking struct{ protocols.Protocol }

func (b breaking) Serve(ctx context.Context, f protocols.Flow, do protocols.Do) error {
	return b.Protocol.Serve(ctx, f, func(ctx context.Context, ex protocols.Exchange) error {
		if strings.Contains(ex.Action().Summary, "/breaks") {
			ex = broken{ex}
		}
		return do(ctx, ex)
	})
}

type broken struct{ protocols.Exchange }

func (b broken) Forward(ctx context.Context, up protocols.Upstream) (action.Result, error) {
	l, cred, err := up.Link(ctx, protocols.Open{Dress: func(ctx context.Context, w protocols.Wire) (protocols.Link, error) {
		_, err := w.Secure(ctx)
		return &idle{w}, err
	}})
	if err != nil {
		return action.Result{}, err
	}
	r := &http.Request{Header: http.Header{}, URL: &url.URL{}}
	if err := cred.Authorize(r); err != nil {
		return action.Result{}, err
	}
	panic(fmt.Sprintf("%v was about to send %v over %v", cred, r.Header, l))
}

// An idle link is of no use.
type idle struct{ protocols.Wire }

func (*idle) Take() bool { return false }
func (*idle) Retire()    {}

// connected has a person agree to what a service asks for.
func connected(t *testing.T, c *consent, secret string) {
	t.Helper()
	var at connect.Connection
	if code, text := post(t, c.desk, "/api/v1/secrets/"+secret+"/connect", connect.Wish{}, &at); code != http.StatusOK {
		t.Fatalf("connect %s: %d %s", secret, code, text)
	}
	if at.Flow == "device_code" {
		c.idp.Agree(true)
	} else if code, text, _ := page(t, browser(t), at.Link); code != http.StatusOK {
		t.Fatalf("connect %s: the person sees %d %s", secret, code, text)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		got := c.look(t, at.ID)
		if got.State == "connected" {
			return
		}
		if got.State != "waiting" || time.Now().After(deadline) {
			t.Fatalf("connect %s: %+v", secret, got)
		}
	}
}

// A canary stands for a kind of account, or for a way in which tokens are made.
func TestEveryKindHasACanary(t *testing.T) {
	for _, kind := range account.Kinds() {
		if !regexp.MustCompile(`\b` + kind + `\(`).MatchString(everyKind) {
			t.Errorf("no service of the search for secrets has auth = %s(…)", kind)
		}
	}
	ways := map[string][]string{
		"oauth2":     {"refresh_token", "authorize_url", `flow = "device_code"`, "resource"},
		"github_app": {"installation"}, "gcp_service_account": {"k_google"},
		"aws_sigv4": {"s_aws", "role_arn"}, "aws_rds_iam": {`user = "agent"`},
	}
	for scheme := range mint.All(http.DefaultClient, nil, time.Now) {
		if len(ways[scheme]) == 0 {
			t.Errorf("nobody looks for the tokens of %s", scheme)
		}
		for _, words := range ways[scheme] {
			if !strings.Contains(everyKind, words) {
				t.Errorf("nobody looks for the tokens of %s with %s", scheme, words)
			}
		}
	}
}

// A secret of any kind, from any source, stands nowhere but in what the gateway sent to
// its service.
func TestNoSecretAnywhere(t *testing.T) {
	made := map[string]string{"/token": "canary-oauth-access-token-93b1", "/app/installations/2/access_tokens": "canary-ghs-installation-4c07", "/google": "canary-ya29-google-token-55ad"}
	id := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(map[bool]int{true: 201, false: 200}[strings.HasPrefix(r.URL.Path, "/app")])
		fmt.Fprintf(w, `{"access_token":%[1]q,"token":%[1]q,"token_type":"Bearer","expires_in":3600,"expires_at":%[2]q,"refresh_token":"canary-the-next-refresh-token"}`, made[r.URL.Path], time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	}))
	defer id.Close()
	people := idp.New(t, time.Now)
	people.Register, people.Method = true, "client_secret_basic"
	file := filepath.Join(t.TempDir(), "canary")
	if err := os.WriteFile(file, []byte("canary-from-a-file-0a6e\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("LAB_CANARY", "canary-from-the-environment-77")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDMANAGER")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "canary-key-of-the-manager-60ff")
	world := outside{
		"secretsmanager.eu-central-1.amazonaws.com": says(`{"SecretString":"canary-from-secrets-manager-b5"}`),
		"metadata.google.internal":                  says(`{"access_token":"canary-token-of-the-machine-12"}`),
		"secretmanager.googleapis.com":              says(`{"payload":{"data":%q}}`, base64.StdEncoding.EncodeToString([]byte("canary-from-secret-manager-f2"))),
		"sts.eu-central-1.amazonaws.com": says(`{"AssumeRoleResponse":{"AssumeRoleResult":{"Credentials":{"AccessKeyId":"ASIACANARY","SecretAccessKey":"canary-key-of-the-session-38aa","SessionToken":"canary-token-of-the-session-7d","Expiration":%d}}}}`,
			time.Now().Add(time.Hour).Unix()),
	}
	l := lab.NewWith(t, fmt.Sprintf(everyKind, file, "tls = { ca = file(\"upstreams.pem\") }\n  posture = \"open\"", id.URL, people.URL), func(o *node.Options) {
		o.HTTP = &http.Client{Transport: world}
		o.Build.Remote = func(s *policy.SecretConfig) (vault.Remote, string, error) {
			switch {
			case s.AWS != "":
				return &remote.AWS{Client: o.HTTP, ARN: s.AWS}, s.AWS, nil
			case s.GCP != "":
				return &remote.Google{Client: o.HTTP, Name: s.GCP}, s.GCP, nil
			}
			return nil, "", nil
		}
		for i, p := range o.Build.Protocols {
			if p.Name() == "http" {
				o.Build.Protocols[i] = breaking{p}
			}
		}
	})

	appKey, appLine := keyPEM(t)
	googleKey, googleLine := keyPEM(t)
	google, err := json.Marshal(map[string]string{"type": "service_account", "client_email": "a@p.iam.gserviceaccount.com", "private_key": googleKey, "private_key_id": "k", "token_uri": id.URL + "/google"})
	if err != nil {
		t.Fatal(err)
	}
	cert, key := l.Certificate("agent", time.Now().Add(time.Hour))
	set := map[string]string{
		"k_bearer": "canary-bearer-6d10e7", "k_query": "canary-query-3fa2b1", "k_cookie": "canary-cookie-8c44d0", "k_placeholder": "canary-placeholder-2d9f",
		"k_role": "canary-by-role-71e3", "k_awsid": "AKIACANARY0000000001", "k_aws": "canary-aws-secret-key-a81c60d2f4e9",
		"k_client": "canary-oauth-client-19b4", "k_refresh": "canary-oauth-refresh-e07c", "k_app": appKey, "k_google": string(google),
		"k_cert": cert, "k_key": key, "k_pg": "upstream-password", "k_rdsid": "AKIDRDS", "k_rds": "canary-key-of-rds-0f19c6", "k_code_client": "canary-oauth-code-client-5e",
	}
	canaries := map[string]string{
		"env": "canary-from-the-environment-77", "file": "canary-from-a-file-0a6e", "app key": appLine, "google key": googleLine,
		"client key": strings.Split(key, "\n")[1], "next refresh token": "canary-the-next-refresh-token",
		"aws source": "canary-from-secrets-manager-b5", "its key": "canary-key-of-the-manager-60ff", "gcp source": "canary-from-secret-manager-f2", "its token": "canary-token-of-the-machine-12",
		"sts key": "canary-key-of-the-session-38aa", "sts token": "canary-token-of-the-session-7d",
	}
	for name, value := range set {
		l.Secret(name, value)
		if strings.HasPrefix(value, "canary-") || name == "k_pg" {
			canaries[name] = value
		}
	}
	for at, token := range made {
		canaries[at] = token
	}
	people.Set(func(s *idp.Server) {
		s.Clients["gateway"], s.Back["gateway"] = set["k_code_client"], []string{l.API.Connect.URLs()[0] + "/api/v1/connect/callback"}
	})
	for _, secret := range []string{"k_code", "k_device", "k_registered"} {
		connected(t, &consent{Lab: l, idp: people, desk: operators(l)}, secret)
	}
	hosts := []string{"bearer", "header", "basic", "query", "cookie", "placeholder", "roles", "oauth", "code", "device", "registered", "app", "google", "manager", "googlemanager"}
	for _, h := range hosts {
		l.HTTPS(h+".example.com", http.HandlerFunc(echo))
	}
	signed := []string{"s3.eu-central-1.amazonaws.com", "dynamodb.eu-central-1.amazonaws.com"}
	for _, h := range signed {
		l.HTTPS(h, http.HandlerFunc(echo))
	}
	l.Mutual("mtls.example.com", http.HandlerFunc(echo), func(*tls.Config) {})
	agent := l.Agent("laptop")
	var seen bytes.Buffer // all that the agent got
	dummy := environment(t, agent)["SOME_KEY"]
	for _, h := range append(hosts, "mtls") {
		for _, path := range []string{"/", "/fails", "/redirects?x=1"} {
			visit(t, &seen, agent, "https://"+h+".example.com"+path, dummy, nil)
		}
		handshake(t, &seen, agent, h+".example.com", dummy)
	}
	for _, h := range signed {
		visit(t, &seen, agent, "https://"+h+"/bucket", "", sign)
	}
	if n := strings.Count(seen.String(), "GET /"); n < 3*len(hosts) {
		t.Fatalf("only %d answers of the upstreams:\n%s\n%s", n, seen.String(), l.Logs)
	}
	breaks(t, &seen, l, agent)
	askRDS(t, &seen, l, agent, set["k_rds"], canaries)
	askPostgres(t, &seen, l, agent)
	for i, s := range people.Secrets() {
		canaries[fmt.Sprint("a token of a person ", i)] = s
	}
	for name, s := range people.Clients {
		canaries["the secret of client "+name] = s
	}
	if len(people.Secrets()) < 9 || len(people.Clients) != 2 || len(people.Wrong()) > 0 {
		t.Errorf("%d codes and tokens, %d clients, complaints: %q", len(people.Secrets()), len(people.Clients), people.Wrong())
	}
	for name, value := range canaries {
		if len(value) < scrub.Least {
			t.Errorf("%s is no canary: %q", name, value)
		}
		l.Clean(value, seen.String())
		if enc := base64.StdEncoding.EncodeToString([]byte(value)); strings.Contains(seen.String(), enc) {
			t.Errorf("%s stands in base64 in what the agent got", name)
		}
	}
	answers := everyAnswer(t, l)
	for name, value := range canaries {
		for path, text := range answers {
			if strings.Contains(text, value) {
				t.Errorf("%s stands in the answer of %s", name, path)
			}
		}
	}
	if len(answers) < 20 || !strings.Contains(answers["/api/v1/secrets"], "k_bearer") {
		t.Errorf("%d routes answered; the secrets are %s", len(answers), answers["/api/v1/secrets"])
	}
}

// breaks has the gateway die of a bug in the middle of a request, with the secret in
// what it says at its end: the agent hears that it ended, the operator where.
func breaks(t *testing.T, seen *bytes.Buffer, l *lab.Lab, a *lab.Agent) {
	t.Helper()
	c := a.HTTP()
	resp, err := c.Get("https://bearer.example.com/breaks")
	fmt.Fprintln(seen, err)
	if err == nil {
		resp.Write(seen) //nolint:errcheck // an answer may end early
		resp.Body.Close()
	}
	c.CloseIdleConnections() // the bug is told of when the connection is over
	for deadline := time.Now().Add(time.Minute); !strings.Contains(l.Logs.String(), "panic: a string"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("nobody tells of the bug: the agent got %v\n%s", err, l.Logs)
		}
	}
	if text := l.Logs.String(); !strings.Contains(text, "everywhere_test.go") {
		t.Error("the operator does not learn where it happened")
	}
}

// askRDS logs in to a database of RDS, which tells the token that it was given, and
// notes that as something to look for.
func askRDS(t *testing.T, seen *bytes.Buffer, l *lab.Lab, a *lab.Agent, key string, canaries map[string]string) {
	t.Helper()
	const name = "app.abc.eu-central-1.rds.amazonaws.com"
	conf, tokens := l.Proof(name), make(chan string, 9)
	l.TCP(name, func(c net.Conn) {
		rds(t, conf, key, c, func(token string) { tokens <- token }) //nolint:errcheck // the agent hangs up
	})
	c, err := a.PG(t.Context(), "postgres://x:y@"+name+"/app?sslmode=disable&default_query_exec_mode=simple_protocol")
	if err != nil {
		t.Fatal(err, l.Logs)
	}
	defer c.Close(context.Background()) //nolint:errcheck // the test is over
	var got string
	if err := c.QueryRow(t.Context(), "select 'hello'").Scan(&got); err != nil || !strings.Contains(got, "****") {
		t.Errorf("the database answers %q, %v", got, err)
	}
	fmt.Fprintln(seen, got)
	token := <-tokens
	canaries["rds token"] = token
	_, canaries["signature of the rds token"], _ = strings.Cut(token, "X-Amz-Signature=")
}

// visit asks as an agent does, and keeps all of the answer.
func visit(t *testing.T, seen *bytes.Buffer, a *lab.Agent, url, key string, prepare func(*testing.T, *http.Request)) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	if prepare != nil {
		prepare(t, r)
	}
	resp, err := a.HTTP().Do(r)
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusBadGateway || resp.StatusCode == http.StatusUnauthorized {
		t.Errorf("%s: %s", url, resp.Status)
	}
	io.Copy(seen, resp.Body) //nolint:errcheck // an answer may end early
	resp.Header.Write(seen)  //nolint:errcheck // a Buffer takes everything
	resp.Trailer.Write(seen) //nolint:errcheck // a Buffer takes everything
}

// sign signs with a key that is none, as an SDK on the agent's machine does.
func sign(t *testing.T, r *http.Request) {
	t.Helper()
	const nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	r.Header.Set("X-Amz-Content-Sha256", nothing)
	if err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: "AKIDAGENT", SecretAccessKey: "dummy"}, r, nothing, "s3", "eu-central-1", time.Now()); err != nil {
		t.Fatal(err)
	}
}

// handshake opens a WebSocket and keeps the answer's head, and the first message.
func handshake(t *testing.T, seen *bytes.Buffer, a *lab.Agent, host, key string) {
	t.Helper()
	d := websocket.Dialer{NetDialContext: a.DialContext, TLSClientConfig: a.TLS(), HandshakeTimeout: time.Minute}
	c, resp, err := d.DialContext(t.Context(), "wss://"+host+"/", http.Header{"Authorization": {"Bearer " + key}})
	if err == nil {
		_, message, err := c.ReadMessage()
		if err != nil || !bytes.HasPrefix(message, []byte("GET /")) {
			t.Errorf("the message of %s: %v %s", host, err, message)
		}
		seen.Write(message)
		c.Close()
	}
	if resp != nil {
		resp.Header.Write(seen) //nolint:errcheck // a Buffer takes everything
	}
}

// askPostgres reads what a server tells of its accounts, where there is a server.
func askPostgres(t *testing.T, seen *bytes.Buffer, l *lab.Lab, a *lab.Agent) {
	t.Helper()
	t.Run("postgres", func(t *testing.T) {
		l.Postgres("pg.example.com")
		c, err := a.PG(t.Context(), "postgres://x:y@pg.example.com/postgres?sslmode=disable")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close(context.Background()) //nolint:errcheck // the test is over
		for _, sql := range []string{"SHOW ALL", "SELECT * FROM pg_stat_activity", "SELECT rolname, rolpassword FROM pg_authid"} {
			r, err := c.Exec(t.Context(), sql)
			fmt.Fprintln(seen, r, err)
		}
	})
}

// A listener hears all of an answer, and a stream for some time: that ends with its
// caller only.
type listener struct {
	*httptest.ResponseRecorder
	leave func()
}

// Flush ends a stream soon after its first words.
func (l *listener) Flush() {
	l.ResponseRecorder.Flush()
	if l.Header().Get("Content-Type") == "text/event-stream" {
		time.AfterFunc(300*time.Millisecond, l.leave)
	}
}

// everyAnswer walks every route of the API that only reads, with every name that there
// is, as the host's own administrator. Pages need no look: they are built without a
// gateway, and fill themselves from these routes.
func everyAnswer(t *testing.T, l *lab.Lab) map[string]string {
	t.Helper()
	names := []string{"laptop", "k_bearer", "k_env", "s_bearer", "s_oauth", "everyone", "1", "0"}
	for _, r := range l.Records("service:s_bearer", 1) {
		names = append(names, r.ID, r.Session)
	}
	out := map[string]string{}
	for _, row := range l.API.Routes() {
		if row.Method != http.MethodGet {
			continue
		}
		for _, name := range names {
			path := row.Pattern
			for {
				from, to := strings.IndexByte(path, '{'), strings.IndexByte(path, '}')
				if from < 0 || to < from {
					break
				}
				path = path[:from] + name + path[to+1:]
			}
			if _, done := out[path]; done {
				continue
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			w := &listener{httptest.NewRecorder(), cancel}
			r := httptest.NewRequest(http.MethodGet, path, nil)
			l.API.Handler().ServeHTTP(w, r.WithContext(route.WithCaller(ctx, route.Host("root"))))
			cancel()
			var head bytes.Buffer
			w.Header().Write(&head) //nolint:errcheck // a Buffer takes everything
			out[path] = head.String() + w.Body.String()
		}
	}
	return out
}
