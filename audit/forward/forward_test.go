package forward_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sallyport.dev/sallyport/audit/forward"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A log is records that a test writes.
type log struct {
	mu    sync.Mutex
	first uint64 // what is older was dropped by age
	lines [][]byte
}

func (l *log) write(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range n {
		l.lines = append(l.lines, fmt.Appendf(nil, `{"seq":%d,"recorded":"2026-11-25T20:00:00.5Z","kind":"request","verdict":"deny","summary":"DELETE /%d\n<13>1 forged"}`, len(l.lines)+1, len(l.lines)+1))
	}
}

func (l *log) drop(upTo uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.first = upTo
}

func (l *log) Written() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return uint64(len(l.lines))
}

func (l *log) Last(context.Context) (uint64, error) { return l.Written(), nil }

func (l *log) After(_ context.Context, seq uint64, f func(uint64, []byte) error) error {
	l.mu.Lock()
	lines, from := l.lines, max(seq, l.first)
	l.mu.Unlock()
	for i := from; i < uint64(len(lines)); i++ {
		if err := f(i+1, lines[i]); err != nil {
			return err
		}
	}
	return nil
}

// A state is what is on disk: it takes nothing more once its process is killed.
type state struct {
	mu   sync.Mutex
	kv   map[string][]byte
	dead bool
}

func (s *state) Put(_ context.Context, _, key string, v []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead {
		return errors.New("the process was killed")
	}
	if s.kv == nil {
		s.kv = map[string][]byte{}
	}
	s.kv[key] = v
	return nil
}

func (s *state) Get(_ context.Context, _, key string) ([]byte, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.kv[key]
	return v, ok, nil
}

// survivor is what a new process finds.
func (s *state) survivor() *state {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead = true
	next := &state{kv: map[string][]byte{}}
	for k, v := range s.kv {
		next.kv[k] = v
	}
	return next
}

// A siem takes what it is sent and remembers the order.
type siem struct {
	mu   sync.Mutex
	seqs []uint64
	bad  []string
}

var messageForm = regexp.MustCompile(`^<(\d+)>1 (\S+) gate sallyport - (\S+) \[origin software="sallyport" swVersion="1.2"\]\[meta sequenceId="(\d+)"\] (\{.*\})$`)

// message takes one syslog message apart (RFC 5424, section 6).
func (s *siem) message(m string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := messageForm.FindStringSubmatch(m)
	var rec struct {
		Seq     uint64
		Summary string
	}
	if got == nil || json.Unmarshal([]byte(got[5]), &rec) != nil {
		s.bad = append(s.bad, m)
		return
	}
	_, err := time.Parse(time.RFC3339Nano, got[2])
	if err != nil || got[1] != "108" || got[3] != "deny" || got[4] != strconv.FormatUint(rec.Seq, 10) || !strings.HasSuffix(rec.Summary, "forged") {
		s.bad = append(s.bad, m)
	}
	s.seqs = append(s.seqs, rec.Seq)
}

func (s *siem) count() (distinct int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := map[uint64]bool{}
	for _, n := range s.seqs {
		seen[n] = true
	}
	return len(seen)
}

// total counts what came more than once each time.
func (s *siem) total() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.seqs)
}

// check says whether every record from first to last came, the first time in order.
func (s *siem) check(t *testing.T, first, last uint64) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.bad) > 0 {
		t.Errorf("%d are no messages, such as %q", len(s.bad), s.bad[0])
	}
	next := first
	for i, n := range s.seqs {
		switch {
		case n == next:
			next++
		case n > next:
			t.Fatalf("record %d came before %d", n, next)
		case i > 0 && n > s.seqs[i-1]+1:
			t.Fatalf("record %d came after %d", n, s.seqs[i-1])
		}
	}
	if next != last+1 {
		t.Errorf("records up to %d came, of %d", next-1, last)
	}
}

// A receiver is a syslog server over TLS that can be turned off, or made deaf. Whoever
// dials it finds it where it was last.
type receiver struct {
	*siem
	t     *testing.T
	conf  *tls.Config
	mu    sync.Mutex
	addr  string
	ln    net.Listener
	conns []net.Conn
	sent  atomic.Int64 // bytes that were written to it
	deaf  atomic.Bool  // it takes connections and reads nothing
	over  chan struct{}
	work  sync.WaitGroup
}

