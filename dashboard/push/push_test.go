package push_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval"
	"sallyport.dev/sallyport/dashboard/push"
	"sallyport.dev/sallyport/dashboard/push/envelope"
	"sallyport.dev/sallyport/dashboard/route"
)

// memory is a store of subscriptions.
type memory struct {
	mu sync.Mutex
	kv map[string][]byte
}

func (m *memory) Put(_ context.Context, _, key string, value []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.kv == nil {
		m.kv = map[string][]byte{}
	}
	m.kv[key] = value
	return nil
}

func (m *memory) Delete(_ context.Context, _, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.kv, key)
	return nil
}

func (m *memory) Each(_ context.Context, _ string, f func(string, []byte) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for k, v := range m.kv {
		if err := f(k, v); err != nil {
			return err
		}
	}
	return nil
}

// A desk is asks that a test puts there; ana and bo answer all of them, for whom it
// says so.
type desk struct {
	mu      sync.Mutex
	list    []approval.Request
	changed chan struct{}
	may     map[string]bool
	looked  int // how many asks there were when the sender last looked
	judged  int // how often it asked who may answer
}

func newDesk(may ...string) *desk {
	d := &desk{changed: make(chan struct{}), may: map[string]bool{}}
	for _, name := range may {
		d.may[name] = true
	}
	return d
}

func (d *desk) Changed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.changed
}

func (d *desk) First(int) []approval.Request {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.looked = len(d.list)
	return append([]approval.Request(nil), d.list...)
}

func (d *desk) MayAnswer(_ approval.Request, who action.Person) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.judged++
	return d.may[who.Name]
}

func (d *desk) put(list ...approval.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list = append(d.list, list...)
	close(d.changed)
	d.changed = make(chan struct{})
}

// A browser has the private half of a subscription.
type browser struct {
	key  *ecdh.PrivateKey
	auth []byte
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	must(t, err)
	b := &browser{key: key, auth: make([]byte, 16)}
	rand.Read(b.auth)
	return b
}

var url64 = base64.RawURLEncoding

func (b *browser) subscription(who, endpoint string) push.Subscription {
	return push.Subscription{
		Person: action.Person{Name: who, Via: "local"}, Browser: "Firefox on a phone", Endpoint: endpoint,
		P256dh: url64.EncodeToString(b.key.PublicKey().Bytes()), Auth: url64.EncodeToString(b.auth),
	}
}

// open decrypts a message as a browser does (RFC 8291, section 3; RFC 8188): each
// step is computed here from what stands in the message and the browser's own keys.
func (b *browser) open(body []byte) ([]byte, error) {
	if len(body) < 21+65+17 {
		return nil, fmt.Errorf("a body of %d bytes", len(body))
	}
	salt, size, n := body[:16], binary.BigEndian.Uint32(body[16:20]), int(body[20])
	if n != 65 || int(size) < len(body)-21-n {
		return nil, fmt.Errorf("record size %d, key of %d bytes", size, n)
	}
	sender, err := ecdh.P256().NewPublicKey(body[21 : 21+n])
	if err != nil {
		return nil, err
	}
	shared, err := b.key.ECDH(sender)
	if err != nil {
		return nil, err
	}
	prk, _ := hkdf.Extract(sha256.New, shared, b.auth)
	ikm, _ := hkdf.Expand(sha256.New, prk, "WebPush: info\x00"+string(b.key.PublicKey().Bytes())+string(sender.Bytes()), 32)
	prk, _ = hkdf.Extract(sha256.New, ikm, salt)
	cek, _ := hkdf.Expand(sha256.New, prk, "Content-Encoding: aes128gcm\x00", 16)
	nonce, _ := hkdf.Expand(sha256.New, prk, "Content-Encoding: nonce\x00", 12)
	block, err := aes.NewCipher(cek)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, nonce, body[21+n:], nil)
	if err != nil {
		return nil, err
	}
	plain = bytes.TrimRight(plain, "\x00")
	if len(plain) == 0 || plain[len(plain)-1] != 2 {
		return nil, fmt.Errorf("no mark of the last record")
	}
	return plain[:len(plain)-1], nil
}

