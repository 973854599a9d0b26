// Package tun joins a userspace TCP/IP stack to WireGuard: towards the stack it
// is a link with segmentation offload, towards wireguard-go it is a TUN device.
// The gateway and the clients of tests and demo use the same stack and the same
// settings. It never opens a socket and decides about no flow.
package tun

import (
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"sallyport.dev/sallyport/netstack/tun/ack"
	"sallyport.dev/sallyport/netstack/tun/pace"

	wgtun "golang.zx2c4.com/wireguard/tun"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

const (
	// batchSize is wireguard-go's conn.IdealBatchSize: a packet of 64 KiB makes
	// 48 segments, so two of them fit into one batch.
	batchSize = 128
	// queueLen bounds the packets between the stack and the single reader. A
	// longer queue only hides congestion and adds latency.
	queueLen = 1024
)

var _ wgtun.Device = (*Device)(nil)

// Device is the TUN device that wireguard-go reads and writes. What the stack
// sends waits in one bounded queue; the stack blocks when it is full, so packets
// are neither lost nor reordered on the way to the single reader.
type Device struct {
	link    *link
	stack   *stack.Stack
	admit   func(Packet) bool
	events  chan wgtun.Event
	mergers sync.Pool // of *merger; one per concurrent writer
	cut     cutter    // the packet in progress; owned by the reader
	syns    pace.SYNs
	dropped atomic.Uint64
	close   sync.Once
}

func newDevice(s *stack.Stack, mtu int, admit func(Packet) bool) *Device {
	d := &Device{
		stack:  s,
		link:   &link{mtu: uint32(mtu), queue: make(chan *stack.PacketBuffer, queueLen), done: make(chan struct{})},
		admit:  admit,
		events: make(chan wgtun.Event, 1),
	}
	d.link.acks = ack.New(func(pkt *stack.PacketBuffer) { d.link.put(pkt) })
	d.mergers.New = func() any { return new(merger) }
	d.events <- wgtun.EventUp
	return d
}

// Read fills bufs with packets of the stack, cut to the link's size. It blocks
// until there is one and returns os.ErrClosed after Close. wireguard-go calls it
// from one goroutine. Before it goes with less than it has room for, it lets
// others run once: on a busy machine they have more to send, and a larger batch
// is cheaper to encrypt, send and receive; on an idle one that costs nothing.
func (d *Device) Read(bufs [][]byte, sizes []int, offset int) (int, error) {
	n, waited := 0, false
	for n < len(bufs) {
		if d.cut.pkt == nil && !d.fetch(n == 0) {
			if n == 0 || waited {
				break
			}
			waited = true
			runtime.Gosched()
			continue
		}
		if size := d.cut.next(bufs[n][offset:]); size > 0 {
			sizes[n] = size
			n++
			continue
		}
		d.dropped.Add(1)
	}
	if n == 0 && len(bufs) > 0 {
		return 0, os.ErrClosed
	}
	return n, nil
}

// fetch takes the next packet off the queue and reports whether there was one.
// With wait it reports false only when the device is closed.
func (d *Device) fetch(wait bool) bool {
	if !wait {
		select {
		case pkt := <-d.link.queue:
			d.cut.load(pkt)
			return true
		default:
			return false
		}
	}
	select {
	case pkt := <-d.link.queue:
		d.cut.load(pkt)
		return true
	case <-d.link.done:
		return false
	}
}

// Write hands packets from the tunnel to the stack: whole ones that Admit lets
// through, the segments of one stream merged. It copies what it keeps and may
// be called concurrently.
func (d *Device) Write(bufs [][]byte, offset int) (int, error) {
	select {
	case <-d.link.done:
		return 0, os.ErrClosed
	default:
	}
	to := d.link.dispatcher()
	if to == nil {
		return len(bufs), nil
	}
	m := d.mergers.Get().(*merger)
	m.to = to
	for _, b := range bufs {
		d.deliver(m, b[offset:])
	}
	m.flush()
	m.to = nil
	d.mergers.Put(m)
	return len(bufs), nil
}

// deliver passes one packet up, through m when it may be merged with others.
func (d *Device) deliver(m *merger, b []byte) {
	p, ok := Parse(b)
	if !ok || (d.admit != nil && !d.admit(p)) || (p.Syn && !d.syns.Take(p.Src, time.Now())) {
		d.dropped.Add(1)
		return
	}
	ip, proto := ipv4HeaderLen, tcpip.NetworkProtocolNumber(header.IPv4ProtocolNumber)
	if p.Src.Is6() {
		ip, proto = ipv6HeaderLen, header.IPv6ProtocolNumber
	}
	if p.Syn {
		if m.flush(); !d.vacate(p, proto) {
			return
		}
	}
	if p.Plain && p.Proto == protoTCP {
		m.add(b, ip)
		return
	}
	m.single(b, ip)
}

// Dropped counts packets that were malformed, not admitted or not sendable.
func (d *Device) Dropped() uint64 { return d.dropped.Load() }

// Queued is the number of packets that wait for the reader.
func (d *Device) Queued() int { return len(d.link.queue) }

// MTU is the largest packet of the link.
func (d *Device) MTU() (int, error) { return int(d.link.MTU()), nil }

// Name is what wireguard-go calls the device in its log.
func (d *Device) Name() (string, error) { return "sallyport", nil }

// File is nil: nothing in the kernel stands behind the device.
func (d *Device) File() *os.File { return nil }

// Events tells wireguard-go once that the device is up.
func (d *Device) Events() <-chan wgtun.Event { return d.events }

// BatchSize is the number of packets per Read and Write.
func (d *Device) BatchSize() int { return batchSize }

// Close ends Read and frees the stack from waiting for it. It may be called
// more than once.
func (d *Device) Close() error {
	d.close.Do(func() {
		close(d.link.done)
		d.link.acks.Close()
		close(d.events)
	})
	return nil
}

// drain lets go of packets that nobody will read any more.
func (d *Device) drain() {
	for {
		select {
		case pkt := <-d.link.queue:
			pkt.DecRef()
		default:
			return
		}
	}
}

// link is the stack's side of the device.
type link struct {
	mtu      uint32
	queue    chan *stack.PacketBuffer
	done     chan struct{} // closed with the device
	acks     *ack.Keeper
	attached atomic.Pointer[stack.NetworkDispatcher]
}

var (
	_ stack.LinkEndpoint = (*link)(nil)
	_ stack.GSOEndpoint  = (*link)(nil)
)

func (l *link) dispatcher() stack.NetworkDispatcher {
	if d := l.attached.Load(); d != nil {
		return *d
	}
	return nil
}

// WritePackets queues packets in order. It blocks while the queue is full: that
// is the backpressure which keeps TCP from retransmitting to itself.
func (l *link) WritePackets(pkts stack.PacketBufferList) (int, tcpip.Error) {
	for i, pkt := range pkts.AsSlice() {
		pkt.IncRef() // for the reader; the caller releases its own
		first, held := l.acks.Take(pkt)
		if first != nil {
			l.put(first)
		}
		if !held && !l.put(pkt) {
			return i, &tcpip.ErrClosedForSend{}
		}
	}
	return pkts.Len(), nil
}

// put queues a packet, or lets go of it when the device is closed.
func (l *link) put(pkt *stack.PacketBuffer) bool {
	select {
	case l.queue <- pkt:
		return true
	case <-l.done:
		pkt.DecRef()
		return false
	}
}

func (l *link) Attach(d stack.NetworkDispatcher) {
	if d == nil {
		l.attached.Store(nil)
		return
	}
	l.attached.Store(&d)
}

func (l *link) IsAttached() bool                        { return l.attached.Load() != nil }
func (l *link) MTU() uint32                             { return l.mtu }
func (l *link) SetMTU(uint32)                           {}
func (l *link) MaxHeaderLength() uint16                 { return 0 }
func (l *link) LinkAddress() tcpip.LinkAddress          { return "" }
func (l *link) SetLinkAddress(tcpip.LinkAddress)        {}
func (l *link) Wait()                                   {}
func (l *link) Close()                                  {}
func (l *link) SetOnCloseAction(func())                 {}
func (l *link) ARPHardwareType() header.ARPHardwareType { return header.ARPHardwareNone }
func (l *link) AddHeader(*stack.PacketBuffer)           {}
func (l *link) ParseHeader(*stack.PacketBuffer) bool    { return true }

// GSOMaxSize lets TCP hand over 64 KiB at once; Read cuts it.
func (l *link) GSOMaxSize() uint32 { return 65535 }

// SupportedGSO says that cutting and summing is the link's work.
func (l *link) SupportedGSO() stack.SupportedGSO { return stack.HostGSOSupported }

// Capabilities: the sums of packets that come in are not checked again.
func (l *link) Capabilities() stack.LinkEndpointCapabilities {
	return stack.CapabilityRXChecksumOffload
}
