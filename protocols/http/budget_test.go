package http

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/internal/pulse"
	"sallyport.dev/sallyport/protocols/http/ask"
	"sallyport.dev/sallyport/protocols/http/room"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// Whatever one request holds, its record stays small, and what has no room there
// is unknown to the rules, never absent.
func TestT50_FactsAreBounded(t *testing.T) {
	many := func(n int, name, value string) http.Header {
		h := http.Header{}
		for i := range n {
			h[fmt.Sprintf(name, i)] = []string{value}
		}
		return h
	}
	for name, tt := range map[string]struct {
		uri     string
		header  http.Header
		facts   map[string]string
		unclear bool
	}{
		"escapes": {"/", http.Header{"X-A": {strings.Repeat("<", 3900)}, "X-B": {"b"}}, map[string]string{
			"http.headers.x-a": "unknown", "http.headers.x-b": "b", "http.headers.x-c": "absent",
		}, false},
		"one field over and over": {"/", http.Header{"X-A": slicesOf(strings.Repeat("a", 3900), 15)}, map[string]string{
			"http.headers.x-a": "unknown", "http.headers_all.x-a": "unknown",
		}, false},
		"one long field": {"/", http.Header{"X-A": {strings.Repeat("a", 5000)}, "X-B": {"b"}}, map[string]string{
			"http.headers.x-a": "unknown", "http.headers.x-b": "b",
		}, false},
		"many values": {"/", many(120, "X-A-%03d", strings.Repeat("v", 300)), map[string]string{
			"http.headers.x-zzz": "absent",
		}, false},
		"many names": {"/", many(120, "X-"+strings.Repeat("n", 400)+"-%03d", "v"), map[string]string{
			"http.headers.x-zzz": "unknown", "http.headers_all.x-zzz": "unknown",
		}, true},
		"short names before long": {"/", merge(many(120, "X-"+strings.Repeat("n", 400)+"-%03d", "v"), http.Header{"X-B": {"b"}}), map[string]string{
			"http.headers.x-b": "b",
		}, true},
		"empty parameters":    {"/?" + strings.Repeat("a&", 30000), nil, map[string]string{"http.query.a": "unknown", "http.query.b": "absent"}, false},
		"long parameter":      {"/?b=1&a=" + strings.Repeat("%3C", 9000), nil, map[string]string{"http.query.a": "unknown", "http.query.b": "1"}, false},
		"names of parameters": {"/?" + params(200, 200), nil, map[string]string{"http.query.a": "unknown", "http.query_all.b": "unknown"}, false},
		"control characters":  {"/", http.Header{"X-A": {strings.Repeat("\x7f\t\xff", 1000)}}, map[string]string{"http.headers.x-a": "unknown"}, false},
		"path of ampersands":  {"/" + strings.Repeat("&", 1300), nil, map[string]string{"http.path": "/" + strings.Repeat("&", 1300)}, false},
		"the largest that is listed whole": {"/", http.Header{"X-A": {strings.Repeat("a", 4000)}, "X-B": {strings.Repeat("b", 4000)}}, map[string]string{
			"http.headers.x-a": strings.Repeat("a", 4000), "http.headers.x-b": strings.Repeat("b", 4000),
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := post(tt.uri, tt.header)
			a, p := ask.Read(ask.Place{Peer: &action.Peer{}, Service: &action.Service{}, Name: "api.example", Secure: true}, r)
			if p != nil {
				t.Fatal(p)
			}
			text, err := json.Marshal(a.Act.Parts[0].Facts)
			if err != nil || len(text) > 24<<10 {
				t.Fatalf("%d bytes in the record, %v", len(text), err)
			}
			back := Facts().New()
			if err := json.Unmarshal(text, back); err != nil {
				t.Fatal(err)
			}
			for fact, want := range tt.facts {
				for _, facts := range []action.Facts{a.Act.Parts[0].Facts, back} {
					if got := factText(Facts(), facts, fact); got != want {
						t.Errorf("%s: %.80s, want %.80s", fact, got, want)
					}
				}
			}
			if a.Facts.HeadersUnclear != tt.unclear {
				t.Errorf("headers unclear: %v", a.Facts.HeadersUnclear)
			}
			for field := range r.Header {
				if got := factText(Facts(), back, "http.headers."+strings.ToLower(field)); got == "absent" {
					t.Errorf("%.40s is there, and absent to the rules", field)
				}
			}
		})
	}
}

