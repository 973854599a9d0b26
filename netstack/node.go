package netstack

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"
)

// maxStrangers bounds the nodes that are remembered without anybody having let
// them in.
const maxStrangers = 1024

// errStrangers means that nobody looks at the nodes that wait.
var errStrangers = errors.New("too many nodes wait to be approved")

// A Source tells who an address or an id belongs to.
type Source interface {
	Peers
	Current(id string) (*action.Peer, bool)
}

// A Table asks its sources in order; the first that knows answers. No address
// may belong to agents of two of them.
type Table []Source

var _ Source = Table(nil)

// Lookup tells which live agent an address belongs to.
func (t Table) Lookup(addr netip.Addr) (*action.Peer, bool) {
	for _, s := range t {
		if p, ok := s.Lookup(addr); ok {
			return p, true
		}
	}
	return nil, false
}

// Current gives the live agent of an id as it stands now.
func (t Table) Current(id string) (*action.Peer, bool) {
	for _, s := range t {
		if p, ok := s.Current(id); ok {
			return p, true
		}
	}
	return nil, false
}

// ByNode gives the agent that a node of the tailnet is, frozen or not; ok is
// false for a node that was never met. It never waits.
func (r *Roster) ByNode(node string) (a Agent, ok bool) {
	a, ok = r.live.Load().byNode[node]
	return a, ok
}

// Knew reports whether a node of the tailnet is an agent or ever was one: it may
// wait, be frozen, have expired or have been removed. It never waits.
func (r *Roster) Knew(node string) bool { return r.live.Load().nodes[node] }

// Meet gives the agent that a node of the tailnet is, and remembers one that was
// never met: it waits to be approved. name is what its owner calls it.
func (r *Roster) Meet(ctx context.Context, node, name string) (Agent, error) {
	if a, ok := r.ByNode(node); ok {
		return a, nil
	}
	defer r.update()()
	strangers := 0
	for _, a := range r.agents {
		if a.Node == node && a.Removed.IsZero() {
			return a, nil
		}
		if a.Node != "" && !a.Approved && a.Removed.IsZero() {
			strangers++
		}
	}
	if strangers >= maxStrangers {
		return Agent{}, fmt.Errorf("meet node %s: %w", node, errStrangers)
	}
	now := r.now()
	a := Agent{ID: action.NewID(now), Name: r.freeName(name), Node: node, Created: now}
	if err := r.open(ctx, a); err != nil {
		return Agent{}, fmt.Errorf("meet node %s: %w", node, err)
	}
	return a, nil
}

// Approve lets a node of the tailnet in, with these roles, under the name it
// has now.
func (r *Roster) Approve(ctx context.Context, name string, roles []string) error {
	if err := checkRoles(roles); err != nil {
		return fmt.Errorf("approve %s: %w", name, err)
	}
	defer r.update()()
	a, ok := r.named(name)
	switch {
	case !ok:
		return fmt.Errorf("approve %s: %w", name, ErrNoAgent)
	case a.Node == "":
		return fmt.Errorf("approve %s: it is no node of the tailnet", name)
	}
	a.Roles, a.Approved = slices.Clone(roles), true
	if err := r.open(ctx, a); err != nil {
		return fmt.Errorf("approve %s: %w", name, err)
	}
	return nil
}

// freeName makes a name of the one that a node's owner chose, which nobody has
// yet; the caller holds mu.
func (r *Roster) freeName(wish string) string {
	base := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' {
			return c
		}
		return -1
	}, strings.ToLower(wish))
	base = strings.TrimLeft(base[:min(len(base), maxName-8)], "-")
	if base == "" {
		base = "node"
	}
	name := base
	for n := 2; ; n++ {
		if _, taken := r.named(name); !taken {
			return name
		}
		name = fmt.Sprintf("%s-%d", base, n)
	}
}
