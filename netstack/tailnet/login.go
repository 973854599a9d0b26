package tailnet

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sallyport.dev/sallyport/netstack/tailnet/oauth"

	"tailscale.com/ipn"
	"tailscale.com/ipn/ipnstate"
)

// mintPause is the time between two keys made with the same secret, so that a wrong
// one is no flood.
const mintPause = time.Minute

// authKey gives what the node may join with, and notes why there is nothing.
func (n *Node) authKey() string {
	key, err := n.cfg.AuthKey()
	n.note(func() {
		if n.keyless = err; err != nil {
			n.keyless = fmt.Errorf("auth key of the tailnet node: %w", err)
		}
	})
	return strings.TrimSpace(key)
}

// firstKey is the auth key that the library starts with. The secret of an OAuth
// client is none: from that relogin makes one, and tries again when it cannot.
func (n *Node) firstKey() string {
	key := n.authKey()
	if oauth.Is(key) {
		return ""
	}
	n.note(func() { n.key = key })
	return key
}

// KeySet tells the node that the auth key may be another one.
func (n *Node) KeySet() {
	select {
	case n.keySet <- struct{}{}:
	default:
	}
}

// relogin logs a node in that has no identity, or has lost it, with an auth key
// that was not tried yet, or one that is made now. It asks for the same tags as
// before.
func (n *Node) relogin(ctx context.Context) {
	s, err := n.client.StatusWithoutPeers(ctx)
	if err != nil || !loggedOut(s, time.Now()) {
		return
	}
	key, ok := n.untried(ctx)
	if !ok {
		return
	}
	err = n.client.Start(ctx, ipn.Options{AuthKey: key})
	if err == nil {
		err = n.client.StartLoginInteractive(ctx)
	}
	if err != nil {
		n.log.Error("the tailnet node is not logged in", "err", err)
	}
}

// untried gives an auth key that was not tried before; false: there is none now.
func (n *Node) untried(ctx context.Context) (string, bool) {
	text := n.authKey()
	again, wait := false, false
	n.note(func() {
		if again = text == n.key; !again {
			n.key, n.pause, n.left = text, time.Time{}, false
		}
		wait = n.left || time.Now().Before(n.pause)
	})
	if !oauth.Is(text) {
		return text, text != "" && !again
	}
	if wait {
		return "", false
	}
	key, err := oauth.Mint(ctx, n.cfg.HTTP, text, n.cfg.Tags)
	n.note(func() {
		n.pause = time.Now().Add(mintPause)
		if n.keyless = err; err != nil {
			n.keyless = fmt.Errorf("auth key of the tailnet node: %w", err)
		}
	})
	if err != nil {
		n.log.Error("no auth key for the tailnet node", "err", err)
		return "", false
	}
	n.log.Info("made an auth key with the OAuth client", "tags", n.cfg.Tags)
	return key, true
}

// loggedOut reports whether the node must be logged in: the control server does not
// know it any more, or its key has ended. A node that starts with its old key needs
// a login only for a moment.
func loggedOut(s *ipnstate.Status, now time.Time) bool {
	ended := s.Self != nil && (s.Self.Expired || s.Self.KeyExpiry != nil && !s.Self.KeyExpiry.IsZero() && now.After(*s.Self.KeyExpiry))
	return s.BackendState == ipn.NeedsLogin.String() && (!s.HaveNodeKey || ended || s.AuthURL != "")
}

// Logout gives up the node's identity: the tailnet forgets it, and another auth
// key makes a new one, as does the next start.
func (n *Node) Logout(ctx context.Context) error {
	key := n.authKey()
	n.note(func() { n.key, n.left = key, true })
	if err := n.client.Logout(ctx); err != nil {
		return fmt.Errorf("log out of the tailnet: %w", err)
	}
	return nil
}
