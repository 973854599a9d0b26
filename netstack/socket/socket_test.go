package socket

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// pair is a connection to the loopback and its other end.
func pair(t *testing.T) (net.Conn, *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	other, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); other.Close() })
	return c, other.(*net.TCPConn)
}

// TestLikeAnyConnection holds what New gives against a plain connection: the same
// is done to both, and the same must come of it.
func TestLikeAnyConnection(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(c net.Conn, other *net.TCPConn) (int, error)
		want error // one that the error is
	}{
		{"read what is there", func(c net.Conn, other *net.TCPConn) (int, error) {
			other.Write([]byte("hello"))
			return io.ReadFull(c, make([]byte, 5))
		}, nil},
		{"read into nothing", func(c net.Conn, _ *net.TCPConn) (int, error) { return c.Read(nil) }, nil},
		{"write nothing", func(c net.Conn, _ *net.TCPConn) (int, error) { return c.Write(nil) }, nil},
		{"wait for what comes later", func(c net.Conn, other *net.TCPConn) (int, error) {
			time.AfterFunc(20*time.Millisecond, func() { other.Write([]byte("late")) })
			return io.ReadFull(c, make([]byte, 4))
		}, nil},
		{"the other end has said all", func(c net.Conn, other *net.TCPConn) (int, error) {
			other.CloseWrite()
			return c.Read(make([]byte, 1))
		}, io.EOF},
		{"the deadline is over before", func(c net.Conn, _ *net.TCPConn) (int, error) {
			c.SetReadDeadline(time.Unix(1, 0))
			return c.Read(make([]byte, 1))
		}, os.ErrDeadlineExceeded},
		{"the deadline comes meanwhile", func(c net.Conn, _ *net.TCPConn) (int, error) {
			c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
			return c.Read(make([]byte, 1))
		}, os.ErrDeadlineExceeded},
		{"closed before", func(c net.Conn, _ *net.TCPConn) (int, error) {
			c.Close()
			return c.Read(make([]byte, 1))
		}, net.ErrClosed},
		{"closed meanwhile", func(c net.Conn, _ *net.TCPConn) (int, error) {
			time.AfterFunc(20*time.Millisecond, func() { c.Close() })
			return c.Read(make([]byte, 1))
		}, net.ErrClosed},
		{"reset", func(c net.Conn, other *net.TCPConn) (int, error) {
			other.SetLinger(0)
			other.Close()
			return c.Read(make([]byte, 1))
		}, syscall.ECONNRESET},
		{"write after closing", func(c net.Conn, _ *net.TCPConn) (int, error) {
			c.Close()
			return c.Write([]byte("x"))
		}, net.ErrClosed},
		{"write to nobody who reads, until the deadline", func(c net.Conn, _ *net.TCPConn) (int, error) {
			much := make([]byte, 64<<20)
			for range 20 { // a deadline that is over when Write begins lets nothing through
				c.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
				if n, err := c.Write(much); n > 0 {
					return 1, err // how much fitted is the kernel's
				}
			}
			return 0, nil
		}, os.ErrDeadlineExceeded},
		{"write to one who is gone", func(c net.Conn, other *net.TCPConn) (int, error) {
			other.SetLinger(0)
			other.Close()
			for {
				if _, err := c.Write([]byte("x")); err != nil {
					return 0, err
				}
			}
		}, syscall.EPIPE},
	} {
		t.Run(c.name, func(t *testing.T) {
			plain, other := pair(t)
			wantN, wantErr := c.do(plain, other)
			inner, other := pair(t)
			n, err := c.do(New(inner), other)
			if n != wantN || !errors.Is(err, c.want) && !resets(err, c.want) {
				t.Errorf("got %d, %v; want %d, %v", n, err, wantN, c.want)
			}
			if shape(err) != shape(wantErr) {
				t.Errorf("the error reads %q, of a plain connection %q", shape(err), shape(wantErr))
			}
		})
	}
}

// resets reports whether both are ways in which a write learns that nobody is there.
func resets(err, want error) bool {
	return errors.Is(want, syscall.EPIPE) && errors.Is(err, syscall.ECONNRESET)
}

// shape is an error without addresses.
func shape(err error) string {
	var e *net.OpError
	if !errors.As(err, &e) {
		if err == nil {
			return ""
		}
		return err.Error()
	}
	cause := strings.NewReplacer("connection reset by peer", "gone", "broken pipe", "gone").Replace(e.Err.Error())
	return e.Op + " " + e.Net + ": " + cause
}

func TestWritersDoNotMix(t *testing.T) {
	inner, other := pair(t)
	c := New(inner)
	const each = 1 << 20
	var wg sync.WaitGroup
	for _, b := range []byte("ab") {
		wg.Go(func() {
			if n, err := c.Write(bytes.Repeat([]byte{b}, each)); n != each || err != nil {
				t.Errorf("wrote %d of %q: %v", n, b, err)
			}
		})
	}
	go func() { wg.Wait(); c.Close() }()
	all, err := io.ReadAll(other)
	if err != nil || len(all) != 2*each {
		t.Fatalf("read %d: %v", len(all), err)
	}
	if first := all[:each]; len(bytes.Trim(first, "a")) != 0 && len(bytes.Trim(first, "b")) != 0 {
		t.Error("two writes are mixed")
	}
}

func TestQuiet(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(c net.Conn, other *net.TCPConn)
		want bool
	}{
		"nothing came":     {func(net.Conn, *net.TCPConn) {}, true},
		"something came":   {func(_ net.Conn, other *net.TCPConn) { other.Write([]byte("x")) }, false},
		"its end came":     {func(_ net.Conn, other *net.TCPConn) { other.Close() }, false},
		"it is closed":     {func(c net.Conn, _ *net.TCPConn) { c.Close() }, false},
		"its time is over": {func(c net.Conn, _ *net.TCPConn) { c.SetReadDeadline(time.Unix(1, 0)) }, false},
		"it came and is read": {func(c net.Conn, other *net.TCPConn) {
			other.Write([]byte("x"))
			c.Read(make([]byte, 1))
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			inner, other := pair(t)
			conn := New(inner)
			q, ok := conn.(interface{ Quiet() bool })
			if !ok {
				t.Skip("this system has no such call")
			}
			c.do(conn, other)
			for range 5000 { // what was sent needs a moment over the loopback
				if q.Quiet() == c.want {
					return
				}
				time.Sleep(time.Millisecond)
			}
			t.Errorf("quiet is not %v", c.want)
		})
	}
}

func TestNewLeavesOthersAlone(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if New(a) != a {
		t.Error("a pipe is no socket")
	}
}

func TestNothingIsAllocated(t *testing.T) {
	inner, other := pair(t)
	c := New(inner)
	out, in := []byte("ping"), make([]byte, 4)
	if n := testing.AllocsPerRun(100, func() {
		other.Write(out)
		io.ReadFull(c, in)
		c.Write(in)
		io.ReadFull(other, in)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
