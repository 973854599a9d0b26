package door_test

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/dashboard/account"
	"sallyport.dev/sallyport/dashboard/deeds"
	"sallyport.dev/sallyport/dashboard/door"
	"sallyport.dev/sallyport/dashboard/route"
)

// memory is a store of accounts and of deeds.
type memory struct {
	mu    sync.Mutex
	kv    map[string][]byte
	deeds [][]byte
	head  []byte
}

func (m *memory) Put(_ context.Context, bucket, key string, value []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kv[bucket+"/"+key] = value
	return nil
}

func (m *memory) Delete(_ context.Context, bucket, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.kv, bucket+"/"+key)
	return nil
}

func (m *memory) Each(_ context.Context, bucket string, f func(key string, value []byte) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for k, v := range m.kv {
		if name, ok := strings.CutPrefix(k, bucket+"/"); ok {
			if err := f(name, v); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *memory) AppendDeed(_ context.Context, _ uint64, body, head []byte) error {
	m.deeds, m.head = append(m.deeds, body), head
	return nil
}

func (m *memory) Deeds(_ context.Context, after uint64, f func(seq uint64, body []byte) error) error {
	for i, d := range m.deeds {
		if uint64(i) < after {
			continue
		}
		if err := f(uint64(i)+1, d); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) DeedsBefore(_ context.Context, before uint64, limit int) ([][]byte, error) {
	list := slices.Clone(m.deeds)[:min(uint64(len(m.deeds)), before-1)]
	slices.Reverse(list)
	return list[:min(len(list), limit)], nil
}

func (m *memory) DeedHead(context.Context) ([]byte, error) { return m.head, nil }

type signer struct{ key ed25519.PrivateKey }

func (s signer) Sign(message []byte) []byte { return ed25519.Sign(s.key, message) }
func (s signer) Public() ed25519.PublicKey  { return s.key.Public().(ed25519.PublicKey) }

// house is a door with a few routes behind it, and a clock that a test turns.
type house struct {
	*door.Door
	t        testing.TB
	store    *memory
	clock    time.Time
	entrance *door.Entrance
	visitors map[string]door.Visitor // by address
	config   map[string]route.Rights // by name, as the operators block would say
	handler  http.Handler
}

// password is everybody's.
const password = "correct horse battery"

func newHouse(t testing.TB) *house {
	t.Helper()
	h := &house{
		t: t, store: &memory{kv: make(map[string][]byte)}, clock: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC),
		visitors: make(map[string]door.Visitor), config: make(map[string]route.Rights),
	}
	now := func() time.Time { return h.clock }
	book, err := account.Open(t.Context(), h.store, now)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := deeds.Open(t.Context(), h.store, signer{key}, now, log)
	if err != nil {
		t.Fatal(err)
	}
	h.Door = &door.Door{
		Book: book, Deeds: chain, Now: now, Log: log,
		Named: h.named,
	}
	h.entrance = &door.Entrance{URL: "https://gw.test", Secure: true, Hosts: func() []string { return []string{"gw.test", "100.64.0.1"} }}
	say := func(*http.Request) (string, error) { return "done", nil }
	list := func(r *http.Request) (string, error) {
		if r.URL.Query().Get("bodies") == "1" {
			return "bodies", route.Fresh(r)
		}
		return "done", nil
	}
	table := append(h.Routes(), route.Table{
		{Method: "GET", Pattern: "/api/v1/look", Right: route.Viewer, Do: route.Out(say)},
		{Method: "GET", Pattern: "/api/v1/list", Right: route.Viewer, Do: route.Out(list)},
		{Method: "GET", Pattern: "/api/v1/whole", Right: route.Viewer, StepUp: true, Do: route.Out(say)},
		{Method: "POST", Pattern: "/api/v1/approve", Right: route.Approver, Do: route.Out(say)},
		{Method: "POST", Pattern: "/api/v1/edit", Right: route.Editor, Do: route.Out(say)},
		{Method: "POST", Pattern: "/api/v1/grave", Right: route.Admin, StepUp: true, Do: route.Out(say)},
	}...)
	h.handler = h.Guard(h.entrance, table.Handler(log, chain))
	return h
}

// named is what the operators block says.
func (h *house) named() map[string][]string {
	out := make(map[string][]string)
	for name, rights := range h.config {
		for _, r := range rights.List() {
			out[r.String()] = append(out[r.String()], name)
		}
	}
	return out
}

// tailnet makes the entrance one of a tailnet.
func (h *house) tailnet() {
	h.entrance.Who = func(a netip.Addr) (door.Visitor, error) {
		v, ok := h.visitors[a.String()]
		if !ok {
			return v, errors.New("no node has it")
		}
		return v, nil
	}
}

// operator makes one with the password; it is hashed once for all tests.
func (h *house) operator(name string, rights ...route.Right) {
	h.t.Helper()
	stored, err := hashed()
	if err != nil {
		h.t.Fatal(err)
	}
	var record map[string]any
	must(h, json.Unmarshal(stored, &record))
	record["name"], record["rights"] = name, route.RightsOf(rights...)
	b, err := json.Marshal(record)
	must(h, err)
	must(h, h.store.Put(h.t.Context(), "operators", name, b))
	h.Book, err = account.Open(h.t.Context(), h.store, h.Now)
	must(h, err)
}

var hashed = sync.OnceValues(func() ([]byte, error) {
	m := &memory{kv: make(map[string][]byte)}
	b, err := account.Open(context.Background(), m, time.Now)
	if err == nil {
		_, err = b.Add(context.Background(), "x", password, 0)
	}
	return m.kv["operators/x"], err
})

// a browser is somebody's: an address and cookies.
type browser struct {
	h       *house
	addr    string
	token   string // API token; "": none
	cookies map[string]*http.Cookie
	user    func() (uid string, ok bool) // nil: it is on another machine
}

func (h *house) at(addr string) *browser {
	return &browser{h: h, addr: addr, cookies: make(map[string]*http.Cookie)}
}

// ofUser is a browser at localhost of a user of this machine; "": nobody can tell whose.
func (h *house) ofUser(uid string) *browser {
	b := h.at("127.0.0.1")
	b.user = func() (string, bool) { return uid, uid != "" }
	return b
}

// do sends a request as a page of the dashboard does, changed by the pairs of
// header names and values; Host stands for the name.
func (b *browser) do(method, path, body string, header ...string) *http.Response {
	r := httptest.NewRequest(method, "https://gw.test"+path, strings.NewReader(body))
	r.RemoteAddr = b.addr + ":40000"
	if b.user != nil {
		r = r.WithContext(door.WithUser(r.Context(), b.user))
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if b.token != "" {
		r.Header.Set("Authorization", "Bearer "+b.token)
	}
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		} else {
			r.Header.Set(header[i], header[i+1])
		}
	}
	w := httptest.NewRecorder()
	b.h.handler.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		b.cookies[c.Name] = c
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
	return w.Result()
}

func (b *browser) want(status int, method, path, body string, header ...string) *http.Response {
	b.h.t.Helper()
	resp := b.do(method, path, body, header...)
	if resp.StatusCode != status {
		var p route.Problem
		json.NewDecoder(resp.Body).Decode(&p) //nolint:errcheck // for the message only
		b.h.t.Errorf("%s %s %v from %s: %d, want %d: %s", method, path, header, b.addr, resp.StatusCode, status, p.Detail)
	}
	return resp
}

func (b *browser) login(name string) *browser {
	b.h.t.Helper()
	b.want(200, "POST", "/api/v1/session", fmt.Sprintf(`{"name":%q,"password":%q}`, name, password))
	return b
}

func (b *browser) stepUp() {
	b.h.t.Helper()
	b.want(200, "POST", "/api/v1/session/step-up", fmt.Sprintf(`{"password":%q}`, password))
}

func TestALoginGivesWhatItsRightsGive(t *testing.T) {
	h := newHouse(t)
	h.operator("vi", route.Viewer)
	h.operator("none")
	h.operator("boss", route.Admin)
	h.config["none"] = route.RightsOf(route.Approver)
	out := h.at("192.0.2.1")
	out.want(401, "GET", "/api/v1/look", "")
	out.want(200, "GET", "/api/v1/session", "")
	vi := h.at("192.0.2.1").login("vi")
	vi.want(200, "GET", "/api/v1/look", "")
	vi.want(403, "POST", "/api/v1/approve", "")
	ap := h.at("192.0.2.1").login("none")
	ap.want(200, "POST", "/api/v1/approve", "")
	ap.want(403, "POST", "/api/v1/edit", "")
	h.config["none"] = 0 // the configuration changes, and holds at once
	ap.want(403, "POST", "/api/v1/approve", "")
	boss := h.at("192.0.2.1").login("boss")
	boss.want(200, "POST", "/api/v1/edit", "")
	boss.want(200, "POST", "/api/v1/grave", "")
	h.clock = h.clock.Add(5 * time.Minute)
	boss.want(200, "POST", "/api/v1/edit", "")
	boss.want(403, "POST", "/api/v1/grave", "")
	boss.want(401, "POST", "/api/v1/session/step-up", `{"password":"wrong wrong wrong"}`)
	boss.want(403, "POST", "/api/v1/grave", "")
	boss.stepUp()
	boss.want(200, "POST", "/api/v1/grave", "")
	boss.want(204, "DELETE", "/api/v1/session", "")
	boss.want(401, "GET", "/api/v1/look", "")
}

func TestT47_ALoginIsTriedAFewTimesOnly(t *testing.T) {
	h := newHouse(t)
	h.operator("boss", route.Admin)
	try := func(from, name, pass string) int {
		return h.at(from).do("POST", "/api/v1/session", fmt.Sprintf(`{"name":%q,"password":%q}`, name, pass)).StatusCode
	}
	begin := time.Now()
	got := make(map[int]int)
	for i := range 10_000 {
		got[try("192.0.2.1", "boss", fmt.Sprintf("guess number %d", i))]++
	}
	if got[401] != 5 || got[429] != 9_995 {
		t.Errorf("10,000 guesses from one address: %v", got)
	}
	if took := time.Since(begin); took > 3*time.Minute { // a tenth of what it takes to look at each
		t.Errorf("they took %v: each was looked at", took)
	}
	if got := try("192.0.2.1", "boss", password); got != 429 {
		t.Errorf("the right one at last: %d", got)
	}
	got = make(map[int]int)
	for i := range 200 {
		got[try(fmt.Sprintf("192.0.2.%d", 10+i), "boss", "another guess")]++
	}
	if got[401] != 15 || got[429] != 185 {
		t.Errorf("200 guesses from 200 addresses: %v", got)
	}
	got = make(map[int]int)
	for i := range 200 {
		got[try(fmt.Sprintf("192.0.3.%d", i), fmt.Sprintf("name%d", i), "another guess")]++
	}
	if got[401] != 20 {
		t.Errorf("200 names that there are not: %v", got)
	}
	h.clock = h.clock.Add(time.Hour)
	if got := try("192.0.2.1", "boss", password); got != 200 {
		t.Errorf("an hour later: %d", got)
	}
	page, err := h.Deeds.Page(t.Context(), 0, 500)
	if err != nil {
		t.Fatal(err)
	}
	failed := 0
	for _, e := range page {
		if e.What == "login" && e.Err != "" && e.From != "" && e.Status == 0 {
			failed++
		}
	}
	if failed != 5+15+20 {
		t.Errorf("%d failures are in the audit", failed)
	}
}

// A node has one budget, whatever its owner calls it from one attempt to the next,
// and whichever of its addresses it comes by.
func TestT47_ARenamedNodeGetsNoOtherBudget(t *testing.T) {
	h := newHouse(t)
	h.tailnet()
	h.operator("boss", route.Admin)
	got := make(map[int]int)
	for i := range 12 {
		addr := fmt.Sprintf("100.64.0.%d", 7+i%2)
		h.visitors[addr] = door.Visitor{Node: "n7", Name: fmt.Sprint("laptop-", i), User: "x@acme.dev"}
		got[h.at(addr).do("POST", "/api/v1/session", `{"name":"boss","password":"another guess"}`).StatusCode]++
	}
	if got[401] != 5 || got[429] != 7 {
		t.Errorf("12 guesses of one node: %v", got)
	}
	h.visitors["100.64.0.9"] = door.Visitor{Node: "n9", Name: "laptop-0", User: "boss@acme.dev"}
	h.at("100.64.0.9").login("boss") // a node of the same name is another one
}

func TestT47_ASessionIsWorthNothingElsewhere(t *testing.T) {
	h := newHouse(t)
	h.tailnet()
	h.operator("boss", route.Admin)
	h.visitors["100.64.0.7"] = door.Visitor{Node: "n7", Name: "laptop", User: "x@acme.dev"}
	h.visitors["100.64.0.8"] = door.Visitor{Node: "n8", Name: "thief", User: "x@acme.dev"}
	h.visitors["100.64.0.9"] = door.Visitor{Node: "n7", Name: "laptop", User: "x@acme.dev"} // its other address
	own := h.at("100.64.0.7").login("boss")
	own.want(200, "POST", "/api/v1/edit", "")
	stolen := h.at("100.64.0.8")
	stolen.cookies = own.cookies
	stolen.want(403, "POST", "/api/v1/edit", "")
	moved := h.at("100.64.0.9")
	moved.cookies = own.cookies
	moved.want(200, "POST", "/api/v1/edit", "")
	c := own.cookies["__Host-sallyport"]
	if c == nil || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" {
		t.Errorf("the cookie is %v", c)
	}
	for key, value := range h.store.kv {
		if c != nil && strings.Contains(key+string(value), c.Value) || strings.Contains(string(value), password) {
			t.Errorf("%s is stored with what proves somebody", key)
		}
	}
	h.entrance.Secure = false
	plain := h.at("100.64.0.7").login("boss")
	if c := plain.cookies["sallyport"]; c == nil || c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode {
		t.Errorf("by plain HTTP the cookie is %v", c)
	}
	stolen.cookies = plain.cookies
	stolen.want(403, "POST", "/api/v1/edit", "")
}

