// Package idp is a strict authorization server for tests, with a resource that takes
// its tokens: every code and every refresh token is good for one use, redirects are
// compared letter by letter, and whatever a client does wrong is remembered. It is
// linked into tests only.
package idp

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"
)

// A Server is one authorization server. What is exported is set before the first
// request, or with Set.
type Server struct {
	*httptest.Server
	Clients  map[string]string   // id and secret; "": public
	Back     map[string][]string // redirects by client
	Register bool                // registers clients (RFC 7591)
	Silent   bool                // does not say who it is in its answers (RFC 9207)
	Liar     string              // says to be this one instead
	NoRenew  bool                // gives no refresh token
	Lasting  bool                // gives tokens that do not end
	Grace    bool                // takes the refresh token before the last once more, if that was not used
	Life     time.Duration       // of tokens; 0: an hour
	Slow     int                 // how often a device is told to slow down
	Pending  int                 // how often it is told to wait
	Method   string              // by which registered clients prove themselves; "": none
	Before   func()              // runs when a refresh token was replaced, before the answer
	Used     func()              // runs when a token reaches the resource

	mu          sync.Mutex
	codes       map[string]*leave
	refresh     map[string]*leave
	access      map[string]*leave
	devices     map[string]*device
	deviceCodes []string // all that were given
	wrong       []string
	renewed     int
	now         func() time.Time
}

// A leave is what a person has given to a client.
type leave struct {
	client, redirect, challenge, scope, resource string
	used                                         bool
	family                                       *family
}

type family struct {
	revoked      bool
	last, before string // refresh tokens
	lastUsed     bool
}

type device struct {
	client, scope, resource string
	next                    time.Time
	interval                time.Duration
	agreed, said            bool
}

// New makes a Server that listens on loopback until the test ends. now is the clock
// that devices are held to.
func New(t testing.TB, now func() time.Time) *Server { return serve(t, now, httptest.NewServer) }

// NewTLS makes a Server that proves itself by an authority that no host knows.
func NewTLS(t testing.TB, now func() time.Time) *Server {
	return serve(t, now, func(h http.Handler) *httptest.Server {
		s := httptest.NewUnstartedServer(h)
		s.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that do not trust it are what it is for
		s.StartTLS()
		return s
	})
}

// Authority is what a Server of NewTLS proves itself by, in PEM.
func (s *Server) Authority() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
}

func serve(t testing.TB, now func() time.Time, listen func(http.Handler) *httptest.Server) *Server {
	s := &Server{
		Clients: map[string]string{}, Back: map[string][]string{}, now: now,
		codes: map[string]*leave{}, refresh: map[string]*leave{}, access: map[string]*leave{}, devices: map[string]*device{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /authorize", s.authorize)
	mux.HandleFunc("POST /token", s.token)
	mux.HandleFunc("POST /device", s.device)
	mux.HandleFunc("POST /register", s.register)
	mux.HandleFunc("GET /.well-known/oauth-authorization-server", s.metadata)
	mux.HandleFunc("GET /.well-known/oauth-protected-resource/mcp", s.protected)
	mux.HandleFunc("/mcp", s.resource)
	s.Server = listen(mux)
	t.Cleanup(s.Close)
	return s
}

// Resource is the address of the resource that takes the tokens.
func (s *Server) Resource() string { return s.URL + "/mcp" }

// Set changes something while requests go on.
func (s *Server) Set(f func(*Server)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

// Wrong lists what clients did that they must not do.
func (s *Server) Wrong() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.wrong)
}

// Renewed counts the refresh tokens that were replaced.
func (s *Server) Renewed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.renewed
}

// Last gives the refresh token that is good now, of those that were made of this one.
func (s *Server) Last(token string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.refresh[token]; l != nil {
		return l.family.last
	}
	return ""
}

// Give gives a refresh token as if a person had agreed.
func (s *Server) Give(client, resource string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	token, _ := s.give(&leave{client: client, resource: resource, family: &family{}})["refresh_token"].(string)
	return token
}

// Secrets lists every code and token that was given.
func (s *Server) Secrets() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for _, m := range []map[string]*leave{s.codes, s.refresh, s.access} {
		for token := range m {
			list = append(list, token)
		}
	}
	return append(list, s.deviceCodes...)
}

// Agree has the person say yes, or no, to every device that waits.
func (s *Server) Agree(yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.devices {
		d.said, d.agreed = true, yes
	}
}

// EndAccess makes every access token worthless.
func (s *Server) EndAccess() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.access)
}

func (s *Server) complain(format string, args ...any) {
	s.wrong = append(s.wrong, fmt.Sprintf(format, args...))
}

// authorize is the page on which the person says yes at once.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	s.mu.Lock()
	defer s.mu.Unlock()
	client, redirect := q.Get("client_id"), q.Get("redirect_uri")
	if _, ok := s.Clients[client]; !ok || !slices.Contains(s.Back[client], redirect) {
		s.complain("authorize: client %q leads to %q", client, redirect)
		http.Error(w, "no such client, or another redirect", http.StatusBadRequest)
		return
	}
	if q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 || len(q.Get("state")) < 20 {
		s.complain("authorize: %s", r.URL.RawQuery)
	}
	code := "code-" + rand.Text()
	s.codes[code] = &leave{client: client, redirect: redirect, challenge: q.Get("code_challenge"), scope: q.Get("scope"), resource: q.Get("resource"), family: &family{}}
	back, err := url.Parse(redirect)
	if err != nil {
		panic(err)
	}
	a := url.Values{"state": {q.Get("state")}, "code": {code}}
	if !s.Silent {
		a.Set("iss", s.URL)
	}
	if s.Liar != "" {
		a.Set("iss", s.Liar)
	}
	back.RawQuery = a.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