// A message is what the push service got.
type message struct {
	path   string
	header http.Header
	body   []byte
}

// A service is a push service that answers as it is told and keeps what it gets.
type service struct {
	*httptest.Server
	got    chan message
	answer func(n int) (status int, header http.Header) // of the n-th message, from 0
}

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{got: make(chan message, 64), answer: func(int) (int, http.Header) { return 201, nil }}
	var mu sync.Mutex
	n := 0
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		mu.Lock()
		status, header := s.answer(n)
		n++
		mu.Unlock()
		s.got <- message{r.URL.Path, r.Header.Clone(), body}
		for k, v := range header {
			w.Header()[k] = v
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return s
}

// client reaches the service under any name.
func (s *service) client() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				var d net.Dialer
				return d.DialContext(ctx, "tcp", s.Listener.Addr().String())
			},
		},
	}
}

func (s *service) next(t *testing.T) message {
	t.Helper()
	select {
	case m := <-s.got:
		return m
	case <-time.After(time.Minute):
		t.Fatal("no message came")
		return message{}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newSender makes a sender whose push services are those of the browsers.
func newSender(t *testing.T, d *desk, s *service) (*push.Sender, *ecdsa.PrivateKey) {
	t.Helper()
	book, err := push.Open(t.Context(), &memory{}, push.Known, time.Now)
	must(t, err)
	key, err := envelope.NewKey()
	must(t, err)
	return &push.Sender{
		Book: book, Desk: d, Client: s.client(), Now: time.Now, Since: time.Now().Add(-time.Minute), Log: slog.New(slog.DiscardHandler),
		Key:     func(context.Context) (*ecdsa.PrivateKey, error) { return key, nil },
		Contact: func() string { return "https://gate.corp.ts.net" },
	}, key
}

// run has the sender look at the desk until the test ends.
func run(t *testing.T, s *push.Sender) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		must(t, <-done)
	})
}

const endpoint = "https://fcm.googleapis.com/fcm/send/abc:def"

func ask(id, summary string) approval.Request {
	return approval.Request{
		ID: id, State: approval.Pending, Agent: "claude-ci", Service: "github", Host: "api.github.com", Kind: "request", Summary: summary,
		Sample: "the whole body with hunter2", Reasons: []string{"because"}, Created: time.Now(), Expires: time.Now().Add(10 * time.Minute),
	}
}

// verified checks the token by which a push service knows the gateway (RFC 8292)
// with the key that stands beside it.
func verified(t *testing.T, header, audience string) {
	t.Helper()
	rest, ok := strings.CutPrefix(header, "vapid t=")
	token, public, found := strings.Cut(rest, ", k=")
	parts := strings.Split(token, ".")
	if !ok || !found || len(parts) != 3 {
		t.Fatalf("Authorization: %s", header)
	}
	point, err := url64.DecodeString(public)
	must(t, err)
	sig, err := url64.DecodeString(parts[2])
	must(t, err)
	if len(point) != 65 || len(sig) != 64 {
		t.Fatalf("key of %d bytes, signature of %d", len(point), len(sig))
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	must(t, err)
	if !ecdsa.Verify(key, digest[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])) {
		t.Error("the signature of the token does not fit")
	}
	head, err := url64.DecodeString(parts[0])
	must(t, err)
	var claims struct {
		Aud, Sub string
		Exp      int64
	}
	raw, err := url64.DecodeString(parts[1])
	must(t, err)
	must(t, json.Unmarshal(raw, &claims))
	life := time.Until(time.Unix(claims.Exp, 0))
	if string(head) != `{"typ":"JWT","alg":"ES256"}` || claims.Aud != audience || claims.Sub != "https://gate.corp.ts.net" || life <= 0 || life > 24*time.Hour {
		t.Errorf("%s %s", head, raw)
	}
}

