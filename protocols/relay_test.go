package protocols

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

func pair(t testing.TB) (net.Conn, net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

type outcome struct {
	n   Relayed
	err error
}

// start relays between two connections and gives their far ends.
func start(t *testing.T, ctx context.Context, r *Relay) (a, b net.Conn, done chan outcome) {
	a, gateA := pair(t)
	b, gateB := pair(t)
	done = make(chan outcome, 1)
	go func() {
		n, err := r.Run(ctx, gateA, gateB)
		done <- outcome{n, err}
	}()
	return a, b, done
}

// A side that is done sending still gets the late answer.
func TestRelayHalfClose(t *testing.T) {
	a, b, done := start(t, context.Background(), new(Relay))
	io.WriteString(a, "question")
	a.(*net.TCPConn).CloseWrite()
	if got, err := io.ReadAll(b); string(got) != "question" || err != nil {
		t.Fatalf("%q %v", got, err)
	}
	io.WriteString(b, "late answer")
	b.Close()
	if got, err := io.ReadAll(a); string(got) != "late answer" || err != nil {
		t.Fatalf("%q %v", got, err)
	}
	if o := <-done; o.err != nil || o.n != (Relayed{8, 11}) {
		t.Errorf("%+v", o)
	}
}

func TestRelayBulk(t *testing.T) {
	a, b, done := start(t, context.Background(), new(Relay))
	data := make([]byte, 5<<20)
	rand.Read(data)
	for _, way := range [][2]net.Conn{{a, b}, {b, a}} {
		go func() {
			way[0].Write(data)
			way[0].(*net.TCPConn).CloseWrite()
		}()
	}
	got := make(chan bool, 2)
	for _, c := range []net.Conn{a, b} {
		go func() {
			all, err := io.ReadAll(c)
			got <- err == nil && bytes.Equal(all, data)
		}()
	}
	if first, second := <-got, <-got; !first || !second {
		t.Error("what arrived is not what was sent")
	}
	if o := <-done; o.err != nil || o.n != (Relayed{int64(len(data)), int64(len(data))}) {
		t.Errorf("%+v", o)
	}
}

func TestRelayEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	a, b, done := start(t, ctx, new(Relay))
	why := errors.New("revoked")
	cancel(why)
	if o := <-done; !errors.Is(o.err, why) {
		t.Errorf("%+v", o)
	}
	for _, c := range []net.Conn{a, b} {
		c.SetReadDeadline(time.Now().Add(30 * time.Second))
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("still open: %v", err)
		}
	}
}

// One direction that moves keeps the other alive; when none does, both end.
func TestRelayIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const idle = 150 * time.Millisecond
		a, gateA := net.Pipe()
		b, gateB := net.Pipe()
		defer a.Close()
		done := make(chan outcome, 1)
		go func() {
			n, err := (&Relay{Idle: idle}).Run(context.Background(), piped{gateA}, piped{gateB})
			done <- outcome{n, err}
		}()
		go io.Copy(io.Discard, b)
		for range 10 {
			io.WriteString(a, "x")
			select {
			case o := <-done:
				t.Fatalf("ended while it moved: %+v", o)
			case <-time.After(idle / 3):
			}
		}
		select {
		case o := <-done:
			if !errors.Is(o.err, errIdle) || o.n.Sent != 10 {
				t.Errorf("%+v", o)
			}
		case <-time.After(10 * time.Second):
			t.Error("idles for ever")
		}
	})
}

// piped is an end of a pipe that says in the words of a network that it was closed.
type piped struct{ net.Conn }

func (p piped) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	return n, worded(err)
}

func (p piped) SetReadDeadline(t time.Time) error { return worded(p.Conn.SetReadDeadline(t)) }

func worded(err error) error {
	if errors.Is(err, io.ErrClosedPipe) {
		return net.ErrClosed
	}
	return err
}

func TestRelayOneSideBreaks(t *testing.T) {
	a, b, done := start(t, context.Background(), new(Relay))
	a.(*net.TCPConn).SetLinger(0)
	a.Close()
	if o := <-done; o.err == nil {
		t.Errorf("%+v", o)
	}
	b.SetReadDeadline(time.Now().Add(30 * time.Second))
	if _, err := b.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the other side was left")
	}
}