// A browser sends the cookies of localhost to every port of it, and so to whichever user
// of the machine listens there: what they get is worth nothing to them, and their guesses
// take nobody else's attempts.
func TestT47_OnLocalhostALoginIsOfOneUser(t *testing.T) {
	h := newHouse(t)
	h.entrance.Secure = false
	h.operator("ana", route.Admin)
	ana := h.ofUser("1000").login("ana")
	ana.want(200, "POST", "/api/v1/grave", "")
	for _, uid := range []string{"1001", ""} {
		thief := h.ofUser(uid)
		thief.cookies = ana.cookies
		thief.want(401, "GET", "/api/v1/look", "")
		thief.want(401, "DELETE", "/api/v1/session", "")
	}
	ana.want(200, "GET", "/api/v1/look", "")
	eve := h.ofUser("1001")
	for range 7 {
		eve.do("POST", "/api/v1/session", `{"name":"eve","password":"a guess of eve's"}`)
	}
	eve.want(429, "POST", "/api/v1/session", `{"name":"eve","password":"a guess of eve's"}`)
	h.ofUser("1000").login("ana")
	other := h.ofUser("") // where nobody can tell, all are one
	other.login("ana")
	other.want(200, "GET", "/api/v1/look", "")
}

func TestT47_SessionsEnd(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(h *house, b *browser)
	}{
		{"after two idle hours", func(h *house, _ *browser) { h.clock = h.clock.Add(2 * time.Hour) }},
		{"after twelve hours", func(h *house, b *browser) {
			for range 12 {
				b.do("GET", "/api/v1/look", "")
				h.clock = h.clock.Add(time.Hour)
			}
		}},
		{"with a new password", func(h *house, _ *browser) { must(h, h.Book.SetPassword(h.t.Context(), "boss", "another password")) }},
		{"with the operator", func(h *house, _ *browser) { must(h, h.Book.Remove(h.t.Context(), "boss")) }},
		{"when they log out", func(_ *house, b *browser) {
			kept := map[string]*http.Cookie{"c": b.cookies["__Host-sallyport"]}
			b.do("DELETE", "/api/v1/session", "")
			b.cookies = kept
		}},
	} {
		h := newHouse(t)
		h.operator("boss", route.Admin)
		b := h.at("192.0.2.1").login("boss")
		b.want(200, "GET", "/api/v1/look", "")
		tt.end(h, b)
		if resp := b.do("GET", "/api/v1/look", ""); resp.StatusCode != 401 {
			t.Errorf("%s: %d", tt.name, resp.StatusCode)
		}
	}
}

