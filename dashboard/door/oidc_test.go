package door_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/dashboard/door"
	"sallyport.dev/sallyport/dashboard/oidc"
	"sallyport.dev/sallyport/dashboard/route"

	"github.com/go-jose/go-jose/v4"
)

// An issuer is an identity provider that says what a test wants.
type issuer struct {
	t      *testing.T
	h      *house
	url    string
	key    *rsa.PrivateKey
	asked  url.Values             // what the browser brought
	claims map[string]any         // that a test adds or changes
	signer func() *rsa.PrivateKey // nil: its own key
}

func newIssuer(t *testing.T, h *house) *issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(h, err)
	i := &issuer{t: t, h: h, key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(map[string]any{ //nolint:errcheck // the test fails otherwise
			"issuer": i.url, "authorization_endpoint": i.url + "/auth", "token_endpoint": i.url + "/token", "jwks_uri": i.url + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256"},
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Algorithm: "RS256", Use: "sig"}}}) //nolint:errcheck // likewise
	})
	mux.HandleFunc("POST /token", i.token)
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	i.url = srv.URL
	h.OIDC = oidc.New(oidc.Config{
		Issuer: i.url, ClientID: "sallyport", HTTP: srv.Client(), Now: h.Now,
		Secret: func() (string, error) { return "s3cret", nil },
	})
	return i
}

// token changes a code for an ID token, if PKCE and the client's secret hold.
func (i *issuer) token(w http.ResponseWriter, r *http.Request) {
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	id, secret, _ := r.BasicAuth()
	if base64.RawURLEncoding.EncodeToString(sum[:]) != i.asked.Get("code_challenge") || id+secret != "sallyports3cret" || r.FormValue("code") != "code" {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"invalid_grant"}`)
		return
	}
	claims := map[string]any{
		"iss": i.url, "aud": "sallyport", "sub": "1", "nonce": i.asked.Get("nonce"), "iat": i.h.clock.Unix(), "exp": i.h.clock.Add(time.Hour).Unix(),
		"email": "ana@acme.dev", "email_verified": true, "groups": []string{"platform"},
	}
	if i.asked.Get("max_age") == "0" {
		claims["auth_time"] = i.h.clock.Unix()
	}
	for k, v := range i.claims {
		claims[k] = v
	}
	key := i.key
	if i.signer != nil {
		key = i.signer()
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: "k"}}, nil)
	if err != nil {
		i.t.Error(err)
		return
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		i.t.Error(err)
		return
	}
	signed, err := s.Sign(payload)
	if err != nil {
		i.t.Error(err)
		return
	}
	raw, err := signed.CompactSerialize()
	if err != nil {
		i.t.Error(err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"access_token":"a","token_type":"bearer","id_token":%q}`, raw)
}

// visit sends a browser to the provider and back, and gives what the gateway says
// at the end.
func (i *issuer) visit(b *browser, query string) *http.Response {
	i.t.Helper()
	i.asked = i.leave(b, query)
	return i.back(b, "code")
}

// leave sends a browser to the provider, and gives what it asks there.
func (i *issuer) leave(b *browser, query string) url.Values {
	i.t.Helper()
	resp := b.want(303, "GET", "/api/v1/login/oidc"+query, "")
	to, err := url.Parse(resp.Header.Get("Location"))
	must(i.h, err)
	if !strings.HasPrefix(to.String(), i.url+"/auth?") {
		i.t.Fatalf("the browser goes to %s", to)
	}
	asked := to.Query()
	if asked.Get("redirect_uri") != "https://gw.test/api/v1/login/oidc/callback" || asked.Get("code_challenge_method") != "S256" {
		i.t.Errorf("asked with %v", asked)
	}
	return asked
}

