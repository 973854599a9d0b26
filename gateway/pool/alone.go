package pool

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"

	"sallyport.dev/sallyport/action"
)

// Nobody owns a link that outlives its flow by a moment: whoever asked for it closes
// it.
type Nobody struct{}

var _ Owner = Nobody{}

// Keep lets the wire live.
func (Nobody) Keep(*Wire) bool { return true }

// Drop forgets nothing.
func (Nobody) Drop(*Wire) {}

// NewWire makes a wire of a connection that no pool keeps. show gives the client
// certificate of the account; nil: it has none.
func NewWire(c net.Conn, at netip.AddrPort, r *action.Route, show func(context.Context) (*tls.Certificate, error)) *Wire {
	return &Wire{Conn: c, At: at.String(), Route: r, address: at, show: show, closed: func(*Wire) {}}
}