func must(h *house, err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// A restart loses no session and no token, and wakes none that has ended.
func TestSessionsOutliveARestart(t *testing.T) {
	h := newHouse(t)
	h.operator("boss", route.Admin)
	b, gone := h.at("192.0.2.1").login("boss"), h.at("192.0.2.1").login("boss")
	kept := gone.cookies["__Host-sallyport"]
	gone.want(204, "DELETE", "/api/v1/session", "")
	gone.cookies["c"] = kept
	book, err := account.Open(t.Context(), h.store, h.Now)
	must(h, err)
	h.Book = book
	b.want(200, "GET", "/api/v1/look", "")
	gone.want(401, "GET", "/api/v1/look", "")
}

func TestTheTailnetProvesPeople(t *testing.T) {
	h := newHouse(t)
	h.tailnet()
	h.config["ana@acme.dev"] = route.RightsOf(route.Viewer)
	h.visitors["100.64.0.7"] = door.Visitor{Node: "n7", Name: "laptop", User: "ana@acme.dev"}
	h.visitors["100.64.0.8"] = door.Visitor{Node: "n8", Name: "phone", User: "bo@acme.dev", Grants: []string{"approver", "boss", "editor"}}
	h.visitors["100.64.0.9"] = door.Visitor{Node: "n9", Name: "kiosk", Tags: []string{"tag:kiosk"}, Grants: []string{"viewer"}}
	h.visitors["100.64.0.10"] = door.Visitor{Node: "n10", Name: "ci", Tags: []string{"tag:other"}}
	ana, bo := h.at("100.64.0.7"), h.at("100.64.0.8")
	ana.want(200, "GET", "/api/v1/look", "")
	ana.want(403, "POST", "/api/v1/edit", "")
	bo.want(200, "POST", "/api/v1/approve", "")
	bo.want(200, "POST", "/api/v1/edit", "")
	bo.want(403, "POST", "/api/v1/grave", "")
	h.at("100.64.0.9").want(200, "GET", "/api/v1/look", "")
	h.at("100.64.0.10").want(401, "GET", "/api/v1/look", "")
	h.at("100.64.0.99").want(503, "GET", "/api/v1/session", "")
	h.visitors["100.64.0.8"] = door.Visitor{Node: "n8", Name: "phone", User: "bo@acme.dev"} // the grant is taken back
	bo.want(403, "POST", "/api/v1/approve", "")
	// A person of the tailnet who must prove anew who they are has a password here.
	h.config["ana@acme.dev"] = route.RightsOf(route.Admin)
	ana.want(403, "POST", "/api/v1/grave", "")
	ana.want(401, "POST", "/api/v1/session/step-up", fmt.Sprintf(`{"password":%q}`, password))
	h.operator("ana@acme.dev")
	ana.stepUp()
	ana.want(200, "POST", "/api/v1/grave", "")
}

func TestT47_WhereAnAgentSpeaksTheAddressProvesNothing(t *testing.T) {
	h := newKeyHouse(t)
	h.tailnet()
	h.operator("ana@acme.dev", route.Admin)
	laptop := door.Visitor{Node: "n7", Name: "laptop", User: "ana@acme.dev", Grants: []string{"admin"}, Agent: true}
	h.visitors["100.64.0.7"] = laptop
	h.visitors["100.64.0.8"] = door.Visitor{Node: "n8", Name: "phone", User: "ana@acme.dev"}
	key := newAuthenticator(t)
	h.at("100.64.0.8").login("ana@acme.dev").register(key, "key", 200)
	agent := h.at("100.64.0.7")
	agent.want(401, "GET", "/api/v1/look", "")
	agent.want(401, "POST", "/api/v1/approve", "")
	agent.want(200, "GET", "/api/v1/session", "")
	ana := h.at("100.64.0.7")
	ana.sign(key, 200)
	ana.want(200, "GET", "/api/v1/look", "")
	ana.want(403, "POST", "/api/v1/approve", "") // to log in is to ask for nothing yet
	ana.sign(key, 200)
	ana.want(200, "POST", "/api/v1/approve", "")
	ana.want(403, "POST", "/api/v1/approve", "") // the proof was good for one
	ana.sign(key, 200)
	h.clock = h.clock.Add(6 * time.Minute)
	ana.want(200, "GET", "/api/v1/look", "")
	for _, path := range []string{"/api/v1/approve", "/api/v1/edit", "/api/v1/grave"} {
		ana.want(403, "POST", path, "")
	}
	ana.sign(key, 200)
	var yes atomic.Int32 // what the agent sends with her cookie at the same moment
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if ana.do("POST", "/api/v1/approve", "").StatusCode == 200 {
				yes.Add(1)
			}
		})
	}
	if wg.Wait(); yes.Load() != 1 {
		t.Errorf("one proof was good for %d approvals", yes.Load())
	}
	// A token that lies on the same disk changes nothing there.
	_, secret, err := h.Book.Issue(t.Context(), action.Person{Name: "ana@acme.dev", Via: "local"}, "bot", route.RightsOf(route.Admin), time.Hour)
	must(h, err)
	agent.token = secret
	agent.want(200, "GET", "/api/v1/look", "")
	agent.want(403, "POST", "/api/v1/approve", "")
	agent.token = ""
	// The node becomes a machine of its own: whatever it brings, it is an agent.
	laptop.User, laptop.Tags = "", []string{"tag:ci"}
	h.visitors["100.64.0.7"] = laptop
	ana.want(403, "GET", "/api/v1/look", "")
	ana.want(403, "GET", "/api/v1/session", "")
	agent.token = secret
	agent.want(403, "GET", "/api/v1/look", "")
}

