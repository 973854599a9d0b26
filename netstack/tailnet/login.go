package tailnet

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"tailscale.com/ipn"
	"tailscale.com/ipn/ipnstate"
)

// oauth begins the secret of an OAuth client, from which the library mints an
// auth key when it starts, and only then.
const oauth = "tskey-client-"

var errRestart = errors.New("the auth key is the secret of an OAuth client, which is used when the gateway starts: restart it to log the node in again")

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

// KeySet tells the node that the auth key may be another one.
func (n *Node) KeySet() {
	select {
	case n.keySet <- struct{}{}:
	default:
	}
}

// relogin logs a node in again that has lost its identity, with an auth key that
// was not tried yet. It asks for the same tags as before.
func (n *Node) relogin(ctx context.Context) {
	s, err := n.client.StatusWithoutPeers(ctx)
	if err != nil || !loggedOut(s) {
		return
	}
	key := n.authKey()
	tried := false
	n.note(func() {
		tried = key == n.key
		n.key = key
		if strings.HasPrefix(key, oauth) && !tried {
			n.keyless, tried = errRestart, true
		}
	})
	if key == "" || tried {
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

// loggedOut reports whether the control server does not know the node any more. A
// node that starts with its old key needs a login only for a moment.
func loggedOut(s *ipnstate.Status) bool {
	expired := s.Self != nil && s.Self.Expired
	return s.BackendState == ipn.NeedsLogin.String() && (!s.HaveNodeKey || expired || s.AuthURL != "")
}

// Logout gives up the node's identity: the tailnet forgets it, and another auth
// key or the next start makes a new one.
func (n *Node) Logout(ctx context.Context) error {
	key := n.authKey()
	n.note(func() { n.key = key })
	if err := n.client.Logout(ctx); err != nil {
		return fmt.Errorf("log out of the tailnet: %w", err)
	}
	return nil
}
