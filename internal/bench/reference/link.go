// Package reference is what the gateway is measured beside: WireGuard and a
// userspace stack joined the ordinary way, with gVisor's own channel endpoint
// and default TCP options, and nothing behind it but a byte copy or a plain
// reverse proxy. It has no rules, no log and no names. It must stay ordinary:
// what makes the gateway's own link fast does not belong here.
package reference

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"sync"

	wgtun "golang.zx2c4.com/wireguard/tun"
	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

const (
	nic       = 1
	mtu       = 1420
	batchSize = 128  // as everywhere in wireguard-go
	queueLen  = 8192 // more than one window, so that a single stream is not dropped
)

// link is a TUN device over a channel endpoint.
type link struct {
	stack  *stack.Stack
	ep     *channel.Endpoint
	events chan wgtun.Event
	ctx    context.Context // ends with the device
	cancel context.CancelFunc
	once   sync.Once
}

var _ wgtun.Device = (*link)(nil)

func newLink(own netip.Addr) (*link, error) {
	s := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol},
	})
	sack := tcpip.TCPSACKEnabled(true)
	receive := tcpip.TCPReceiveBufferSizeRangeOption{Min: 4 << 10, Default: 1 << 20, Max: 8 << 20}
	send := tcpip.TCPSendBufferSizeRangeOption{Min: 4 << 10, Default: 1 << 20, Max: 8 << 20}
	for _, o := range []tcpip.SettableTransportProtocolOption{&sack, &receive, &send} {
		if err := s.SetTransportProtocolOption(tcp.ProtocolNumber, o); err != nil {
			return nil, fmt.Errorf("set %T: %s", o, err)
		}
	}
	l := &link{stack: s, ep: channel.New(queueLen, mtu, ""), events: make(chan wgtun.Event, 1)}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.events <- wgtun.EventUp
	if err := l.attach(own); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *link) attach(own netip.Addr) error {
	if err := l.stack.CreateNIC(nic, l.ep); err != nil {
		return fmt.Errorf("create interface: %s", err)
	}
	address := tcpip.ProtocolAddress{
		Protocol: ipv4.ProtocolNumber, AddressWithPrefix: tcpip.AddrFrom4(own.As4()).WithPrefix(),
	}
	if err := l.stack.AddProtocolAddress(nic, address, stack.AddressProperties{}); err != nil {
		return fmt.Errorf("add address %s: %s", own, err)
	}
	if err := l.stack.SetPromiscuousMode(nic, true); err != nil {
		return fmt.Errorf("take any destination: %s", err)
	}
	if err := l.stack.SetSpoofing(nic, true); err != nil {
		return fmt.Errorf("answer for any destination: %s", err)
	}
	l.stack.AddRoute(tcpip.Route{Destination: header.IPv4EmptySubnet, NIC: nic})
	return nil
}

// Read gives the packets that wait, at least one.
func (l *link) Read(bufs [][]byte, sizes []int, offset int) (int, error) {
	pkt := l.ep.ReadContext(l.ctx)
	n := 0
	for pkt != nil {
		at := offset
		for _, s := range pkt.AsSlices() {
			at += copy(bufs[n][at:], s)
		}
		sizes[n] = at - offset
		pkt.DecRef()
		if n++; n == len(bufs) {
			break
		}
		pkt = l.ep.Read()
	}
	if n == 0 {
		return 0, os.ErrClosed
	}
	return n, nil
}

// Write hands every packet to the stack by itself.
func (l *link) Write(bufs [][]byte, offset int) (int, error) {
	for _, b := range bufs {
		pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(b[offset:])})
		l.ep.InjectInbound(ipv4.ProtocolNumber, pkt)
		pkt.DecRef()
	}
	return len(bufs), nil
}

func (l *link) Close() error {
	l.once.Do(func() {
		l.cancel()
		l.ep.Close()
		close(l.events)
	})
	return nil
}

func (l *link) File() *os.File             { return nil }
func (l *link) Name() (string, error)      { return "reference", nil }
func (l *link) MTU() (int, error)          { return mtu, nil }
func (l *link) Events() <-chan wgtun.Event { return l.events }
func (l *link) BatchSize() int             { return batchSize }
