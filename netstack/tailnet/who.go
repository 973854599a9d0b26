package tailnet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"tailscale.com/client/local"
	"tailscale.com/tailcfg"
)

const (
	// capability is the name under which the tailnet's policy grants operators
	// their rights: {"role": "admin"}.
	capability = "sallyport.dev/cap/sallyport"

	whoTime = 5 * time.Second // as statusTime
)

// errNobody means that the tailnet answered, and no node may use the address.
var errNobody = errors.New("no node may speak for it")

// facts is what the tailnet says of one node.
type facts struct {
	node   string // its stable id
	name   string // what its owner calls it
	user   string // "" for a tagged node, whose user is nobody
	tags   []string
	grants []string
	addrs  []netip.Addr
	until  time.Time // when its key ends; zero: never
}

// whois asks the library who has an address. It knows by itself and asks nobody.
func (n *Node) whois(addr netip.Addr) (facts, error) {
	ctx, cancel := context.WithTimeout(context.Background(), whoTime)
	defer cancel()
	who, err := n.client.WhoIs(ctx, addr.String())
	if errors.Is(err, local.ErrPeerNotFound) {
		return facts{}, fmt.Errorf("who is %s: %w", addr, errNobody)
	}
	if err != nil {
		return facts{}, fmt.Errorf("who is %s: %w", addr, err)
	}
	if who.Node == nil || who.Node.StableID == "" || who.UserProfile == nil {
		return facts{}, fmt.Errorf("who is %s: the answer names no node", addr)
	}
	if who.Node.Expired {
		return facts{}, fmt.Errorf("who is %s: the key of %s has expired: %w", addr, who.Node.ComputedName, errNobody)
	}
	f := facts{node: string(who.Node.StableID), name: who.Node.ComputedName, until: who.Node.KeyExpiry}
	if f.name == "" && who.Node.Hostinfo.Valid() {
		f.name = who.Node.Hostinfo.Hostname()
	}
	for _, p := range who.Node.Addresses {
		f.addrs = append(f.addrs, p.Addr())
	}
	if !slices.Contains(f.addrs, addr) {
		return facts{}, fmt.Errorf("who is %s: it lies behind %s: %w", addr, f.name, errNobody)
	}
	if f.tags = slices.Sorted(slices.Values(who.Node.Tags)); len(f.tags) == 0 {
		f.user = who.UserProfile.LoginName
	}
	f.grants = rights(who.CapMap)
	return f, nil
}

// rights are the roles of all grants together. A grant that does not read as one
// gives nothing.
func rights(caps tailcfg.PeerCapMap) []string {
	var roles []string
	for _, raw := range caps[capability] {
		var grant struct {
			Role  string   `json:"role"`
			Roles []string `json:"roles"`
		}
		if json.Unmarshal([]byte(raw), &grant) != nil {
			continue
		}
		for _, r := range append(grant.Roles, grant.Role) {
			if r != "" && !slices.Contains(roles, r) {
				roles = append(roles, r)
			}
		}
	}
	slices.Sort(roles)
	return roles
}
