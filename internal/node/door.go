package node

import (
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
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/dashboard/account"
	"sallyport.dev/sallyport/dashboard/deeds"
	"sallyport.dev/sallyport/dashboard/door"
	"sallyport.dev/sallyport/dashboard/oidc"
	"sallyport.dev/sallyport/dashboard/passkey"
	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/dashboard/web"

	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"
)

const (
	// maxDoor bounds the connections of one listener.
	maxDoor = 256
	// tailnetPlain is the port on the tailnet's address where there is no HTTPS.
	tailnetPlain = 8484
	tailnetTLS   = 443
)

// openDoor makes what proves operators.
func (n *Node) openDoor(ctx context.Context) error {
	book, err := account.Open(ctx, n.store, time.Now)
	if err != nil {
		return fmt.Errorf("operators: %w", err)
	}
	signer, err := n.Vault.Signer(ctx, "operators")
	if err != nil {
		return fmt.Errorf("key of the operators' audit: %w", err)
	}
	chain, err := deeds.Open(ctx, n.store, signer, time.Now, n.o.Log)
	if err != nil {
		return err
	}
	n.API.Door = &door.Door{
		Book: book, Deeds: chain, Config: n.operatorRights, Now: time.Now, Log: n.o.Log,
		Passkeys: &passkey.Ceremonies{Now: time.Now},
		Named:    func() map[string][]string { return n.Rules.Current().Operators() },
	}
	n.API.Witness = chain
	if conf := n.Rules.Current().Gateway().Dashboard; conf != nil && conf.OIDC != nil {
		n.API.Door.OIDC = oidc.New(oidc.Config{
			Issuer: conf.OIDC.Issuer, ClientID: conf.OIDC.ClientID, HTTP: n.o.HTTP, Now: time.Now,
			Secret: func() (string, error) { return n.secretText(conf.OIDC.Secret) },
		})
	}
	return nil
}

// secretText gives the value of a secret that the gateway itself uses.
func (n *Node) secretText(name string) (string, error) {
	v, err := n.Vault.Value(name)
	if err != nil {
		return "", err
	}
	return string(v.Reveal()), nil
}

// operatorRights gives what the operators block in force gives a person.
func (n *Node) operatorRights(p action.Person) route.Rights {
	var s route.Rights
	for name, members := range n.Rules.Current().Operators() {
		var r route.Right
		if r.UnmarshalText([]byte(name)) == nil && slices.ContainsFunc(members, p.Is) {
			s |= route.RightsOf(r)
		}
	}
	return s
}

// A gate is a listener and what people call it.
type gate struct {
	net.Listener
	*door.Entrance
}

// gates opens every listener but the admin socket.
func (n *Node) gates() ([]gate, error) {
	var list []gate
	if conf := n.Rules.Current().Gateway().Dashboard; conf != nil {
		local, err := n.localGates(conf.Listen, conf.Cert, conf.Key)
		if err != nil {
			return nil, fmt.Errorf("dashboard: %w", err)
		}
		list, n.local = local, local
	}
	if n.TS != nil {
		secure := tls.NewListener(n.visitors[tailnetTLS], &tls.Config{
			GetCertificate: n.TS.Certificate, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		})
		list = append(list,
			gate{secure, &door.Entrance{URL: "https://" + n.tailnetName(), Secure: true, Hosts: n.tailnetHosts, Who: n.visitor}},
			gate{n.visitors[tailnetPlain], &door.Entrance{URL: n.plainURL(), Hosts: n.tailnetHosts, Who: n.visitor}})
	}
	return list, nil
}