// What was sent in bodies is not for the agent, either: to look once takes a proof,
// as a change does.
func TestT47_WhereAnAgentSpeaksEachLookTakesAProof(t *testing.T) {
	h := newKeyHouse(t)
	h.tailnet()
	h.operator("ana@acme.dev", route.Admin)
	h.visitors["100.64.0.8"] = door.Visitor{Node: "n8", Name: "phone", User: "ana@acme.dev"}
	h.visitors["100.64.0.7"] = door.Visitor{Node: "n7", Name: "laptop", User: "ana@acme.dev", Agent: true}
	key := newAuthenticator(t)
	phone := h.at("100.64.0.8").login("ana@acme.dev")
	phone.register(key, "key", 200)
	ana := h.at("100.64.0.7")
	ana.sign(key, 200)
	for _, path := range []string{"/api/v1/whole", "/api/v1/list?bodies=1"} {
		ana.want(403, "GET", path, "")
		ana.sign(key, 200)
		ana.want(200, "GET", "/api/v1/list", "") // shows nothing that takes a proof
		ana.want(200, "GET", path, "")
		ana.want(403, "GET", path, "")
		ana.want(403, "POST", "/api/v1/approve", "")
		ana.sign(key, 200)
		ana.want(200, "POST", "/api/v1/approve", "")
		ana.want(403, "GET", path, "")
		for range 2 { // a machine of her own
			phone.want(200, "GET", path, "")
		}
	}
}

