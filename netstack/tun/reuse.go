package tun

import (
	"time"

	"sallyport.dev/sallyport/netstack/tun/pace"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

// vacate makes room for a SYN whose addresses and ports belong to a connection
// that is ending. Whoever sends it has forgotten that connection; the stack,
// which has no listener to hand the SYN to, would answer with a reset. It drops
// the SYN, and reports false, when its agent has waited too much in vain.
func (d *Device) vacate(p Packet, proto tcpip.NetworkProtocolNumber) bool {
	id := stack.TransportEndpointID{
		LocalAddress: Address(p.Dst), LocalPort: p.DstPort, RemoteAddress: Address(p.Src), RemotePort: p.SrcPort,
	}
	for range pace.Steps {
		ep, ok := d.stack.FindTransportEndpoint(proto, tcp.ProtocolNumber, id, NIC).(*tcp.Endpoint)
		if !ok {
			return true
		}
		switch ep.EndpointState() {
		case tcp.StateFinWait1, tcp.StateFinWait2, tcp.StateClosing, tcp.StateLastAck, tcp.StateTimeWait:
			ep.Abort()
			return true
		case tcp.StateConnecting, tcp.StateSynRecv, tcp.StateEstablished, tcp.StateCloseWait:
			if !d.syns.MayWait(p.Src, time.Now()) {
				d.dropped.Add(1)
				return false
			}
			time.Sleep(pace.Step) // its RST or last ACK may be under way
		default:
			return true
		}
	}
	d.syns.WaitedInVain(p.Src, time.Now())
	return true
}
