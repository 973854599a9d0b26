package front_test

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/netstack/tailnet/front"
)

// conn is a connection as a stack gives it.
type conn struct{ net.Conn }

func (conn) CloseWrite() error       { return nil }
func (conn) Abort()                  {}
func (conn) Gone(time.Duration) bool { return true }

func pipe(t *testing.T) netstack.Conn {
	here, there := net.Pipe()
	t.Cleanup(func() { here.Close(); there.Close() })
	return conn{here}
}

func node(i int) netip.Addr { return netip.AddrFrom4([4]byte{100, 64, byte(i >> 8), byte(i)}) }

func open() *front.Front {
	return front.New(443, func() netip.Addr { return node(1) })
}

func TestVisitsAreBounded(t *testing.T) {
	f := open()
	defer f.Close()
	var first func(netstack.Conn)
	for i := range 32 {
		take := f.Take(node(7))
		if take == nil {
			t.Fatalf("no room for visit %d of a node", i+1)
		}
		if first == nil {
			first = take
		}
	}
	if f.Take(node(7)) != nil {
		t.Error("a node makes more than 32 visits")
	}
	first(nil) // its handshake failed
	if f.Take(node(7)) == nil {
		t.Error("a visit that failed takes room for ever")
	}
	for i := range 256 - 32 {
		if f.Take(node(100+i)) == nil {
			t.Fatalf("no room after %d visits", 32+i)
		}
	}
	if f.Take(node(9999)) != nil {
		t.Error("there are more than 256 visits")
	}
}

func TestAVisitMakesRoomWhenItEnds(t *testing.T) {
	f := open()
	defer f.Close()
	for range 3 * 32 {
		take := f.Take(node(7))
		if take == nil {
			t.Fatal("visits that ended take room")
		}
		go take(pipe(t))
		c, err := f.Accept()
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		c.Close() // twice is once
	}
}

func TestClosed(t *testing.T) {
	f := open()
	take := f.Take(node(7))
	f.Close()
	f.Close()
	if _, err := f.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("it accepts: %v", err)
	}
	c := pipe(t)
	take(c)
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("a visit that came too late lives on")
	}
	if f.Addr().String() != "100.64.0.1:443" {
		t.Errorf("it is at %s", f.Addr())
	}
}