// An ask reaches the browsers of those who may answer it, sealed for each, and says
// no more than a lock screen may show.
func TestAnAskIsPushed(t *testing.T) {
	d, s := newDesk("ana"), newService(t)
	sender, _ := newSender(t, d, s)
	ana, bo := newBrowser(t), newBrowser(t)
	_, err := sender.Book.Put(t.Context(), ana.subscription("ana", endpoint))
	must(t, err)
	_, err = sender.Book.Put(t.Context(), bo.subscription("bo", "https://updates.push.services.mozilla.com/wpush/v2/xyz"))
	must(t, err)
	old := ask("A0", "GET /old")
	old.Created = old.Created.Add(-time.Hour) // the process before this one told of it
	d.put(old)
	run(t, sender)
	d.put(ask("A1", "DELETE /repos/acme/hunter2"))
	m := s.next(t)
	text, err := ana.open(m.body)
	must(t, err)
	if want := `{"title":"claude-ci asks","body":"DELETE github","url":"/approvals/A1","tag":"A1"}`; string(text) != want {
		t.Errorf("%s\nwant %s", text, want)
	}
	if _, err := bo.open(m.body); err == nil {
		t.Error("bo's browser can read it, too")
	}
	h := m.header
	verified(t, h.Get("Authorization"), "https://fcm.googleapis.com")
	if m.path != "/fcm/send/abc:def" || h.Get("Content-Encoding") != "aes128gcm" || h.Get("Urgency") != "high" || len(h.Get("Topic")) > 32 {
		t.Errorf("%s %v", m.path, h)
	}
	var ttl int
	fmt.Sscan(h.Get("TTL"), &ttl)
	if ttl < 500 || ttl > 600 {
		t.Errorf("the push service keeps it for %d seconds, the ask lives for 600", ttl)
	}
	select {
	case m := <-s.got:
		t.Errorf("one more message, to %s", m.path)
	default:
	}
}

// TestT42_ManyAsksAreOneNotice: what comes while a browser was told just now is
// told as one.
func TestT42_ManyAsksAreOneNotice(t *testing.T) {
	d, s := newDesk("ana"), newService(t)
	sender, _ := newSender(t, d, s)
	var later atomic.Int64 // than when it began: it is "just now" until the test says so
	begun := time.Now()
	sender.Now = func() time.Time { return begun.Add(time.Duration(later.Load())) }
	ana := newBrowser(t)
	_, err := sender.Book.Put(t.Context(), ana.subscription("ana", endpoint))
	must(t, err)
	run(t, sender)
	d.put(ask("A1", "DELETE /x"))
	s.next(t)
	var flood []approval.Request
	for i := range 50 {
		flood = append(flood, ask(fmt.Sprintf("B%02d", i), "POST /flood"))
	}
	waitFor(t, func() bool { return told(t, sender) })
	d.put(flood[:20]...)
	waitFor(t, func() bool { d.mu.Lock(); defer d.mu.Unlock(); return d.looked == 21 })
	d.put(flood[20:]...)
	waitFor(t, func() bool { d.mu.Lock(); defer d.mu.Unlock(); return d.looked == 51 })
	later.Store(int64(time.Minute))
	text, err := ana.open(s.next(t).body)
	must(t, err)
	if want := `{"title":"50 asks wait","body":"claude-ci and others","url":"/approvals","tag":"asks"}`; string(text) != want {
		t.Errorf("%s", text)
	}
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it never came to that")
		}
	}
}

// told says whether the only browser was told something, as its owner sees it.
func told(t *testing.T, s *push.Sender) bool {
	t.Helper()
	phone := &push.Phone{Sender: s, Secure: func(*http.Request) bool { return true }}
	var st push.Standing
	must(t, json.Unmarshal(call(phone.Routes().Handler(slog.New(slog.DiscardHandler), nil), "ana", "local", "GET", "/api/v1/push", "").Body.Bytes(), &st))
	return len(st.Browsers) == 1 && !st.Browsers[0].Told.IsZero()
}