func slicesOf(s string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = s
	}
	return all
}

func merge(a, b http.Header) http.Header {
	for k, v := range b {
		a[k] = v
	}
	return a
}

func params(n, size int) string {
	var s strings.Builder
	for i := range n {
		fmt.Fprintf(&s, "&%s%d=1", strings.Repeat("n", size), i)
	}
	return s.String()[1:]
}

// What the rules must see whole is refused where it is too long for that.
func TestTooLongToJudge(t *testing.T) {
	b := newBench(t, http.HandlerFunc(echo))
	for _, tt := range []struct {
		path, contentType string
		status            int
	}{
		{"/" + strings.Repeat("p", 8000), "a/b", 200},
		{"/" + strings.Repeat("p", 8200), "a/b", 414},
		{"/" + strings.Repeat("&", 1400), "a/b", 414},
		{"/", strings.Repeat("a", 255), 200},
		{"/", strings.Repeat("a", 256), 400},
		{"/", "a/b; charset=" + strings.Repeat("a", 300), 200},
	} {
		resp, err := b.client(false).Post("https://api.example"+tt.path, tt.contentType, strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		if body(t, resp); resp.StatusCode != tt.status {
			t.Errorf("%.20s (%d) %.20s (%d): %s", tt.path, len(tt.path), tt.contentType, len(tt.contentType), resp.Status)
		}
	}
	if n := len(b.waitRecords(6)); n != 6 {
		t.Errorf("%d records", n)
	}
}

// One agent has so many requests open at most, on however many connections; the
// others are not held up by it.
func TestT10_OpenRequests(t *testing.T) {
	bothVersions(t, func(t *testing.T, h2 bool) {
		b := newBench(t, http.HandlerFunc(echo))
		for range room.MaxOpen - 1 {
			b.p.open.Enter("peer-1")
		}
		waiting, goOn := make(chan struct{}), make(chan struct{})
		b.decide = func(a *action.Action) action.Decision {
			if strings.HasSuffix(a.Summary, "/wait") {
				close(waiting)
				<-goOn
			}
			return action.Decision{Verdict: action.Allow}
		}
		first := make(chan error, 1)
		c := b.client(h2)
		go func() {
			resp, err := c.Get("https://api.example/wait")
			if err == nil {
				_, err = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
			first <- err
		}()
		<-waiting
		get := func() int {
			resp, err := c.Get("https://api.example/next")
			if err != nil {
				t.Fatal(err)
			}
			if text := body(t, resp); resp.StatusCode != 200 && (resp.Header.Get("Retry-After") == "" || !strings.Contains(text, "next_step")) {
				t.Errorf("%v %s", resp.Header, text)
			}
			return resp.StatusCode
		}
		if code := get(); code != http.StatusTooManyRequests {
			t.Errorf("one too many: %d", code)
		}
		if !b.p.open.Enter("peer-2") {
			t.Error("another agent is held up")
		}
		b.p.open.Leave("peer-2")
		close(goOn)
		if err := <-first; err != nil {
			t.Error(err)
		}
		if code := get(); code != 200 {
			t.Errorf("after one was answered: %d", code)
		}
		refused := 0
		for _, r := range b.waitRecords(3) {
			if r.d.Verdict != action.Allow {
				refused++
			}
		}
		if refused != 1 {
			t.Errorf("%d of 3 records say that a request was refused", refused)
		}
		b.waitIdle(room.MaxOpen - 1)
	})
}

func (b *bench) waitIdle(n int) {
	b.t.Helper()
	poll(b.t, func() bool {
		return b.p.open.Open("peer-1") == n
	})
}

// One agent fills a quarter of the room for held bodies at most, with bodies that
// never end included, and gives all of it back.
func TestT10_HeldBodiesOfOneAgent(t *testing.T) {
	b := newBench(t, http.HandlerFunc(echo))
	b.p.StashRoom = 4 * 4 * maxHold
	b.decide = asked
	b.settle = func(context.Context, *action.Action, action.Decision) action.Decision { return action.Decision{} }
	var halves []io.Closer
	for range 4 { // 8 MiB each: what may be kept of a body of unknown size
		c := b.tlsDial("http/1.1")
		io.WriteString(c, "POST /half HTTP/1.1\r\nHost: api.example\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
		halves = append(halves, c)
	}
	held := func(total int64) func() bool {
		return func() bool {
			all, own := b.p.stashed.Held("peer-1")
			return all == total && own == total
		}
	}
	poll(t, held(4*maxHold))
	if got := raw(t, b.tlsDial("http/1.1"), "POST /more HTTP/1.1\r\nHost: api.example\r\nContent-Length: 1\r\n\r\nx", "next_step"); !strings.Contains(got, "leave no room for it") {
		t.Errorf("%q", got)
	}
	if release, err := b.p.stashed.Take("peer-2", maxHold, b.p.StashRoom); err != nil {
		t.Errorf("another agent has no room: %v", err)
	} else {
		release()
	}
	for _, c := range halves {
		c.Close()
	}
	poll(t, held(0))
}

// A narrow agent takes nothing until it is told that it is too late.
type narrow struct {
	*httptest.ResponseRecorder
	late chan struct{}
}

func (n narrow) SetWriteDeadline(time.Time) error { close(n.late); return nil }

func (n narrow) Write([]byte) (int, error) {
	<-n.late
	return 0, os.ErrDeadlineExceeded
}

// T10: an agent that leaves a stream of HTTP/2 no window keeps neither the origin nor
// the record waiting.
func TestT10_AStreamWithoutWindowEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := narrow{httptest.NewRecorder(), make(chan struct{})}
		x := &transfer{exchange: &exchange{w: w, r: &http.Request{ProtoMajor: 2}}, rc: http.NewResponseController(w)}
		begun := time.Now()
		err := x.pass([]byte("some words"), true)
		if took := time.Since(begun); !errors.Is(err, os.ErrDeadlineExceeded) || took != stallTimeout {
			t.Errorf("%v, after %v", err, took)
		}
	})
}

