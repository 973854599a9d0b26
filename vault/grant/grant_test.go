package grant

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/lab/idp"
)

const back = "http://localhost:8484/api/v1/connect/callback"

// straightHome is a browser that stops where it would leave the server.
func browse(t *testing.T, at string) url.Values {
	t.Helper()
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := c.Get(at)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	to, err := resp.Location()
	if err != nil {
		t.Fatalf("%s: %v", resp.Status, err)
	}
	if !strings.HasPrefix(to.String(), back+"?") {
		t.Fatalf("led to %s", to)
	}
	return to.Query()
}

func world(t *testing.T) (*idp.Server, *Client, Spec) {
	s := idp.New(t, time.Now)
	s.Clients["gateway"], s.Back["gateway"] = "the-client-secret", []string{back}
	spec := Spec{TokenURL: s.URL + "/token", AuthorizeURL: s.URL + "/authorize?prompt=consent", ClientID: "gateway", Scopes: []string{"read", "offline_access"}, Flow: FlowCode}
	return s, New(http.DefaultClient, nil, time.Now), spec
}

func TestAPersonIsAskedInABrowser(t *testing.T) {
	s, c, spec := world(t)
	p, err := c.Begin(t.Context(), spec, "the-client-secret", "notes", back)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(p.URL)
	if err != nil || u.Query().Get("prompt") != "consent" || u.Query().Get("scope") != "read offline_access" || u.Query().Has("client_secret") {
		t.Errorf("the browser goes to %s", p.URL)
	}
	g, err := c.Finish(t.Context(), p, browse(t, p.URL))
	if err != nil {
		t.Fatal(err)
	}
	if g.Refresh == "" || g != (Grant{Refresh: g.Refresh}) {
		t.Errorf("it keeps %q and more", g.Refresh)
	}
	tok, next, err := c.Refresh(t.Context(), spec, "the-client-secret", g)
	if err != nil || tok.Access == "" || next.Refresh == g.Refresh || next.Refresh == "" {
		t.Errorf("refreshed: %v %v", err, next == g)
	}
	if _, _, err := c.Refresh(t.Context(), spec, "the-client-secret", g); err == nil || !strings.Contains(err.Error(), "connect the account again") {
		t.Errorf("an old refresh token: %v", err)
	}
	if got := fmt.Sprintf("%v %+v %#v %v %+v %v", g, g, g, p, *p, tok); strings.Contains(got, g.Refresh) || strings.Contains(got, p.verifier) || strings.Contains(got, tok.Access) {
		t.Errorf("it prints %s", got)
	}
	if wrong := s.Wrong(); !slices.Equal(wrong, []string{"a refresh token is used twice"}) {
		t.Errorf("the server complains of %q", wrong)
	}
}

// T35: what a browser brings that is not the answer to this very question is good
// for nothing.
func TestT35_OnlyTheAnswerToThisQuestion(t *testing.T) {
	for _, tt := range []struct {
		name string
		with func(*idp.Server, url.Values)
		want string
	}{
		{"another state", func(_ *idp.Server, q url.Values) { q.Set("state", "x") }, "not begun here"},
		{"no state", func(_ *idp.Server, q url.Values) { q.Del("state") }, "not begun here"},
		{"two codes", func(_ *idp.Server, q url.Values) { q.Add("code", "x") }, "twice"},
		{"another server", func(_ *idp.Server, q url.Values) { q.Set("iss", "https://evil.example") }, "comes from"},
		{"a no", func(_ *idp.Server, q url.Values) { q.Del("code"); q.Set("error", "access_denied\x1b[31m") }, `says: "access_denied\x1b[31m"`},
		{"no code", func(_ *idp.Server, q url.Values) { q.Del("code") }, "gives no code"},
		{"a wrong code", func(_ *idp.Server, q url.Values) { q.Set("code", "stolen") }, "invalid_grant"},
	} {
		s, c, spec := world(t)
		p, err := c.Begin(t.Context(), spec, "the-client-secret", "notes", back)
		if err != nil {
			t.Fatal(err)
		}
		q := browse(t, p.URL)
		tt.with(s, q)
		_, err = c.Finish(t.Context(), p, q)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// T35: a server that says in every answer who it is is not believed without
// (RFC 9207), and a code is not taken to another.
func TestT35_WhoAnswered(t *testing.T) {
	s, c, spec := world(t)
	spec.TokenURL, spec.AuthorizeURL, spec.Issuer = "", "", s.URL
	for _, tt := range []struct {
		with func(url.Values)
		want string
	}{
		{func(url.Values) {}, ""},
		{func(q url.Values) { q.Del("iss") }, "does not say"},
		{func(q url.Values) { q.Set("iss", s.URL+"/") }, "was asked"},
		{func(q url.Values) { q.Set("iss", "https://evil.example") }, "was asked"},
	} {
		p, err := c.Begin(t.Context(), spec, "the-client-secret", "notes", back)
		if err != nil {
			t.Fatal(err)
		}
		q := browse(t, p.URL)
		tt.with(q)
		g, err := c.Finish(t.Context(), p, q)
		if tt.want == "" && (err != nil || g.TokenURL != s.URL+"/token") || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%v: %v", q["iss"], err)
		}
	}
	if wrong := s.Wrong(); len(wrong) > 0 {
		t.Errorf("the server complains of %q", wrong)
	}
}

// A server that demands registration tells where it is, and who the gateway is
// there.
func TestAResourceThatDemandsRegistration(t *testing.T) {
	for _, method := range []string{"", "client_secret_basic", "client_secret_post"} {
		s := idp.New(t, time.Now)
		s.Register, s.Method = true, method
		c := New(http.DefaultClient, nil, time.Now)
		spec := Spec{Resource: s.Resource(), Flow: FlowCode, Public: true}
		p, err := c.Begin(t.Context(), spec, "", "notes", back)
		if err != nil {
			t.Fatal(err)
		}
		g, err := c.Finish(t.Context(), p, browse(t, p.URL))
		if err != nil {
			t.Fatal(err)
		}
		value, err := g.Secret()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(value.Reveal())
		if err != nil || again != g || g.ClientID == "" || (g.ClientSecret != "") != (method != "") {
			t.Errorf("%s: kept as %v, %v", method, again == g, err)
		}
		tok, next, err := c.Refresh(t.Context(), spec, "", again)
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequest(http.MethodGet, s.Resource(), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+tok.Access)
		resp, err := http.DefaultClient.Do(req)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("%s: the resource answers %v %v", method, resp, err)
		}
		resp.Body.Close()
		if spec.Resource = "https://another.example/mcp"; true {
			if _, _, err := c.Refresh(t.Context(), spec, "", next); err == nil || !strings.Contains(err.Error(), "connect it again") {
				t.Errorf("a grant for another resource: %v", err)
			}
		}
		if wrong := s.Wrong(); len(wrong) > 0 {
			t.Errorf("%s: the server complains of %q", method, wrong)
		}
	}
}

