package tun

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

// wire carries the packets of a to b until a closes.
func wire(t testing.TB, wg *sync.WaitGroup, a, b *Device) {
	t.Helper()
	const offset = 16
	wg.Go(func() {
		bufs, sizes := make([][]byte, batchSize), make([]int, batchSize)
		for i := range bufs {
			bufs[i] = make([]byte, 65535)
		}
		for {
			n, err := a.Read(bufs, sizes, offset)
			if err != nil {
				return
			}
			out := make([][]byte, n)
			for i := range out {
				out[i] = bufs[i][:offset+sizes[i]]
			}
			if _, err := b.Write(out, offset); err != nil {
				return
			}
		}
	})
}

// pair is a client and a server that takes any destination, without WireGuard.
func pair(t testing.TB, serve func(*Conn)) (client, server *Net) {
	t.Helper()
	client, err := New(Options{Addrs: []netip.Addr{netip.MustParseAddr("10.77.0.2"), netip.MustParseAddr("fd00::2")}})
	if err != nil {
		t.Fatal(err)
	}
	server, err = New(Options{Any: true})
	if err != nil {
		t.Fatal(err)
	}
	var flows, wires sync.WaitGroup
	var mu sync.Mutex // guards the start of flows against the wait for them
	stopped := false
	forward := tcp.NewForwarder(server.Stack, 0, 100, func(r *tcp.ForwarderRequest) {
		c, err := server.Accept(context.Background(), r)
		mu.Lock()
		defer mu.Unlock()
		if err == nil && !stopped {
			flows.Go(func() { serve(c) })
		}
	})
	server.Stack.SetTransportProtocolHandler(tcp.ProtocolNumber, forward.HandlePacket)
	wire(t, &wires, client.Device, server.Device)
	wire(t, &wires, server.Device, client.Device)
	t.Cleanup(func() {
		client.Close()
		server.Close()
		wires.Wait()
		mu.Lock()
		stopped = true
		mu.Unlock()
		flows.Wait()
	})
	return client, server
}

func echo(c *Conn) {
	defer c.Close()
	io.Copy(c, c)
}

