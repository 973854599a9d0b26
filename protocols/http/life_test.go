package http

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/protocols/http/ask"
	"sallyport.dev/sallyport/protocols/http/origin"
)

// A front is the agent's side of one request, as net/http shows it to a handler.
// It counts who is inside; nobody may be once the handler has returned.
type front struct {
	*httptest.ResponseRecorder
	inside atomic.Int32
	by     atomic.Pointer[time.Time] // the read deadline
	cut    chan struct{}             // closed when the read deadline has passed
	once   sync.Once
	late   func()       // called within the deadline that cuts
	write  func() error // called by Write
}

func newFront() *front {
	return &front{ResponseRecorder: httptest.NewRecorder(), cut: make(chan struct{})}
}

func (f *front) SetReadDeadline(at time.Time) error {
	f.inside.Add(1)
	defer f.inside.Add(-1)
	f.by.Store(&at)
	if !at.IsZero() && !at.After(time.Now()) {
		if f.late != nil {
			f.late()
		}
		f.once.Do(func() { close(f.cut) })
	}
	return nil
}

func (*front) SetWriteDeadline(time.Time) error { return nil }
func (*front) EnableFullDuplex() error          { return nil }

func (f *front) Write(b []byte) (int, error) {
	if f.write != nil {
		if err := f.write(); err != nil {
			return 0, err
		}
	}
	return f.ResponseRecorder.Write(b)
}

// Read is the body: a beginning, and then nothing until the deadline.
func (f *front) Read(b []byte) (int, error) {
	f.inside.Add(1)
	defer f.inside.Add(-1)
	var due <-chan time.Time
	if by := f.by.Load(); by != nil && !by.IsZero() {
		due = time.After(time.Until(*by))
	}
	select {
	case <-f.cut:
	case <-due:
	}
	return 0, os.ErrDeadlineExceeded
}

func (*front) Close() error { return nil }

// request is a POST whose body does not end, over a version of HTTP.
func (f *front) request(ctx context.Context, major int, body io.ReadCloser) *http.Request {
	return (&http.Request{
		Method: "POST", RequestURI: "/x", Host: "api.example", Proto: fmt.Sprintf("HTTP/%d", major), ProtoMajor: major, ProtoMinor: 2 - major,
		Header: http.Header{}, ContentLength: -1, Body: body,
	}).WithContext(ctx)
}

func (b *bench) site() *site {
	return &site{begin: func() {}, p: b.p, do: b.do, Place: ask.Place{
		Peer: &action.Peer{ID: "peer-1", Name: "tester"}, Service: b.svc, Name: b.host, Dst: b.dst, Secure: true,
	}}
}

// The deadline that ends a held body is set on the agent's stream, which dies with
// the handler: an HTTP/2 stream that is reset while it is held took the process
// along.
func TestHoldOutlivesItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFront()
		gate := make(chan struct{})
		f.late = func() { <-gate }
		ctx, cancel := context.WithCancel(context.Background())
		body := resetBody{cancel}
		p := New()
		x := &exchange{Ask: &ask.Ask{}, site: &site{p: p}, w: f, r: f.request(ctx, 2, body)}
		returned := make(chan error, 1)
		go func() { returned <- x.hold(ctx, 100) }()
		synctest.Wait()
		select {
		case <-returned:
			t.Error("hold returned while its deadline was being set")
		default:
		}
		close(gate)
		if err := <-returned; err == nil {
			t.Error("a reset body was held")
		}
		if f.inside.Load() != 0 {
			t.Error("someone still uses the stream")
		}
	})
}

// A resetBody ends the request's context and fails, as a reset stream does.
type resetBody struct{ cancel func() }

func (b resetBody) Read([]byte) (int, error) { b.cancel(); return 0, errors.New("reset") }
func (resetBody) Close() error               { return nil }

// However an exchange ends, nobody reads the agent's body or touches its stream
// afterwards.
func TestPumpEndsWithItsExchange(t *testing.T) {
	answers := map[string]string{
		"whole":              "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"unasked 101":        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n",
		"no answer":          "",
		"not HTTP":           "hello\r\n\r\n",
		"broken off":         "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok",
		"too many hints":     strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 20),
		"agent takes none":   "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"panic of the agent": "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
	}
	for name, answer := range answers {
		for _, major := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s/%d", name, major), func(t *testing.T) {
				b := bareBench(t)
				b.rawOrigin(func(c net.Conn) {
					br := bufio.NewReader(c)
					for line := ""; line != "\r\n"; {
						var err error
						if line, err = br.ReadString('\n'); err != nil {
							return
						}
					}
					io.WriteString(c, answer)
					if answer == "" || name == "broken off" {
						return
					}
					io.Copy(io.Discard, br)
				})
				f := newFront()
				switch name {
				case "agent takes none":
					f.write = func() error { return errors.New("gone") }
				case "panic of the agent":
					f.write = func() error { panic("a bug") }
				}
				s := b.site()
				func() {
					defer func() {
						if r := recover(); r != nil && r != http.ErrAbortHandler { //nolint:errorlint // net/http compares it like this
							t.Errorf("panic: %v", r)
						}
					}()
					s.ServeHTTP(f, f.request(context.Background(), major, f))
				}()
				if n := f.inside.Load(); n != 0 {
					t.Errorf("%d goroutines still use the agent's stream", n)
				}
				for _, l := range b.pool {
					if l.Take() {
						t.Error("the link may be used again")
					}
				}
				if name == "panic of the agent" && (s.bug() == nil || !strings.Contains(s.bug().Error(), "panic")) {
					t.Errorf("nobody hears of it: %v", s.bug())
				}
				if len(b.recorded()) != 1 {
					t.Errorf("%d records", len(b.recorded()))
				}
			})
		}
	}
}