func newReceiver(t *testing.T) (*receiver, *x509.CertPool) {
	t.Helper()
	cert := httptest.NewUnstartedServer(nil)
	cert.StartTLS()
	roots := x509.NewCertPool()
	roots.AddCert(cert.Certificate())
	r := &receiver{siem: &siem{}, t: t, conf: cert.TLS.Clone(), over: make(chan struct{})}
	r.conf.NextProtos = nil
	cert.Close()
	r.up()
	t.Cleanup(func() {
		close(r.over)
		r.down()
		r.work.Wait()
	})
	return r, roots
}

func (r *receiver) up() {
	r.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(r.t, err)
	r.mu.Lock()
	r.ln, r.addr = ln, ln.Addr().String()
	r.mu.Unlock()
	r.work.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			r.mu.Lock()
			r.conns = append(r.conns, c)
			r.mu.Unlock()
			r.work.Go(func() { r.serve(tls.Server(c, r.conf)) })
		}
	})
}

// serve reads frames (RFC 5425, section 4.3) until the connection ends.
func (r *receiver) serve(c *tls.Conn) {
	defer c.Close()
	if c.Handshake() != nil {
		return
	}
	in := bufio.NewReader(c)
	for !r.deaf.Load() {
		n, err := in.ReadString(' ')
		if err != nil {
			return
		}
		size, err := strconv.Atoi(strings.TrimSuffix(n, " "))
		if err != nil {
			r.message("frame " + n)
			return
		}
		m := make([]byte, size)
		if _, err := io.ReadFull(in, m); err != nil {
			return
		}
		r.message(string(m))
	}
	<-r.over
}

// down ends the receiver as a machine that is switched off: what was not read is
// gone.
func (r *receiver) down() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ln != nil {
		r.ln.Close()
	}
	for _, c := range r.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			tcp.SetLinger(0) //nolint:errcheck // it is closed all the same
		}
		c.Close()
	}
	r.conns = nil
}

// A line counts what is written to it.
type line struct {
	*net.TCPConn
	sent *atomic.Int64
}

func (l line) Write(b []byte) (int, error) {
	n, err := l.TCPConn.Write(b)
	l.sent.Add(int64(n))
	return n, err
}

func (r *receiver) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	r.mu.Lock()
	at := r.addr
	r.mu.Unlock()
	c, err := dial(ctx, network, at)
	if err != nil {
		return nil, err
	}
	return line{c.(*net.TCPConn), &r.sent}, nil
}

func dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, network, addr)
}

// A clock can stand still.
type clock struct{ stopped atomic.Pointer[time.Time] }

func (c *clock) now() time.Time {
	if t := c.stopped.Load(); t != nil {
		return *t
	}
	return time.Now()
}

func (c *clock) stop() { now := time.Now(); c.stopped.Store(&now) }
func (c *clock) run()  { c.stopped.Store(nil) }

// A process is a forwarder that can be killed.
type process struct {
	*forward.Forwarder
	stop func()
}

func begin(t *testing.T, l *log, s *state, sender forward.Sender) *process {
	t.Helper()
	p := &process{Forwarder: &forward.Forwarder{Name: "siem", Source: l, Store: s, Sender: sender, Now: time.Now, Log: slog.New(slog.DiscardHandler)}}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { p.Run(ctx); close(done) }()
	p.stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(p.stop)
	return p
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}

func stream(r *receiver, roots *x509.CertPool, now func() time.Time) *forward.Stream {
	return &forward.Stream{
		Address: "siem:6514", Dial: r.dial, Host: "gate", Version: "1.2", Most: 8 << 10, Settle: 300 * time.Millisecond, Now: now,
		TLS: func() (*tls.Config, error) { return &tls.Config{RootCAs: roots, ServerName: "example.com"}, nil },
	}
}