// streams asks n times over a connection of HTTP/2, and leaves each answer a window.
func (b *bench) streams(n int, window uint32) *http2.Framer {
	c := b.tlsDial("h2")
	b.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(5 * time.Minute)) //nolint:errcheck // reads tell
	io.WriteString(c, http2.ClientPreface)         //nolint:errcheck // reads tell
	fr := http2.NewFramer(c, c)
	fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: window}) //nolint:errcheck // reads tell
	var head bytes.Buffer
	enc := hpack.NewEncoder(&head)
	enc.SetMaxDynamicTableSize(0)
	for _, f := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "api.example"}, {":path", "/"}} {
		enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}) //nolint:errcheck // a buffer takes all
	}
	for i := range n {
		fr.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*i + 1), BlockFragment: head.Bytes(), EndStream: true, EndHeaders: true}) //nolint:errcheck // reads tell
	}
	return fr
}

// T10: answers that an agent with many connections does not take count as open requests,
// and what is one too many is reset, not kept.
func TestT10_AnswersThatWaitAreCounted(t *testing.T) {
	b := newBench(t, http.HandlerFunc(echo))
	for range 20 {
		b.streams(1, 1<<16)
	}
	b.waitRecords(20)
	clock := pulse.Start()
	defer clock.Stop()
	for tries := 1; b.p.open.Open("peer-1") < 5; tries++ { // they end after a minute, for which a machine may stand still
		if tries > 3 {
			t.Fatalf("%d answers are counted", b.p.open.Open("peer-1"))
		}
		b.streams(5, 0)
		for begun := time.Now(); b.p.open.Open("peer-1") < 5 && clock.Since(begun) < 15*time.Second; {
			time.Sleep(time.Millisecond)
		}
	}
	for b.p.open.Enter("peer-1") { // until there is no more room
	}
	fr := b.streams(1, 0)
	for {
		f, err := fr.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		if reset, ok := f.(*http2.RSTStreamFrame); ok && reset.StreamID == 1 {
			return
		}
	}
}
