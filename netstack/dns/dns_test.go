package dns

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/netstack"

	wire "github.com/miekg/dns"
)

var (
	pool4 = netip.MustParsePrefix("198.18.0.0/15")
	pool6 = netip.MustParsePrefix("fd66:1::/64")
	start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	alice = &action.Peer{ID: "a1", Name: "alice"}
)

// memStore keeps names by id, as a Store must.
type memStore struct {
	mu    sync.Mutex
	names map[uint32]Name
	saves int
	err   error
}

func (m *memStore) LoadNames(context.Context) ([]Name, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Name
	for _, n := range m.names {
		all = append(all, n)
	}
	return all, m.err
}

func (m *memStore) SaveName(_ context.Context, n Name) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	if m.names == nil {
		m.names = map[uint32]Name{}
	}
	m.names[n.ID] = n
	m.saves++
	return nil
}

// clock is a time that tests move.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func newPool(t testing.TB, store Store, v4 netip.Prefix, c *clock) *Pool {
	t.Helper()
	p, err := NewPool(t.Context(), store, v4, pool6, c.now)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// newServer declares db.corp and api.github.com by name and *.wild.test by
// wildcard, for every agent but mallory.
func newServer(t testing.TB) *Server {
	return &Server{
		Pool:    newPool(t, &memStore{}, pool4, &clock{start}),
		Gateway: [2]netip.Addr{netip.MustParseAddr("10.77.0.1"), netip.MustParseAddr("fd77::1")},
		Declared: func(p *action.Peer, name string) (bool, bool) {
			if p.Name == "mallory" {
				return false, false
			}
			wild := strings.HasSuffix(name, ".wild.test")
			return wild || name == "db.corp" || name == "api.github.com", wild
		},
	}
}

func query(name string, qtype uint16) *wire.Msg {
	q := new(wire.Msg)
	q.Id = 4711
	q.RecursionDesired = true
	q.Question = []wire.Question{{Name: name, Qtype: qtype, Qclass: wire.ClassINET}}
	return q
}

func ask(t testing.TB, s *Server, p *action.Peer, q *wire.Msg, stream bool) *wire.Msg {
	t.Helper()
	b, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	r := new(wire.Msg)
	if err := r.Unpack(s.Answer(p, b, stream)); err != nil {
		t.Fatalf("reply to %v: %v", q.Question, err)
	}
	if r.Id != q.Id || !r.Response {
		t.Fatalf("reply to %v has id %d, response %v", q.Question, r.Id, r.Response)
	}
	return r
}

// say puts a reply on one line: code, then the answers' data.
func say(r *wire.Msg) string {
	words := []string{wire.RcodeToString[r.Rcode]}
	for _, rr := range r.Answer {
		words = append(words, strings.TrimPrefix(rr.String(), rr.Header().String()))
	}
	if len(r.Ns) > 0 {
		words = append(words, "soa")
	}
	return strings.Join(words, " ")
}

