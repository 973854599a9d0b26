package http

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/internal/pulse"
)

func (b *bench) dst80() netip.AddrPort { return netip.AddrPortFrom(b.dst.Addr(), 80) }

const handshake = "GET /ws HTTP/1.1\r\nHost: api.example\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

// webSocketOrigin answers a handshake and echoes bytes in capitals.
func webSocketOrigin(c net.Conn) {
	br := bufio.NewReader(c)
	r, err := http.ReadRequest(br)
	if err != nil {
		return
	}
	if r.Header.Get("Upgrade") == "" {
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nplain") // or the next is sent as it closes
		return
	}
	fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\nAlt-Svc: h3\r\n\r\nhello ")
	for {
		line, err := br.ReadString('\n')
		io.WriteString(c, strings.ToUpper(line))
		if err != nil {
			return
		}
	}
}

func TestWebSocket(t *testing.T) {
	b := bareBench(t)
	b.rawOrigin(webSocketOrigin)
	c := b.tlsDial("http/1.1")
	got := raw(t, c, handshake+"early\n", "hello EARLY\n")
	if !strings.HasPrefix(got, "HTTP/1.1 101") || !strings.Contains(got, "Sec-Websocket-Accept: x") || strings.Contains(got, "Alt-Svc") {
		t.Errorf("%q", got)
	}
	raw(t, c, "later\n", "LATER\n")
	io.WriteString(c, "last")
	c.CloseWrite()
	if rest := until(t, c, ""); rest != "LAST" {
		t.Errorf("after half-close: %q", rest)
	}
	r := b.waitRecords(1)[0]
	if r.act.Parts[0].Effects != action.EffectUnknown || r.res.Status != "101" || r.err != nil {
		t.Errorf("%+v", r)
	}
	if r.res.Sent < int64(len("early\nlater\nlast")) || r.res.Received < int64(len("hello EARLY\nLATER\nLAST")) {
		t.Errorf("%+v", r.res)
	}
}

func TestUpgradesThatAreNotWebSocket(t *testing.T) {
	b := bareBench(t)
	b.rawOrigin(webSocketOrigin)
	for _, up := range []string{"h2c", "TLS/1.0", "SPDY/3.1", "websocket, h2c"} {
		c := b.tlsDial("http/1.1")
		raw(t, c, strings.Replace(handshake, "WebSocket", up, 1), "plain")
	}
	// A WebSocket handshake is a GET without a body over HTTP/1.1.
	raw(t, b.tlsDial("http/1.1"), strings.Replace(handshake, "GET", "POST", 1), "plain")
	// Refused: nothing is handed over.
	b.decide = func(*action.Action) action.Decision { return action.Decision{Reason: "No."} }
	raw(t, b.tlsDial("http/1.1"), handshake, "next_step")
}

// When the flow ends Serve is back within its time, whatever is going on.
func TestGoodbye(t *testing.T) {
	stuck := func(t *testing.T) http.Handler {
		hang := make(chan struct{})
		t.Cleanup(func() { close(hang) })
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/stream" {
				w.(http.Flusher).Flush()
			}
			for r.URL.Path == "/flood" && r.Context().Err() == nil {
				w.Write(make([]byte, 1<<20))
			}
			select {
			case <-hang:
			case <-r.Context().Done():
			}
		})
	}
	for name, begin := range map[string]func(*bench, net.Conn){
		"before a byte": func(*bench, net.Conn) {},
		"idle": func(b *bench, c net.Conn) {
			raw(t, c, "GET /refused HTTP/1.1\r\nHost: api.example\r\n\r\n", "next_step")
		},
		"in a head": func(b *bench, c net.Conn) { io.WriteString(c, "GET / HT") },
		"waiting":   func(b *bench, c net.Conn) { io.WriteString(c, "GET /wait HTTP/1.1\r\nHost: api.example\r\n\r\n") },
		"streaming": func(b *bench, c net.Conn) { raw(t, c, "GET /stream HTTP/1.1\r\nHost: api.example\r\n\r\n", "200 OK") },
		"uploading": func(b *bench, c net.Conn) {
			io.WriteString(c, "POST /wait HTTP/1.1\r\nHost: api.example\r\nContent-Length: 100000\r\n\r\nxx")
		},
		"stalled": func(b *bench, c net.Conn) {
			io.WriteString(c, "GET /flood HTTP/1.1\r\nHost: api.example\r\n\r\n")
			time.Sleep(200 * time.Millisecond) // until every buffer is full
		},
		"websocket": func(b *bench, c net.Conn) {
			b.rawOrigin(webSocketOrigin)
			raw(t, c, handshake, "hello ")
		},
		"asked": func(b *bench, c net.Conn) {
			b.decide = asked
			b.settle = func(ctx context.Context, _ *action.Action, _ action.Decision) action.Decision {
				<-ctx.Done()
				return action.Decision{Reason: "Too late."}
			}
			io.WriteString(c, "POST /ask HTTP/1.1\r\nHost: api.example\r\nContent-Length: 0\r\n\r\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			most := 500 * time.Millisecond
			took := goodbyeTakes(t, stuck(t), begin)
			for tries := 1; took > most && tries < 5; tries++ { // what else the machine does only adds
				took = min(took, goodbyeTakes(t, stuck(t), begin))
			}
			if took > most {
				t.Errorf("took %v", took)
			}
		})
	}
}

