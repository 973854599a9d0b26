package http

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
)

func bothVersions(t *testing.T, f func(t *testing.T, h2 bool)) {
	for _, h2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("h2=%v", h2), func(t *testing.T) { f(t, h2) })
	}
}

// An event must arrive while the origin has not yet sent the next one.
func TestEventsAreNotHeldBack(t *testing.T) {
	bothVersions(t, func(t *testing.T, h2 bool) {
		seen := make(chan struct{})
		b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			w.(http.Flusher).Flush()
			for i := range 5 {
				fmt.Fprintf(w, "data: %d\n\n", i)
				w.(http.Flusher).Flush()
				select {
				case <-seen:
				case <-r.Context().Done():
					return
				}
			}
		}))
		resp, err := b.client(h2).Get("https://api.example/events")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		br := bufio.NewReader(resp.Body)
		for i := range 5 {
			line, err := br.ReadString('\n')
			if err != nil || line != fmt.Sprintf("data: %d\n", i) {
				t.Fatalf("%q %v", line, err)
			}
			br.ReadString('\n')
			seen <- struct{}{}
		}
	})
}

// Where both sides speak at once, neither may wait for the other.
func TestBothWaysAtOnce(t *testing.T) {
	bothVersions(t, func(t *testing.T, h2 bool) {
		b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rc := http.NewResponseController(w)
			rc.EnableFullDuplex()
			rc.Flush()
			buf := make([]byte, 100)
			for {
				n, err := r.Body.Read(buf)
				w.Write(bytes.ToUpper(buf[:n]))
				rc.Flush()
				if err != nil {
					return
				}
			}
		}))
		pr, pw := io.Pipe()
		req, _ := http.NewRequest("POST", "https://api.example/chat", pr)
		resp, err := b.client(h2).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		br := bufio.NewReader(resp.Body)
		for range 3 {
			io.WriteString(pw, "hello\n")
			if line, err := br.ReadString('\n'); line != "HELLO\n" {
				t.Fatalf("%q %v", line, err)
			}
		}
		pw.Close()
		if rest, err := io.ReadAll(br); err != nil || len(rest) != 0 {
			t.Fatalf("%q %v", rest, err)
		}
	})
}

func TestLargeBodies(t *testing.T) {
	const size = 12 << 20
	bothVersions(t, func(t *testing.T, h2 bool) {
		for _, known := range []bool{true, false} {
			data := make([]byte, size)
			rand.Read(data)
			want := fmt.Sprintf("%x", sha256.Sum256(data))
			b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				h := sha256.New()
				n, err := io.Copy(h, r.Body)
				w.Header().Set("X-Sum", fmt.Sprintf("%x %d %v %d", h.Sum(nil), n, err, r.ContentLength))
				if known {
					w.Header().Set("Content-Length", fmt.Sprint(len(data)))
				}
				w.Write(data)
			}))
			var up io.Reader = bytes.NewReader(data)
			stated := size
			if !known {
				up, stated = io.MultiReader(up), -1
			}
			resp, err := b.client(h2).Post("https://api.example/up", "application/octet-stream", up)
			if err != nil {
				t.Fatal(err)
			}
			down := sha256.Sum256([]byte(body(t, resp)))
			if got := fmt.Sprintf("%x", down); got != want {
				t.Errorf("download differs")
			}
			if got := resp.Header.Get("X-Sum"); got != fmt.Sprintf("%s %d <nil> %d", want, size, stated) {
				t.Errorf("upload: %s", got)
			}
			if r := b.waitRecords(1)[0]; r.res.Sent < size || r.res.Received < size || r.err != nil {
				t.Errorf("%+v", r)
			}
		}
	})
}

func TestInformationalHeads(t *testing.T) {
	bothVersions(t, func(t *testing.T, h2 bool) {
		b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", "</style.css>")
			w.Header().Set("Alt-Svc", `h3=":443"`)
			w.WriteHeader(103)
			w.Header().Del("Link")
			w.WriteHeader(200)
			io.WriteString(w, "ok")
		}))
		var hints []string
		req, _ := http.NewRequest("GET", "https://api.example/", nil)
		req = req.WithContext(httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
			Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
				hints = append(hints, fmt.Sprint(code, h.Get("Link"), h.Get("Alt-Svc")))
				return nil
			},
		}))
		resp, err := b.client(h2).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if got := body(t, resp); got != "ok" || resp.Header.Get("Link") != "" || resp.Header.Get("Alt-Svc") != "" {
			t.Errorf("%q %v", got, resp.Header)
		}
		if fmt.Sprint(hints) != "[103</style.css>]" {
			t.Errorf("hints %v", hints)
		}
	})
}

