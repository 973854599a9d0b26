package reference_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/bench/agent"
	"sallyport.dev/sallyport/internal/bench/reference"
)

// TestForwarder sends bytes through a reference, half-closes, and gets them back.
func TestForwarder(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		b, _ := io.ReadAll(c)
		c.Write(b)
	}()
	f, err := reference.Start(reference.Options{Ports: map[uint16]string{80: l.Addr().String()}})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	a, err := agent.New(f.Config)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if c, err := a.Dial(ctx, netip.MustParseAddrPort("10.66.1.1:81")); err == nil {
		c.Close()
		t.Error("a port that leads nowhere was accepted")
	}
	c, err := a.Dial(ctx, netip.MustParseAddrPort("10.66.1.1:80"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	want := string(make([]byte, 100_000)) + "end"
	if _, err := io.WriteString(c, want); err != nil {
		t.Fatal(err)
	}
	if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if err != nil || string(got) != want {
		t.Errorf("%d of %d bytes came back: %v", len(got), len(want), err)
	}
	if n := a.Counters(); n.Packets == 0 || n.Repeats > n.Packets/2 { // an ordinary endpoint sends a window twice where this machine stands still
		t.Errorf("%+v", n)
	}
}