// An agent with root beside its operator reads what they type, and can say it again
// when they are gone: a password proves nobody there, be it typed now or before the
// machine became an agent.
func TestT47_WhereAnAgentSpeaksNoPasswordIsTaken(t *testing.T) {
	h := newKeyHouse(t)
	h.tailnet()
	laptop := door.Visitor{Node: "n7", Name: "laptop", User: "ana@acme.dev"}
	h.visitors["100.64.0.8"] = door.Visitor{Node: "n8", Name: "box", User: "bo@acme.dev", Agent: true}
	h.visitors["100.64.0.9"] = door.Visitor{Node: "n9", Name: "phone", User: "bo@acme.dev"}
	link := fmt.Sprintf(`{"token":%q,"name":"bo","password":%q}`, h.Book.Invite(), password)
	h.at("100.64.0.8").want(403, "POST", "/api/v1/setup", link)
	h.at("100.64.0.9").want(200, "POST", "/api/v1/setup", link)
	h.operator("ana@acme.dev", route.Admin)
	h.visitors["100.64.0.7"] = laptop
	key := newAuthenticator(t)
	before := h.at("100.64.0.7").login("ana@acme.dev")
	before.register(key, "key", 200)
	before.want(200, "POST", "/api/v1/edit", "")
	signed := h.at("100.64.0.7")
	signed.sign(key, 200)
	stood := func(b *browser) (s door.Standing) {
		must(h, json.NewDecoder(b.want(200, "GET", "/api/v1/session", "").Body).Decode(&s))
		return s
	}
	if s := stood(before); !slices.Contains(s.Login, "password") || !slices.Contains(s.StepUp, "password") {
		t.Errorf("on a machine of their own: %+v", s)
	}
	laptop.Agent = true
	h.visitors["100.64.0.7"] = laptop
	before.want(401, "GET", "/api/v1/look", "")
	signed.want(200, "GET", "/api/v1/look", "")
	typed := fmt.Sprintf(`{"name":"ana@acme.dev","password":%q}`, password)
	h.at("100.64.0.7").want(403, "POST", "/api/v1/session", typed)
	h.clock = h.clock.Add(6 * time.Minute)
	signed.want(403, "POST", "/api/v1/session/step-up", fmt.Sprintf(`{"password":%q}`, password))
	signed.want(403, "POST", "/api/v1/edit", "")
	if s := stood(signed); !s.Agent || slices.Contains(s.Login, "password") || slices.Contains(s.StepUp, "password") || len(s.Notes) != 1 {
		t.Errorf("beside an agent: %+v", s)
	}
	signed.sign(key, 200)
	signed.want(200, "POST", "/api/v1/edit", "")
}

func TestT46_OtherSitesDoNothing(t *testing.T) {
	h := newHouse(t)
	h.operator("boss", route.Admin)
	b := h.at("192.0.2.1").login("boss")
	for _, tt := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
	}{
		{"the page itself", "POST", "/api/v1/edit", "", []string{"Origin", "https://gw.test", "Sec-Fetch-Site", "same-origin"}, 200},
		{"a program", "POST", "/api/v1/edit", "", nil, 200},
		{"by the address", "POST", "/api/v1/edit", "", []string{"Host", "100.64.0.1", "Origin", "https://100.64.0.1"}, 200},
		{"another site", "POST", "/api/v1/edit", "", []string{"Origin", "https://evil.test", "Sec-Fetch-Site", "cross-site"}, 403},
		{"an old browser at another site", "POST", "/api/v1/edit", "", []string{"Origin", "https://evil.test"}, 403},
		{"a sandboxed frame", "POST", "/api/v1/edit", "", []string{"Origin", "null"}, 403},
		{"a sibling", "POST", "/api/v1/edit", "", []string{"Origin", "https://a.gw.test", "Sec-Fetch-Site", "same-site"}, 403},
		{"another port", "POST", "/api/v1/edit", "", []string{"Origin", "https://gw.test:8443"}, 403},
		{"a link", "GET", "/api/v1/session", "", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 200},
		{"a frame", "GET", "/api/v1/session", "", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, 403},
		{"an image", "GET", "/api/v1/look", "", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"}, 403},
		{"a reading script", "GET", "/api/v1/look", "", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty", "Origin", "https://evil.test"}, 403},
		{"a rebound name", "GET", "/api/v1/look", "", []string{"Host", "evil.test", "Sec-Fetch-Site", "same-origin"}, 421},
		{"a rebound name with a port", "POST", "/api/v1/edit", "", []string{"Host", "evil.test:443", "Origin", "https://evil.test:443", "Sec-Fetch-Site", "same-origin"}, 421},
		{"a name that ends like ours", "GET", "/api/v1/look", "", []string{"Host", "xgw.test"}, 421},
		{"ours in capitals with a dot", "GET", "/api/v1/look", "", []string{"Host", "GW.test.:443"}, 200},
		{"another address", "GET", "/api/v1/look", "", []string{"Host", "192.0.2.7"}, 421},
		{"a form", "POST", "/api/v1/session", "name=boss", []string{"Content-Type", "application/x-www-form-urlencoded"}, 415},
		{"JSON in a form", "POST", "/api/v1/session", "{}", []string{"Content-Type", "text/plain;charset=UTF-8"}, 415},
		{"a form with files", "POST", "/api/v1/session", "{}", []string{"Content-Type", "multipart/form-data; boundary=x"}, 415},
	} {
		if resp := b.do(tt.method, tt.path, tt.body, tt.header...); resp.StatusCode != tt.status {
			t.Errorf("%s: %d, want %d", tt.name, resp.StatusCode, tt.status)
		}
	}
	resp := b.do("OPTIONS", "/api/v1/edit", "", "Origin", "https://evil.test", "Access-Control-Request-Method", "POST")
	for name := range resp.Header {
		if strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("a preflight is answered with %s", name)
		}
	}
}