// A client that waits for 100 gets it at once when the request is allowed, and a
// refusal without sending its body when it is not.
func TestExpectContinue(t *testing.T) {
	const head = "POST /up HTTP/1.1\r\nHost: api.example\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
	b := newBench(t, http.HandlerFunc(echo))
	c := b.tlsDial("http/1.1")
	raw(t, c, head, "HTTP/1.1 100 Continue\r\n\r\n")
	raw(t, c, "hello", `body="hello"`)

	b.decide = func(*action.Action) action.Decision { return action.Decision{Reason: "No."} }
	got := raw(t, b.tlsDial("http/1.1"), head, "next_step")
	if !strings.HasPrefix(got, "HTTP/1.1 403") || strings.Contains(got, "100 Continue") {
		t.Error(got)
	}
	b.decide = func(*action.Action) action.Decision { return action.Decision{Verdict: action.Ask} }
	b.settle = func(context.Context, *action.Action, action.Decision) action.Decision {
		return action.Decision{Verdict: action.Allow}
	}
	c = b.tlsDial("http/1.1")
	raw(t, c, head, "HTTP/1.1 100 Continue\r\n\r\n")
	raw(t, c, "hello", `body="hello"`)
}

func TestTrailers(t *testing.T) {
	bothVersions(t, func(t *testing.T, h2 bool) {
		b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			w.Header().Set("Trailer", "X-Sum, X-Echo, Set-Cookie")
			w.WriteHeader(200)
			io.WriteString(w, "body")
			w.(http.Flusher).Flush()
			w.Header().Set("X-Sum", "42")
			w.Header().Set("X-Echo", fmt.Sprint(r.Trailer))
			w.Header().Set("Set-Cookie", "a=1")
		}))
		req, _ := http.NewRequest("POST", "https://api.example/", io.MultiReader(strings.NewReader("abc")))
		req.Trailer = http.Header{"X-Up": {"7"}, "X-Forwarded-For": {"1.2.3.4"}, "X-Api-Key": {"k"}}
		resp, err := b.client(h2).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if got := body(t, resp); got != "body" {
			t.Error(got)
		}
		if got := resp.Trailer; got.Get("X-Sum") != "42" || got.Get("X-Echo") != "map[X-Up:[7]]" || got.Get("Set-Cookie") != "" {
			t.Errorf("%v", got)
		}
	})
}

func TestAnswersWithoutBody(t *testing.T) {
	bothVersions(t, func(t *testing.T, h2 bool) {
		b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/204":
				w.WriteHeader(204)
			case "/304":
				w.Header().Set("ETag", `"x"`)
				w.WriteHeader(304)
			default:
				w.Header().Set("Content-Length", "1234")
				w.Header().Set("Content-Type", "x/y")
			}
		}))
		c := b.client(h2)
		for _, tt := range []struct {
			method, path string
			status       int
			length       int64
		}{{"GET", "/204", 204, 0}, {"GET", "/304", 304, 0}, {"HEAD", "/", 200, 1234}, {"HEAD", "/204", 204, 0}} {
			req, _ := http.NewRequest(tt.method, "https://api.example"+tt.path, nil)
			resp, err := c.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if got := body(t, resp); got != "" || resp.StatusCode != tt.status || tt.length > 0 && resp.ContentLength != tt.length {
				t.Errorf("%s %s: %d %d %q", tt.method, tt.path, resp.StatusCode, resp.ContentLength, got)
			}
		}
		if b.waitRecords(4); b.dials != 1 {
			t.Errorf("%d dials", b.dials)
		}
		b.decide = func(*action.Action) action.Decision { return action.Decision{} }
		resp, err := c.Head("https://api.example/")
		if err != nil || resp.StatusCode != 403 || body(t, resp) != "" {
			t.Errorf("%v %v", resp, err)
		}
	})
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://evil.example/take", http.StatusTemporaryRedirect)
	}))
	b.auth, b.svc.Injects = &action.Auth{Scheme: "bearer", Secrets: []string{"s"}}, true
	resp, err := b.client(false).Get("https://api.example/")
	if err != nil {
		t.Fatal(err)
	}
	body(t, resp)
	if resp.StatusCode != 307 || resp.Header.Get("Location") != "https://evil.example/take" || len(b.waitRecords(1)) != 1 || b.dials != 1 {
		t.Errorf("%s %v, %d dials", resp.Status, resp.Header, b.dials)
	}
}

// An agent that goes away takes its request at the origin with it.
func TestHangUpReachesTheOrigin(t *testing.T) {
	bothVersions(t, func(t *testing.T, h2 bool) {
		started, gone := make(chan struct{}), make(chan struct{})
		b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(started)
			<-r.Context().Done()
			close(gone)
		}))
		ctx, cancel := context.WithCancel(context.Background())
		go func() { <-started; cancel() }()
		req, _ := http.NewRequestWithContext(ctx, "GET", "https://api.example/slow", nil)
		// What it closes first is TLS: it may still read what its going away comes to.
		if resp, err := b.client(h2).Do(req); err == nil {
			resp.Body.Close()
			if resp.StatusCode != http.StatusBadGateway {
				t.Errorf("it is answered: %s", resp.Status)
			}
		}
		select {
		case <-gone:
		case <-time.After(20 * time.Second):
			t.Error("the origin still works on it")
		}
		if r := b.waitRecords(1)[0]; !r.res.Failed {
			t.Errorf("%+v", r)
		}
	})
}

