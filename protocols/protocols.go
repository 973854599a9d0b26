// Package protocols says what a protocol is: it reads one agent connection, turns
// what it reads into actions, and hands each of them to the gateway to be judged.
// It holds no rule, opens no secret and dials nothing.
package protocols

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/vault"
	"sallyport.dev/sallyport/vault/placeholder"
)

// A Protocol serves connections of one kind.
type Protocol interface {
	Name() string
	// Serve drives one agent connection until it ends. It hands every ask to do,
	// and returns only when all that it started has stopped. When ctx is done it
	// has 250 ms to say goodbye in its own words.
	Serve(ctx context.Context, f Flow, do Do) error
}

// A Witness is a Protocol that learns about the accounts of services by using them.
type Witness interface {
	// Warnings lists, for people, what is wrong with the accounts of a service that
	// have these users; no users stand for any.
	Warnings(svc *action.Service, users []string) []string
}

// A Flow is one agent connection, not yet accepted, on its way to one service.
type Flow struct {
	Peer    *action.Peer
	Service *action.Service
	Host    string // the name the agent used; "" when it dialled an address
	Dst     netip.AddrPort
	// Accept completes the agent's handshake, at most once; the gateway closes
	// the connection after Serve. Refusing is what happens when nothing happens.
	Accept func() (net.Conn, error)
	// Drain is done once the rules are no longer those that the connection was
	// opened under: a protocol whose connections have no state ends this one as
	// soon as nothing runs on it. Nil: never.
	Drain context.Context
	// Leaf gives a certificate for a name of this service, and of no other.
	Leaf func(name string) (*tls.Certificate, error)
	// Placeholders looks for what agents hold in place of keys; nil: nobody does.
	Placeholders *placeholder.Watch
}

// Do judges one ask and sees it through: exactly one of Forward and Refuse is
// called, once, before Do returns. An error means the connection cannot go on.
type Do func(context.Context, Exchange) error

// An Exchange is one ask and its answer.
type Exchange interface {
	Action() *action.Action
	// Learn gathers the facts that need names and marks Unknown what it cannot
	// get. For action.Whole it takes in all that Forward will send, and Forward
	// then sends exactly that. Called before Forward or Refuse, at most once per
	// group; it may wait for the agent.
	Learn(ctx context.Context, need action.Need) error
	// Forward does what was asked. It returns when the action is over or, after
	// up.Hold, when the next one may be judged. A bad answer from the upstream
	// is a Result; an error ends the connection.
	Forward(ctx context.Context, up Upstream) (action.Result, error)
	// Refuse tells the agent that the action was denied (Deny) or is not
	// answered yet (Ask).
	Refuse(ctx context.Context, d action.Decision) error
}

// A Stopper is an Exchange that may be the gateway's own: where Stops says so, it ends
// what an earlier one began on a flow that may do nothing more. It is recorded and
// not judged, and reaches only the address of a live link (Open.Beside), with no
// account.
type Stopper interface {
	Stops() bool
}

// A Waiter is an Exchange with something to do while a human thinks: tell the
// client, and cancel the context it returns when the client hangs up.
type Waiter interface {
	Wait(ctx context.Context, d action.Decision) (_ context.Context, stop func())
}

// An Upstream is what one allowed action may reach: its own service with its own
// account. It dies when Forward returns.
type Upstream interface {
	// Link gives the protocol's end of a connection and the credential to use on
	// it (nil if the service has none): both or neither. It takes a pooled link if
	// open names a pool and one is free, else dials. No secret is opened for a
	// peer that is not proven, unless the service spells that out.
	Link(ctx context.Context, open Open) (Link, *vault.Credential, error)
	// Hold keeps the action open after Forward returns.
	// If its permission ends before it is over, revoked is called, once; it does
	// not block.
	Hold(revoked func()) Held
}

// A Held is an allowed action whose outcome comes later.
type Held interface {
	// Check judges the same action again if the rules have changed since; it may
	// wait for an approval.
	Check(context.Context) action.Decision
	// Done closes the record. The first call counts; the flow's end is the last.
	Done(action.Result, error)
}

// An Open says how a protocol makes its end of a connection.
type Open struct {
	Pool   string // links of one kind are interchangeable; "": the flow's own, closed with it
	Shared bool   // one link carries many exchanges at once: a burst waits for one dial
	Beside Link   // the very address of this live link of the same agent and service (cancel)
	// Dress makes a Link of a fresh connection: TLS, preface, buffers; nothing
	// of the agent's, nothing secret.
	Dress func(context.Context, Wire) (Link, error)
}

// A Wire is a connection to an address that the gateway resolved and checked.
type Wire interface {
	net.Conn
	// Secure starts TLS as the service demands (roots, name, client certificate)
	// and returns once the other end is proven.
	Secure(ctx context.Context, alpn ...string) (*tls.Conn, error)
}

// A Link is a protocol's end of one upstream connection, with its buffers.
type Link interface {
	Take() bool // reserves room for one more exchange; neither blocks nor closes; a fresh link is taken
	Retire()    // those that hold it finish, then the Wire is closed; does not block
}

// A Set is the protocols of one build, by name.
type Set map[string]Protocol

// NewSet lists the protocols of a build; a name stands once.
func NewSet(ps ...Protocol) (Set, error) {
	s := make(Set, len(ps))
	for _, p := range ps {
		if _, dup := s[p.Name()]; dup {
			return nil, fmt.Errorf("protocols: %q listed twice", p.Name())
		}
		s[p.Name()] = p
	}
	return s, nil
}
