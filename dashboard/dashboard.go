// Package dashboard is the operators' door: the JSON API of the gateway, its
// health and metrics, and the pages that agents read inside the tunnel. What an
// operator may do is decided here and nowhere else; it judges no agent's action
// and never gives a secret out.
package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval"
	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/vault"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// maxRequest bounds the body of an API request.
const maxRequest = 1 << 20

// A Rulebook is what the API needs of the rules in force.
type Rulebook interface {
	// Roles lists every role of the configuration.
	Roles() []string
	// RolesOf lists the roles that an agent is in.
	RolesOf(p *action.Peer) []string
	// Manifest says what an agent may use, and how, as Markdown and as data.
	Manifest(p *action.Peer) (markdown string, data any)
}

// A Link says how an agent's tunnel stands.
type Link struct {
	LastHandshake time.Time `json:"last_handshake,omitzero"`
	Received      uint64    `json:"received_bytes"`
	Sent          uint64    `json:"sent_bytes"`
}

// An API answers operators. Every field is set before the first request.
type API struct {
	Version string
	Started time.Time
	Roster  *netstack.Roster
	Desk    *approval.Desk
	Vault   *vault.Vault
	Log     *audit.Log
	Rules   Rulebook
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
	// SecretSet is called after a secret got another value.
	SecretSet func()
	Metrics   prometheus.Gatherer
	Logger    *slog.Logger
}

// Handler gives the routes of the API. They trust the listener to have proven
// the operator (see Listen).
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", a.ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.Metrics, promhttp.HandlerOpts{}))
	mux.Handle("GET /api/v1/status", a.answer(a.status))
	mux.HandleFunc("GET /api/v1/ca.pem", a.caPEM)

	mux.Handle("GET /api/v1/agents", a.answer(a.agents))
	mux.Handle("POST /api/v1/agents", a.answer(a.addAgent))
	mux.Handle("POST /api/v1/agents/freeze", a.answer(a.freezeAll))
	mux.Handle("POST /api/v1/agents/unfreeze", a.answer(a.unfreezeAll))
	mux.Handle("GET /api/v1/agents/{name}", a.answer(a.agent))
	mux.Handle("DELETE /api/v1/agents/{name}", a.answer(a.removeAgent))
	mux.Handle("POST /api/v1/agents/{name}/freeze", a.answer(a.freeze))
	mux.Handle("POST /api/v1/agents/{name}/unfreeze", a.answer(a.unfreeze))
	mux.Handle("POST /api/v1/agents/{name}/rekey", a.answer(a.rekey))
	mux.Handle("POST /api/v1/agents/{name}/approve", a.answer(a.approveAgent))

	mux.Handle("POST /api/v1/tailnet/logout", a.answer(a.logout))

	mux.Handle("GET /api/v1/secrets", a.answer(a.secrets))
	mux.Handle("PUT /api/v1/secrets/{name}", a.answer(a.setSecret))
	mux.Handle("DELETE /api/v1/secrets/{name}", a.answer(a.removeSecret))

	mux.Handle("GET /api/v1/approvals", a.answer(a.approvals))
	mux.Handle("GET /api/v1/approvals/{id}", a.answer(a.approval))
	mux.Handle("POST /api/v1/approvals/{id}/approve", a.answer(a.approve))
	mux.Handle("POST /api/v1/approvals/{id}/deny", a.answer(a.deny))

	mux.Handle("GET /api/v1/actions", a.answer(a.actions))
	mux.Handle("GET /api/v1/actions/{id}", a.answer(a.action))
	mux.HandleFunc("GET /api/v1/events", a.events)
	mux.Handle("GET /api/v1/audit/verify", a.answer(a.verify))
	return mux
}

// A fault is an error with the HTTP status that tells it.
type fault struct {
	status int
	err    error
}

func (f fault) Error() string { return f.err.Error() }
func (f fault) Unwrap() error { return f.err }

func badRequest(format string, args ...any) error {
	return fault{http.StatusBadRequest, fmt.Errorf(format, args...)}
}

func notFound(format string, args ...any) error {
	return fault{http.StatusNotFound, fmt.Errorf(format, args...)}
}

func conflict(format string, args ...any) error {
	return fault{http.StatusConflict, fmt.Errorf(format, args...)}
}

// answer writes what f returns as JSON, or its error as a problem (RFC 9457).
func (a *API) answer(f func(r *http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
		v, err := f(r)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if err := json.NewEncoder(w).Encode(v); err != nil {
			a.Logger.Debug("an operator hung up", "path", r.URL.Path, "err", err)
		}
	})
}

func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusInternalServerError
	var f fault
	if errors.As(err, &f) {
		status = f.status
	}
	if status == http.StatusInternalServerError {
		a.Logger.Error("an API call failed", "method", r.Method, "path", r.URL.Path, "err", err)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	problem := map[string]any{"title": http.StatusText(status), "status": status, "detail": err.Error()}
	if err := json.NewEncoder(w).Encode(problem); err != nil {
		a.Logger.Debug("an operator hung up", "path", r.URL.Path, "err", err)
	}
}

// decode reads a JSON body strictly into v: one value of known fields. No error
// quotes a value, which may be a secret.
func decode(r *http.Request, v any) error {
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	err := dec.Decode(v)
	if err == nil && dec.Decode(&struct{}{}) != io.EOF {
		err = errors.New("more than one value")
	}
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return fault{http.StatusRequestEntityTooLarge, fmt.Errorf("the request body is larger than %d bytes", large.Limit)}
	}
	if err != nil {
		return badRequest("the request body: %w", err)
	}
	return nil
}

func (a *API) ready(w http.ResponseWriter, _ *http.Request) {
	if err := a.Ready(); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}

func (a *API) caPEM(w http.ResponseWriter, _ *http.Request) { writePEM(w, a.CA()) }

func writePEM(w http.ResponseWriter, pem []byte) {
	w.Header().Set("Content-Type", "application/x-pem-file")
	w.Write(pem) //nolint:errcheck // whoever asked has gone
}

type operatorKey struct{}

// withOperator says on whose behalf a connection acts.
func withOperator(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, operatorKey{}, name)
}

// operator names who asks.
func operator(r *http.Request) string {
	name, _ := r.Context().Value(operatorKey{}).(string)
	return name
}
