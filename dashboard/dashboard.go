// Package dashboard is the JSON API of the gateway, with its health and metrics:
// one table of routes and what they do. What an operator may do is decided here
// and nowhere else; it judges no agent's action and never gives a secret out.
package dashboard

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval"
	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/dashboard/book"
	"sallyport.dev/sallyport/dashboard/connect"
	"sallyport.dev/sallyport/dashboard/door"
	"sallyport.dev/sallyport/dashboard/inbox"
	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/dashboard/services"
	"sallyport.dev/sallyport/dashboard/session"
	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/vault"

	"github.com/prometheus/client_golang/prometheus"
)

// A Rulebook is what the API needs of the rules in force.
type Rulebook interface {
	// Roles lists every role of the configuration.
	Roles() []string
	// RolesOf lists the roles that an agent is in.
	RolesOf(p *action.Peer) []string
	// Manifest says what an agent may use, and how, as Markdown and as data.
	Manifest(p *action.Peer) (markdown string, data any)
	// Services and RoleList list what the configuration declares.
	Services() []Service
	RoleList() []Role
	// Explain tells how the rules judge a recorded action, step by step.
	Explain(r *audit.Record) (any, error)
}

// A Link says how an agent's tunnel stands.
type Link struct {
	LastHandshake time.Time `json:"last_handshake,omitzero"`
	Received      uint64    `json:"received_bytes"`
	Sent          uint64    `json:"sent_bytes"`
}

// A Part is a piece of the API that a package of its own makes.
type Part interface{ Routes() route.Table }

// An API answers operators. Every field is set before the first request.
type API struct {
	Version string
	Started time.Time
	Roster  *netstack.Roster
	Desk    *approval.Desk
	Vault   *vault.Vault
	Log     *audit.Log
	Rules   Rulebook
	Book    *book.Book
	Drafter inbox.Drafter // of edits that answer an ask for good
	Shelf   services.Shelf
	// Audience is told who follows one session; nil: nobody is.
	Audience *session.Audience
	// Parts bring rows of their own to the table of routes.
	Parts []Part
	// Config makes the client configuration of an agent whose private key it is;
	// nil: there is no WireGuard transport.
	Config func(a netstack.Agent, privateKey string, split bool) string
	Notice func() string          // what may keep that one from working; "": nothing
	Links  func() map[string]Link // by agent id
	// Logout makes the tailnet forget the gateway's node; nil: there is none.
	Logout func(context.Context) error
	// Seen tells who a node of the tailnet was when it was last seen, and whether
	// the rules give it anything; p is nil for one that was not seen yet.
	Seen   func(a netstack.Agent) (p *action.Peer, enrolled bool)
	Status func() Status // what the rest of the gateway says of itself
	Ready  func() error  // nil when every listener is up
	CA     func() []byte
	// Wanted lists the secrets that the configuration takes; nil: none.
	Wanted func() []string
	// Fits fails if a value cannot be what the configuration takes a secret for; nil:
	// any can.
	Fits func(secret string, value []byte) error
	// SecretSet is called after a secret got another value.
	SecretSet func()
	// Backup gives a sealed archive, which the caller closes.
	Backup func(context.Context, Sealing) (*os.File, error)
	// RotateKey seals the vault with another key and names it.
	RotateKey func(context.Context) (id string, err error)
	// Sums says where what is summed up beside the records is not what they say; nil:
	// nothing is.
	Sums func(context.Context) ([]audit.Problem, error)
	// Judges lists the judges of the rules in force; nil: there are none.
	Judges func(context.Context) ([]Judge, error)
	// Answers takes signed answers to asks, from whoever holds a key.
	Answers http.Handler
	Metrics prometheus.Gatherer
	Connect *connect.Desk // connects OAuth accounts
	Door    *door.Door
	Witness route.Witness // keeps what operators do; nil: nobody does
	Logger  *slog.Logger
}

func (a *API) ready(w http.ResponseWriter, _ *http.Request) error {
	if err := a.Ready(); err != nil {
		return route.Fault{Status: http.StatusServiceUnavailable, Err: err}
	}
	_, err := fmt.Fprintln(w, "ready")
	return err
}

func (a *API) caPEM(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/x-pem-file")
	w.Write(a.CA()) //nolint:errcheck // whoever asked has gone
	return nil
}
