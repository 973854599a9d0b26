package roles

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"tailscale.com/ipn"
	"tailscale.com/ipn/store/mem"
	"tailscale.com/net/netns"
	"tailscale.com/tsnet"
	"tailscale.com/types/logger"
)

// TailnetConfig is a node of a tailnet that only copies bytes.
type TailnetConfig struct {
	Dir, Control, AuthKey string
	Route                 netip.Prefix
	Ports                 map[uint16]string // where the flows to a port go, whatever their address
}

// TailnetReady is what it took to be a node.
type TailnetReady struct{ Up time.Duration }

// serveTailnet is a stock node in its own words, with its own stack: what the
// library alone costs, and a byte copy.
func serveTailnet(ctx context.Context, config []byte) (any, error) {
	var c TailnetConfig
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, err
	}
	netns.SetEnabled(false) // everything is on loopback
	ts := &tsnet.Server{
		Dir: c.Dir, Store: new(mem.Store), Ephemeral: true, Hostname: "splice", AuthKey: c.AuthKey, ControlURL: c.Control,
		Logf: logger.Discard, UserLogf: logger.Discard,
	}
	begin := time.Now()
	if _, err := ts.Up(ctx); err != nil {
		return nil, fmt.Errorf("join the tailnet: %w", err)
	}
	ready := TailnetReady{Up: time.Since(begin)}
	ts.RegisterFallbackTCPHandler(func(_, dst netip.AddrPort) (func(net.Conn), bool) {
		to, ok := c.Ports[dst.Port()]
		if !ok {
			return nil, true
		}
		return func(agent net.Conn) { relay(ctx, agent, to) }, true
	})
	client, err := ts.LocalClient()
	if err != nil {
		return nil, err
	}
	_, err = client.EditPrefs(ctx, &ipn.MaskedPrefs{
		Prefs: ipn.Prefs{AdvertiseRoutes: []netip.Prefix{c.Route}}, AdvertiseRoutesSet: true,
	})
	return ready, err
}

// relay copies both ways with large buffers, until both are done.
func relay(ctx context.Context, agent net.Conn, to string) {
	defer agent.Close()
	var d net.Dialer
	up, err := d.DialContext(ctx, "tcp", to)
	if err != nil {
		return
	}
	defer up.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		drain(up, agent)
	}()
	drain(agent, up)
	<-done
}

func drain(to, from net.Conn) {
	io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, make([]byte, 64<<10)) //nolint:errcheck // an end is an end
	if h, ok := to.(interface{ CloseWrite() error }); ok {
		h.CloseWrite() //nolint:errcheck // likewise
	}
}