// An origin answers as soon as it has the last byte, which may be before the pump has
// come to its end: the connection goes on, and so does the link, and the body is kept.
func TestAPumpThatHasAllIsWaitedFor(t *testing.T) {
	words := `{"a":"` + strings.Repeat("some words ", smallBody/8) + `"}`
	for _, major := range []int{1, 2} {
		b := bareBench(t)
		b.svc.RecordBodies = 2 * int64(len(words))
		answered := make(chan struct{})
		b.rawOrigin(func(c net.Conn) {
			r, err := http.ReadRequest(bufio.NewReader(c))
			if err != nil {
				return
			}
			io.Copy(io.Discard, r.Body)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			close(answered)
			io.Copy(io.Discard, c)
		})
		f := newFront()
		r := f.request(context.Background(), major, &lateEnd{strings.NewReader(words), answered, f.cut})
		r.ContentLength = int64(len(words))
		r.Header.Set("Content-Type", "application/json")
		b.site().ServeHTTP(f, r)
		act := b.waitRecords(1)[0].act
		if got := kept(t, act); got != words || f.Header().Get("Connection") != "" {
			t.Errorf("HTTP/%d: %d bytes are kept, the answer has %v", major, len(got), f.Header())
		}
		if len(b.pool) != 1 || !b.pool[0].Take() {
			t.Errorf("HTTP/%d: the link is given up", major)
		}
	}
}

// A lateEnd is a body whose end comes when it was answered, and a while after that.
type lateEnd struct {
	*strings.Reader
	answered chan struct{}
	cut      chan struct{} // no more is read
}

func (l *lateEnd) Read(b []byte) (int, error) {
	if l.Len() == 0 {
		<-l.answered
		select {
		case <-l.cut:
			return 0, os.ErrDeadlineExceeded
		case <-time.After(25 * pumpGrace):
		}
	}
	return l.Reader.Read(b)
}

func (*lateEnd) Close() error { return nil }

// A bug that the bytes of an agent or an origin meet ends one exchange, not the
// process, and the operator hears of it.
func TestPanicOfThePump(t *testing.T) {
	b := bareBench(t)
	b.rawOrigin(func(c net.Conn) { io.Copy(io.Discard, c) })
	f := newFront()
	s := b.site()
	s.ServeHTTP(f, f.request(context.Background(), 1, badBody{}))
	err := s.bug()
	if !protocols.IsPanic(err) || !strings.Contains(err.Error(), "life_test.go") || strings.Contains(err.Error(), "a secret") {
		t.Errorf("the operator reads %v", err)
	}
	if r := b.waitRecords(1)[0]; !r.res.Failed || f.Code != http.StatusBadGateway {
		t.Errorf("%d %+v", f.Code, r)
	}
}

type badBody struct{}

func (badBody) Read([]byte) (int, error) { panic("a secret") }
func (badBody) Close() error             { return nil }

// A body that dribbles holds a link and a request only so long.
func TestT10_SlowBody(t *testing.T) {
	for _, tt := range []struct {
		name   string
		stated int64
		every  time.Duration
		piece  int
		ok     bool
	}{
		{"dribble", 100 << 10, 10 * time.Second, 1, false},
		{"just too slow", 400 << 10, time.Second, 1000, false},
		{"slow enough", 100 << 10, time.Second, 1100, true},
		{"half of a conversation", -1, 30 * time.Second, 10, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				drained := make(chan struct{})
				go func() { defer close(drained); io.Copy(io.Discard, far) }()
				f := newFront()
				p := New()
				l, err := p.origins.Open(true).Dress(context.Background(), &fakeWire{Conn: near})
				if err != nil {
					t.Fatal(err)
				}
				link := l.(*origin.Link)
				link.Ready()
				r := f.request(context.Background(), 1, f)
				r.ContentLength = tt.stated
				tr := &transfer{exchange: &exchange{site: &site{p: p}, w: f, r: r}, l: link}
				start := time.Now()
				err = tr.copyBody(&dribble{every: tt.every, piece: tt.piece, left: 100}, false)
				took := time.Since(start)
				if (err == nil) != tt.ok || err != nil && (!errors.Is(err, errAgentBody) || took > 45*time.Second) {
					t.Errorf("after %v: %v", took, err)
				}
				link.Kill()
				far.Close()
				<-drained
			})
		})
	}
}

// A dribble gives a piece every so often.
type dribble struct {
	every       time.Duration
	piece, left int
}

func (d *dribble) Read(b []byte) (int, error) {
	if d.left--; d.left < 0 {
		return 0, io.EOF
	}
	time.Sleep(d.every)
	return d.piece, nil
}

// So does a small one, which is read before anything is sent.
func TestT10_SlowSmallBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFront()
		r := f.request(context.Background(), 2, f)
		r.ContentLength = 100
		tr := &transfer{exchange: &exchange{site: &site{p: New()}, w: f, r: r}}
		start := time.Now()
		err := tr.readSmall(f, make([]byte, 100))
		if took := time.Since(start); !errors.Is(err, os.ErrDeadlineExceeded) || took != bodyIdle {
			t.Errorf("after %v: %v", took, err)
		}
		if err := tr.readSmall(strings.NewReader("hello"), make([]byte, 5)); err != nil || !f.by.Load().IsZero() {
			t.Errorf("%v; the deadline stands at %v", err, f.by.Load())
		}
		if err := tr.readSmall(strings.NewReader("hell"), make([]byte, 5)); err == nil {
			t.Error("four bytes of five are a whole body")
		}
	})
}