func TestBrokenOffAnswer(t *testing.T) {
	b := bareBench(t)
	b.rawOrigin(func(c net.Conn) {
		http.ReadRequest(bufio.NewReader(c))
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")
	})
	bothVersions(t, func(t *testing.T, h2 bool) {
		resp, err := b.client(h2).Get("https://api.example/")
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			resp.Body.Close()
		}
		if err == nil {
			t.Error("a cut answer looked whole")
		}
	})
	for _, r := range b.waitRecords(2) {
		if r.err == nil || !r.res.Failed {
			t.Errorf("%+v", r)
		}
	}
}

func TestOriginGone(t *testing.T) {
	for name, answer := range map[string]string{
		"nothing": "", "nonsense": "SSH-2.0-x\r\n\r\n", "version": "HTTP/2.0 200 OK\r\n\r\n",
		"status": "HTTP/1.1 099 x\r\n\r\n", "switch": "HTTP/1.1 101 x\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
		"hints": strings.Repeat("HTTP/1.1 103 x\r\n\r\n", 20), "lengths": "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
		"fields": "HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 600) + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			b := bareBench(t)
			b.rawOrigin(func(c net.Conn) {
				http.ReadRequest(bufio.NewReader(c))
				io.WriteString(c, answer)
			})
			resp, err := b.client(false).Get("https://api.example/")
			if err != nil {
				t.Fatal(err)
			}
			if got := body(t, resp); resp.StatusCode != 502 || !strings.Contains(got, "upstream-failed") {
				t.Errorf("%s %s", resp.Status, got)
			}
			if r := b.waitRecords(1)[0]; !r.res.Failed || r.res.Err == "" || r.res.Status != "502" || r.err != nil {
				t.Errorf("%+v", r)
			}
		})
	}
}

// A link whose origin has gone away while it was idle is put away before anything
// is written on it.
func TestDeadLinksAreNotUsed(t *testing.T) {
	var requests atomic.Int32
	b := bareBench(t)
	closed := make(chan struct{}, 10)
	b.rawOrigin(func(c net.Conn) {
		http.ReadRequest(bufio.NewReader(c))
		requests.Add(1)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		c.Close()
		closed <- struct{}{}
	})
	c := b.client(false)
	for range 3 {
		resp, err := c.Post("https://api.example/", "text/plain", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		if got := body(t, resp); got != "ok" {
			t.Errorf("%s: %s", resp.Status, got)
		}
		<-closed
	}
	if requests.Load() != 3 || b.dials != 3 {
		t.Errorf("%d requests, %d dials", requests.Load(), b.dials)
	}
}

// A small answer leaves in one TLS record: head and body together.
func TestSmallAnswerInOneWrite(t *testing.T) {
	for _, chunked := range []bool{false, true} {
		b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if chunked {
				w.Header().Set("Transfer-Encoding", "chunked")
			}
			io.WriteString(w, strings.Repeat("x", 200))
		}))
		c := b.tlsDial("http/1.1")
		for range 3 {
			io.WriteString(c, "GET / HTTP/1.1\r\nHost: api.example\r\n\r\n")
			c.SetReadDeadline(time.Now().Add(30 * time.Second))
			buf := make([]byte, 16<<10)
			n, err := c.Read(buf) // one Read of tls.Conn gives one record at most
			if err != nil {
				t.Fatal(err)
			}
			if got := string(buf[:n]); !strings.HasPrefix(got, "HTTP/1.1 200") || strings.Count(got, "x") < 200 {
				t.Errorf("chunked=%v: the first record holds %q", chunked, got)
			}
			if chunked {
				break // what net/http sends after it is its own
			}
		}
	}
}

// An event is passed on when it is here, also if the next one has begun.
func TestEventBeforeTheNext(t *testing.T) {
	bothVersions(t, func(t *testing.T, h2 bool) {
		b := bareBench(t)
		b.rawOrigin(func(c net.Conn) {
			http.ReadRequest(bufio.NewReader(c))
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n9")
			io.Copy(io.Discard, c)
		})
		resp, err := b.client(h2).Get("https://api.example/events")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		got := make(chan string, 1)
		go func() {
			var buf [9]byte
			io.ReadFull(resp.Body, buf[:])
			got <- string(buf[:])
		}()
		select {
		case s := <-got:
			if s != "data: 1\n\n" {
				t.Errorf("%q", s)
			}
		case <-time.After(20 * time.Second):
			t.Error("the event is held back")
		}
	})
}