func TestT45_EveryAnswerIsInert(t *testing.T) {
	h := newHouse(t)
	h.operator("boss", route.Admin)
	b := h.at("192.0.2.1").login("boss")
	for _, tt := range []struct {
		method, path string
		header       []string
	}{
		{"GET", "/api/v1/look", nil},
		{"GET", "/api/v1/session", nil},
		{"GET", "/nowhere/<script>alert(1)</script>", nil},
		{"PUT", "/api/v1/look", nil},
		{"POST", "/api/v1/session", []string{"Content-Type", "text/plain"}},
		{"GET", "/", []string{"Host", "evil.test"}},
	} {
		resp := b.do(tt.method, tt.path, "", tt.header...)
		policy := resp.Header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'", "sandbox"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s %s: the policy lacks %s: %q", tt.method, tt.path, want, policy)
			}
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
			"Strict-Transport-Security": "max-age=31536000",
		} {
			if got := resp.Header.Get(name); got != want {
				t.Errorf("%s %s: %s is %q", tt.method, tt.path, name, got)
			}
		}
		if kind := resp.Header.Get("Content-Type"); kind != "application/json" && kind != "application/problem+json" {
			t.Errorf("%s %s answers %s", tt.method, tt.path, kind)
		}
	}
}

// askFrom uses a link of the first run.
func askFrom(h *house, addr, token, name, pass string) int {
	return h.at(addr).do("POST", "/api/v1/setup", fmt.Sprintf(`{"token":%q,"name":%q,"password":%q}`, token, name, pass)).StatusCode
}

// linkAt asks from an address how a link of the first run stands.
func linkAt(h *house, addr, token string) string {
	resp := h.at(addr).do("POST", "/api/v1/setup/link", fmt.Sprintf(`{"token":%q}`, token))
	var s door.LinkState
	if resp.StatusCode != 200 {
		return resp.Status
	}
	must(h, json.NewDecoder(resp.Body).Decode(&s))
	return string(s.State)
}

// Whoever opens the link learns at once whether it holds.
func TestALinkSaysHowItStands(t *testing.T) {
	h := newHouse(t)
	at := func(token string) string { return linkAt(h, "192.0.2.1", token) }
	states := func(when, link, want string) {
		t.Helper()
		if got := at(link); got != want {
			t.Errorf("%s: %s, want %s", when, got, want)
		}
	}
	states("none was printed", "", "unknown")
	old, link := h.Book.Invite(), h.Book.Invite()
	states("of an earlier start", old, "unknown")
	states("as it was printed", link, "good")
	states("looked at again", link, "good")
	h.clock = h.clock.Add(account.SetupFor)
	states("an hour later", link, "expired")
	link = h.Book.Invite()
	if got := askFrom(h, "192.0.2.1", link, "ana", password); got != 200 {
		t.Fatalf("it is used: %d", got)
	}
	states("used", link, "used")
	must(h, h.Book.Remove(t.Context(), "ana"))
	states("used, with nobody left", link, "used")
	link = h.Book.Invite()
	h.operator("bo", route.Admin)
	states("with an operator", link, "unknown") // the house was opened anew
	states("with an operator", h.Book.Invite(), "used")
}

// Guesses at the link use up the budget of a log-in, whichever way they take, and what
// a wrong one learns is the same whatever the link is.
func TestT47_ALinkIsGuessedAFewTimesOnly(t *testing.T) {
	h := newHouse(t)
	h.tailnet()
	link := h.Book.Invite()
	got := map[string]int{}
	for i := range 12 {
		h.visitors["100.64.0.7"] = door.Visitor{Node: "n7", Name: fmt.Sprint("laptop-", i), User: "eve@acme.dev"}
		if i%2 == 0 {
			got[linkAt(h, "100.64.0.7", fmt.Sprint("guess", i))]++
		} else {
			got[fmt.Sprint(askFrom(h, "100.64.0.7", fmt.Sprint("guess", i), "eve", password))]++
		}
	}
	if got["unknown"] != 3 || got["403"] != 2 || got["429"]+got["429 Too Many Requests"] != 7 {
		t.Errorf("12 guesses: %v", got)
	}
	if state := linkAt(h, "100.64.0.7", link); state != "429 Too Many Requests" {
		t.Errorf("the link itself, from who has guessed too often: %s", state)
	}
	h.visitors["100.64.0.8"] = door.Visitor{Node: "n8", Name: "agent", User: "eve@acme.dev", Agent: true}
	if state := linkAt(h, "100.64.0.8", link); state != "403 Forbidden" {
		t.Errorf("where an agent speaks: %s", state)
	}
	h.visitors["100.64.0.9"] = door.Visitor{Node: "n9", Name: "phone", User: "ana@acme.dev"}
	for range 12 {
		if state := linkAt(h, "100.64.0.9", link); state != "good" {
			t.Errorf("the link: %s", state)
		}
	}
}

