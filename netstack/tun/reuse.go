package tun

import (
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

// settleSteps bound the wait for segments that arrived before a SYN and that the
// stack has not looked at yet. Only the agent that sent both waits.
const (
	settleSteps = 20
	settleStep  = 100 * time.Microsecond
)

// vacate makes room for a SYN whose addresses and ports belong to a connection
// that is ending. Whoever sends it has forgotten that connection; the stack,
// which has no listener to hand the SYN to, would answer with a reset.
func (d *Device) vacate(p Packet, proto tcpip.NetworkProtocolNumber) {
	id := stack.TransportEndpointID{
		LocalAddress: Address(p.Dst), LocalPort: p.DstPort, RemoteAddress: Address(p.Src), RemotePort: p.SrcPort,
	}
	for range settleSteps {
		ep, ok := d.stack.FindTransportEndpoint(proto, tcp.ProtocolNumber, id, NIC).(*tcp.Endpoint)
		if !ok {
			return
		}
		switch ep.EndpointState() {
		case tcp.StateFinWait1, tcp.StateFinWait2, tcp.StateClosing, tcp.StateLastAck, tcp.StateTimeWait:
			ep.Abort()
			return
		case tcp.StateConnecting, tcp.StateSynRecv, tcp.StateEstablished, tcp.StateCloseWait:
			if d.syns.MayWait(p.Src, time.Now()) {
				time.Sleep(settleStep) // its RST or last ACK may be under way
				continue
			}
		}
		return
	}
	d.syns.WaitedInVain(p.Src, time.Now())
}