// What an agent chose does not reach a lock screen.
func TestNothingOfAnAgentsChoiceIsShown(t *testing.T) {
	for summary, want := range map[string]string{
		"DELETE /repos":              "DELETE github",
		"drop table users":           "DROP github",
		"SELECT;":                    "SELECT github",
		"URGENT! approve this now":   "github",
		"\u202eETELED /x":            "github",
		"":                           "github",
		"CALL +1-900-555-0100 today": "CALL github",
	} {
		d, s := newDesk("ana"), newService(t)
		sender, _ := newSender(t, d, s)
		ana := newBrowser(t)
		_, err := sender.Book.Put(t.Context(), ana.subscription("ana", endpoint))
		must(t, err)
		run(t, sender)
		d.put(ask("A1", summary))
		text, err := ana.open(s.next(t).body)
		must(t, err)
		var n push.Notice
		must(t, json.Unmarshal(text, &n))
		if n.Body != want || strings.Contains(string(text), "hunter2") {
			t.Errorf("%q: %s", summary, text)
		}
	}
}

// A push service that is slow to take it is asked again; a browser that is gone is
// forgotten; one that may not be told any more is not.
func TestABrowserThatIsGone(t *testing.T) {
	d, s := newDesk("ana"), newService(t)
	s.answer = func(n int) (int, http.Header) { return []int{503, 201, 410, 201}[min(n, 3)], nil }
	sender, _ := newSender(t, d, s)
	ana := newBrowser(t)
	sub, err := sender.Book.Put(t.Context(), ana.subscription("ana", endpoint))
	must(t, err)
	run(t, sender)
	d.put(ask("A1", "DELETE /x"))
	first, second := s.next(t), s.next(t)
	if a, err := ana.open(first.body); err != nil || !strings.Contains(string(a), "A1") {
		t.Error(string(a), err)
	}
	if a, err := ana.open(second.body); err != nil || !strings.Contains(string(a), "A1") {
		t.Error(string(a), err)
	}
	d.put(ask("A2", "DELETE /y"))
	s.next(t)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if _, ok := sender.Book.Get(sub.ID); !ok {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a browser that is gone is still subscribed")
		}
	}
}

// TestT06_PushReachesPushServicesOnly: a browser, or whoever plays one, names where
// the gateway sends; only a push service that is listed is taken.
func TestT06_PushReachesPushServicesOnly(t *testing.T) {
	book, err := push.Open(t.Context(), &memory{}, func() []string { return append(push.Known(), "push.acme.dev") }, time.Now)
	must(t, err)
	b := newBrowser(t)
	for endpoint, want := range map[string]bool{
		"https://fcm.googleapis.com/fcm/send/x":                   true,
		"https://fcm.googleapis.com:443/fcm/send/x":               true,
		"https://updates.push.services.mozilla.com/wpush/v2/x":    true,
		"https://web.push.apple.com/x":                            true,
		"https://push.acme.dev/x":                                 true,
		"https://PUSH.acme.dev/x":                                 true,
		"http://fcm.googleapis.com/x":                             false,
		"https://fcm.googleapis.com:8443/x":                       false,
		"https://fcm.googleapis.com.evil.example/x":               false,
		"https://evilpush.services.mozilla.com.evil.example/x":    false,
		"https://push.services.mozilla.com.evil/x":                false,
		"https://169.254.169.254/latest/meta-data":                false,
		"https://[::1]/x":                                         false,
		"https://127.0.0.1/x":                                     false,
		"https://localhost/x":                                     false,
		"https://fcm.googleapis.com@169.254.169.254/x":            false,
		"https://user:pw@fcm.googleapis.com/x":                    false,
		"https://169.254.169.254#@fcm.googleapis.com/":            false,
		"https://fcm.googleapis.com\\@169.254.169.254/":           false,
		"https:fcm.googleapis.com/x":                              false,
		"file:///etc/passwd":                                      false,
		"":                                                        false,
		"https://fcm.googleapis.com/" + strings.Repeat("x", 2000): false,
	} {
		if _, err := book.Put(t.Context(), b.subscription("ana", endpoint)); (err == nil) != want {
			t.Errorf("%.60q: %v, want it taken %v", endpoint, err, want)
		}
	}
}