func (s *Server) device(w http.ResponseWriter, r *http.Request) {
	r.ParseForm() //nolint:errcheck // what is missing fails
	s.mu.Lock()
	defer s.mu.Unlock()
	client, ok := s.proven(r)
	if !ok {
		write(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return
	}
	code := "device-" + rand.Text()
	s.deviceCodes = append(s.deviceCodes, code)
	s.devices[code] = &device{client: client, scope: r.PostForm.Get("scope"), resource: r.PostForm.Get("resource"), interval: 2 * time.Second, next: s.now().Add(2 * time.Second)}
	write(w, http.StatusOK, map[string]any{
		"device_code": code, "user_code": "WDJB-MJHT", "verification_uri": s.URL + "/activate", "verification_uri_complete": s.URL + "/activate?code=WDJB-MJHT",
		"expires_in": 600, "interval": 2,
	})
}

// proven gives the client that a form comes from.
func (s *Server) proven(r *http.Request) (string, bool) {
	user, password, basic := r.BasicAuth()
	id, secret := r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	if basic {
		if secret != "" {
			s.complain("a client proves itself twice")
		}
		id, secret = user, password
	}
	want, ok := s.Clients[id]
	return id, ok && secret == want
}

func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	r.ParseForm() //nolint:errcheck // what is missing fails
	s.mu.Lock()
	status, answer := s.trade(r)
	before := s.Before
	s.mu.Unlock()
	if before != nil && status == http.StatusOK && r.PostForm.Get("grant_type") == "refresh_token" {
		before()
	}
	w.Header().Set("Cache-Control", "no-store")
	write(w, status, answer)
}

func refuse(code string) (int, any) {
	return http.StatusBadRequest, map[string]string{"error": code, "error_description": "a long story"}
}

func (s *Server) trade(r *http.Request) (int, any) {
	client, ok := s.proven(r)
	if !ok {
		s.complain("token: a client that is not proven")
		return http.StatusUnauthorized, map[string]string{"error": "invalid_client"}
	}
	f := r.PostForm
	switch f.Get("grant_type") {
	case "authorization_code":
		l := s.codes[f.Get("code")]
		sum := sha256.Sum256([]byte(f.Get("code_verifier")))
		switch {
		case l == nil || l.client != client || l.redirect != f.Get("redirect_uri"):
			s.complain("token: no such code for %s at %s", client, f.Get("redirect_uri"))
			return refuse("invalid_grant")
		case l.used:
			s.complain("token: a code is used twice")
			l.family.revoked = true
			return refuse("invalid_grant")
		case base64.RawURLEncoding.EncodeToString(sum[:]) != l.challenge:
			s.complain("token: the proof key does not fit")
			return refuse("invalid_grant")
		case l.resource != f.Get("resource"):
			s.complain("token: resource %q was asked for and %q is", l.resource, f.Get("resource"))
			return refuse("invalid_target")
		}
		l.used = true
		return http.StatusOK, s.give(l)
	case "refresh_token":
		return s.renew(client, f)
	case "urn:ietf:params:oauth:grant-type:device_code":
		return s.ofDevice(client, f)
	}
	s.complain("token: grant type %q", f.Get("grant_type"))
	return refuse("unsupported_grant_type")
}

func (s *Server) renew(client string, f url.Values) (int, any) {
	token := f.Get("refresh_token")
	l := s.refresh[token]
	if l == nil || l.client != client || l.family.revoked {
		return refuse("invalid_grant")
	}
	if l.resource != f.Get("resource") {
		s.complain("refresh: for resource %q", f.Get("resource"))
		return refuse("invalid_target")
	}
	again := s.Grace && token == l.family.before && !l.family.lastUsed
	if token != l.family.last && !again {
		s.complain("a refresh token is used twice")
		l.family.revoked = true
		return refuse("invalid_grant")
	}
	s.renewed++
	return http.StatusOK, s.give(l)
}

func (s *Server) ofDevice(client string, f url.Values) (int, any) {
	d := s.devices[f.Get("device_code")]
	now := s.now()
	switch {
	case d == nil || d.client != client:
		s.complain("device: no such code")
		return refuse("invalid_grant")
	case now.Before(d.next):
		s.complain("device: asked %s too early", d.next.Sub(now))
		d.interval += 5 * time.Second
		d.next = now.Add(d.interval)
		return refuse("slow_down")
	case s.Slow > 0:
		s.Slow--
		d.interval += 5 * time.Second
		d.next = now.Add(d.interval)
		return refuse("slow_down")
	case !d.said || s.Pending > 0:
		s.Pending--
		d.next = now.Add(d.interval)
		return refuse("authorization_pending")
	case !d.agreed:
		return refuse("access_denied")
	}
	delete(s.devices, f.Get("device_code"))
	return http.StatusOK, s.give(&leave{client: client, scope: d.scope, resource: d.resource, family: &family{}})
}

// give makes the tokens of a leave; the refresh token before is good no more.
func (s *Server) give(l *leave) map[string]any {
	access := "access-" + rand.Text()
	s.access[access] = l
	answer := map[string]any{"access_token": access, "token_type": "Bearer", "scope": l.scope}
	if !s.Lasting {
		life := s.Life
		if life == 0 {
			life = time.Hour
		}
		answer["expires_in"] = int(life.Seconds())
	}
	if !s.NoRenew && !s.Lasting {
		token := "refresh-" + rand.Text()
		s.refresh[token] = l
		l.family.before, l.family.last = l.family.last, token
		answer["refresh_token"] = token
	}
	return answer
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) //nolint:errcheck // whoever asked has gone
}