// back is the browser's way back, from another site.
func (i *issuer) back(b *browser, code string) *http.Response {
	i.t.Helper()
	back := "/api/v1/login/oidc/callback?" + url.Values{"state": {i.asked.Get("state")}, "code": {code}}.Encode()
	return b.do("GET", back, "", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document")
}

func TestAnIdentityProviderLogsPeopleIn(t *testing.T) {
	h := newHouse(t)
	i := newIssuer(t, h)
	h.config["ana@acme.dev"] = route.RightsOf(route.Admin)
	b := h.at("192.0.2.1")
	if resp := i.visit(b, ""); resp.StatusCode != 303 || resp.Header.Get("Location") != "/" {
		t.Fatalf("%d to %s", resp.StatusCode, resp.Header.Get("Location"))
	}
	var s door.Standing
	must(h, json.NewDecoder(b.want(200, "GET", "/api/v1/session", "").Body).Decode(&s))
	if s.Caller == nil || s.Caller.Person.Name != "ana@acme.dev" || s.Caller.Person.Via != "oidc" || !s.Caller.Person.Is("group:platform") {
		t.Fatalf("%+v", s.Caller)
	}
	b.want(200, "POST", "/api/v1/edit", "")
	b.want(403, "POST", "/api/v1/grave", "") // when they proved themselves the provider did not say
	i.visit(b, "?fresh=1")
	if i.asked.Get("prompt") != "login" {
		t.Errorf("a step-up asks with %v", i.asked)
	}
	b.want(200, "POST", "/api/v1/grave", "")
	if resp := i.back(b, "code"); resp.StatusCode != 403 {
		t.Errorf("the same way back twice: %d", resp.StatusCode)
	}
}

// Beside an agent, the provider knows the browser: whoever has its cookies comes back
// from there without a word. What somebody showed it once is one proof all the same.
func TestT47_OneProofAtTheProviderIsGoodForOneChange(t *testing.T) {
	h := newHouse(t)
	i := newIssuer(t, h)
	h.tailnet()
	h.config["ana@acme.dev"] = route.RightsOf(route.Admin)
	h.visitors["192.0.2.1"] = door.Visitor{Node: "n7", Name: "laptop", User: "ana@acme.dev", Agent: true}
	ana, agent := h.at("192.0.2.1"), h.at("192.0.2.1")
	early := i.leave(agent, "?fresh=1") // and waits for her
	h.clock = h.clock.Add(20 * time.Second)
	shown := h.clock.Unix()
	i.visit(ana, "?fresh=1")
	ana.want(200, "POST", "/api/v1/grave", "")
	ana.want(403, "POST", "/api/v1/grave", "")
	i.claims = map[string]any{"auth_time": shown} // when she showed herself, whatever the browser asks for
	i.asked = early
	if resp := i.back(agent, "code"); resp.StatusCode != 303 {
		t.Fatalf("the way back: %d", resp.StatusCode)
	}
	agent.want(403, "POST", "/api/v1/grave", "")
	for _, query := range []string{"", "?fresh=1"} {
		h.clock = h.clock.Add(20 * time.Second)
		i.visit(agent, query)
		agent.want(200, "GET", "/api/v1/look", "")
		agent.want(403, "POST", "/api/v1/grave", "")
	}
	i.claims = nil
	i.visit(ana, "?fresh=1")
	ana.want(200, "POST", "/api/v1/grave", "")
}

// A login that nobody showed themselves for is no proof anywhere, however long ago
// they did.
func TestT47_ALoginByTheProviderIsNoProof(t *testing.T) {
	h := newHouse(t)
	i := newIssuer(t, h)
	h.config["ana@acme.dev"] = route.RightsOf(route.Admin)
	b := h.at("192.0.2.1")
	i.claims = map[string]any{"auth_time": h.clock.Unix()}
	i.visit(b, "")
	b.want(200, "POST", "/api/v1/edit", "")
	b.want(403, "POST", "/api/v1/grave", "")
	for _, tt := range []struct {
		name   string
		shown  time.Duration // against the time at which the flow began
		status int
	}{
		{"a second before", -time.Second, 403},
		{"at the same time", 0, 200},
		{"an hour in advance", time.Hour, 403},
		{"in time again", 0, 200},
	} {
		h.clock = h.clock.Add(time.Minute)
		i.claims = map[string]any{"auth_time": h.clock.Add(tt.shown).Unix()}
		i.visit(b, "?fresh=1")
		if got := b.do("POST", "/api/v1/grave", "").StatusCode; got != tt.status {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.status)
		}
	}
}

func TestWhatAnIdentityProviderMustSay(t *testing.T) {
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		change func(*issuer)
		status int
	}{
		{"all of it", func(*issuer) {}, 303},
		{"an unverified address", func(i *issuer) { i.claims = map[string]any{"email_verified": false} }, 403},
		{"no address", func(i *issuer) { i.claims = map[string]any{"email": ""} }, 403},
		{"for another client", func(i *issuer) { i.claims = map[string]any{"aud": "other"} }, 403},
		{"by another issuer", func(i *issuer) { i.claims = map[string]any{"iss": "https://evil.test"} }, 403},
		{"for another login", func(i *issuer) { i.claims = map[string]any{"nonce": "x"} }, 403},
		{"too old", func(i *issuer) { i.claims = map[string]any{"exp": i.h.clock.Add(-time.Hour).Unix()} }, 403},
		{"signed by another key", func(i *issuer) { i.signer = func() *rsa.PrivateKey { return other } }, 403},
		{"in no form", func(i *issuer) { i.claims = map[string]any{"groups": 7} }, 403},
	} {
		h := newHouse(t)
		i := newIssuer(t, h)
		tt.change(i)
		b := h.at("192.0.2.1")
		resp := i.visit(b, "")
		if resp.StatusCode != tt.status || tt.status != 303 && b.cookies["__Host-sallyport"] != nil {
			t.Errorf("%s: %d, %v", tt.name, resp.StatusCode, b.cookies)
		}
	}
}

