package tailnet

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"tailscale.com/ipn"
	"tailscale.com/ipn/ipnstate"
)

// warnExpiry is how long before its end the node's key is complained of.
const warnExpiry = 14 * 24 * time.Hour

// statusTime is how long the library has to answer what it knows by itself; a machine may
// stand still for two seconds.
const statusTime = 5 * time.Second

// A Status is how the node stands.
type Status struct {
	State     string         // in the library's words: "Running"
	Name      string         // its full name in the tailnet; "" without MagicDNS
	Tailnet   string         // whose it is
	Addresses []netip.Addr   //
	Tags      []string       //
	Routes    []netip.Prefix // advertised
	Refused   []netip.Prefix // of these, not approved by the tailnet
	Expiry    time.Time      // of the node's key; zero: never
	HTTPS     bool           // the tailnet gives certificates
	// Nameservers are those that the tailnet tells its nodes to ask.
	Nameservers []Nameserver
	// Wide are the agents whom the tailnet's policy lets reach every address.
	Wide     []string
	Problems []string
}

// Status asks the library how the node stands. It waits for a moment at most.
func (n *Node) Status(ctx context.Context) Status {
	ctx, cancel := context.WithTimeout(ctx, statusTime)
	defer cancel()
	n.mu.Lock()
	s := Status{Routes: slices.Clone(n.routes)}
	n.mu.Unlock()
	for _, err := range n.problems() {
		s.Problems = append(s.Problems, err.Error())
	}
	now, err := n.client.StatusWithoutPeers(ctx)
	if err != nil {
		s.Problems = append(s.Problems, fmt.Sprintf("the tailnet node does not say how it stands: %v", err))
		return s
	}
	s.State, s.Addresses, s.HTTPS = now.BackendState, now.TailscaleIPs, len(now.CertDomains) > 0
	if now.CurrentTailnet != nil {
		s.Tailnet = now.CurrentTailnet.Name
	}
	if now.Self != nil {
		s.self(now.Self)
	}
	if s.State != ipn.Running.String() {
		s.Problems = append(s.Problems, n.standstill(now))
		return s
	}
	s.others(ctx, n)
	n.note(func() {
		if n.deaf && !inTouch(n.ts) {
			s.Problems = append(s.Problems, "the tailnet's control server is silent: agents that are known go on as they are, and nobody new comes in")
		}
	})
	s.complain(n.cfg.Tags, time.Now())
	return s
}

// self takes in what the tailnet says of the node.
func (s *Status) self(me *ipnstate.PeerStatus) {
	s.Name = strings.TrimSuffix(me.DNSName, ".")
	if me.Tags != nil {
		s.Tags = me.Tags.AsSlice()
	}
	if me.KeyExpiry != nil {
		s.Expiry = *me.KeyExpiry
	}
	for _, r := range s.Routes {
		if me.AllowedIPs == nil || !slices.Contains(me.AllowedIPs.AsSlice(), r) {
			s.Refused = append(s.Refused, r)
		}
	}
}

// others takes in what the tailnet tells its nodes, and which it shows to this one.
// What cannot be known is a problem: nobody shall take it for well.
func (s *Status) others(ctx context.Context, n *Node) {
	names, err := n.nameservers(ctx)
	seen, lookErr := n.look(ctx)
	for _, err := range []error{err, lookErr} {
		if err != nil {
			s.Problems = append(s.Problems, err.Error())
		}
	}
	s.Nameservers, s.Wide = names, seen.wide
	if seen.alone {
		s.Problems = append(s.Problems, "the tailnet shows the gateway no other node, so that nobody comes in: "+
			"let agents' machines join, and grant them what `sallyport setup tailnet` prints")
	}
}

// complain says what an operator of the tailnet should do.
func (s *Status) complain(tags []string, now time.Time) {
	if !s.Expiry.IsZero() && s.Expiry.Sub(now) < warnExpiry {
		s.Problems = append(s.Problems, fmt.Sprintf("the key of the tailnet node ends at %s; give the node a tag, or disable its key expiry",
			s.Expiry.UTC().Format(time.RFC3339)))
	}
	if len(s.Refused) > 0 {
		s.Problems = append(s.Problems, fmt.Sprintf("the tailnet has not approved the routes %s; see: sallyport setup tailnet", join(s.Refused)))
	}
	for _, t := range tags {
		if !slices.Contains(s.Tags, t) {
			s.Problems = append(s.Problems, fmt.Sprintf("the tailnet has not given the node %s; see: sallyport setup tailnet", t))
		}
	}
}

func join(list []netip.Prefix) string {
	words := make([]string, len(list))
	for i, p := range list {
		words[i] = p.String()
	}
	return strings.Join(words, ", ")
}

// standstill says why the node does not run, and what to do.
func (n *Node) standstill(now *ipnstate.Status) string {
	switch now.BackendState {
	case ipn.NeedsLogin.String():
		n.mu.Lock()
		at := n.login
		n.mu.Unlock()
		text := "the node is not logged in to the tailnet: its auth key is missing, spent or wrong, or its own key has expired; " +
			"set a new one with `sallyport secret set`"
		if at != "" {
			text += ", or log it in at " + at
		}
		return text
	case ipn.NeedsMachineAuth.String():
		return "the node waits to be approved by an administrator of the tailnet"
	}
	return fmt.Sprintf("the node is not connected to the tailnet (%s)", now.BackendState)
}

// problems are what the node knows by itself.
func (n *Node) problems() []error {
	var errs []error
	n.mu.Lock()
	for _, err := range []error{n.lost, n.keyless} {
		if err != nil {
			errs = append(errs, err)
		}
	}
	for _, t := range n.trouble {
		errs = append(errs, errors.New(t))
	}
	n.mu.Unlock()
	if err := n.who.failure(); err != nil {
		errs = append(errs, err)
	}
	return errs
}
