package tun

import (
	"time"
	"weak"

	"sallyport.dev/sallyport/netstack/tun/pace"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

// vacate makes room for a SYN whose addresses and ports belong to a connection
// that is ending. Whoever sends it has forgotten that connection; the stack,
// which has no listener to hand the SYN to, would answer with a reset. It drops
// the SYN, and reports false, when its agent has waited too much in vain, and when
// it is the first to wait in vain for that connection: it is repeated, and until then
// a stack that is late has seen the end.
func (d *Device) vacate(p Packet, proto tcpip.NetworkProtocolNumber) bool {
	id := stack.TransportEndpointID{
		LocalAddress: Address(p.Dst), LocalPort: p.DstPort, RemoteAddress: Address(p.Src), RemotePort: p.SrcPort,
	}
	for step := 0; ; step++ {
		ep, ok := d.stack.FindTransportEndpoint(proto, tcp.ProtocolNumber, id, NIC).(*tcp.Endpoint)
		if !ok {
			return true
		}
		switch ep.EndpointState() {
		case tcp.StateFinWait1, tcp.StateFinWait2, tcp.StateClosing, tcp.StateLastAck, tcp.StateTimeWait:
			ep.Abort()
			return true
		case tcp.StateConnecting, tcp.StateSynRecv, tcp.StateEstablished, tcp.StateCloseWait:
			if now := time.Now(); step == pace.Steps && d.syns.WaitedInVain(p.Src, weak.Make(ep), now) {
				return true
			} else if step == pace.Steps || !d.syns.MayWait(p.Src, now) {
				d.dropped.Add(1)
				return false
			}
			time.Sleep(pace.Step) // its RST or last ACK may be under way
		default:
			return true
		}
	}
}
