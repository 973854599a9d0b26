package entry

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A call is an ear with its other end, in time that passes when all wait.
type call struct {
	*Ear
	agent net.Conn
	gone  atomic.Int32 // how often a hang-up was told
}

// calls runs f with an ear and the other end.
func calls(t *testing.T, f func(t *testing.T, c *call)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		c := &call{agent: far}
		c.Ear = NewEar(near, func() { c.gone.Add(1) })
		f(t, c)
		c.Close()
		far.Close()
		c.Wait()
	})
}

// begin is what net/http does when it has read a request.
func (c *call) begin(t *testing.T) {
	t.Helper()
	c.SetReadDeadline(time.Time{})
	if n, err := c.Read(make([]byte, 1)); n != 0 || err != nil {
		t.Errorf("the read that waits for a hang-up: %d, %v", n, err)
	}
}

// next is what net/http does when it has answered.
func (c *call) next() (string, error) {
	c.SetReadDeadline(time.Now().Add(time.Hour))
	b := make([]byte, 16)
	n, err := c.Read(b)
	return string(b[:n]), err
}

func (c *call) say(text string) { go io.WriteString(c.agent, text) }

func (c *call) expect(t *testing.T, want string) {
	t.Helper()
	if got, err := c.next(); got != want || err != nil {
		t.Errorf("read %q, %v; want %q", got, err, want)
	}
}

func TestAQuickRequestIsNotListenedTo(t *testing.T) {
	calls(t, func(t *testing.T, c *call) {
		for range 3 {
			c.begin(t)
			c.say("GET /")
			c.expect(t, "GET /") // not in two pieces
			time.Sleep(patience - time.Millisecond)
		}
	})
}

func TestALongRequestIsListenedTo(t *testing.T) {
	calls(t, func(t *testing.T, c *call) {
		c.begin(t)
		time.Sleep(patience)
		synctest.Wait()
		c.agent.Close()
		synctest.Wait()
		if n := c.gone.Load(); n != 1 {
			t.Errorf("the hang-up was told %d times", n)
		}
		if _, err := c.next(); !errors.Is(err, io.EOF) {
			t.Errorf("the next read: %v", err)
		}
	})
}

// What the agent sends before it has its answer is the next request.
func TestWhatIsHeardIsRead(t *testing.T) {
	calls(t, func(t *testing.T, c *call) {
		c.begin(t)
		time.Sleep(patience)
		c.say("GET /")
		synctest.Wait()
		c.begin(t) // a body ended: net/http waits once more
		c.expect(t, "G")
		c.expect(t, "ET /")
		if c.gone.Load() != 0 {
			t.Error("told of a hang-up")
		}
	})
}

func TestTheNextReadEndsTheListening(t *testing.T) {
	calls(t, func(t *testing.T, c *call) {
		c.begin(t)
		time.Sleep(patience)
		synctest.Wait()
		go func() {
			time.Sleep(time.Minute)
			io.WriteString(c.agent, "GET /")
		}()
		c.expect(t, "GET /")
		c.SetReadDeadline(time.Now().Add(-time.Second))
		if _, err := c.Read(make([]byte, 16)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("past its time: %v", err)
		}
		go func() {
			time.Sleep(time.Second)
			c.SetReadDeadline(time.Unix(1, 0)) // of a read that goes on
		}()
		if _, err := c.next(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a read whose time ended: %v", err)
		}
	})
}

// A request that is under way when another has set the timer is listened to when it
// takes long by itself.
func TestPatienceIsOfEachRequest(t *testing.T) {
	calls(t, func(t *testing.T, c *call) {
		c.begin(t)
		c.say("GET /")
		c.expect(t, "GET /")
		time.Sleep(patience - time.Millisecond)
		c.begin(t)
		time.Sleep(patience - time.Millisecond)
		c.say("GET /")
		c.expect(t, "GET /")
		c.begin(t)
		time.Sleep(patience)
		synctest.Wait()
		c.agent.Close()
		synctest.Wait()
		if c.gone.Load() != 1 {
			t.Error("not listened to")
		}
	})
}

// Whoever took the connection over reads what there is, and hears its end himself.
func TestAReleasedConnectionIsAPlainOne(t *testing.T) {
	calls(t, func(t *testing.T, c *call) {
		c.begin(t)
		time.Sleep(patience)
		synctest.Wait()
		c.SetDeadline(time.Time{})
		c.Release()
		c.say("x")
		b := make([]byte, 1)
		if n, err := c.Read(b); n != 1 || b[0] != 'x' || err != nil {
			t.Errorf("%d, %q, %v", n, b, err)
		}
		c.agent.Close()
		if _, err := c.Read(b); !errors.Is(err, io.EOF) {
			t.Errorf("at its end: %v", err)
		}
		if c.gone.Load() != 0 {
			t.Error("told of a hang-up")
		}
	})
}

// net/http takes a deadline away behind every answer. An agent that takes nothing is
// not waited for longer for that, nor is one that begins with it later.
func TestAnAgentThatTakesNothingEndsTheWrite(t *testing.T) {
	calls(t, func(t *testing.T, c *call) {
		for range 3 {
			c.begin(t)
			go c.agent.Read(make([]byte, 16))
			if _, err := c.Write([]byte("an answer")); err != nil {
				t.Fatal(err)
			}
			c.SetWriteDeadline(time.Time{})
			time.Sleep(40 * time.Second)
		}
		begun := time.Now()
		_, err := c.Write([]byte("an answer"))
		if took := time.Since(begun); !errors.Is(err, os.ErrDeadlineExceeded) || took < stall/2 || took > stall {
			t.Errorf("%v, after %v", err, took)
		}
	})
	calls(t, func(t *testing.T, c *call) {
		go c.agent.Read(make([]byte, 16))
		c.Write([]byte("an answer"))
		c.Release()
		begun := time.Now()
		c.SetWriteDeadline(begun.Add(time.Hour)) // of whoever took it over
		_, err := c.Write([]byte("words"))
		if took := time.Since(begun); !errors.Is(err, os.ErrDeadlineExceeded) || took != time.Hour {
			t.Errorf("%v, after %v", err, took)
		}
	})
}

func TestCloseEndsTheListening(t *testing.T) {
	calls(t, func(t *testing.T, c *call) {
		c.begin(t) // the timer runs
	})
	calls(t, func(t *testing.T, c *call) {
		c.begin(t)
		time.Sleep(patience)
		synctest.Wait() // it listens
	})
}

// net/http, which it is made for, serves by it: requests one after the other and
// in one piece, quick and slow ones, with bodies and without.
func TestAnEarUnderNetHTTP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		l := NewSingle(&Framing{Conn: near, at: -1}, func() {})
		var paths []string
		srv := &http.Server{
			ConnState:         l.Follow,
			ReadHeaderTimeout: time.Minute, IdleTimeout: time.Minute,
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				if r.URL.Query().Has("slow") {
					time.Sleep(3 * patience)
				}
				paths = append(paths, r.URL.Path)
				w.Header().Set("Content-Length", "0")
			}),
		}
		go srv.Serve(l)
		go io.WriteString(far, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2?slow HTTP/1.1\r\nHost: a\r\n\r\n"+
			"POST /3?slow HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"+
			"POST /4 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /5?slow HTTP/1.1\r\nHost: a\r\n\r\n")
		go io.Copy(io.Discard, far)
		time.Sleep(time.Second)
		io.WriteString(far, "GET /6 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		time.Sleep(time.Second)
		srv.Close()
		far.Close()
		l.End()
		if got := len(paths); got != 6 || paths[5] != "/6" {
			t.Errorf("%q", paths)
		}
	})
}
