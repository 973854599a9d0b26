package tailnet

import (
	"tailscale.com/net/packet"
	"tailscale.com/net/tstun"
	"tailscale.com/tsnet"
	"tailscale.com/wgengine/filter"
	"tailscale.com/wgengine/netstack/gro"
)

// What this file uses of Tailscale is no stable API, so that it stands here alone
// and an upgrade that changes it does not build.
var _ tstun.GROFilterFunc = toOurStack

// takeInbound makes every packet that the tailnet's policy lets through go to the
// node's device, and so to our stack. Without it the library keeps some for
// itself: the peer API, above all, answers DNS questions of nodes that use this
// one as an exit node, out of the host's own resolvers and past every rule. It is
// called right after Start, long before the node has met its peers.
func takeInbound(s *tsnet.Server) {
	s.Sys().Tun.Get().PostFilterPacketInboundFromWireGuard = toOurStack
}

func toOurStack(_ *packet.Parsed, _ *tstun.Wrapper, g *gro.GRO) (filter.Response, *gro.GRO) {
	return filter.Accept, g
}

// inTouch reports whether the node hears from its control server. The library has
// a warning of its own for that, eight minutes later.
func inTouch(s *tsnet.Server) bool { return s.Sys().HealthTracker.Get().GetInPollNetMap() }
