package socket

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/notrun"

	"golang.org/x/sys/unix"
	"golang.zx2c4.com/wireguard/conn"
)

// An end is an open Bind whose datagrams are read one at a time.
type end struct {
	t    *testing.T
	bind *Bind
	port uint16
	fns  []conn.ReceiveFunc

	bufs  [][]byte
	sizes []int
	eps   []conn.Endpoint
	at, n int
	most  int // datagrams of one batch
}

func newEnd(t *testing.T) *end {
	t.Helper()
	e := &end{t: t, bind: new(Bind), sizes: make([]int, batchSize), eps: make([]conn.Endpoint, batchSize)}
	for range batchSize {
		e.bufs = append(e.bufs, make([]byte, 65535))
	}
	var err error
	if e.fns, e.port, err = e.bind.Open(0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.bind.Close() })
	for _, f := range []*family{e.bind.v4, e.bind.v6} {
		if f != nil {
			f.conn.SetReadDeadline(time.Now().Add(time.Minute)) // what is lost shall be an error
		}
	}
	return e
}

// address is the end's, of the loopback of a family.
func (e *end) address(family int) *Endpoint {
	at := []string{"127.0.0.1", "::1"}[family]
	return &Endpoint{path: path{there: netip.AddrPortFrom(netip.MustParseAddr(at), e.port)}}
}

// next waits for one datagram.
func (e *end) next(family int) ([]byte, *Endpoint) {
	e.t.Helper()
	for e.at == e.n {
		n, err := e.fns[family](e.bufs, e.sizes, e.eps)
		if err != nil {
			e.t.Fatal(err)
		}
		e.at, e.n, e.most = 0, n, max(e.most, n)
	}
	i := e.at
	e.at++
	return e.bufs[i][:e.sizes[i]], e.eps[i].(*Endpoint)
}

// batch makes datagrams of these sizes that all differ.
func batch(sizes ...int) [][]byte {
	var bufs [][]byte
	for i, n := range sizes {
		b := bytes.Repeat([]byte{byte(i)}, n)
		if n >= 4 {
			binary.BigEndian.PutUint32(b, uint32(i))
		}
		bufs = append(bufs, b)
	}
	return bufs
}

func eachFamily(t *testing.T, f func(t *testing.T, family int)) {
	for family, name := range []string{"IPv4", "IPv6"} {
		t.Run(name, func(t *testing.T) {
			c, err := net.ListenPacket("udp", []string{"127.0.0.1:0", "[::1]:0"}[family])
			if err != nil {
				notrun.Skip(t, fmt.Sprintf("this machine has no %s: %v", name, err))
			}
			c.Close()
			f(t, family)
		})
	}
}

func TestWhatIsSentArrivesInOrder(t *testing.T) {
	tests := map[string][]int{
		"one":                              {148},
		"an empty one":                     {0, 32},
		"all of a size":                    slices.Repeat([]int{1452}, batchSize),
		"the last is shorter":              append(slices.Repeat([]int{1452}, 20), 700),
		"a shorter one in the middle":      {1000, 1000, 400, 1000, 1000},
		"growing":                          {100, 200, 300, 400},
		"more than are cut from one":       slices.Repeat([]int{64}, 100),
		"more bytes than one datagram has": slices.Repeat([]int{9000}, 20),
		"more than a batch":                slices.Repeat([]int{80}, 3*batchSize),
		"the longest":                      {65507 - 20, 10},
	}
	for name, sizes := range tests {
		t.Run(name, func(t *testing.T) {
			eachFamily(t, func(t *testing.T, family int) {
				a, b := newEnd(t), newEnd(t)
				want := batch(sizes...)
				if err := a.bind.Send(want, b.address(family)); err != nil {
					t.Fatal(err)
				}
				for i, w := range want {
					if got, _ := b.next(family); !bytes.Equal(got, w) {
						t.Fatalf("datagram %d is %d bytes, not the %d that were sent as this one", i, len(got), len(w))
					}
				}
			})
		})
	}
}

