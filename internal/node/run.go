package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"sallyport.dev/sallyport/dashboard/door"
	"sallyport.dev/sallyport/internal/node/gate"

	"golang.org/x/sync/errgroup"
)

// AdminSocket is the name of the API's socket in the state directory.
const AdminSocket = "admin.sock"

// Run opens the API and keeps the gateway going until ctx ends or a part of it
// fails. It calls ready once, when every listener is up.
func (n *Node) Run(ctx context.Context, ready func()) error {
	admin, err := door.ListenAdmin(filepath.Join(n.Dir, AdminSocket))
	if err != nil {
		return err
	}
	srv := &http.Server{
		Handler: n.API.Handler(), ConnContext: door.ConnContext, ReadHeaderTimeout: 10 * time.Second,
		ErrorLog: slog.NewLogLogger(n.o.Log.Handler(), slog.LevelDebug),
	}
	g, ctx := errgroup.WithContext(ctx)
	srv.BaseContext = func(net.Listener) context.Context { return ctx }
	g.Go(func() error {
		if err := srv.Serve(admin); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("admin socket: %w", err)
		}
		return nil
	})
	g.Go(func() error { return gate.End(ctx, srv) })
	if err := n.serveDoor(ctx, g); err != nil {
		g.Go(func() error { return err })
		return g.Wait()
	}
	g.Go(func() error { return n.Roster.Run(ctx) })
	g.Go(func() error { return n.Gateway.Run(ctx) })
	g.Go(func() error { return n.Vault.Run(ctx) })
	g.Go(func() error { return n.upkeep.Run(ctx) })
	g.Go(func() error { return n.Desk.Run(ctx) })
	g.Go(func() error { return n.Outreach.Run(ctx) })
	g.Go(func() error { return n.phone.Run(ctx) })
	g.Go(n.Alerts.Start(ctx))
	g.Go(func() error { return n.Rules.watch(ctx) })
	n.announce()
	welcome := n.o.Welcome
	if welcome == nil {
		welcome = gate.Welcome(n.o.Errs)
	}
	n.gates.Invite(n.API.Door.Book, n.Rules.Current().Operators(), welcome)
	ready()
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	n.o.Log.Info("stopped")
	return nil
}

// announce says that everything is up, and what is still missing.
func (n *Node) announce() {
	n.up.Store(true)
	up := []any{"config", n.o.Config, "state", n.Dir}
	if n.WG != nil {
		v4, _ := n.WG.Gateway()
		up = append(up, "wireguard", n.Endpoint(), "inside", v4.String())
	}
	if t := n.tailnetStatus(); t != nil {
		up = append(up, "tailnet", t.State, "node", t.Name, "addresses", t.Addresses)
	}
	if at := n.gates.URLs(); len(at) > 0 {
		up = append(up, "dashboard", at)
	}
	n.o.Log.Info("ready", up...)
	for _, w := range n.Warnings() {
		n.o.Log.Warn(w)
	}
}