func TestAnswer(t *testing.T) {
	long := strings.Repeat(strings.Repeat("a", 60)+".", 2)
	tests := []struct {
		name  string
		qtype uint16
		want  string
	}{
		{"db.corp.", wire.TypeA, "NOERROR 198.18.0.1"},
		{"db.corp.", wire.TypeAAAA, "NOERROR fd66:1::1"},
		{"DB.cOrP.", wire.TypeA, "NOERROR 198.18.0.1"},
		{"x.wild.test.", wire.TypeA, "NOERROR 198.18.0.2"},
		{"db.corp.", wire.TypeHTTPS, "NOERROR soa"},
		{"db.corp.", wire.TypeSVCB, "NOERROR soa"},
		{"db.corp.", wire.TypeSRV, "NOERROR soa"},
		{"db.corp.", wire.TypeMX, "NOERROR soa"},
		{"db.corp.", wire.TypeTXT, "NOERROR soa"},
		{"db.corp.", wire.TypeNULL, "NOERROR soa"},
		{"db.corp.", wire.TypeCNAME, "NOERROR soa"},
		{"db.corp.", wire.TypeANY, `NOERROR "RFC8482" ""`},
		{"db.corp.", wire.TypeAXFR, "REFUSED"},
		{".", wire.TypeNS, "NOERROR soa"},

		{"example.com.", wire.TypeA, "NXDOMAIN soa"},
		{"example.com.", wire.TypeTXT, "NXDOMAIN soa"},
		{"example.com.", wire.TypeANY, "NXDOMAIN soa"},
		{"www.db.corp.", wire.TypeA, "NXDOMAIN soa"},
		{"wild.test.", wire.TypeA, "NXDOMAIN soa"},
		{`db\.corp.`, wire.TypeA, "NXDOMAIN soa"},
		{`db.corp\000.`, wire.TypeA, "NXDOMAIN soa"},
		{`\010.wild.test.`, wire.TypeA, "NXDOMAIN soa"},
		{long + "wild.test.", wire.TypeA, "NXDOMAIN soa"},
		{"use-application-dns.net.", wire.TypeA, "NXDOMAIN soa"},
		{"_dns.resolver.arpa.", wire.TypeSVCB, "NXDOMAIN soa"},
		{"ipv4only.arpa.", wire.TypeAAAA, "NXDOMAIN soa"},

		{"sallyport.internal.", wire.TypeA, "NOERROR 10.77.0.1"},
		{"Sallyport.Internal.", wire.TypeAAAA, "NOERROR fd77::1"},
		{"sallyport.internal.", wire.TypeTXT, "NOERROR soa"},

		{"1.0.18.198.in-addr.arpa.", wire.TypePTR, "NOERROR db.corp."},
		{"1.0.18.198.in-addr.arpa.", wire.TypeTXT, "NOERROR soa"},
		{reverse("fd66:1::1"), wire.TypePTR, "NOERROR db.corp."},
		{"9.0.18.198.in-addr.arpa.", wire.TypePTR, "NXDOMAIN soa"},
		{"01.0.18.198.in-addr.arpa.", wire.TypePTR, "NXDOMAIN soa"},
		{"0.18.198.in-addr.arpa.", wire.TypePTR, "NXDOMAIN soa"},
		{"8.8.8.8.in-addr.arpa.", wire.TypePTR, "NXDOMAIN soa"},
		{"1.0.77.10.in-addr.arpa.", wire.TypePTR, "NOERROR sallyport.internal."},
		{reverse("fd77::1"), wire.TypePTR, "NOERROR sallyport.internal."},
	}
	s := newServer(t)
	for _, tt := range tests {
		for _, stream := range []bool{false, true} {
			q := query(tt.name, tt.qtype)
			q.SetEdns0(1232, false)
			r := ask(t, s, alice, q, stream)
			if got := say(r); got != tt.want {
				t.Errorf("%s %s, stream %v: got %q, want %q", tt.name, wire.Type(tt.qtype), stream, got, tt.want)
			}
			if r.Question[0] != q.Question[0] {
				t.Errorf("%s comes back as %s", q.Question[0].Name, r.Question[0].Name)
			}
			for _, rr := range r.Answer {
				if rr.Header().Name != tt.name || rr.Header().Ttl != 60 {
					t.Errorf("%s: answer %s", tt.name, rr)
				}
			}
			if blocked := ede(r) == int(wire.ExtendedErrorCodeBlocked); blocked != (r.Rcode == wire.RcodeNameError) {
				t.Errorf("%s: %s with blocked %v", tt.name, say(r), blocked)
			}
		}
	}
}

func reverse(addr string) string {
	name, err := wire.ReverseAddr(addr)
	if err != nil {
		panic(err)
	}
	return name
}

// ede gives the extended error of a reply, or -1.
func ede(r *wire.Msg) int {
	if o := r.IsEdns0(); o != nil {
		for _, opt := range o.Option {
			if e, ok := opt.(*wire.EDNS0_EDE); ok {
				return int(e.InfoCode)
			}
		}
	}
	return -1
}

func TestAnswerIsPerAgent(t *testing.T) {
	s := newServer(t)
	mallory := &action.Peer{ID: "m1", Name: "mallory"}
	ask(t, s, alice, query("db.corp.", wire.TypeA), false)
	for _, q := range []*wire.Msg{query("db.corp.", wire.TypeA), query("1.0.18.198.in-addr.arpa.", wire.TypePTR)} {
		if got := say(ask(t, s, mallory, q, false)); got != "NXDOMAIN soa" {
			t.Errorf("%s for mallory: %s", q.Question[0].Name, got)
		}
	}
}

