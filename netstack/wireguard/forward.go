package wireguard

import (
	"context"
	"net/netip"

	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/netstack/tun"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

// maxInFlight bounds the SYNs of all agents that are being decided; each agent's
// own bound is netstack.Limits.Pending.
const maxInFlight = 4096

const dnsPort = 53

// admit lets through what a flow consists of, and echo requests to the gateway.
// Fragments, options, extension headers, other ICMP and other protocols have no
// use here: MSS keeps TCP whole, and an ICMP error could only be forged to
// disturb another agent's flow.
func (n *Node) admit(p tun.Packet) bool {
	if !p.Plain || p.Dst.IsMulticast() || p.Dst.IsUnspecified() || p.Dst.IsLoopback() {
		return false
	}
	return p.IsFlow() || (p.Echo && n.own(p.Dst))
}

func (n *Node) own(a netip.Addr) bool { return a == n.v4 || a == n.v6 }

// capture makes the stack hand over what it has no endpoint for: everything.
func (n *Node) capture(ctx context.Context) {
	flows := tcp.NewForwarder(n.net.Stack, 0, maxInFlight, func(r *tcp.ForwarderRequest) {
		if !n.server.Track(func() { n.server.Serve(ctx, n.offer(r)) }) {
			r.Complete(true)
		}
	})
	n.net.Stack.SetTransportProtocolHandler(tcp.ProtocolNumber, flows.HandlePacket)
	n.net.Stack.SetTransportProtocolHandler(udp.ProtocolNumber, n.datagram)
}

// offer is a SYN in the words of netstack.
func (n *Node) offer(r *tcp.ForwarderRequest) netstack.Offer {
	id := r.ID()
	src := netip.AddrPortFrom(tun.Addr(id.RemoteAddress), id.RemotePort)
	dst := netip.AddrPortFrom(tun.Addr(id.LocalAddress), id.LocalPort)
	return netstack.Offer{
		Src: src, Dst: dst, Own: n.own(dst.Addr()),
		Refuse: func() { r.Complete(true) },
		Accept: func(ctx context.Context) (netstack.Conn, error) {
			c, err := n.net.Accept(ctx, r)
			if err != nil {
				return nil, err
			}
			return c, nil
		},
	}
}

// datagram answers DNS to any address; for all else it reports false, and the
// stack tells the agent that the port is closed.
func (n *Node) datagram(id stack.TransportEndpointID, pkt *stack.PacketBuffer) bool {
	src := netip.AddrPortFrom(tun.Addr(id.RemoteAddress), id.RemotePort)
	if id.LocalPort != dnsPort {
		return !n.server.MayReject(src.Addr())
	}
	hdr := header.UDP(pkt.TransportHeader().Slice())
	size := int(hdr.Length()) - header.UDPMinimumSize
	if size <= 0 || size > pkt.Data().Size() {
		return true
	}
	query := pkt.Data().AsRange().ToSlice()[:size]
	netProto := pkt.NetworkProtocolNumber
	n.server.Query(src, query, func(answer []byte) { n.reply(id, netProto, answer) })
	return true
}

// reply sends a datagram in the name of the address that the agent asked.
func (n *Node) reply(id stack.TransportEndpointID, netProto tcpip.NetworkProtocolNumber, payload []byte) {
	if err := tun.SendUDP(n.net.Stack, netProto, id, payload); err != nil {
		n.log.Debug("answer not sent", "err", err)
	}
}