// goodbyeTakes is how long Serve takes to be back, once a flow has begun with something.
func goodbyeTakes(t *testing.T, origin http.Handler, begin func(*bench, net.Conn)) time.Duration {
	b := bareBench(t)
	b.plainOrigin(origin)
	b.decide = func(a *action.Action) action.Decision {
		if strings.Contains(a.Summary, "refused") {
			return action.Decision{}
		}
		return action.Decision{Verdict: action.Allow}
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	c := b.dial(ctx)
	begin(b, c)
	time.Sleep(20 * time.Millisecond) // let it get there; any moment is a fair one
	clock := pulse.Start()
	defer clock.Stop()
	start := time.Now()
	cancel(errors.New("the agent is gone"))
	b.served.Wait()
	return clock.Since(start)
}

// Who is still being answered when the flow ends hears so in HTTP, and Serve does
// not return before its handlers.
func TestGoodbyeInItsOwnWords(t *testing.T) { synctest.Test(t, goodbyeInItsOwnWords) }

func goodbyeInItsOwnWords(t *testing.T) {
	b := newBench(t, nil)
	b.wire = func(testing.TB) (net.Conn, net.Conn) { return net.Pipe() }
	b.decide = asked
	asking, gate := make(chan struct{}, 2), make(chan struct{})
	b.settle = func(ctx context.Context, a *action.Action, _ action.Decision) action.Decision {
		asking <- struct{}{}
		<-ctx.Done()
		if strings.HasSuffix(a.Summary, "/slow") {
			<-gate
		}
		return action.Decision{Reason: "Too late."}
	}
	for _, path := range []string{"/quick", "/slow"} {
		ctx, cancel := context.WithCancel(context.Background())
		c := b.dial(ctx)
		io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: api.example\r\n\r\n")
		<-asking
		cancel()
		if path == "/quick" {
			until(t, c, "Too late.")
			b.served.Wait()
			continue
		}
		served := make(chan struct{})
		go func() { b.served.Wait(); close(served) }()
		select {
		case <-served:
			t.Error("Serve returned before its handler")
		case <-time.After(2 * goodbye):
		}
		close(gate)
		<-served
	}
}

// A protocol that gives up is no success, and takes only its own connection along.
func TestPanicIsNoSuccess(t *testing.T) {
	b := newBench(t, http.HandlerFunc(echo))
	b.decide = func(a *action.Action) action.Decision {
		if strings.Contains(a.Summary, "/panic") {
			panic("a bug")
		}
		return action.Decision{Verdict: action.Allow}
	}
	if _, err := b.client(false).Get("https://api.example/panic"); err == nil {
		t.Error("answered")
	}
	if r := b.waitRecords(1)[0]; !errors.Is(r.err, errPanicked) {
		t.Errorf("%+v", r)
	}
	resp, err := b.client(false).Get("https://api.example/")
	if err != nil {
		t.Fatal(err)
	}
	body(t, resp)
}

func TestManyStreamsAtOnce(t *testing.T) {
	b := newBench(t, http.HandlerFunc(echo))
	c := b.client(true)
	done := make(chan error, 200)
	for i := range 200 {
		go func() {
			resp, err := c.Post(fmt.Sprintf("https://api.example/%d", i), "a/b", strings.NewReader(strings.Repeat("x", i*100)))
			if err == nil {
				_, err = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
			done <- err
		}()
	}
	for range 200 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if n := len(b.waitRecords(200)); n != 200 {
		t.Errorf("%d records", n)
	}
}

// Nothing an agent receives shows the credential, whatever goes wrong.
func TestCanaryStaysInside(t *testing.T) {
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "fine") }))
	b.auth, b.svc.Injects = &action.Auth{Scheme: "bearer", Secrets: []string{"s"}}, true
	var got strings.Builder
	for _, req := range []string{
		"GET / HTTP/1.1\r\nHost: api.example\r\n\r\n",
		"TRACE / HTTP/1.1\r\nHost: api.example\r\nMax-Forwards: 0\r\n\r\n",
		"GET /a%2fb HTTP/1.1\r\nHost: api.example\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: api.example\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"POST / HTTP/1.1\r\nHost: api.example\r\nContent-Length: 5\r\n\r\nx",
	} {
		c := b.tlsDial("http/1.1")
		io.WriteString(c, req)
		if !strings.HasSuffix(req, "x") { // half a body need not be answered
			c.SetReadDeadline(time.Now().Add(20 * time.Second))
			io.CopyN(&got, c, 1)
		}
		c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		io.Copy(&got, c)
		c.Close()
	}
	b.served.Wait()
	if strings.Contains(got.String(), canary) || !strings.Contains(got.String(), "fine") {
		t.Errorf("%q", got.String())
	}
	if text := fmt.Sprintf("%+v", b.recorded()); strings.Contains(text, canary) {
		t.Error("a record shows the credential")
	}
}