func TestT46_ALoginIsOfTheBrowserThatBeganIt(t *testing.T) {
	h := newHouse(t)
	i := newIssuer(t, h)
	eve, ana := h.at("192.0.2.1"), h.at("192.0.2.2")
	eve.want(303, "GET", "/api/v1/login/oidc", "")
	resp := ana.want(303, "GET", "/api/v1/login/oidc", "")
	to, err := url.Parse(resp.Header.Get("Location"))
	must(h, err)
	i.asked = to.Query()
	if resp := i.back(eve, "code"); resp.StatusCode != 403 {
		t.Errorf("with another browser's state: %d", resp.StatusCode)
	}
	if resp := i.back(h.at("192.0.2.3"), "code"); resp.StatusCode != 403 {
		t.Errorf("without a cookie: %d", resp.StatusCode)
	}
	late := h.at("192.0.2.4")
	resp = late.want(303, "GET", "/api/v1/login/oidc", "")
	to, err = url.Parse(resp.Header.Get("Location"))
	must(h, err)
	i.asked = to.Query()
	h.clock = h.clock.Add(11 * time.Minute)
	if resp := i.back(late, "code"); resp.StatusCode != 403 {
		t.Errorf("too late: %d", resp.StatusCode)
	}
	if resp := i.visit(late, ""); resp.StatusCode != 303 {
		t.Errorf("in time: %d", resp.StatusCode)
	}
	wrong := h.at("192.0.2.5")
	wrong.want(303, "GET", "/api/v1/login/oidc", "")
	resp = wrong.want(303, "GET", "/api/v1/login/oidc", "")
	to, err = url.Parse(resp.Header.Get("Location"))
	must(h, err)
	i.asked = to.Query()
	if resp := i.back(wrong, "guessed"); resp.StatusCode != 403 {
		t.Errorf("with a wrong code: %d", resp.StatusCode)
	}
}

// Another host of the same domain, which an agent's node may be, plants the cookie of a
// login that somebody else has begun: whoever comes back with it is not logged in as them.
func TestT46_NoNeighbourPlantsALogin(t *testing.T) {
	h := newHouse(t)
	i := newIssuer(t, h)
	eve, ana := h.at("192.0.2.1"), h.at("192.0.2.2")
	resp := eve.want(303, "GET", "/api/v1/login/oidc", "")
	to, err := url.Parse(resp.Header.Get("Location"))
	must(h, err)
	i.asked = to.Query()
	for _, c := range eve.cookies {
		if !strings.HasPrefix(c.Name, "__Host-") || c.Path != "/" || c.Domain != "" || !c.Secure || !c.HttpOnly {
			t.Errorf("a browser lets other hosts of the domain set %s", c)
		}
		planted := *c // a browser takes no such name with a domain
		planted.Name = strings.TrimPrefix(c.Name, "__Host-")
		ana.cookies[planted.Name] = &planted
	}
	if resp := i.back(ana, "code"); resp.StatusCode != 403 {
		t.Errorf("ana is logged in as eve: %d", resp.StatusCode)
	}
}

// A login comes back to the page that it was for, and to no other site's. The provider
// and whoever reads its address along do not learn which page that is.
func TestT46_ALoginComesBackToAPageOfTheDashboard(t *testing.T) {
	h := newHouse(t)
	i := newIssuer(t, h)
	for _, tt := range []struct{ back, want string }{
		{"", "/"},
		{"/", "/"},
		{"/approvals?id=a7", "/approvals?id=a7"},
		{"/activity?q=agent%3Aci+verdict%3Adeny", "/activity?q=agent%3Aci+verdict%3Adeny"},
		{"/agents/it%27s%20me", "/agents/it%27s%20me"},
		{"/policy?next=https://evil.test/", "/policy?next=https://evil.test/"},
		{"/policy#https://evil.test", "/policy"},
		{"https://evil.test/", ""},
		{"https:/evil.test/", ""},
		{"javascript:alert(1)", ""},
		{"//evil.test", ""},
		{"///evil.test", ""},
		{"/.//evil.test", ""},
		{"/..//evil.test", ""},
		{`/\evil.test`, ""},
		{`\\evil.test`, ""},
		{"/\t/evil.test", ""},
		{"/\n/evil.test", ""},
		{" //evil.test", ""},
		{"/approvals\r\nSet-Cookie: a=b", ""},
		{"approvals", ""},
		{"?id=7", ""},
		{"/%zz", ""},
		{"/api/v1/login/oidc", ""},
		{"/%61pi/v1/login/oidc", ""},
		{"/api", ""},
		{"/x/../api/v1/actions.jsonl", ""},
		{"/" + strings.Repeat("a", 2048), ""},
	} {
		b := h.at("192.0.2.1")
		query := "?fresh=1&back=" + url.QueryEscape(tt.back)
		if tt.want == "" {
			b.want(400, "GET", "/api/v1/login/oidc"+query, "")
			continue
		}
		resp := i.visit(b, query)
		if got := resp.Header.Get("Location"); resp.StatusCode != 303 || got != tt.want {
			t.Errorf("back to %q: %d to %q, want %q", tt.back, resp.StatusCode, got, tt.want)
		}
		if told := i.asked.Encode(); strings.Contains(told, "approvals") || strings.Contains(told, "agents") {
			t.Errorf("the provider is told %s", told)
		}
	}
}