func TestTheAnswerLeavesWhereTheQuestionCame(t *testing.T) {
	a, b := newEnd(t), newEnd(t)
	to := &Endpoint{path: path{there: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.77"), b.port)}}
	if err := a.bind.Send(batch(10), to); err != nil {
		t.Fatal(err)
	}
	_, from := b.next(0)
	if err := b.bind.Send(batch(10), from); err != nil {
		t.Fatal(err)
	}
	if _, answer := a.next(0); answer.DstToString() != to.DstToString() {
		t.Errorf("the answer came from %s, the question went to %s", answer.DstToString(), to.DstToString())
	}
}

func TestASourceThatIsGoneIsForgotten(t *testing.T) {
	eachFamily(t, func(t *testing.T, family int) {
		a, b := newEnd(t), newEnd(t)
		to := b.address(family)
		to.here = netip.MustParseAddr([]string{"192.0.2.1", "2001:db8::1"}[family])
		if err := a.bind.Send(batch(100, 100, 50), to); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			b.next(family)
		}
		if to.SrcIP().IsValid() {
			t.Error("the next datagram will try it again")
		}
	})
}

func TestADatagramThatIsTooLongIsAnError(t *testing.T) {
	a, b := newEnd(t), newEnd(t)
	if err := a.bind.Send([][]byte{make([]byte, 65535)}, b.address(0)); !errors.Is(err, unix.EMSGSIZE) {
		t.Errorf("%v, not EMSGSIZE", err)
	}
}

func TestADeviceThatCannotCutIsSentWholeDatagrams(t *testing.T) {
	a, b := newEnd(t), newEnd(t)
	a.bind.v4.single.Store(true)
	want := batch(500, 500, 500)
	if err := a.bind.Send(want, b.address(0)); err != nil {
		t.Fatal(err)
	}
	for _, w := range want {
		if got, _ := b.next(0); !bytes.Equal(got, w) {
			t.Error("another datagram arrived")
		}
	}
}

func TestManyThatWaitAreTakenAtOnce(t *testing.T) {
	a, b := newEnd(t), newEnd(t)
	for range 20 { // on a busy machine the kernel may deliver what was sent a little later
		if err := a.bind.Send(batch(slices.Repeat([]int{1452}, 100)...), b.address(0)); err != nil {
			t.Fatal(err)
		}
		for range 100 {
			b.next(0)
		}
		if b.most >= 50 {
			return
		}
	}
	t.Errorf("the largest batch had %d of 100 datagrams", b.most)
}

func TestOnePathIsOneEndpoint(t *testing.T) {
	a, b := newEnd(t), newEnd(t)
	var last *Endpoint
	for i := range 3 {
		if err := a.bind.Send(batch(10), b.address(0)); err != nil {
			t.Fatal(err)
		}
		_, e := b.next(0)
		if i > 0 && e != last {
			t.Error("the same path was another endpoint")
		}
		last = e
	}
	last.ClearSrc()
	if err := a.bind.Send(batch(10), b.address(0)); err != nil {
		t.Fatal(err)
	}
	if _, e := b.next(0); e == last || !e.SrcIP().IsValid() {
		t.Error("a forgotten source stays forgotten when the agent was heard there again")
	}
}

// TestMergedDatagramsAreTakenApart lets the receiver find what a kernel merged,
// since whether this one does depends on its devices.
func TestMergedDatagramsAreTakenApart(t *testing.T) {
	whole := bytes.Join(batch(slices.Repeat([]int{1000}, 40)...), nil)
	long := bytes.Join(batch(slices.Repeat([]int{64}, 200)...), nil)
	tests := map[string]struct {
		came []datagram
		want []int
	}{
		"several of a size":        {[]datagram{{data: whole, piece: 1000}}, slices.Repeat([]int{1000}, 40)},
		"the last is shorter":      {[]datagram{{data: whole[:2500], piece: 1000}}, []int{1000, 1000, 500}},
		"singles around":           {[]datagram{{data: whole[:70]}, {data: whole[:2000], piece: 1000}, {data: whole[:80]}}, []int{70, 1000, 1000, 80}},
		"more than there are bufs": {[]datagram{{data: long, piece: 64}}, slices.Repeat([]int{64}, 200)},
		"an empty one":             {[]datagram{{}, {data: whole[:9]}}, []int{0, 9}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := newEnd(t)
			r := newReceiver(e.bind.v4)
			r.wait = tt.came
			e.fns[0] = r.receive
			want := bytes.Join(func() (all [][]byte) {
				for _, d := range tt.came {
					all = append(all, d.data)
				}
				return all
			}(), nil)
			var got []byte
			for i, n := range tt.want {
				b, _ := e.next(0)
				if len(b) != n {
					t.Fatalf("datagram %d has %d bytes, want %d", i, len(b), n)
				}
				got = append(got, b...)
			}
			if !bytes.Equal(got, want) {
				t.Error("the bytes are others, or in another order")
			}
			if len(r.wait) > 0 {
				t.Errorf("%d stay behind", len(r.wait))
			}
		})
	}
}