func TestIdleConnectionsAreSmall(t *testing.T) {
	if testing.Short() {
		t.Skip("measures memory")
	}
	for _, proto := range []string{"http/1.1", "h2"} {
		b := newBench(t, http.HandlerFunc(echo))
		one := b.tlsDial(proto)
		defer one.Close()
		const n = 100
		before := inUse()
		for range n {
			c := b.tlsDial(proto)
			defer c.Close()
			if proto == "http/1.1" {
				raw(t, c, "GET / HTTP/1.1\r\nHost: api.example\r\n\r\n", "body=")
			}
		}
		// The client's end is in here too.
		if each := (inUse() - before) / n; each > 120<<10 {
			t.Errorf("%s: %d KiB a connection, both ends", proto, each>>10)
		} else {
			t.Logf("%s: %d KiB a connection, both ends", proto, each>>10)
		}
	}
}

// FuzzServe claims that no bytes an agent may write panic or hang the gateway, and
// that the origin reads no more requests than were judged.
func FuzzServe(f *testing.F) {
	for _, s := range []string{
		"GET / HTTP/1.1\r\nHost: api.example\r\n\r\n",
		"POST /x HTTP/1.1\r\nHost: api.example\r\nTransfer-Encoding: chunked\r\nTrailer: X-A\r\n\r\n5\r\nhello\r\n0\r\nX-A: 1\r\n\r\n",
		"POST /x HTTP/1.1\r\nHost: api.example\r\nContent-Length: 5\r\n\r\nhelloGET /y HTTP/1.1\r\nHost: api.example\r\n\r\n",
		handshake, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x16\x03\x01\x00\x05hello", "GET http://api.example/%2e%2e/ HTTP/1.0\r\nHost: api.example\r\n\r\n",
		"GET /a;b?c;d HTTP/1.1\r\nHost: api.example\r\nConnection: x, y\r\nX: 1\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	b := bareBench(f)
	b.dst = b.dst80()
	var read, ended atomic.Int32
	b.rawOrigin(func(c net.Conn) {
		defer ended.Add(1)
		br := bufio.NewReader(c)
		for {
			r, err := http.ReadRequest(br)
			if err != nil {
				return
			}
			read.Add(1)
			io.Copy(io.Discard, r.Body)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	f.Fuzz(func(t *testing.T, data []byte) {
		b.mu.Lock()
		b.records, b.pool, b.dials = nil, nil, 0
		b.mu.Unlock()
		read.Store(0)
		ended.Store(0)
		c := b.connect(context.Background())
		c.Write(data)
		c.(*net.TCPConn).CloseWrite()
		c.SetReadDeadline(time.Now().Add(30 * time.Second))
		if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("%q hangs", data)
		}
		c.Close()
		b.served.Wait()
		for _, l := range b.pool {
			l.Kill()
		}
		for end := time.Now().Add(30 * time.Second); int(ended.Load()) < b.dials && time.Now().Before(end); {
			time.Sleep(10 * time.Microsecond)
		}
		if n := int(read.Load()); n > len(b.recorded()) {
			t.Fatalf("%q: the origin read %d requests, %d were judged", data, n, len(b.recorded()))
		}
	})
}

// A pass-through service is judged as a connection and spliced unseen.
func TestPassthrough(t *testing.T) {
	b := newBench(t, http.HandlerFunc(echo))
	b.svc.Passthrough = true
	c := tls.Client(b.dial(context.Background()), &tls.Config{RootCAs: b.ca.pool, ServerName: "api.example"})
	raw(t, c, "GET /a/../b HTTP/1.1\r\nHost: other.example\r\n\r\n", "GET other.example /a/../b")
	c.Close()
	b.served.Wait()
	r := b.waitRecords(1)[0]
	if r.act.Kind != "connect" || r.act.Parts[0].Effects != action.EffectUnknown || r.res.Sent == 0 || r.res.Received == 0 {
		t.Errorf("%+v", r)
	}
}