func TestAnswerMalformed(t *testing.T) {
	good, err := query("db.corp.", wire.TypeA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(b []byte) []byte) []byte { return change(slices.Clone(good)) }
	edns := query("db.corp.", wire.TypeA)
	edns.SetEdns0(1232, false)
	edns.IsEdns0().SetVersion(1)
	newer, _ := edns.Pack()
	edns = query("db.corp.", wire.TypeA)
	edns.SetEdns0(1232, false)
	edns.SetEdns0(1232, false)
	twice, _ := edns.Pack()
	chaos := query("version.bind.", wire.TypeTXT)
	chaos.Question[0].Qclass = wire.ClassCHAOS
	version, _ := chaos.Pack()
	tests := []struct {
		name  string
		query []byte
		want  string // "": no reply
	}{
		{"nothing", nil, ""},
		{"eleven bytes", good[:11], ""},
		{"a reply", with(func(b []byte) []byte { b[2] |= 0x80; return b }), ""},
		{"header only", with(func(b []byte) []byte { b[5] = 0; return b[:12] }), "FORMERR"},
		{"cut question", good[:len(good)-3], "FORMERR"},
		{"two questions", with(func(b []byte) []byte { b[5] = 2; return append(b, b[12:]...) }), "FORMERR"},
		{"no question", with(func(b []byte) []byte { b[5] = 0; return b }), "FORMERR"},
		{"counts that lie", with(func(b []byte) []byte { b[11] = 2; return b }), "FORMERR"},
		{"an answer in the query", with(func(b []byte) []byte { b[7] = 1; return append(b, b[12:]...) }), "FORMERR"},
		{"a pointer to itself", append(slices.Clone(good[:12]), 0xc0, 12, 0, 1, 0, 1), "FORMERR"},
		{"5,000 records", with(func(b []byte) []byte { b[10], b[11] = 0x13, 0x88; return b }), "FORMERR"},
		{"too long", append(slices.Clone(good), make([]byte, 5000)...), "FORMERR"},
		{"an update", with(func(b []byte) []byte { b[2] = 5 << 3; return b }), "NOTIMP"},
		{"EDNS version 1", newer, "BADVERS"},
		{"two OPT records", twice, "FORMERR"},
		{"version.bind", version, "REFUSED"},
	}
	s := newServer(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := s.Answer(alice, tt.query, false)
			if tt.want == "" {
				if b != nil {
					t.Fatalf("got %x", b)
				}
				return
			}
			r := new(wire.Msg)
			if err := r.Unpack(b); err != nil {
				t.Fatal(err)
			}
			got := wire.RcodeToString[r.Rcode]
			if r.Rcode == wire.RcodeBadVers {
				got = "BADVERS" // miekg calls 16 BADSIG
			}
			if got != tt.want || r.Id != 4711 || !r.Response || len(r.Answer) != 0 {
				t.Fatalf("got %s, want %s:\n%v", got, tt.want, r)
			}
		})
	}
	if b := s.Answer(nil, good, true); b != nil {
		t.Errorf("a stranger got %x", b)
	}
}

func TestT04_UndeclaredNamesAllocateNothing(t *testing.T) {
	s := newServer(t)
	store := s.Pool.store.(*memStore)
	for i := range 1000 {
		name := fmt.Sprintf("%x.tunnel.example.", i)
		for _, qtype := range []uint16{wire.TypeA, wire.TypeTXT, wire.TypeNULL, wire.TypeCNAME, wire.TypeANY, wire.TypeMX} {
			if r := ask(t, s, alice, query(name, qtype), false); r.Rcode != wire.RcodeNameError || len(r.Answer) > 0 {
				t.Fatalf("%s: %v", name, r)
			}
		}
	}
	if store.saves != 0 || s.Pool.order.Len() != 0 {
		t.Fatalf("%d names written, %d kept", store.saves, s.Pool.order.Len())
	}
}

func TestT04_WildcardNamesCarryLittle(t *testing.T) {
	s := newServer(t)
	for _, tt := range []struct{ size, rcode int }{{maxWildcard, wire.RcodeSuccess}, {maxWildcard + 1, wire.RcodeNameError}} {
		const tail = ".wild.test"
		name := strings.Repeat("a.", 30) + strings.Repeat("b", tt.size-60-len(tail)) + tail
		if r := ask(t, s, alice, query(name+".", wire.TypeA), false); r.Rcode != tt.rcode {
			t.Errorf("%d bytes: %s", tt.size, say(r))
		}
	}
}

func TestT13_RepliesFitTheClient(t *testing.T) {
	for _, tt := range []struct{ edns, limit int }{{0, 512}, {100, 512}, {600, 600}, {1232, 1232}, {4096, 1232}, {65535, 1232}} {
		q := query("db.corp.", wire.TypeA)
		if tt.edns > 0 {
			q.SetEdns0(uint16(tt.edns), false)
		}
		for _, stream := range []bool{false, true} {
			r := reply(q)
			for i := range 500 {
				addresses(r, q.Question[0], [2]netip.Addr{netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)})})
			}
			b := pack(r, q, stream)
			got := new(wire.Msg)
			if err := got.Unpack(b); err != nil {
				t.Fatal(err)
			}
			if !stream && (len(b) > tt.limit || !got.Truncated) {
				t.Errorf("client takes %d: %d bytes, truncated %v", tt.edns, len(b), got.Truncated)
			}
			if stream && (len(got.Answer) != 500 || got.Truncated) {
				t.Errorf("over TCP: %d answers, truncated %v", len(got.Answer), got.Truncated)
			}
		}
	}
}