// Records reach a syslog server by TLS though it goes away, takes what it has not
// read with it, and the gateway is killed meanwhile: none is lost and the order is
// kept.
func TestSyslogOverAnOutageAndAKill(t *testing.T) {
	l, s, clock := &log{}, &state{}, &clock{}
	l.write(7) // older than the forwarder: not its business
	r, roots := newReceiver(t)
	p := begin(t, l, s, stream(r, roots, clock.now))
	waitFor(t, "a cursor", func() bool { _, ok, _ := s.Get(t.Context(), "", "siem"); return ok })
	l.write(100)
	waitFor(t, "the first records", func() bool { return r.count() == 100 })
	waitFor(t, "their arrival", func() bool { return p.Standing(t.Context()).Arrived == 107 })

	// The receiver is there and reads nothing, then dies with what it was sent.
	r.deaf.Store(true)
	clock.stop() // a connection settles by the clock, however long the next steps take
	sent := r.sent.Load()
	l.write(50)
	waitFor(t, "what is sent counts as sent", func() bool { return r.sent.Load() > sent && p.Standing(t.Context()).Behind > 0 })
	r.down()
	l.write(300)
	waitFor(t, "the problem", func() bool { return p.Standing(t.Context()).Problem != "" })
	if at := p.Standing(t.Context()); at.Behind == 0 || at.Since.IsZero() {
		t.Errorf("%+v", at)
	}
	// The gateway is killed while the receiver is away.
	s = s.survivor()
	p.stop()
	l.write(100)
	r.deaf.Store(false)
	clock.run()
	p = begin(t, l, s, stream(r, roots, clock.now))
	waitFor(t, "it finds nobody", func() bool { return p.Standing(t.Context()).Problem != "" })
	r.up()
	waitFor(t, "all records", func() bool { return r.count() == 550 })
	// And once more, in the middle of the flow.
	l.write(2000)
	waitFor(t, "some more", func() bool { return r.count() > 700 })
	s = s.survivor()
	p.stop()
	p = begin(t, l, s, stream(r, roots, clock.now))
	waitFor(t, "all records", func() bool { return r.count() == 2550 })
	waitFor(t, "the end of the problem", func() bool { at := p.Standing(t.Context()); return at.Behind == 0 && at.Problem == "" })
	r.check(t, 8, 2557)

	// An end in good order repeats nothing.
	before := r.total()
	l.write(10)
	waitFor(t, "ten more", func() bool { return r.count() == 2560 })
	p.stop()
	begin(t, l, s, stream(r, roots, clock.now))
	l.write(1)
	waitFor(t, "one more", func() bool { return r.count() == 2561 })
	r.check(t, 8, 2568)
	if n := r.total() - before; n != 11 {
		t.Errorf("%d messages for 11 records", n)
	}
}

const hookKey = "0123456789abcdef0123456789abcdef"

func sign(h http.Header, id string, at time.Time, body []byte) error {
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", strconv.FormatInt(at.Unix(), 10))
	mac := hmac.New(sha256.New, []byte(hookKey))
	fmt.Fprintf(mac, "%s.%d.%s", id, at.Unix(), body)
	h.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return nil
}

// The same by a webhook, whose receiver answers with errors, takes a batch and dies
// before it answers, and takes only small ones.
func TestAWebhookOverAnOutageAndAKill(t *testing.T) {
	got, sick := &siem{}, atomic.Int32{}
	ids := map[string][]byte{}
	takes := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		want := http.Header{}
		stamp, _ := strconv.ParseInt(r.Header.Get("Webhook-Timestamp"), 10, 64)
		_ = sign(want, r.Header.Get("Webhook-Id"), time.Unix(stamp, 0), body)
		got.mu.Lock()
		defer got.mu.Unlock()
		if want.Get("Webhook-Signature") != r.Header.Get("Webhook-Signature") || r.Header.Get("Content-Type") != "application/x-ndjson" {
			got.bad = append(got.bad, "signature")
		}
		switch sick.Load() {
		case 1:
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		case 3:
			if bytes.Count(body, []byte("\n")) > 20 {
				w.WriteHeader(http.StatusRequestEntityTooLarge)
				return
			}
		}
		if old, known := ids[r.Header.Get("Webhook-Id")]; known && !bytes.Equal(old, body) {
			got.bad = append(got.bad, "an id of two bodies")
		}
		ids[r.Header.Get("Webhook-Id")] = body
		for line := range bytes.Lines(body) {
			var rec struct{ Seq uint64 }
			if json.Unmarshal(line, &rec) != nil {
				got.bad = append(got.bad, string(line))
			}
			got.seqs = append(got.seqs, rec.Seq)
		}
		if sick.Load() == 2 { // it has them, and nobody learns that
			panic(http.ErrAbortHandler)
		}
	})
	srv := httptest.NewServer(takes)
	defer func() { srv.Close() }()
	hook := func() *forward.Hook {
		return &forward.Hook{Name: "siem", URL: srv.URL, Client: &http.Client{Transport: &http.Transport{DialContext: dial}}, Sign: sign, Now: time.Now}
	}
	l, s := &log{}, &state{}
	p := begin(t, l, s, hook())
	waitFor(t, "a cursor", func() bool { _, ok, _ := s.Get(t.Context(), "", "siem"); return ok })
	l.write(450)
	waitFor(t, "the first", func() bool { return got.count() == 450 })
	sick.Store(1)
	l.write(10)
	waitFor(t, "the problem", func() bool { return strings.Contains(p.Standing(t.Context()).Problem, "503") })
	sick.Store(2)
	waitFor(t, "what nobody learns", func() bool { return got.count() == 460 })
	s = s.survivor()
	p.stop()
	srv.Close() // what the killed one was just sending comes before the next one's
	srv = httptest.NewServer(takes)
	sick.Store(3)
	l.write(100)
	p = begin(t, l, s, hook())
	waitFor(t, "all", func() bool { return got.count() == 560 })
	waitFor(t, "the standing", func() bool { at := p.Standing(t.Context()); return at.Behind == 0 && at.Problem == "" })
	got.check(t, 1, 560)
}

