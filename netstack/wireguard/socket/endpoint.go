package socket

import (
	"net/netip"
	"sync/atomic"

	"golang.zx2c4.com/wireguard/conn"
)

var _ conn.Endpoint = (*Endpoint)(nil)

// An Endpoint is where an agent was last heard from, and where it was heard: an
// answer leaves by the address that the question came to. It is shared by all
// datagrams that say the same.
type Endpoint struct {
	path
	forgotten atomic.Bool // ClearSrc was called
}

// A path is both ends of a datagram.
type path struct {
	there netip.AddrPort
	here  netip.Addr // invalid: the system chooses
	link  uint32     // index of the interface here
}

// source is the address to send from, unless it was forgotten.
func (e *Endpoint) source() (netip.Addr, bool) {
	return e.here, e.here.IsValid() && !e.forgotten.Load()
}

// ClearSrc lets the system choose where to send from.
func (e *Endpoint) ClearSrc() { e.forgotten.Store(true) }

// SrcToString is the address to send from.
func (e *Endpoint) SrcToString() string { return e.SrcIP().String() }

// SrcIP is the address to send from; invalid: the system chooses.
func (e *Endpoint) SrcIP() netip.Addr {
	if at, ok := e.source(); ok {
		return at
	}
	return netip.Addr{}
}

// DstToString is the agent's address and port.
func (e *Endpoint) DstToString() string { return e.there.String() }

// DstToBytes is what a cookie is bound to.
func (e *Endpoint) DstToBytes() []byte {
	b, _ := e.there.MarshalBinary()
	return b
}

// DstIP is the agent's address.
func (e *Endpoint) DstIP() netip.Addr { return e.there.Addr() }