func TestT13_SpellingComesBack(t *testing.T) {
	s := newServer(t)
	for _, name := range []string{"aPi.GitHub.COM.", "API.GITHUB.COM.", "nOt.tHeRe."} {
		b, _ := query(name, wire.TypeA).Pack()
		r := s.Answer(alice, b, false)
		if end := len(b); string(r[12:end]) != string(b[12:end]) {
			t.Errorf("%s: question comes back as %q", name, r[12:end])
		}
	}
}

func TestT14_RandomNamesDoNotExhaustThePool(t *testing.T) {
	s := newServer(t)
	refused := 0
	for i := range 100_000 {
		r := ask(t, s, alice, query(fmt.Sprintf("x%d.wild.test.", i), wire.TypeA), false)
		if r.Rcode == wire.RcodeRefused {
			refused++
		}
	}
	if refused != 100_000-newNames {
		t.Errorf("%d refused, want all but %d", refused, newNames)
	}
	bob := &action.Peer{ID: "b1", Name: "bob"}
	if r := ask(t, s, bob, query("bob.wild.test.", wire.TypeA), false); r.Rcode != wire.RcodeSuccess {
		t.Errorf("another agent suffers: %s", say(r))
	}
	if r := ask(t, s, alice, query("x0.wild.test.", wire.TypeA), false); r.Rcode != wire.RcodeSuccess {
		t.Errorf("a name it has is lost: %s", say(r))
	}
	if r := ask(t, s, alice, query("db.corp.", wire.TypeA), false); r.Rcode != wire.RcodeSuccess {
		t.Errorf("a declared name is lost: %s", say(r))
	}
}

func TestT14_MillionNamesStayBounded(t *testing.T) {
	c := &clock{start}
	p := newPool(t, &memStore{}, pool4, c)
	for i := range 1_000_000 {
		c.t = c.t.Add(time.Millisecond)
		_, _, _ = p.Assign(fmt.Sprintf("x%d.wild.test", i), "a1")
	}
	if n := p.order.Len(); n > newNames+20 {
		t.Errorf("%d names kept", n)
	}
}

func TestStoreFailureIsServfail(t *testing.T) {
	s := newServer(t)
	store := s.Pool.store.(*memStore)
	ask(t, s, alice, query("db.corp.", wire.TypeA), false)
	store.err = errors.New("disk full")
	if got := say(ask(t, s, alice, query("api.github.com.", wire.TypeA), false)); got != "SERVFAIL" {
		t.Errorf("new name: %s", got)
	}
	if got := say(ask(t, s, alice, query("db.corp.", wire.TypeA), false)); got != "NOERROR 198.18.0.1" {
		t.Errorf("known name: %s", got)
	}
	store.err = nil
	if got := say(ask(t, s, alice, query("api.github.com.", wire.TypeA), false)); got != "NOERROR 198.18.0.2" {
		t.Errorf("after the repair: %s", got)
	}
}

// FuzzAnswer claims: no panic, a reply belongs to its query, fits the client,
// and never has an address for a name that nobody declared.
func FuzzAnswer(f *testing.F) {
	for _, name := range []string{"db.corp.", "x.wild.test.", "example.com.", "1.0.18.198.in-addr.arpa.", reverse("fd66:1::1"), `a\.b.`} {
		for _, qtype := range []uint16{wire.TypeA, wire.TypeAAAA, wire.TypeHTTPS, wire.TypePTR, wire.TypeANY} {
			q := query(name, qtype)
			q.SetEdns0(1232, true)
			b, err := q.Pack()
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b, true)
			f.Add(b[:len(b)-2], false)
		}
	}
	s := newServer(f)
	f.Fuzz(func(t *testing.T, b []byte, stream bool) {
		reply := s.Answer(alice, b, stream)
		if reply == nil {
			return
		}
		r := new(wire.Msg)
		if err := r.Unpack(reply); err != nil {
			t.Fatalf("reply %x: %v", reply, err)
		}
		if !r.Response || reply[0] != b[0] || reply[1] != b[1] {
			t.Fatalf("reply %x is not one to %x", reply, b)
		}
		if !stream && len(reply) > maxUDPSize {
			t.Fatalf("%d bytes over UDP", len(reply))
		}
		for _, rr := range r.Answer {
			name, _ := canonical(rr.Header().Name)
			declared, _ := s.Declared(alice, name)
			if !declared && name != netstack.GatewayName && !isReverse(name) {
				t.Fatalf("answer %s", rr)
			}
		}
	})
}

func BenchmarkAnswer(b *testing.B) {
	s := newServer(b)
	q, err := query("db.corp.", wire.TypeA).Pack()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		s.Answer(alice, q, false)
	}
}