// A receiver that is named is handed what is kept from then on, whenever its turn comes.
func TestWhatIsKeptBeforeItRuns(t *testing.T) {
	l, to := &log{}, &pile{}
	l.write(3)
	f := &forward.Forwarder{Name: "siem", Source: l, Store: &state{}, Sender: to, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	must(t, f.Begin(t.Context()))
	l.write(2)
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	work.Go(func() { f.Run(ctx) })
	for deadline := time.Now().Add(time.Minute); f.Standing(ctx).Arrived < 5 && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	work.Wait()
	if len(to.batch) != 2 || to.batch[0].Seq != 4 || to.batch[1].Seq != 5 {
		t.Errorf("%+v", to.batch)
	}
}

// A pile is a receiver that takes everything.
type pile struct{ batch []forward.Record }

func (p *pile) Send(_ context.Context, batch []forward.Record) error {
	p.batch = append(p.batch, batch...)
	return nil
}

func (p *pile) Arrived() (uint64, error) {
	if len(p.batch) == 0 {
		return 0, nil
	}
	return p.batch[len(p.batch)-1].Seq, nil
}

func (p *pile) Close(context.Context) {}

// What is dropped by age before a receiver had it is told, once and for good.
func TestRecordsThatAreGone(t *testing.T) {
	l, s := &log{}, &state{}
	must(t, s.Put(t.Context(), "", "siem", []byte(`{"seq":10}`)))
	l.write(100)
	l.drop(40)
	r, roots := newReceiver(t)
	p := begin(t, l, s, stream(r, roots, time.Now))
	waitFor(t, "the rest", func() bool { return p.Standing(t.Context()).Arrived == 100 })
	if at := p.Standing(t.Context()); at.Lost != 30 || !strings.Contains(p.Alarm(), "30 records were dropped") {
		t.Errorf("%+v %q", at, p.Alarm())
	}
	waitFor(t, "who has them to have read them", func() bool { return r.count() == 60 })
	r.check(t, 41, 100)
	p.stop()
	if p = begin(t, l, s, stream(r, roots, time.Now)); p.Forwarder != nil {
		waitFor(t, "it is remembered", func() bool { return p.Standing(t.Context()).Lost == 30 })
	}
}

// A receiver that others could have in its place gets nothing.
func TestAWrongCertificateGetsNothing(t *testing.T) {
	l, s := &log{}, &state{}
	r, _ := newReceiver(t)
	p := begin(t, l, s, stream(r, x509.NewCertPool(), time.Now))
	waitFor(t, "a cursor", func() bool { _, ok, _ := s.Get(t.Context(), "", "siem"); return ok })
	l.write(5)
	waitFor(t, "the problem", func() bool { return strings.Contains(p.Standing(t.Context()).Problem, "certificate") })
	if r.count() != 0 {
		t.Error("it got records")
	}
}

// A record that the receiver never takes as it is goes shorter, and holds nothing up.
func TestALongRecordGoesShorter(t *testing.T) {
	var got []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if len(body) > 10<<10 {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		got = append(got, strings.TrimSuffix(string(body), "\n"))
	}))
	defer srv.Close()
	h := &forward.Hook{Name: "siem", URL: srv.URL, Client: srv.Client(), Sign: sign, Now: time.Now}
	long := `{"seq":2,"summary":"POST /x","sample":"` + strings.Repeat("x", 60<<10) + `"}`
	must(t, h.Send(t.Context(), []forward.Record{{Seq: 1, Line: []byte(`{"seq":1}`)}, {Seq: 2, Line: []byte(long)}, {Seq: 3, Line: []byte(`{"seq":3}`)}}))
	if done, err := h.Arrived(); done != 3 || err != nil {
		t.Errorf("%d, %v", done, err)
	}
	if len(got) != 3 || !strings.Contains(got[1], `"summary":"POST /x"`) || !strings.Contains(got[1], `"left_out":["sample"]`) {
		t.Errorf("%.300q", got)
	}
}

