// Package capture takes every connection and DNS question that reaches a
// userspace stack, whatever its destination, and hands it to the netstack.Server;
// all other traffic is refused at once. It knows neither the overlay that the
// packets came through nor who sent them.
package capture

import (
	"context"
	"log/slog"
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

// A Capture is one stack whose traffic goes to one Server. Its fields are set
// before Begin.
type Capture struct {
	Net    *tun.Net
	Server *netstack.Server
	Own    func(netip.Addr) bool // the gateway's own addresses
	// Local reports whether a port of the gateway itself is for others than agents.
	// take, if src may come in there, is called once with the connection, or with nil
	// if its handshake failed. nil: there is no such port.
	Local func(src netip.Addr, port uint16) (take func(netstack.Conn), ok bool)
	Log   *slog.Logger
}

// Admit lets through what a flow consists of, and echo requests to the gateway.
// Fragments, options, extension headers, other ICMP and other protocols have no
// use here: MSS keeps TCP whole, and an ICMP error could only be forged to
// disturb another agent's flow.
func Admit(p tun.Packet, own func(netip.Addr) bool) bool {
	if !p.Plain || p.Dst.IsMulticast() || p.Dst.IsUnspecified() || p.Dst.IsLoopback() {
		return false
	}
	return p.IsFlow() || (p.Echo && own(p.Dst))
}

// Begin makes the stack hand over what it has no endpoint for: everything. Flows
// end with ctx.
func (c *Capture) Begin(ctx context.Context) {
	flows := tcp.NewForwarder(c.Net.Stack, 0, maxInFlight, func(r *tcp.ForwarderRequest) {
		if !c.Server.Track(func() { c.serve(ctx, c.offer(r)) }) {
			r.Complete(true)
		}
	})
	c.Net.Stack.SetTransportProtocolHandler(tcp.ProtocolNumber, flows.HandlePacket)
	c.Net.Stack.SetTransportProtocolHandler(udp.ProtocolNumber, c.datagram)
}

// serve hands an offer to whom it is for.
func (c *Capture) serve(ctx context.Context, o netstack.Offer) {
	if c.Local == nil || !o.Own {
		c.Server.Serve(ctx, o)
		return
	}
	take, ok := c.Local(o.Src.Addr(), o.Dst.Port())
	switch {
	case !ok:
		c.Server.Serve(ctx, o)
	case take == nil:
		o.Refuse()
	default:
		conn, err := o.Accept(ctx)
		if err != nil {
			c.Log.Debug("a visit failed", "src", o.Src.String(), "err", err)
			conn = nil
		}
		take(conn)
	}
}

// offer is a SYN in the words of netstack.
func (c *Capture) offer(r *tcp.ForwarderRequest) netstack.Offer {
	id := r.ID()
	src := netip.AddrPortFrom(tun.Addr(id.RemoteAddress), id.RemotePort)
	dst := netip.AddrPortFrom(tun.Addr(id.LocalAddress), id.LocalPort)
	return netstack.Offer{
		Src: src, Dst: dst, Own: c.Own(dst.Addr()),
		Refuse: func() { r.Complete(true) },
		Accept: func(ctx context.Context) (netstack.Conn, error) {
			conn, err := c.Net.Accept(ctx, r)
			if err != nil {
				return nil, err
			}
			return conn, nil
		},
	}
}

// datagram answers DNS to any address; for all else it reports false, and the
// stack tells the agent that the port is closed.
func (c *Capture) datagram(id stack.TransportEndpointID, pkt *stack.PacketBuffer) bool {
	src := netip.AddrPortFrom(tun.Addr(id.RemoteAddress), id.RemotePort)
	if id.LocalPort != dnsPort {
		return !c.Server.MayReject(src.Addr())
	}
	hdr := header.UDP(pkt.TransportHeader().Slice())
	size := int(hdr.Length()) - header.UDPMinimumSize
	if size <= 0 || size > pkt.Data().Size() {
		return true
	}
	query := pkt.Data().AsRange().ToSlice()[:size]
	netProto := pkt.NetworkProtocolNumber
	c.Server.Query(src, query, func(answer []byte) { c.reply(id, netProto, answer) })
	return true
}

// reply sends a datagram in the name of the address that the agent asked.
func (c *Capture) reply(id stack.TransportEndpointID, netProto tcpip.NetworkProtocolNumber, payload []byte) {
	if err := tun.SendUDP(c.Net.Stack, netProto, id, payload); err != nil {
		c.Log.Debug("answer not sent", "err", err)
	}
}
