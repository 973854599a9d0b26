// Package inside is what agents read inside the tunnel, at http://sallyport.internal:
// how to set themselves up and what they may use. It answers about the agent that
// asks and nobody else; all it takes is a wish for a service.
package inside

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/netstack"
)

// Pages answer agents at http://sallyport.internal with what they need to set
// themselves up: /ca.pem, /whoami, /manifest and /env; and where nodes of a tailnet ask
// their exit node for names, with those. Flows to anything else go on to Next.
type Pages struct {
	Next     netstack.Handler
	CA       func() []byte
	Roles    func(*action.Peer) []string
	Manifest func(*action.Peer) (markdown, shell string, data any) // with the agent's own placeholders
	Logger   *slog.Logger
	Desk     Desk // nil: nobody is asked
	// Serves reports whether a service of the agent is at host.
	Serves func(p *action.Peer, host string) bool

	// Asks reports whether nodes of a tailnet ask for names there; nil: nowhere.
	Asks     func(netip.AddrPort) bool
	Resolver netstack.Resolver
}

// ServeFlow answers one connection to the gateway itself, or hands it on. Only
// port 80 is open, and where names are asked for.
func (in *Pages) ServeFlow(ctx context.Context, f netstack.Flow) error {
	if f.Host != netstack.GatewayName {
		return in.Next.ServeFlow(ctx, f)
	}
	var pages http.Handler
	switch {
	case f.Dst.Port() == 80:
		pages = in.pages(f.Peer)
	case in.Asks != nil && in.Asks(f.Dst):
		pages = in.names(f.Peer)
	default:
		return nil
	}
	c, err := f.Accept()
	if err != nil {
		return fmt.Errorf("accept from %s: %w", f.Peer.Name, err)
	}
	srv := &http.Server{
		Handler:           pages,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       30 * time.Second,
		WriteTimeout:      30 * time.Second,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(in.Logger.Handler(), slog.LevelDebug),
	}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	l := newOneConn(c)
	srv.ConnState = l.state
	if err := srv.Serve(l); err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("pages for %s: %w", f.Peer.Name, err)
	}
	return nil
}

func (in *Pages) pages(p *action.Peer) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ca.pem", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-pem-file")
		w.Write(in.CA()) //nolint:errcheck // whoever asked has gone
	})
	mux.HandleFunc("GET /whoami", func(w http.ResponseWriter, _ *http.Request) {
		in.json(w, map[string]any{"agent": p.Name, "address": p.Addr.String(), "roles": in.Roles(p), "user": p.User, "tags": p.Tags})
	})
	mux.HandleFunc("GET /manifest", func(w http.ResponseWriter, r *http.Request) {
		md, _, data := in.Manifest(p)
		if strings.Contains(r.Header.Get("Accept"), "application/json") {
			in.json(w, data)
			return
		}
		w.Header().Set("Content-Type", "text/markdown; charset=utf-8")
		fmt.Fprint(w, md)
	})
	mux.HandleFunc("GET /env", func(w http.ResponseWriter, _ *http.Request) {
		_, shell, _ := in.Manifest(p)
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprint(w, shell)
	})
	in.asks(mux, p)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "You are behind a Sallyport gateway, as agent %s.\n\n"+
			"/ca.pem    the CA to trust:   curl -fsS http://%[2]s/ca.pem\n"+
			"/whoami    who you are here\n/manifest  what you may use, and how\n"+
			"/env       what your clients need in their environment:   eval \"$(curl -fsS http://%[2]s/env)\"\n"+
			"/approvals/ID  how something that you asked stands\n/requests  POST {\"host\", \"reason\"} to ask for a service\n", p.Name, netstack.GatewayName)
	})
	return mux
}

func (in *Pages) json(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		in.Logger.Debug("an agent hung up", "err", err)
	}
}

// A oneConn is a listener of one connection; Accept ends with net.ErrClosed once
// that connection is closed.
type oneConn struct {
	conn net.Conn
	next chan net.Conn
	done chan struct{}
	once sync.Once
}

func newOneConn(c net.Conn) *oneConn {
	l := &oneConn{conn: c, next: make(chan net.Conn, 1), done: make(chan struct{})}
	l.next <- c
	return l
}

func (l *oneConn) Accept() (net.Conn, error) {
	select {
	case c := <-l.next:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *oneConn) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *oneConn) Addr() net.Addr { return l.conn.LocalAddr() }

// state is the server's ConnState hook.
func (l *oneConn) state(_ net.Conn, s http.ConnState) {
	if s == http.StateClosed || s == http.StateHijacked {
		l.once.Do(func() { close(l.done) })
	}
}
