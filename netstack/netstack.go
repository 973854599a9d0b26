// Package netstack is where traffic enters: it joins an overlay network as a
// userspace node and hands every TCP flow, with the agent already identified,
// to one Handler. It knows nothing of protocols, rules or secrets.
package netstack

import (
	"context"
	"net"
	"net/netip"

	"sallyport.dev/sallyport/action"
)

// A Flow is one TCP connection of an agent, not yet accepted.
type Flow struct {
	Peer *action.Peer
	Host string         // the name behind a virtual IP; "" when the agent dialled an address
	Src  netip.AddrPort // the agent's end
	Dst  netip.AddrPort // what the agent dialled
	// Accept completes the agent's handshake, at most once. The transport closes
	// the connection when ServeFlow returns; a flow nobody accepted is reset.
	Accept func() (net.Conn, error)
}

// A Handler takes flows. ServeFlow runs in a goroutine of its own, may wait
// before it accepts, and returns when the flow is over; its error is for the log.
type Handler interface {
	ServeFlow(ctx context.Context, f Flow) error
}

// Peers tells who an overlay address belongs to. Calls are frequent and must not
// block.
type Peers interface {
	Lookup(addr netip.Addr) (*action.Peer, bool)
}

// Names tells which name a virtual IP stands for. known is false for an address
// of no pool; an address of a pool that stands for nothing gives "", true.
type Names interface {
	Lookup(addr netip.Addr) (name string, known bool)
}
