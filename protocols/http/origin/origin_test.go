package origin

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/vault"
)

// A wire that lets nobody look through it at its socket.
type blind struct{ net.Conn }

func (blind) Secure(context.Context, ...string) (*tls.Conn, error) { return nil, errors.New("plain") }

// A wire that does.
type seen struct{ blind }

func (c seen) NetConn() net.Conn { return c.Conn }

func pair(t *testing.T) (near, far net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if near, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

func newLink(t *testing.T, w protocols.Wire) *Link {
	got, err := new(Maker).Open(true).Dress(context.Background(), w)
	if err != nil {
		t.Fatal(err)
	}
	l := got.(*Link)
	if !l.Ready() {
		t.Fatal("a fresh link is not ready")
	}
	return l
}

// Whatever comes on an idle link, its end included, makes it useless.
func TestReadyNoticesTheOrigin(t *testing.T) {
	for name, wrap := range map[string]func(net.Conn) protocols.Wire{
		"socket": func(c net.Conn) protocols.Wire { return seen{blind{c}} },
		"blind":  func(c net.Conn) protocols.Wire { return blind{c} },
	} {
		for event, do := range map[string]func(net.Conn){
			"nothing": func(net.Conn) {},
			"end":     func(c net.Conn) { c.Close() },
			"bytes":   func(c net.Conn) { io.WriteString(c, "HTTP/1.1 408 x\r\n\r\n") },
			"reset":   func(c net.Conn) { c.(*net.TCPConn).SetLinger(0); c.Close() },
		} {
			near, far := pair(t)
			l := newLink(t, wrap(near))
			l.Free()
			do(far)
			l.freed = l.freed.Add(-time.Minute)
			want := event == "nothing"
			var got bool
			for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
				if !l.Take() {
					t.Fatal("an idle link cannot be taken")
				}
				if got = l.Ready(); got == want {
					break
				}
				l.freed = l.freed.Add(-time.Minute)
				l.Drop()
				l.state.Store(linkIdle)
			}
			if got != want {
				t.Errorf("%s, %s: ready=%v", name, event, got)
			}
		}
	}
}

func TestStates(t *testing.T) {
	near, _ := pair(t)
	l := newLink(t, blind{near})
	if l.Take() {
		t.Error("a fresh link is taken")
	}
	l.Free()
	if !l.Take() || l.Take() {
		t.Error("one exchange at a time")
	}
	l.Ready()
	l.Retire()
	if _, err := l.Write([]byte("x")); err != nil {
		t.Errorf("retiring cut an exchange: %v", err)
	}
	l.Free()
	if l.Take() {
		t.Error("a retired link is taken")
	}
	if _, err := near.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the wire is open: %v", err)
	}

	near, _ = pair(t)
	l = newLink(t, blind{near})
	l.Free()
	l.Retire()
	if _, err := near.Write([]byte("x")); l.Take() || !errors.Is(err, net.ErrClosed) {
		t.Error("an idle link is retired at once")
	}
}

func TestBytesLeftBehind(t *testing.T) {
	near, far := pair(t)
	l := newLink(t, blind{near})
	io.WriteString(far, "HTTP/1.1 204 x\r\n\r\nHTTP/1.1 200 forged\r\n\r\n")
	r, _ := http.NewRequest("GET", "/", nil)
	if _, err := l.ReadHead(r); err != nil {
		t.Fatal(err)
	}
	l.Free()
	if l.Take() {
		t.Error("the next exchange would read an answer that was not its own")
	}
}

func TestT24_HeadIsBounded(t *testing.T) {
	near, far := pair(t)
	l := newLink(t, blind{near})
	go func() {
		io.WriteString(far, "HTTP/1.1 200 OK\r\nX: ")
		for {
			if _, err := io.WriteString(far, strings.Repeat("a", 4096)); err != nil {
				return
			}
		}
	}()
	r, _ := http.NewRequest("GET", "/", nil)
	if _, err := l.ReadHead(r); !errors.Is(err, errHeadTooLarge) || l.Received() > headLimit+readAhead {
		t.Errorf("%v after %d bytes", err, l.Received())
	}
}

func TestInjection(t *testing.T) {
	cred := func(scheme, name string) *vault.Credential {
		c, err := vault.NewCredential(action.Auth{Scheme: scheme, Name: name, Secrets: []string{"s"}}, vault.NewSecret([]byte("S&1")))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, tt := range []struct {
		cred                           *vault.Credential
		name, value, query             string
		wantValue, wantQuery, wantOurs string
	}{
		{nil, "X-A", "1", "a=1", "1", "a=1", ""},
		{cred("header", "X-A"), "X-A", "1", "a=1", "", "a=1", "S&1"},
		{cred("header", "x-a"), "X-B", "1", "", "1", "", ""},
		{cred("query", "k"), "X-A", "1", "k=mine&a=1&%6b=mine", "1", "a=1&k=S%261", ""},
		{cred("query", "k"), "X-A", "1", "", "1", "k=S%261", ""},
		{cred("cookie", "sid"), "Cookie", "a=1; sid=mine;b=2; sid=again", "", "", "", `a=1; b=2; sid=S&1`},
		{cred("cookie", "sid"), "Cookie", "sid=mine", "", "", "", `sid=S&1`},
	} {
		in, err := Authorize(tt.cred)
		if err != nil {
			t.Fatal(err)
		}
		value := strings.Join(in.Field(tt.name, []string{tt.value}), ",")
		if query := in.Query(tt.query); value != tt.wantValue || query != tt.wantQuery {
			t.Errorf("%q %q: %q %q", tt.value, tt.query, value, query)
		}
		if got := in.Header.Get(tt.name); got != tt.wantOurs {
			t.Errorf("%q: ours is %q, want %q", tt.value, got, tt.wantOurs)
		}
	}
	if _, err := Authorize(cred("password", "u")); err == nil || strings.Contains(fmt.Sprint(err), "S&1") {
		t.Errorf("%v", err)
	}
}

// FuzzReadHead claims that no answer panics, and that a body ends where its head
// says.
func FuzzReadHead(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
		"HTTP/1.1 103 x\r\n\r\nHTTP/1.1 200 x\r\n\r\n", "HTTP/1.0 200\r\n\r\n", "ICY 200 OK\r\n\r\n", "HTTP/1.1 -01 x\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l := &Link{m: new(Maker), conn: reader{strings.NewReader(string(data))}, budget: unlimited}
		l.br = bufio.NewReaderSize(l, readAhead)
		r, _ := http.NewRequest("GET", "/", nil)
		resp, err := l.ReadHead(r)
		if err != nil {
			return
		}
		n, err := io.Copy(io.Discard, resp.Body)
		if err == nil && resp.ContentLength >= 0 && n != resp.ContentLength {
			t.Fatalf("%q: %d bytes of %d", data, n, resp.ContentLength)
		}
	})
}

type reader struct{ *strings.Reader }

func (reader) Write(b []byte) (int, error)      { return len(b), nil }
func (reader) Close() error                     { return nil }
func (reader) LocalAddr() net.Addr              { return nil }
func (reader) RemoteAddr() net.Addr             { return nil }
func (reader) SetDeadline(time.Time) error      { return nil }
func (reader) SetReadDeadline(time.Time) error  { return nil }
func (reader) SetWriteDeadline(time.Time) error { return nil }
