// Package gate opens the listeners by which people reach the gateway, on this
// machine and in its tailnet, and serves them until the end. It knows where
// somebody comes from; who they are is the door's to say.
package gate

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sallyport.dev/sallyport/dashboard/door"
	"sallyport.dev/sallyport/dashboard/web"
	"sallyport.dev/sallyport/internal/node/gate/owner"
	"sallyport.dev/sallyport/netstack/tailnet"

	"golang.org/x/sync/errgroup"
)

const (
	tlsPort = 443
	// plainPort is the port on the tailnet's address where there is no HTTPS.
	plainPort = 8484
	// namePort is where a browser goes that was told the gateway's bare name.
	namePort = 80
	// maxStreams bounds what one connection asks at a time, which every open page does
	// once for as long as it is open.
	maxStreams = 64
	// shutdownTimeout bounds how long requests may go on after the end.
	shutdownTimeout = 5 * time.Second
)

// Gates are the listeners. Open opens those of this machine, Tailnet, before its
// node starts, those of the tailnet; neither must be there.
type Gates struct {
	Log *slog.Logger

	ts    *tailnet.Node
	list  []gate
	local []gate
	here  atomic.Pointer[[]netip.AddrPort] // of local; set by Open
}

// A gate is a listener and what people call it.
type gate struct {
	net.Listener
	*door.Entrance
	to func() string // where else a browser is sent; nil or "": nowhere
}

// Tailnet makes the gates of a node that has not started yet.
func (g *Gates) Tailnet(ts *tailnet.Node) {
	g.ts = ts
	secure := tls.NewListener(ts.Listen(tlsPort), config(ts.Certificate))
	g.list = append(g.list,
		gate{secure, &door.Entrance{Secure: true, Hosts: g.hosts, Who: g.visitor}, nil},
		gate{ts.Listen(plainPort), &door.Entrance{Hosts: g.hosts, Who: g.visitor}, g.secureURL},
		gate{ts.Listen(namePort), &door.Entrance{Hosts: g.hosts, Who: g.visitor}, g.bestURL})
}

func config(get func(*tls.ClientHelloInfo) (*tls.Certificate, error)) *tls.Config {
	return &tls.Config{GetCertificate: get, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
}

// visitor asks the tailnet who has an address.
func (g *Gates) visitor(addr netip.Addr) (door.Visitor, error) {
	v, err := g.ts.Visitor(addr)
	if err != nil {
		return door.Visitor{}, err
	}
	return door.Visitor(v), nil
}

// hosts are the names and addresses by which a browser in the tailnet may reach
// the gateway.
func (g *Gates) hosts() []string {
	names, _ := g.ts.Names(context.Background())
	return names
}

// secureURL is the tailnet's address with HTTPS; "": it has none.
func (g *Gates) secureURL() string {
	if _, name := g.ts.Names(context.Background()); name != "" {
		return "https://" + name
	}
	return ""
}

// bestURL is where people of the tailnet find the pages.
func (g *Gates) bestURL() string { return cmp.Or(g.secureURL(), g.plainURL()) }

// plainURL is the tailnet's address without HTTPS; "": the node has not joined.
func (g *Gates) plainURL() string {
	v4, _ := g.ts.Gateway()
	if !v4.IsValid() {
		return ""
	}
	return "http://" + netip.AddrPortFrom(v4, plainPort).String()
}

// URLs lists where people reach the gateway now, best first.
func (g *Gates) URLs() []string {
	var list []string
	if g.ts != nil {
		list = append(list, g.bestURL())
	}
	list = append(list, g.Local())
	return slices.DeleteFunc(list, func(s string) bool { return s == "" })
}

// Local is where people of this machine, or of its network, reach the gateway; "":
// nowhere.
func (g *Gates) Local() string {
	if len(g.local) == 0 {
		return ""
	}
	return g.local[0].URL
}

// Here lists where the gates of this machine listen. It may be called at any time.
func (g *Gates) Here() []netip.AddrPort {
	var list []netip.AddrPort
	if local := g.here.Load(); local != nil {
		list = slices.Clone(*local)
	}
	return list
}

// A Guard lets the requests of an entrance through to a handler once it knows
// whose they are.
type Guard func(*door.Entrance, http.Handler) http.Handler

// Serve serves the API at every gate until ctx ends, and the pages wherever that
// has no path.
func (g *Gates) Serve(ctx context.Context, group *errgroup.Group, guard Guard, api http.Handler) error {
	pages, err := web.New()
	if err != nil {
		return err
	}
	site := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/") || slices.Contains([]string{"/healthz", "/readyz", "/metrics"}, r.URL.Path) {
			api.ServeHTTP(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	})
	for _, at := range append(g.list, g.local...) {
		srv := &http.Server{
			Handler: at.handler(guard(at.Entrance, site)), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
			HTTP2:          &http.HTTP2Config{MaxConcurrentStreams: maxStreams, WriteByteTimeout: time.Minute},
			MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(g.Log.Handler(), slog.LevelDebug),
			BaseContext: func(net.Listener) context.Context { return ctx },
		}
		if !at.Secure && at.Who == nil {
			srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
				return door.WithUser(ctx, once(func() (string, bool) { return owner.Of(c) }))
			}
		}
		group.Go(func() error {
			err := srv.Serve(at.Listener)
			// The node of a tailnet closes its listeners when it ends, which may be a moment
			// before ctx is seen to be done.
			if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) || ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("dashboard: %w", err)
		})
		group.Go(func() error { return End(ctx, srv) })
	}
	return nil
}

// End ends a server once ctx is done, and waits for it: requests may go on for a
// moment, and whoever has not asked by then, as a browser that connects ahead, is hung
// up on.
func End(ctx context.Context, srv *http.Server) error {
	<-ctx.Done()
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	err := srv.Shutdown(stop)
	if errors.Is(err, context.DeadlineExceeded) {
		return srv.Close()
	}
	return err
}

// once asks until somebody is told of, who holds for the connection. That nobody was may
// be a matter of the moment, and would have every request of the connection refused.
func once(ask func() (string, bool)) func() (string, bool) {
	var mu sync.Mutex
	var user string
	var ok bool
	return func() (string, bool) {
		mu.Lock()
		defer mu.Unlock()
		if !ok {
			user, ok = ask()
		}
		return user, ok
	}
}

// handler sends a browser to the better address, if there is one, and answers no
// request where a cookie or a password would go unprotected without need.
func (at gate) handler(next http.Handler) http.Handler {
	if at.to == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to := at.to()
		switch {
		case to == "":
			next.ServeHTTP(w, r)
		case r.Method == http.MethodGet || r.Method == http.MethodHead:
			http.Redirect(w, r, to+r.URL.RequestURI(), http.StatusTemporaryRedirect)
		default:
			http.Error(w, "use "+to, http.StatusMisdirectedRequest)
		}
	})
}