// A redirect of a push service leads nowhere.
func TestT06_APushServiceLeadsNowhereElse(t *testing.T) {
	d, s := newDesk("ana"), newService(t)
	s.answer = func(int) (int, http.Header) { return 307, http.Header{"Location": {"https://169.254.169.254/"}} }
	sender, _ := newSender(t, d, s)
	sub, err := sender.Book.Put(t.Context(), newBrowser(t).subscription("ana", endpoint))
	must(t, err)
	phone := &push.Phone{Sender: sender, Secure: func(*http.Request) bool { return true }}
	h := phone.Routes().Handler(slog.New(slog.DiscardHandler), nil)
	if got := call(h, "ana", "local", "POST", "/api/v1/push/"+sub.ID+"/test", ""); got.Code != 409 || !strings.Contains(got.Body.String(), "307") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	s.next(t)
	select {
	case m := <-s.got:
		t.Errorf("it was followed: %+v", m)
	default:
	}
}

// The endpoint is a secret of the browser's: who cannot reach it does not tell it.
func TestAnErrorDoesNotTellTheEndpoint(t *testing.T) {
	d, s := newDesk("ana"), newService(t)
	sender, _ := newSender(t, d, s)
	var log bytes.Buffer
	sender.Log = slog.New(slog.NewTextHandler(&log, nil))
	sub, err := sender.Book.Put(t.Context(), newBrowser(t).subscription("ana", endpoint))
	must(t, err)
	s.Close()
	phone := &push.Phone{Sender: sender, Secure: func(*http.Request) bool { return true }}
	h := phone.Routes().Handler(slog.New(slog.DiscardHandler), nil)
	got := call(h, "ana", "local", "POST", "/api/v1/push/"+sub.ID+"/test", "")
	seen := call(h, "root", "local", "GET", "/api/v1/push", "", route.Admin).Body.String()
	if got.Code != 409 || !strings.Contains(seen, "reach the push service") || strings.Contains(got.Body.String()+seen+log.String(), "abc:def") {
		t.Errorf("%d %s\n%s\n%s", got.Code, got.Body, seen, &log)
	}
}

func call(h http.Handler, who, via, method, path, body string, rights ...route.Right) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r = r.WithContext(route.WithCaller(r.Context(), route.Caller{Person: action.Person{Name: who, Via: via}, Rights: route.RightsOf(rights...), Fresh: true}))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// Everybody sees and ends their own browsers; an admin everybody's.
func TestBrowsersAreTheirOwners(t *testing.T) {
	d, s := newDesk("ana"), newService(t)
	sender, key := newSender(t, d, s)
	secure := true
	phone := &push.Phone{Sender: sender, Secure: func(*http.Request) bool { return secure }}
	h := phone.Routes().Handler(slog.New(slog.DiscardHandler), nil)
	body, err := json.Marshal(map[string]any{"endpoint": endpoint, "browser": "Firefox\non a phone", "keys": map[string]string{
		"p256dh": newBrowser(t).subscription("", "").P256dh, "auth": "AAAAAAAAAAAAAAAAAAAAAA",
	}})
	must(t, err)
	var st push.Standing
	must(t, json.Unmarshal(call(h, "ana", "local", "GET", "/api/v1/push", "").Body.Bytes(), &st))
	if pub, err := envelope.PublicKey(key); err != nil || st.Key != pub || st.Why != "" {
		t.Errorf("%+v", st)
	}
	secure = false
	if got := call(h, "ana", "local", "POST", "/api/v1/push", string(body)); got.Code != 409 {
		t.Errorf("by plain HTTP: %d %s", got.Code, got.Body)
	}
	secure = true
	if got := call(h, "ana", "token", "POST", "/api/v1/push", string(body)); got.Code != 409 {
		t.Errorf("by token: %d %s", got.Code, got.Body)
	}
	var b push.Browse
	must(t, json.Unmarshal(call(h, "ana", "local", "POST", "/api/v1/push", string(body)).Body.Bytes(), &b))
	if b.Browser != "Firefoxon a phone" || b.Service != "fcm.googleapis.com" || b.Name != "ana" {
		t.Errorf("%+v", b)
	}
	for _, tt := range []struct {
		who    string
		right  route.Right
		method string
		path   string
		status int
		lists  int
	}{
		{"bo", route.Viewer, "GET", "", 200, 0},
		{"ana", route.Viewer, "GET", "", 200, 1},
		{"root", route.Admin, "GET", "", 200, 1},
		{"bo", route.Viewer, "DELETE", "/" + b.ID, 404, 0},
		{"root", route.Admin, "POST", "/" + b.ID + "/test", 404, 0},
		{"root", route.Admin, "DELETE", "/" + b.ID, 200, 0},
		{"ana", route.Viewer, "GET", "", 200, 0},
	} {
		got := call(h, tt.who, "local", tt.method, "/api/v1/push"+tt.path, "", tt.right)
		var st push.Standing
		if tt.method == "GET" {
			must(t, json.Unmarshal(got.Body.Bytes(), &st))
		}
		if got.Code != tt.status || len(st.Browsers) != tt.lists || strings.Contains(got.Body.String(), "abc:def") {
			t.Errorf("%s %s %s: %d %s", tt.who, tt.method, tt.path, got.Code, got.Body)
		}
	}
}