func connectTo(t testing.TB, n *Net, addr string) *Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c, err := n.DialTCP(ctx, netip.AddrPort{}, netip.MustParseAddrPort(addr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestConnKnowsItsEnds(t *testing.T) {
	ends := make(chan string, 1)
	client, _ := pair(t, func(c *Conn) {
		ends <- fmt.Sprint(c.LocalAddr(), " ", c.RemoteAddr())
		c.Close()
	})
	c := connectTo(t, client, "1.2.3.4:80")
	if got, want := <-ends, fmt.Sprint(c.RemoteAddr(), " ", c.LocalAddr()); got != want || c.RemoteAddr().String() != "1.2.3.4:80" {
		t.Errorf("the server sees %q, the client %q", got, want)
	}
}

func TestConnDeadlines(t *testing.T) {
	client, _ := pair(t, echo)
	c := connectTo(t, client, "1.2.3.4:80")
	b := make([]byte, 10)
	isTimeout := func(err error) bool {
		var ne net.Error
		return errors.As(err, &ne) && ne.Timeout() && os.IsTimeout(err)
	}
	c.SetReadDeadline(time.Now().Add(-time.Second))
	if _, err := c.Read(b); !isTimeout(err) {
		t.Errorf("past deadline: %v", err)
	}
	c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if _, err := c.Read(b); !isTimeout(err) {
		t.Errorf("near deadline: %v", err)
	}
	c.SetReadDeadline(time.Time{})
	go func() {
		time.Sleep(10 * time.Millisecond)
		c.SetReadDeadline(time.Now())
	}()
	if _, err := c.Read(b); !isTimeout(err) {
		t.Errorf("deadline set while reading: %v", err)
	}
	c.SetDeadline(time.Time{})
	fmt.Fprint(c, "alive")
	if n, err := c.Read(b); err != nil || string(b[:n]) != "alive" {
		t.Errorf("after the deadlines: %q, %v", b[:n], err)
	}
	c.SetWriteDeadline(time.Now().Add(-time.Second))
	if _, err := c.Write(b); !isTimeout(err) {
		t.Errorf("write: %v", err)
	}
}

func TestConnCloseWakesReadAndWrite(t *testing.T) {
	client, _ := pair(t, func(c *Conn) { time.Sleep(time.Second); c.Abort() })
	for what, wait := range map[string]func(*Conn) error{
		"read":  func(c *Conn) error { _, err := c.Read(make([]byte, 1)); return err },
		"write": func(c *Conn) error { _, err := c.Write(make([]byte, 64<<20)); return err },
	} {
		c := connectTo(t, client, "1.2.3.4:80")
		done := make(chan error, 1)
		go func() { done <- wait(c) }()
		time.Sleep(20 * time.Millisecond)
		c.Close()
		select {
		case err := <-done:
			if err == nil || errors.Is(err, io.EOF) {
				t.Errorf("%s: %v", what, err)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("%s hangs", what)
		}
	}
}

func TestConnGone(t *testing.T) {
	client, _ := pair(t, echo)
	c := connectTo(t, client, "1.2.3.4:80")
	if c.Gone(time.Millisecond) {
		t.Error("an open connection is gone")
	}
	c.Close()
	if !c.Gone(30 * time.Second) {
		t.Error("a closed connection is not gone")
	}
}

func TestWritersWaitForTheReader(t *testing.T) {
	n, err := New(Options{Any: true})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	sent, writers := make(chan int, 2*queueLen), sync.WaitGroup{}
	for range 2 * queueLen {
		writers.Go(func() {
			pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{})
			var list stack.PacketBufferList
			list.PushBack(pkt)
			if k, err := n.Device.link.WritePackets(list); err == nil {
				sent <- k
			}
			pkt.DecRef()
		})
	}
	for range queueLen {
		<-sent
	}
	select {
	case <-sent:
		t.Error("a packet went into a full queue")
	case <-time.After(20 * time.Millisecond):
	}
	n.Device.Close()
	writers.Wait()
}

// A batch of several flows that hash alike is delivered whole: a GRO that keeps
// one back stalls a connection.
func TestWriteKeepsNothingBack(t *testing.T) {
	n, err := New(Options{Any: true})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	got := &counter{}
	n.Device.link.Attach(got)
	for _, flows := range []int{1, 2, 7, 8, 9, 40} {
		got.n = 0
		var batch [][]byte
		for i := range flows {
			batch = append(batch, segment("10.77.0.2", "1.2.3.4", uint16(5000+8*i), 80, 1, 0x10, "some data"))
		}
		if _, err := n.Device.Write(batch, 0); err != nil {
			t.Fatal(err)
		}
		if got.n != flows {
			t.Errorf("%d of %d flows were delivered", got.n, flows)
		}
	}
}

type counter struct{ n int }

func (c *counter) DeliverNetworkPacket(tcpip.NetworkProtocolNumber, *stack.PacketBuffer) { c.n++ }
func (c *counter) DeliverLinkPacket(tcpip.NetworkProtocolNumber, *stack.PacketBuffer)    {}

func TestWriteMergesAStream(t *testing.T) {
	n, err := New(Options{Any: true})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	got := &counter{}
	n.Device.link.Attach(got)
	for _, ends := range [][2]string{{"10.77.0.2", "1.2.3.4"}, {"fd00::2", "2001:db8::1"}} {
		got.n = 0
		var batch [][]byte
		for i := range 40 {
			batch = append(batch, segment(ends[0], ends[1], 5000, 80, uint32(1+i*9), 0x10, "some data"))
		}
		n.Device.Write(batch, 0)
		if got.n != 1 {
			t.Errorf("a stream of 40 segments was delivered in %d", got.n)
		}
	}
}

func TestClosedDevice(t *testing.T) {
	n, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	n.Close()
	n.Close()
	if _, err := n.Device.Read([][]byte{make([]byte, 2000)}, make([]int, 1), 0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("read: %v", err)
	}
	if _, err := n.Device.Write([][]byte{make([]byte, 20)}, 0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("write: %v", err)
	}
}

func TestMTU(t *testing.T) {
	for mtu, ok := range map[int]bool{0: true, 1280: true, 1420: true, 9000: true, 1279: false, 9001: false, -1: false} {
		n, err := New(Options{MTU: mtu})
		if (err == nil) != ok {
			t.Errorf("MTU %d: %v", mtu, err)
		}
		if err == nil {
			n.Close()
		}
	}
}

// Whatever an agent's key signs must not harm the stack that all share.
func FuzzWrite(f *testing.F) {
	for _, flags := range []byte{0x02, 0x10, 0x11, 0x04, 0x18} {
		f.Add(segment("10.77.0.2", "1.2.3.4", 5000, 80, 1, flags, "data"), segment("10.77.0.2", "1.2.3.4", 5000, 80, 5, flags, "data"))
		f.Add(segment("fd00::2", "2001:db8::1", 5000, 80, 1, flags, "data"), segment("fd00::2", "2001:db8::1", 5000, 80, 5, flags, "data"))
	}
	f.Add(packet("10.77.0.2", "1.2.3.4", 17, make([]byte, 20)), packet("fd00::2", "2001:db8::1", 58, []byte{128, 0, 0, 0, 0, 0, 0, 0}))
	f.Add(packet("fd00::2", "2001:db8::1", 0, make([]byte, 20)), packet("fd00::2", "2001:db8::1", 44, make([]byte, 40)))
	n, err := New(Options{Any: true})
	if err != nil {
		f.Fatal(err)
	}
	forward := tcp.NewForwarder(n.Stack, 0, 1000, func(r *tcp.ForwarderRequest) { r.Complete(true) })
	n.Stack.SetTransportProtocolHandler(tcp.ProtocolNumber, forward.HandlePacket)
	var drain sync.WaitGroup
	sink, err := New(Options{})
	if err != nil {
		f.Fatal(err)
	}
	wire(f, &drain, n.Device, sink.Device)
	f.Cleanup(func() { n.Close(); sink.Close(); drain.Wait() })
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if _, err := n.Device.Write([][]byte{a, b, a}, 0); err != nil {
			t.Fatal(err)
		}
	})
}