func TestACodeToTypeIn(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	s := idp.New(t, clock)
	s.Clients["tv"], s.Slow, s.Pending = "", 2, 2
	c := New(http.DefaultClient, nil, clock)
	spec := Spec{TokenURL: s.URL + "/token", DeviceURL: s.URL + "/device", ClientID: "tv", Public: true, Flow: FlowDevice}
	begin := func() *Device {
		d, err := c.BeginDevice(t.Context(), spec, "", "notes")
		if err != nil {
			t.Fatal(err)
		}
		if d.UserCode != "WDJB-MJHT" || d.Page != s.URL+"/activate" || d.Complete == "" {
			t.Errorf("%+v", d.UserCode)
		}
		return d
	}
	d := begin()
	s.Agree(true)
	waited := 0
	for ; ; waited++ { // whoever asks asks every second
		g, done, err := c.Poll(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		if done {
			if g.Refresh == "" {
				t.Error("it gives no refresh token")
			}
			break
		}
		now = now.Add(time.Second)
	}
	if want := 2 + 7 + 12 + 12 + 12; waited != want {
		t.Errorf("it took %d seconds, not %d", waited, want)
	}
	d = begin()
	s.Agree(false)
	now = now.Add(3 * time.Second)
	if _, done, err := c.Poll(t.Context(), d); !done || err == nil || !strings.Contains(err.Error(), "said no") {
		t.Errorf("a no: %v", err)
	}
	d = begin()
	now = now.Add(11 * time.Minute)
	if _, done, err := c.Poll(t.Context(), d); !done || err == nil || !strings.Contains(err.Error(), "in time") {
		t.Errorf("too late: %v", err)
	}
	if wrong := s.Wrong(); len(wrong) > 0 {
		t.Errorf("the server complains of %q", wrong)
	}
	d = begin()
	s.Close()
	for range 3 { // nobody answers: it goes on, slower
		now = d.next
		before := d.interval
		if _, done, err := c.Poll(t.Context(), d); done || err != nil || d.interval != 2*before {
			t.Fatalf("nobody answers: %v %v, every %s", done, err, d.interval)
		}
	}
}

func TestTokensThatDoNotLast(t *testing.T) {
	s, c, spec := world(t)
	s.NoRenew = true
	connect := func() (Grant, error) {
		p, err := c.Begin(t.Context(), spec, "the-client-secret", "notes", back)
		if err != nil {
			t.Fatal(err)
		}
		return c.Finish(t.Context(), p, browse(t, p.URL))
	}
	if _, err := connect(); err == nil || !strings.Contains(err.Error(), "offline_access") {
		t.Errorf("a token that ends: %v", err)
	}
	s.Lasting = true
	g, err := connect()
	if err != nil {
		t.Fatal(err)
	}
	tok, next, err := c.Refresh(t.Context(), spec, "the-client-secret", g)
	if err != nil || tok.Access != g.Access || next != g || !tok.Until.IsZero() {
		t.Errorf("a token that lasts: %v", err)
	}
}

// T06: nobody but the operator names a server on a private road, and nobody names one
// without TLS.
func TestT06_WhatMetadataMayName(t *testing.T) {
	spec := Spec{Resource: "https://mcp.example.com/mcp", Flow: FlowCode}
	for _, bad := range []string{
		"", "http://as.example.com", "http://127.0.0.1:1/", "http://localhost/", "https://u:p@as.example.com", "https://as.example.com/#x",
		"javascript:alert(1)", "file:///etc/passwd", "//as.example.com", "https:///x", "https://" + strings.Repeat("a", 3000),
	} {
		if u, err := spec.place(bad); err == nil {
			t.Errorf("%s is taken for a place", u)
		}
	}
	asked := func(s Spec, host string) (road string) {
		c := New(&http.Client{Transport: road1{"named", &road}}, &http.Client{Transport: road1{"found", &road}}, time.Now)
		c.get(t.Context(), &s, "https://"+host+"/x", new(any)) //nolint:errcheck // the road is what counts
		return road
	}
	if got := asked(spec, "MCP.example.com"); got != "named" {
		t.Errorf("the operator's own: by %s", got)
	}
	for _, host := range []string{"as.example.com", "10.0.0.1", "metadata.google.internal"} {
		if got := asked(spec, host); got != "found" {
			t.Errorf("%s: by %s", host, got)
		}
	}
}

type road1 struct {
	name string
	into *string
}

func (r road1) RoundTrip(*http.Request) (*http.Response, error) {
	*r.into = r.name
	return nil, http.ErrNotSupported
}

func TestWhatIsWithin(t *testing.T) {
	for _, tt := range []struct {
		resource, named string
		want            bool
	}{
		{"https://a/mcp", "https://a/mcp", true},
		{"https://a/mcp", "https://a", true},
		{"https://a/mcp", "https://a/", true},
		{"https://a/mcp/x", "https://a/mcp", true},
		{"https://a/mcpx", "https://a/mcp", false},
		{"https://a/mcp", "https://a/other", false},
		{"https://a/mcp", "https://b/mcp", false},
		{"https://a/mcp", "http://a/mcp", false},
		{"https://a/mcp", "", false},
		{"https://a/mcp", "https://a?x", false},
	} {
		if got := within(tt.resource, tt.named); got != tt.want {
			t.Errorf("%s within %s: %v", tt.resource, tt.named, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "plain", `{"refresh_token":"r"}`, `{"access_token":"a","until":"2026-11-25T12:00:00Z"}`, `{`, `{"refresh_token":1}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := Parse(b)
		if err != nil {
			return
		}
		value, err := g.Secret()
		if err != nil {
			t.Skip() // a year that JSON has not
		}
		if again, err := Parse(value.Reveal()); err == nil && !again.Until.Equal(g.Until) {
			t.Errorf("%q does not come back", b)
		}
	})
}

func FuzzChallenge(f *testing.F) {
	f.Add(`Bearer resource_metadata="https://a/.well-known/oauth-protected-resource"`)
	f.Add(`Bearer realm="resource_metadata=", error="x"`)
	f.Fuzz(func(t *testing.T, v string) {
		if m := told.FindStringSubmatch(v); m != nil && !strings.Contains(v, m[1]) {
			t.Errorf("%q", m)
		}
	})
}

// T35: a resource names the server that a person is led to; it gets no client_secret
// by that, nor does the server of an issuer that the configuration named before.
func TestT35_AClientSecretGoesWhereTheConfigurationSays(t *testing.T) {
	asked := 0
	hear := &http.Client{Transport: counting{&asked}}
	c := New(hear, hear, time.Now)
	spec := Spec{Resource: "https://mcp.example/mcp", ClientID: "gateway"}
	if _, err := c.Begin(t.Context(), spec, "the-client-secret", "notes", back); !errors.Is(err, errLent) || asked > 0 {
		t.Errorf("by a browser: %v, after %d questions", err, asked)
	}
	if _, err := c.BeginDevice(t.Context(), spec, "the-client-secret", "notes"); !errors.Is(err, errLent) || asked > 0 {
		t.Errorf("by a code: %v, after %d questions", err, asked)
	}
	g := Grant{Refresh: "refresh-0", TokenURL: "https://before.example/token"}
	now := Spec{Issuer: "https://now.example", ClientID: "gateway"}
	c.known(t.Context(), &Spec{Issuer: "https://before.example", ClientID: "gateway"}, &server{token: g.TokenURL}, "notes", back, &g) //nolint:errcheck // it registers nobody
	if _, _, err := c.Refresh(t.Context(), now, "the-new-secret", g); !errors.Is(err, errElsewhere) || asked > 0 {
		t.Errorf("of another issuer: %v, after %d questions", err, asked)
	}
}

// counting counts what is asked, and answers nothing.
type counting struct{ n *int }

func (c counting) RoundTrip(*http.Request) (*http.Response, error) {
	*c.n++
	return nil, errors.New("nobody is there")
}
