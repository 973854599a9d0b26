package tun

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"
)

const (
	// An agent that is gone without a word is noticed after idle + count probes;
	// a laptop may sleep for a few minutes and keep its connections.
	keepaliveIdle     = 2 * time.Minute
	keepaliveInterval = 30 * time.Second
	keepaliveCount    = 6
	// userTimeout bounds how long sent data may stay unacknowledged.
	userTimeout = 2 * time.Minute
	// handshakeTime bounds the wait for the last step of a handshake.
	handshakeTime = 10 * time.Second

	maxDatagram = 65535 - ipv4HeaderLen - header.UDPMinimumSize
)

// Accept completes the handshake of a connection that a forwarder caught, and
// with it the request. It waits for the other end until handshakeTime has passed
// or ctx ends.
func (n *Net) Accept(ctx context.Context, r *tcp.ForwarderRequest) (*Conn, error) {
	id := r.ID()
	local := netip.AddrPortFrom(Addr(id.LocalAddress), id.LocalPort)
	remote := netip.AddrPortFrom(Addr(id.RemoteAddress), id.RemotePort)
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	done := make(chan struct{})
	defer close(done)
	defer context.AfterFunc(ctx, func() { n.giveUp(id, done) })()

	wq := new(waiter.Queue)
	ep, terr := r.CreateEndpoint(wq)
	if terr != nil {
		r.Complete(true)
		return nil, fmt.Errorf("accept %s from %s: %w", local, remote, errno(terr))
	}
	r.Complete(false)
	c := NewConn(ep, wq, local, remote)
	if err := c.keep(); err != nil {
		c.Abort()
		return nil, fmt.Errorf("accept %s from %s: %w", local, remote, err)
	}
	return c, nil
}

// giveUp ends a handshake, which by itself would go on for two minutes. The stack
// gives no handle to it, and it may be about to begin.
func (n *Net) giveUp(id stack.TransportEndpointID, done <-chan struct{}) {
	proto := Protocol(Addr(id.RemoteAddress))
	for !isDone(done) {
		if ep, ok := n.Stack.FindTransportEndpoint(proto, tcp.ProtocolNumber, id, NIC).(*tcp.Endpoint); ok {
			if s := ep.EndpointState(); s == tcp.StateConnecting || s == tcp.StateSynRecv {
				ep.Abort()
			}
		}
		time.Sleep(100 * time.Microsecond) // it begins, or ends, soon
	}
}

// keep sets how long the connection outlives a silent other end.
func (c *Conn) keep() error {
	c.ep.SocketOptions().SetKeepAlive(true)
	idle, interval := tcpip.KeepaliveIdleOption(keepaliveIdle), tcpip.KeepaliveIntervalOption(keepaliveInterval)
	timeout := tcpip.TCPUserTimeoutOption(userTimeout)
	for _, o := range []tcpip.SettableSocketOption{&idle, &interval, &timeout} {
		if err := c.ep.SetSockOpt(o); err != nil {
			return fmt.Errorf("set %T: %w", o, errno(err))
		}
	}
	if err := c.ep.SetSockOptInt(tcpip.KeepaliveCountOption, keepaliveCount); err != nil {
		return fmt.Errorf("set keepalive count: %w", errno(err))
	}
	return nil
}

// SendUDP sends payload from the local to the remote end of id, without an
// endpoint: nothing of it stays behind.
func SendUDP(s *stack.Stack, proto tcpip.NetworkProtocolNumber, id stack.TransportEndpointID, payload []byte) error {
	if len(payload) > maxDatagram {
		return fmt.Errorf("send to %s: %d bytes do not fit a datagram", id.RemoteAddress, len(payload))
	}
	route, terr := s.FindRoute(NIC, id.LocalAddress, id.RemoteAddress, proto, false)
	if terr != nil {
		return fmt.Errorf("send to %s: %w", id.RemoteAddress, errno(terr))
	}
	defer route.Release()
	pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{
		ReserveHeaderBytes: header.UDPMinimumSize + int(route.MaxHeaderLength()),
		Payload:            buffer.MakeWithData(payload),
	})
	defer pkt.DecRef()
	pkt.TransportProtocolNumber = udp.ProtocolNumber
	size := uint16(pkt.Size() + header.UDPMinimumSize)
	h := header.UDP(pkt.TransportHeader().Push(header.UDPMinimumSize))
	h.Encode(&header.UDPFields{SrcPort: id.LocalPort, DstPort: id.RemotePort, Length: size})
	sum := route.PseudoHeaderChecksum(udp.ProtocolNumber, size)
	sum = ^h.CalculateChecksum(checksum.Combine(sum, pkt.Data().Checksum()))
	if sum == 0 {
		sum = 0xffff // zero would mean that there is no checksum
	}
	h.SetChecksum(sum)
	terr = route.WritePacket(stack.NetworkHeaderParams{Protocol: udp.ProtocolNumber, TTL: route.DefaultTTL()}, pkt)
	if terr != nil {
		return fmt.Errorf("send to %s: %w", id.RemoteAddress, errno(terr))
	}
	return nil
}

func isDone(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