// An address may hold a secret of its own: who does not get through does not tell it.
func TestAnErrorDoesNotTellTheAddress(t *testing.T) {
	h := &forward.Hook{Name: "siem", URL: "http://localhost:1/in?key=of-its-own", Sign: sign, Now: time.Now, Client: &http.Client{
		Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("nobody there") }},
	}}
	err := h.Send(t.Context(), []forward.Record{{Seq: 1, Line: []byte("{}")}})
	if err == nil || strings.Contains(err.Error(), "of-its-own") || !strings.Contains(err.Error(), "localhost:1: nobody there") {
		t.Errorf("it says: %v", err)
	}
}

func TestMessages(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for name, tt := range map[string]struct{ line, want string }{
		"allow":        {`{"seq":1,"recorded":"2026-11-25T20:00:00Z","kind":"request","verdict":"allow","outcome":"done"}`, `<110>1 2026-11-25T20:00:00.000000Z gate sallyport - allow [origin software="sallyport" swVersion="1\"\]"][meta sequenceId="1"] {"seq":1`},
		"failed":       {`{"seq":1,"recorded":"2026-11-25T20:00:00Z","kind":"request","verdict":"allow","outcome":"failed"}`, `<108>1 `},
		"ask":          {`{"seq":1,"recorded":"2026-11-25T20:00:00Z","kind":"query","verdict":"ask"}`, `<109>1 `},
		"gap":          {`{"seq":1,"recorded":"2026-11-25T20:00:00Z","kind":"gap","missing":3}`, `<105>1 2026-11-25T20:00:00.000000Z gate sallyport - gap [`},
		"long trace":   {`{"seq":1,"kind":"x","verdict":"deny","sample":"s","trace":["` + long + `"]}`, `"left_out":["trace"]`},
		"long answer":  {`{"seq":1,"kind":"x","verdict":"deny","sample":"s","answer":{"text":"` + long + `"}}`, `"left_out":["answer"]`},
		"long summary": {`{"seq":1,"kind":"x","verdict":"deny","sample":"s","summary":"` + long + `"}`, `"left_out":["sample","summary"]`},
		"controls":     {`{"seq":1,"kind":"x","summary":"a` + "\u0085\u009b\x7f" + `é"}`, `{"seq":1,"kind":"x","summary":"a\u0085\u009b\u007fé"}`},
		"odd kind":     {`{"seq":1,"kind":"a b\n"}`, ` - ab [origin`},
	} {
		seq := uint64(1)
		got, err := forward.Message(forward.Record{Seq: seq, Line: []byte(tt.line)}, "ga te", `1"]`, 2048)
		if err != nil || !strings.Contains(string(got), tt.want) || len(got) > 2048 {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
	got, err := forward.Message(forward.Record{Seq: 2147483648, Line: []byte(`{}`)}, "", "", 2048)
	if err != nil || !strings.Contains(string(got), ` - sallyport - - [origin software="sallyport" swVersion="-"][meta sequenceId="1"]`) {
		t.Errorf("%s, %v", got, err)
	}
}

func FuzzMessage(f *testing.F) {
	f.Add([]byte(`{"kind":"request","summary":"x\n1 2"}`), 100)
	f.Fuzz(func(t *testing.T, line []byte, most int) {
		got, err := forward.Message(forward.Record{Seq: 1, Line: line}, "gate", "1", most)
		if err == nil && !bytes.HasPrefix(got, []byte("<")) {
			t.Errorf("%q", got)
		}
	})
}