// TestAReceiverFollowsTheKernel sends what comes merged, on a kernel that does
// so, between what does not.
func TestAReceiverFollowsTheKernel(t *testing.T) {
	a, b := newEnd(t), newEnd(t)
	r := newReceiver(b.bind.v4)
	b.fns[0] = r.receive
	for round := range 6 {
		r.merge = round%2 == 0 // as if the last ones had been so
		for _, sizes := range [][]int{{10}, slices.Repeat([]int{1200}, 45), {20, 30}} {
			want := batch(sizes...)
			if err := a.bind.Send(want, b.address(0)); err != nil {
				t.Fatal(err)
			}
			for i, w := range want {
				if got, _ := b.next(0); !bytes.Equal(got, w) {
					t.Fatalf("round %d: datagram %d is another", round, i)
				}
			}
		}
	}
}

func TestCloseEndsReceive(t *testing.T) {
	e := newEnd(t)
	ended := make(chan error, len(e.fns))
	for _, f := range e.fns {
		go func() {
			_, err := f([][]byte{make([]byte, 65535)}, make([]int, 1), make([]conn.Endpoint, 1))
			ended <- err
		}()
	}
	if err := e.bind.Close(); err != nil {
		t.Fatal(err)
	}
	for range e.fns {
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("it ended with %v", err)
		}
	}
	if err := e.bind.Send(batch(1), e.address(0)); !errors.Is(err, unix.EAFNOSUPPORT) {
		t.Errorf("a closed bind sends: %v", err)
	}
}

func TestAClosedBindOpensAgainOnItsPort(t *testing.T) {
	var err error
	for range 20 { // another program may have taken the port meanwhile
		e := newEnd(t)
		if err := e.bind.Close(); err != nil {
			t.Fatal(err)
		}
		var port uint16
		if _, port, err = e.bind.Open(e.port); err == nil {
			if port != e.port {
				t.Errorf("it opens on port %d, not on %d", port, e.port)
			}
			return
		}
	}
	t.Errorf("it does not open again on the same port: %v", err)
}

func TestABindIsOpenedOnce(t *testing.T) {
	e := newEnd(t)
	if _, _, err := e.bind.Open(0); !errors.Is(err, conn.ErrBindAlreadyOpen) {
		t.Errorf("opened twice: %v", err)
	}
	if _, _, err := new(Bind).Open(e.port); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("a port that is taken: %v", err)
	}
}

func TestEndpointsAreReadAndShown(t *testing.T) {
	for _, s := range []string{"192.0.2.1:51820", "[2001:db8::1]:1"} {
		e, err := new(Bind).ParseEndpoint(s)
		if err != nil || e.DstToString() != s || e.SrcIP().IsValid() {
			t.Errorf("%s: %v, %v", s, e, err)
		}
	}
	for _, s := range []string{"", "host:1", "192.0.2.1", "192.0.2.1:70000"} {
		if _, err := new(Bind).ParseEndpoint(s); err == nil {
			t.Errorf("%q is an endpoint", s)
		}
	}
}

func TestControlMessagesAreReadAsTheyAreWritten(t *testing.T) {
	for _, here := range []netip.Addr{{}, netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::7")} {
		for _, piece := range []int{0, 1452} {
			t.Run(fmt.Sprint(here, piece), func(t *testing.T) {
				var c control
				size := compose(&c, here, 3, piece)
				var p path
				if parse(c.bytes()[:size], &p); p.here != here || here.IsValid() && p.link != 3 {
					t.Errorf("it reads %v", p)
				}
			})
		}
	}
	var c control
	at := 0
	*(*int32)(c.next(&at, unix.IPPROTO_UDP, unix.UDP_GRO, 4)) = 1452
	if piece := parse(c.bytes()[:at], new(path)); piece != 1452 {
		t.Errorf("pieces of %d bytes", piece)
	}
}

func TestNamesAreReadAsTheyAreWritten(t *testing.T) {
	for _, s := range []string{"192.0.2.1:51820", "[2001:db8::1]:1", "[::ffff:192.0.2.1]:9"} {
		var n name
		put(&n, netip.MustParseAddrPort(s))
		if got := get(&n); got.String() != s {
			t.Errorf("%s is read as %s", s, got)
		}
	}
}

func FuzzControlMessages(f *testing.F) {
	var c control
	f.Add(append([]byte(nil), c.bytes()[:compose(&c, netip.MustParseAddr("192.0.2.7"), 3, 1452)]...))
	f.Add(append([]byte(nil), c.bytes()[:compose(&c, netip.MustParseAddr("2001:db8::7"), 3, 1)]...))
	f.Fuzz(func(t *testing.T, b []byte) {
		var c control
		n := copy(c.bytes(), b)
		parse(c.bytes()[:n], new(path))
	})
}