// TestT47_APushIsForWhoMayAnswerNow: who could answer when the agent asked, and cannot
// when the message goes out, is not told.
func TestT47_APushIsForWhoMayAnswerNow(t *testing.T) {
	d, s := newDesk("ana"), newService(t)
	first := make(chan struct{})
	s.answer = func(n int) (int, http.Header) {
		if n == 0 {
			<-first
			return 503, nil
		}
		return 201, nil
	}
	sender, _ := newSender(t, d, s)
	ana := newBrowser(t)
	_, err := sender.Book.Put(t.Context(), ana.subscription("ana", endpoint))
	must(t, err)
	run(t, sender)
	d.put(ask("A1", "DELETE /x"))
	waitFor(t, func() bool { d.mu.Lock(); defer d.mu.Unlock(); return d.judged == 2 }) // as it came, and as it went out
	d.mu.Lock()
	d.may["ana"] = false
	d.mu.Unlock()
	close(first)
	s.next(t)
	waitFor(t, func() bool { d.mu.Lock(); defer d.mu.Unlock(); return d.judged == 3 })
	d.mu.Lock()
	d.may["ana"] = true
	d.mu.Unlock()
	d.put(ask("A2", "DELETE /y"))
	text, err := ana.open(s.next(t).body)
	must(t, err)
	if !strings.Contains(string(text), "A2") {
		t.Errorf("a message that nobody could answer any more went out: %s", text)
	}
}

// A login takes the place of another, and what is subscribed from it ends with it.
func TestSubscriptionsEndWithTheirLogin(t *testing.T) {
	store := &memory{}
	book, err := push.Open(t.Context(), store, push.Known, time.Now)
	must(t, err)
	for i, login := range []string{"", "one", "one", "two"} {
		s := newBrowser(t).subscription("ana", fmt.Sprintf("%s%d", endpoint, i))
		s.Login = login
		_, err := book.Put(t.Context(), s)
		must(t, err)
	}
	logins := func(b *push.Book) string {
		var list []string
		for _, s := range b.List() {
			list = append(list, s.Login)
		}
		slices.Sort(list)
		return strings.Join(list, ",")
	}
	for _, step := range []struct{ from, to, left string }{
		{"", "", ",one,one,two"}, {"three", "", ",one,one,two"}, {"two", "four", ",four,one,one"}, {"one", "", ",four"}, {"four", "", ""},
	} {
		must(t, book.Move(t.Context(), step.from, step.to))
		again, err := push.Open(t.Context(), store, push.Known, time.Now)
		must(t, err)
		if now, kept := logins(book), logins(again); now != step.left || kept != step.left {
			t.Errorf("%q to %q: %q, and in the store %q, not %q", step.from, step.to, now, kept, step.left)
		}
	}
}