// A bell that hears which login takes the place of which.
type bell struct{ moved []string }

func (b *bell) Forget(context.Context, string) error { return nil }
func (b *bell) Move(_ context.Context, from, to string) error {
	b.moved = append(b.moved, from+">"+to)
	return nil
}

// A proof at the provider takes the place of the login that it was asked for, although
// the browser leaves the cookie out on its way back: nobody stays logged in twice, and
// who is told of asks still is.
func TestT47_AProofAtTheProviderEndsTheLoginBeforeIt(t *testing.T) {
	h := newHouse(t)
	i := newIssuer(t, h)
	b, rings := h.at("192.0.2.1"), &bell{}
	h.Bell = rings
	h.config["ana@acme.dev"] = route.RightsOf(route.Admin)
	i.visit(b, "")
	before := b.cookies["__Host-sallyport"]
	i.asked = i.leave(b, "?fresh=1")
	delete(b.cookies, "__Host-sallyport")
	i.back(b, "code")
	b.want(200, "POST", "/api/v1/grave", "")
	after := b.cookies["__Host-sallyport"]
	id := func(c *http.Cookie) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(c.Value)))[:16] }
	if len(rings.moved) != 1 || rings.moved[0] != id(before)+">"+id(after) {
		t.Errorf("the bell hears %q", rings.moved)
	}
	b.cookies["__Host-sallyport"] = before
	b.want(401, "GET", "/api/v1/look", "")
}

// An echo is a provider that takes everybody's word.
type echo struct{ start oidc.Start }

func (e *echo) Begin(_ context.Context, s oidc.Start) (to, browser string, err error) {
	e.start = s
	return "https://id.test/", "b", nil
}

func (e *echo) Finish(context.Context, string, string, string) (oidc.Login, error) {
	return oidc.Login{Person: action.Person{Name: "ana@acme.dev", Via: "oidc"}, Back: e.start.Back}, nil
}

// Wherever a login is asked to come back to, a browser stays here.
func FuzzAWayBack(f *testing.F) {
	for _, back := range []string{"/", "/approvals?id=7", "//evil.test", `/\evil.test`, "/\t/evil.test", "/a/..//evil.test", "/%2f/evil.test", "/?#//"} {
		f.Add(back)
	}
	h := newHouse(f)
	h.OIDC = &echo{}
	f.Fuzz(func(t *testing.T, back string) {
		b := h.at("192.0.2.1")
		if b.do("GET", "/api/v1/login/oidc?back="+url.QueryEscape(back), "").StatusCode != 303 {
			return
		}
		to := b.do("GET", "/api/v1/login/oidc/callback?state=s&code=c", "").Header.Get("Location")
		outside := !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\t\r\n ")
		if outside || strings.HasPrefix(to, "/api/") {
			t.Errorf("back to %q leads to %q", back, to)
		}
	})
}

// Ways back that prove nobody use up the budget of the node that brings them.
func TestT47_AProvidersAnswerIsTriedAFewTimesOnly(t *testing.T) {
	h := newHouse(t)
	h.tailnet()
	i := newIssuer(t, h)
	i.claims = map[string]any{"email_verified": false}
	got := make(map[int]int)
	try := func(n int) {
		h.visitors["100.64.0.7"] = door.Visitor{Node: "n7", Name: fmt.Sprint("laptop-", n), User: "eve@acme.dev"}
		got[i.visit(h.at("100.64.0.7"), "").StatusCode]++
	}
	for n := range 12 {
		try(n)
	}
	if got[403] != 5 || got[429] != 7 {
		t.Errorf("12 answers that prove nobody: %v", got)
	}
	page, err := h.Deeds.Page(t.Context(), 0, 500)
	must(h, err)
	if len(page) != 5 {
		t.Errorf("%d of them are in the audit", len(page))
	}
	h.clock, i.claims = h.clock.Add(time.Hour), nil
	clear(got)
	for n := range 12 {
		try(n)
	}
	if got[303] != 12 {
		t.Errorf("12 logins that hold: %v", got)
	}
}
