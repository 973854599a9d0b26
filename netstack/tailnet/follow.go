package tailnet

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"tailscale.com/health"
	"tailscale.com/ipn"
	"tailscale.com/ipn/ipnstate"
)

const (
	// watched is what the library is to tell us of. Patches are endpoints and the
	// like, which change nothing of who somebody is.
	watched = ipn.NotifyInitialState | ipn.NotifyInitialStatus | ipn.NotifyInitialHealthState | ipn.NotifyPeerPatches

	retryWatch = time.Second
)

// follow hears what changes in the tailnet, and ends what must end, until ctx
// does; then it takes the node down.
func (n *Node) follow(ctx context.Context) {
	defer n.down()
	n.joined.Go(func() { n.watch(ctx) })
	tick := time.NewTicker(n.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.keySet:
			n.relogin(ctx)
			continue
		case <-n.who.wake:
		case <-tick.C:
			n.learnSelf(ctx) // the peer API may move without a word
			n.relogin(ctx)   // a key may be to be had now
			n.note(func() { n.deaf = !inTouch(n.ts) })
		}
		for _, id := range n.who.review() {
			n.server.Cut(id)()
		}
		if n.cfg.Changed != nil {
			n.cfg.Changed()
		}
	}
}

// watch reads the library's notifications until ctx ends.
func (n *Node) watch(ctx context.Context) {
	for ctx.Err() == nil {
		err := n.listen(ctx)
		n.note(func() { n.lost = err })
		n.who.heard()
		select {
		case <-ctx.Done():
		case <-time.After(retryWatch):
		}
	}
}

func (n *Node) listen(ctx context.Context) error {
	bus, err := n.client.WatchIPNBus(ctx, watched)
	if err != nil {
		return fmt.Errorf("watch the tailnet: %w", err)
	}
	defer bus.Close() //nolint:errcheck // it is only read
	n.note(func() { n.lost = nil })
	for {
		news, err := bus.Next()
		if err != nil {
			return fmt.Errorf("watch the tailnet: %w", err)
		}
		n.hear(ctx, news)
	}
}

// hear takes one notification in.
func (n *Node) hear(ctx context.Context, news ipn.Notify) {
	if news.BrowseToURL != nil {
		n.note(func() { n.login = *news.BrowseToURL })
	}
	if news.State != nil && *news.State == ipn.NeedsLogin {
		n.KeySet()
	}
	if news.Health != nil {
		n.note(func() { n.trouble = complaints(news.Health) })
	}
	if news.SelfChange != nil || news.InitialStatus != nil || news.State != nil && *news.State == ipn.Running {
		n.learnSelf(ctx)
	}
	if news.State != nil || news.SelfChange != nil || news.InitialStatus != nil ||
		len(news.PeersChanged) > 0 || len(news.PeersRemoved) > 0 || len(news.UserProfiles) > 0 {
		n.note(func() { n.around.at = time.Time{} })
		n.who.heard()
	}
}

// learnSelf takes the node's own addresses and the ports of its peer API from the
// library.
func (n *Node) learnSelf(ctx context.Context) {
	s, err := n.client.StatusWithoutPeers(ctx)
	if err != nil {
		n.log.Warn("the tailnet node does not say how it stands", "err", err)
		return
	}
	own, api := s.TailscaleIPs, peerAPI(s.Self)
	n.own.Store(&own)
	n.api.Store(&api)
	if s.BackendState == ipn.Running.String() && len(own) > 0 {
		n.note(func() { n.login = "" })
		n.begin.Do(func() {
			n.log.Info("joined the tailnet", "name", s.Self.DNSName, "addresses", own)
			close(n.up)
		})
	}
}

// peerAPI is where a node tells others that it serves its peer API.
func peerAPI(me *ipnstate.PeerStatus) []netip.AddrPort {
	if me == nil {
		return nil
	}
	var list []netip.AddrPort
	for _, at := range me.PeerAPIURL {
		if ap, err := netip.ParseAddrPort(strings.TrimPrefix(at, "http://")); err == nil {
			list = append(list, ap)
		}
	}
	return list
}

func (n *Node) note(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
}

// complaints are the library's warnings that mean something here: our stack
// forwards nothing, so that it needs none of the host's settings.
func complaints(h *health.State) []string {
	var list []string
	for code, w := range h.Warnings {
		if code == "ip-forwarding-off" {
			continue
		}
		list = append(list, w.Title+": "+w.Text)
	}
	return list
}