// localGates listens where the configuration says: on localhost by both families,
// so that nobody else of this machine takes the other one.
func (n *Node) localGates(listen, cert, key string) ([]gate, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return nil, err
	}
	if cert != "" {
		pair := &pair{cert: cert, key: key}
		if err := pair.load(); err != nil {
			return nil, err
		}
		l, err := net.Listen("tcp", listen)
		if err != nil {
			return nil, err
		}
		l = tls.NewListener(netutil.LimitListener(l, maxDoor), &tls.Config{
			GetCertificate: pair.get, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		})
		return []gate{{l, &door.Entrance{URL: "https://" + net.JoinHostPort(pair.name(host), portOf(l)), Secure: true, Hosts: pair.hosts}}}, nil
	}
	first, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return nil, err
	}
	hosts := func() []string { return []string{"localhost", "127.0.0.1", "::1"} }
	e := &door.Entrance{URL: "http://localhost:" + portOf(first), Hosts: hosts}
	list := []gate{{netutil.LimitListener(first, maxDoor), e}}
	second, err := net.Listen("tcp6", net.JoinHostPort("::1", portOf(first)))
	switch {
	case err == nil:
		list = append(list, gate{netutil.LimitListener(second, maxDoor), e})
	case strings.Contains(err.Error(), "in use"):
		first.Close()
		return nil, err
	default: // this machine has no IPv6
		n.o.Log.Debug("the dashboard is on IPv4 only", "err", err)
	}
	return list, nil
}

func portOf(l net.Listener) string {
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return ""
	}
	return port
}

// visitor asks the tailnet who has an address.
func (n *Node) visitor(addr netip.Addr) (door.Visitor, error) {
	v, err := n.TS.Visitor(addr)
	if err != nil {
		return door.Visitor{}, err
	}
	return door.Visitor(v), nil
}

// tailnetHosts are the names and addresses by which a browser in the tailnet may
// reach the gateway.
func (n *Node) tailnetHosts() []string {
	names, _ := n.TS.Names(context.Background())
	return names
}

func (n *Node) tailnetName() string {
	_, https := n.TS.Names(context.Background())
	return https
}

// plainURL is the address without HTTPS.
func (n *Node) plainURL() string {
	v4, _ := n.TS.Gateway()
	if !v4.IsValid() {
		return ""
	}
	return "http://" + netip.AddrPortFrom(v4, tailnetPlain).String()
}

// serveDoor serves the gates until ctx ends.
func (n *Node) serveDoor(ctx context.Context, g *errgroup.Group, gates []gate) {
	site, err := n.site()
	if err != nil {
		g.Go(func() error { return err })
		return
	}
	for _, at := range gates {
		srv := &http.Server{
			Handler: n.API.Door.Guard(at.Entrance, site), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
			MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(n.o.Log.Handler(), slog.LevelDebug),
			BaseContext: func(net.Listener) context.Context { return ctx },
		}
		g.Go(func() error {
			if err := srv.Serve(at.Listener); !errors.Is(err, http.ErrServerClosed) && ctx.Err() == nil {
				return fmt.Errorf("dashboard at %s: %w", at.URL, err)
			}
			return nil
		})
		g.Go(func() error {
			<-ctx.Done()
			stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
			defer cancel()
			return srv.Shutdown(stop)
		})
	}
}

// site is the API, and the pages wherever it has no path.
func (n *Node) site() (http.Handler, error) {
	pages, err := web.New()
	if err != nil {
		return nil, err
	}
	api := n.API.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case strings.HasPrefix(path, "/api/"), slices.Contains([]string{"/healthz", "/readyz", "/metrics"}, path):
			api.ServeHTTP(w, r)
		default:
			pages.ServeHTTP(w, r)
		}
	}), nil
}

// dashboards lists where people reach the gateway now, best first.
func (n *Node) dashboards() []string {
	var list []string
	if n.TS != nil {
		if name := n.tailnetName(); name != "" {
			list = append(list, "https://"+name)
		} else if at := n.plainURL(); at != "" {
			list = append(list, at)
		}
	}
	for _, at := range n.local {
		if !slices.Contains(list, at.URL) {
			list = append(list, at.URL)
		}
	}
	return list
}

// welcome prints the link of the first run, if nobody could come in otherwise.
func (n *Node) welcome() {
	book := n.API.Door.Book
	if len(book.List()) > 0 || len(n.local) == 0 {
		return
	}
	for _, members := range n.Rules.Current().Operators() {
		if len(members) > 0 {
			return
		}
	}
	fmt.Fprintf(n.o.Errs, "\nNobody can log in yet. Open this link to become the first operator; it works once, for %s:\n\n  %s/setup#%s\n\n",
		strings.TrimSuffix(account.SetupFor.String(), "0m0s"), n.local[0].URL, book.Invite())
}