// A link that is over stands in logs and scrollbacks: it gives nobody attempts back.
func TestT47_AUsedLinkGivesNoAttemptsBack(t *testing.T) {
	h := newHouse(t)
	h.operator("ana", route.Admin)
	link := h.Book.Invite()
	if state := linkAt(h, "192.0.2.8", link); state != "used" {
		t.Fatalf("the link is %s", state)
	}
	guesses := 0
	for range 12 {
		linkAt(h, "192.0.2.7", link)
		if resp := h.at("192.0.2.7").do("POST", "/api/v1/session", `{"name":"ana","password":"a guess of eve's"}`); resp.StatusCode == 401 {
			guesses++
		}
	}
	if guesses > 3 {
		t.Errorf("%d guesses of a password", guesses)
	}
}

func TestTheFirstOperatorHasTheLink(t *testing.T) {
	h := newHouse(t)
	asked := 0
	ask := func(token, name, pass string) int {
		asked++
		return askFrom(h, fmt.Sprint("192.0.2.", asked), token, name, pass)
	}
	if got := ask("", "eve", password); got != 403 {
		t.Errorf("without a link: %d", got)
	}
	old := h.Book.Invite()
	link := h.Book.Invite()
	for _, tt := range []struct {
		name, token, who, pass string
		status                 int
	}{
		{"a guess", "x", "eve", password, 403},
		{"an older link", old, "eve", password, 403},
		{"a short password", link, "ana", "short", 400},
		{"a bad name", link, "a na", password, 400},
	} {
		if got := ask(tt.token, tt.who, tt.pass); got != tt.status {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.status)
		}
	}
	// Of many who have it at once, one is the first.
	got := make(chan int, 8)
	for i := range cap(got) {
		go func() { got <- askFrom(h, fmt.Sprint("198.51.100.", i), link, fmt.Sprintf("ana%d", i), password) }()
	}
	count := make(map[int]int)
	for range cap(got) {
		count[<-got]++
	}
	if count[200] != 1 || count[403] != cap(got)-1 || len(h.Book.List()) != 1 {
		t.Errorf("%v, and %d operators", count, len(h.Book.List()))
	}
	h.at("192.0.2.2").login(h.Book.List()[0].Name).want(200, "POST", "/api/v1/grave", "")
	must(h, h.Book.Remove(t.Context(), h.Book.List()[0].Name))
	if got := ask(link, "eve", password); got != 403 {
		t.Errorf("a link that was used, with nobody left: %d", got)
	}
	h.operator("ana", route.Admin)
	if got := ask(h.Book.Invite(), "eve", password); got != 403 {
		t.Errorf("a link where there is an operator: %d", got)
	}
	late := newHouse(t)
	link = late.Book.Invite()
	late.clock = late.clock.Add(account.SetupFor)
	if resp := late.at("192.0.2.1").do("POST", "/api/v1/setup", fmt.Sprintf(`{"token":%q,"name":"eve","password":%q}`, link, password)); resp.StatusCode != 403 {
		t.Errorf("too late: %d", resp.StatusCode)
	}
}

func TestTokensAreTheirOwnersAndNoMore(t *testing.T) {
	h := newHouse(t)
	h.operator("ed", route.Editor, route.Approver)
	h.operator("boss", route.Admin)
	ed, boss := h.at("192.0.2.1").login("ed"), h.at("192.0.2.1").login("boss")
	issue := func(b *browser, body string, status int) string {
		t.Helper()
		resp := b.want(status, "POST", "/api/v1/tokens", body)
		var out door.Issued
		if status == 200 {
			must(h, json.NewDecoder(resp.Body).Decode(&out))
		}
		return out.Secret
	}
	issue(ed, `{"name":"x","scope":["admin"],"expires":"1h"}`, 403)
	issue(ed, `{"name":"x","scope":[],"expires":"1h"}`, 400)
	issue(ed, `{"name":"x","scope":["editor"],"expires":"9000h"}`, 400)
	issue(ed, `{"name":"x","scope":["editor"],"expires":"-1h"}`, 400)
	secret := issue(ed, `{"name":"ci","scope":["editor"],"expires":"24h"}`, 200)
	issue(ed, `{"name":"ci","scope":["editor"],"expires":"24h"}`, 409)
	ci := h.at("192.0.2.9")
	ci.token = secret
	ci.want(200, "POST", "/api/v1/edit", "")
	ci.want(200, "GET", "/api/v1/look", "")
	ci.want(403, "POST", "/api/v1/approve", "") // not in its scope
	ci.want(403, "POST", "/api/v1/tokens", `{"name":"y","scope":["editor"],"expires":"1h"}`)
	ci.want(409, "POST", "/api/v1/session/step-up", fmt.Sprintf(`{"password":%q}`, password))
	must(h, h.Book.SetRights(t.Context(), "ed", route.RightsOf(route.Viewer)))
	ci.want(403, "POST", "/api/v1/edit", "") // its owner may not, any more
	must(h, h.Book.SetRights(t.Context(), "ed", route.RightsOf(route.Editor)))
	for _, bad := range []string{"", "x", secret + "x", secret[:len(secret)-1], strings.Replace(secret, "sallyport_", "", 1)} {
		ci.token = cmp.Or(bad, " ")
		ci.want(401, "GET", "/api/v1/look", "")
	}
	ci.token = secret
	stranger := h.at("192.0.2.1")
	h.operator("vi", route.Viewer)
	stranger.login("vi").want(404, "DELETE", "/api/v1/tokens/ci", "")
	boss.want(200, "DELETE", "/api/v1/tokens/ci", "")
	ci.want(401, "GET", "/api/v1/look", "")
	ci.token = issue(ed, `{"name":"ci","scope":["editor"],"expires":"1h"}`, 200)
	h.clock = h.clock.Add(time.Hour)
	ci.want(401, "GET", "/api/v1/look", "")
	for key, value := range h.store.kv {
		if strings.Contains(string(value), secret[len(secret)-20:]) {
			t.Errorf("%s holds a token", key)
		}
	}
}