// A browser is told while the login that it was subscribed from holds, and not for a
// moment longer; it goes on when the same person logs in there again.
func TestT47_ABrowserIsToldWhileItsLoginHolds(t *testing.T) {
	d, s := newDesk("ana"), newService(t)
	sender, _ := newSender(t, d, s)
	now := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	ends := map[string]time.Time{"one": now.Add(2 * time.Hour)}
	clock := func() time.Time { return now }
	book, err := push.Open(t.Context(), &memory{}, push.Known, clock)
	must(t, err)
	book.Ends = func(login string) time.Time {
		if end := ends[login]; now.Before(end) {
			return end
		}
		return time.Time{}
	}
	sender.Book, sender.Now = book, clock
	phone := &push.Phone{Sender: sender, Secure: func(*http.Request) bool { return true }}
	h := phone.Routes().Handler(slog.New(slog.DiscardHandler), nil)
	sub := newBrowser(t).subscription("ana", endpoint)
	sub.Login = "one"
	sub, err = book.Put(t.Context(), sub)
	must(t, err)
	shown := func() push.Browse {
		t.Helper()
		var st push.Standing
		must(t, json.Unmarshal(call(h, "ana", "local", "GET", "/api/v1/push", "").Body.Bytes(), &st))
		if len(st.Browsers) != 1 {
			t.Fatalf("%d browsers are shown", len(st.Browsers))
		}
		return st.Browsers[0]
	}
	told := func() int { return len(book.List()) }
	if at := shown().Until; told() != 1 || !at.Equal(ends["one"]) {
		t.Errorf("while the login holds %d are told, until %s", told(), at)
	}
	now = now.Add(2*time.Hour - time.Second)
	ends["one"] = now.Add(2 * time.Hour) // the pages are used
	now = now.Add(time.Hour)
	if at := shown().Until; told() != 1 || !at.Equal(ends["one"]) {
		t.Errorf("with the login used again %d are told, until %s", told(), at)
	}
	now = ends["one"]
	if _, ok := book.Get(sub.ID); ok || told() != 0 || !shown().Until.IsZero() {
		t.Errorf("with the login over %d are told, until %s", told(), shown().Until)
	}
	if got := call(h, "ana", "local", "POST", "/api/v1/push/"+sub.ID+"/test", ""); got.Code != 409 {
		t.Errorf("a trial with the login over: %d %s", got.Code, got.Body)
	}
	ends["two"] = now.Add(12 * time.Hour)
	sub.Login = "two"
	_, err = book.Put(t.Context(), sub)
	must(t, err)
	if at := shown().Until; told() != 1 || !at.Equal(ends["two"]) {
		t.Errorf("after the next login %d are told, until %s", told(), at)
	}
	sub.Login = "" // the tailnet says whose browser it is
	_, err = book.Put(t.Context(), sub)
	must(t, err)
	if at := shown().Until; told() != 1 || !at.Equal(now.Add(30*24*time.Hour)) {
		t.Errorf("on the tailnet %d are told, until %s", told(), at)
	}
}

// A subscription ends with its person, with its age, and the oldest of too many.
func TestSubscriptionsEnd(t *testing.T) {
	now := time.Now()
	store := &memory{}
	book, err := push.Open(t.Context(), store, push.Known, func() time.Time { return now })
	must(t, err)
	b := newBrowser(t)
	var first push.Subscription
	for i := range 12 {
		now = now.Add(time.Second)
		s, err := book.Put(t.Context(), b.subscription("Ana", fmt.Sprintf("%s%d", endpoint, i)))
		must(t, err)
		if i == 0 {
			first = s
		}
	}
	if _, ok := book.Get(first.ID); ok || len(book.List()) != 10 {
		t.Errorf("%d browsers", len(book.List()))
	}
	_, err = book.Put(t.Context(), b.subscription("bo", endpoint+"bo"))
	must(t, err)
	must(t, book.Forget(t.Context(), "ana"))
	if list := book.List(); len(list) != 1 || list[0].Person.Name != "bo" || len(store.kv) != 1 {
		t.Errorf("%+v", list)
	}
	again, err := push.Open(t.Context(), store, push.Known, func() time.Time { return now })
	must(t, err)
	if len(again.List()) != 1 {
		t.Error("it does not outlive the process")
	}
	now = now.Add(31 * 24 * time.Hour)
	if len(again.List()) != 0 {
		t.Error("it holds for ever")
	}
}
