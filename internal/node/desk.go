package node

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval"
	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/internal/node/paper"
	"sallyport.dev/sallyport/vault"
)

// openDesk makes the desk and gives it back what people were asked before the
// process that ended. The desk lives until Close, so that what is cut off then is
// not taken for a hang-up.
func (n *Node) openDesk(ctx context.Context) error {
	key, err := n.Vault.Internal(ctx, "approvals", func() (vault.Secret, error) {
		var b [32]byte
		_, err := rand.Read(b[:])
		return vault.NewSecret(b[:]), err
	})
	if err != nil {
		return fmt.Errorf("key of the approvals: %w", err)
	}
	n.Desk = &approval.Desk{
		Now: time.Now, Log: n.o.Log, Store: n.store, Key: key.Reveal(),
		Approver: n.approver, Operator: n.mayApprove, Paper: paper.Of, Serves: n.serves,
	}
	var life context.Context
	life, n.closing = context.WithCancel(ctx)
	return n.Desk.Load(life)
}

// approver gives an approver as the rules in force declare it.
func (n *Node) approver(name string) (approval.Approver, bool) {
	name, ok := strings.CutPrefix(name, "approver.")
	if !ok {
		return approval.Approver{}, false
	}
	a, ok := n.Rules.Current().Approver(name)
	return approval.Approver{
		Members: a.Members, Require: a.Require, Hold: a.Hold, Timeout: a.Timeout, StepUp: a.StepUp, Notify: n.Outreach.Notify("approver." + name),
	}, ok
}

// mayApprove reports whether somebody may answer what names no approver.
func (n *Node) mayApprove(p action.Person) bool {
	if p.Via == approval.HostDoor {
		return true
	}
	d := n.people.Load()
	return d != nil && d.Rights(p).Has(route.Approver)
}

// serves reports whether the agent of a paper has a service at host by now.
func (n *Node) serves(written []byte, host string) bool {
	p, ok := paper.Peer(written)
	if !ok {
		return false
	}
	if now, ok := n.Roster.Current(p.ID); ok {
		p = now
	}
	return n.Rules.serves(p, host)
}

// serves reports whether a service of the agent is at host.
func (b *Rulebook) serves(p *action.Peer, host string) bool {
	for _, port := range []uint16{443, 80} {
		if b.Current().Resolve(p, host, netip.AddrPortFrom(netip.IPv4Unspecified(), port)).Service != nil {
			return true
		}
	}
	return false
}