func TestOperatorsAreChangedByAdminsWhoProveThemselves(t *testing.T) {
	h := newHouse(t)
	h.operator("boss", route.Admin)
	h.operator("ed", route.Editor)
	boss, ed := h.at("192.0.2.1").login("boss"), h.at("192.0.2.1").login("ed")
	ed.want(403, "POST", "/api/v1/operators", `{"name":"x","rights":["admin"]}`)
	ed.want(403, "PUT", "/api/v1/operators/ed/rights", `{"rights":["admin"]}`)
	boss.want(200, "POST", "/api/v1/operators", `{"name":"new@acme.dev","password":"a fine password","rights":["viewer"]}`)
	boss.want(409, "POST", "/api/v1/operators", `{"name":"new@acme.dev","rights":[]}`)
	boss.want(400, "POST", "/api/v1/operators", `{"name":"group:x","rights":[]}`)
	boss.want(400, "POST", "/api/v1/operators", `{"name":"x","rights":["boss"]}`)
	boss.want(200, "PUT", "/api/v1/operators/ed/rights", `{"rights":["viewer"]}`)
	ed.want(403, "POST", "/api/v1/edit", "")
	ed.want(403, "PUT", "/api/v1/operators/boss/password", `{"password":"taken over now"}`)
	ed.want(401, "PUT", "/api/v1/operators/ed/password", `{"password":"without the old"}`)
	ed.want(200, "PUT", "/api/v1/operators/ed/password", fmt.Sprintf(`{"old":%q,"password":"with the old one"}`, password))
	ed.want(401, "GET", "/api/v1/look", "")
	h.clock = h.clock.Add(10 * time.Minute)
	boss.want(403, "DELETE", "/api/v1/operators/ed", "")
	boss.want(403, "PUT", "/api/v1/operators/ed/password", `{"password":"by a stale admin"}`)
	boss.stepUp()
	boss.want(200, "DELETE", "/api/v1/operators/ed", "")
	boss.want(404, "DELETE", "/api/v1/operators/ed", "")
	resp := boss.want(200, "GET", "/api/v1/operators/audit?limit=3", "")
	var page []deeds.Entry
	must(h, json.NewDecoder(resp.Body).Decode(&page))
	if len(page) != 3 || page[1].What != "DELETE /api/v1/operators/{name}" || page[1].On["name"] != "ed" || page[1].Who != "boss" || page[1].Session == "" {
		t.Errorf("%+v", page)
	}
	next := resp.Header.Get("Next-Cursor")
	resp = boss.want(200, "GET", "/api/v1/operators/audit?limit=500&cursor="+next, "")
	must(h, json.NewDecoder(resp.Body).Decode(&page))
	if page[0].Seq+1 != uint64(len(page))+1 || page[len(page)-1].Seq != 1 || resp.Header.Get("Link") != "" {
		t.Errorf("the second page has %d entries from %d, and %v", len(page), page[0].Seq, resp.Header)
	}
	for _, bad := range []string{"limit=501", "limit=0", "limit=x", "cursor=x", "cursor=0"} {
		boss.want(400, "GET", "/api/v1/operators/audit?"+bad, "")
	}
	report, err := h.Deeds.Verify(t.Context())
	if err != nil || len(report.Problems) > 0 || report.Signed != report.Entries {
		t.Errorf("%+v, %v", report, err)
	}
	for _, d := range h.store.deeds {
		if strings.Contains(string(d), password) || strings.Contains(string(d), "a fine password") {
			t.Errorf("the audit holds a password: %s", d)
		}
	}
}

// A page that stays open sees when its login, its rights or its node end, and does
// not keep the login alive by itself.
func TestALongAnswerEndsWithItsLogin(t *testing.T) {
	h := newHouse(t)
	h.operator("vi", route.Viewer)
	var open *http.Request
	table := append(h.Routes(), route.Route{Method: "GET", Pattern: "/api/v1/look", Right: route.Viewer, Do: route.Out(func(r *http.Request) (string, error) {
		open = r
		return "", nil
	})})
	h.handler = h.Guard(h.entrance, table.Handler(h.Log, h.Deeds))
	for _, tt := range []struct {
		name string
		end  func(b *browser)
	}{
		{"log out", func(b *browser) { b.do("DELETE", "/api/v1/session", "") }},
		{"no right", func(*browser) { must(h, h.Book.SetRights(t.Context(), "vi", 0)) }},
		{"two hours", func(*browser) {
			for range 120 {
				h.clock = h.clock.Add(time.Minute)
				route.Still(open, route.Viewer)
			}
		}},
	} {
		must(h, h.Book.SetRights(t.Context(), "vi", route.RightsOf(route.Viewer)))
		b := h.at("192.0.2.1").login("vi")
		b.want(200, "GET", "/api/v1/look", "")
		if !route.Still(open, route.Viewer) || route.Still(open, route.Editor) {
			t.Errorf("%s: before", tt.name)
		}
		tt.end(b)
		if route.Still(open, route.Viewer) {
			t.Errorf("%s: the answer goes on", tt.name)
		}
	}
}

// Whatever a request carries, without a proof it reaches nothing.
func FuzzAStranger(f *testing.F) {
	f.Add("gw.test", "", "Bearer x", "__Host-sallyport=x", "")
	f.Add("[::1]:1", "null", "Bearer sallyport_a_b", "sallyport=", "cross-site")
	h := newHouse(f)
	f.Fuzz(func(t *testing.T, host, origin, authorization, cookie, site string) {
		r := httptest.NewRequest("POST", "https://gw.test/api/v1/edit", nil)
		r.Host, r.RemoteAddr = host, "192.0.2.1:1"
		r.Header = http.Header{"Origin": {origin}, "Authorization": {authorization}, "Cookie": {cookie}, "Sec-Fetch-Site": {site}}
		w := httptest.NewRecorder()
		h.handler.ServeHTTP(w, r)
		if w.Code < 400 {
			t.Errorf("%d", w.Code)
		}
	})
}
