// Package http serves HTTP/1.1 and HTTP/2: it ends the agent's TLS, makes an
// action of every request in the one form that is matched and sent, and relays
// the answer as it comes. It follows no redirect, buffers no body unless someone
// is to approve it, and never puts a credential on anything but the request that
// was allowed.
package http

import (
	"crypto/tls"
	"log/slog"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/protocols/http/ask"
	"sallyport.dev/sallyport/protocols/http/entry"
	"sallyport.dev/sallyport/protocols/http/origin"
	"sallyport.dev/sallyport/protocols/http/room"
	"sallyport.dev/sallyport/protocols/llm/price"
	"sallyport.dev/sallyport/protocols/tcp"
)

// A Protocol serves HTTP connections of all agents. New makes one; its fields are
// set before it serves.
type Protocol struct {
	// Log takes what net/http complains about, at debug; nil: nothing does.
	Log *slog.Logger
	// HoldMemory bounds the bodies held for approval, of all agents together.
	HoldMemory int64
	// StashDir is where bodies wait for approval that do not stay in memory, sealed
	// and without a name; "" is the system's directory for such files.
	StashDir string
	// StashRoom bounds the bodies that wait there, of all agents together.
	StashRoom int64

	tls     *tls.Config // cloned by every connection; holds the ticket key
	opaque  *tcp.Protocol
	relay   protocols.Relay
	held    room.Holdings
	stashed room.Holdings // on the disk
	open    room.Openings
	lines   entry.Lines
	copies  origin.Copies
	heads   origin.Heads
	prices  *price.Table

	origins origin.Maker
}

var _ protocols.Protocol = (*Protocol)(nil)

// New makes the protocol.
func New() *Protocol {
	return &Protocol{HoldMemory: holdMemory, StashRoom: stashRoom, tls: entry.NewTLS(), opaque: tcp.New(), prices: price.Builtin()}
}

// Name is how a service asks for it.
func (*Protocol) Name() string { return "http" }

// Trial makes the action of a request that nobody sent, on the road of live ones.
func Trial(svc *action.Service, t action.Trial) (*action.Action, error) {
	if svc.Passthrough {
		return tcp.Trial(svc, t)
	}
	return ask.Trial(svc, t)
}

// Facts is what the rules may ask about a request.
func Facts() action.FactTable { return ask.Table() }
