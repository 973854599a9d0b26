package doctor

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"sallyport.dev/sallyport/dashboard"
)

const (
	askTime = 5 * time.Second
	// maxSkew is how wrong a clock may be: certificates and approvals still mean
	// what they should.
	maxSkew = time.Minute

	tailscale = "https://controlplane.tailscale.com"
)

// diagnose judges how a gateway says that it stands.
func diagnose(s dashboard.Status) []finding {
	found := []finding{
		judge("the gateway is ready", s.Ready == "ready", s.Ready),
		judge("the configuration is in force", s.ConfigError == "", s.ConfigError),
	}
	t := s.Tailnet
	for _, w := range s.Warnings {
		if t == nil || !slices.Contains(t.Problems, w) {
			found = append(found, wrong("the gateway warns", w))
		}
	}
	if t == nil {
		return found
	}
	running := t.State == "Running"
	found = append(found,
		judge("the node runs in the tailnet", running, "it is "+t.State+"; what follows says why"),
		judge("every route is approved", running && len(t.Refused) == 0, approval(t)),
		judge("the node has its tags", !slices.ContainsFunc(t.Wanted, func(tag string) bool { return !slices.Contains(t.Tags, tag) }),
			"own the tags "+strings.Join(t.Wanted, ", ")+" in the tailnet's policy (tagOwners); see: sallyport setup tailnet"),
	)
	for _, problem := range t.Problems {
		found = append(found, wrong("the tailnet node has a problem", problem))
	}
	if !running {
		return found
	}
	return append(found, https(t), nameservers(t),
		judge("the tailnet lets no agent past the gateway", len(t.Wide) == 0,
			"its policy lets "+strings.Join(t.Wide, ", ")+" reach every address. Grant agents what `sallyport setup tailnet` prints, and nothing else"))
}

func approval(t *dashboard.Tailnet) string {
	if len(t.Refused) == 0 {
		return "the tailnet approves none before the node runs"
	}
	return "approve " + strings.Join(t.Refused, ", ") + " for this node, or let the policy do it (autoApprovers); see: sallyport setup tailnet"
}

// https judges whether the page for operators has a certificate. Without one it
// is plain HTTP inside of the tailnet's own encryption.
func https(t *dashboard.Tailnet) finding {
	const check = "the tailnet gives certificates"
	switch {
	case t.HTTPS:
		return well(check)
	case t.Control != "":
		return unsure(check, "this control server gives none: operators' pages are plain HTTP inside of the tailnet's encryption, without passkeys")
	}
	return wrong(check, "turn on MagicDNS and HTTPS certificates in the admin console, under DNS")
}

// nameservers judges what the tailnet tells its nodes about names. A node with an
// exit node asks that one, unless a server is named for such nodes, too.
func nameservers(t *dashboard.Tailnet) finding {
	const check = "agents are told to ask the gateway for names"
	ours := func(n dashboard.Nameserver) bool { return slices.Contains(t.Addresses, n.Address) }
	address := "the gateway's address"
	if len(t.Addresses) > 0 {
		address = t.Addresses[0]
	}
	if !slices.ContainsFunc(t.Routes, func(r string) bool { return strings.HasSuffix(r, "/0") }) {
		return judge(check, slices.ContainsFunc(t.Nameservers, ours),
			"in the admin console, under DNS, add "+address+" as a nameserver restricted to the domains of your services")
	}
	for _, n := range t.Nameservers {
		if n.ExitNode && !ours(n) {
			whose := "all names"
			if n.Suffix != "" {
				whose = "names below " + n.Suffix
			}
			return wrong(check, fmt.Sprintf("the tailnet sends %s to %s, also from nodes with an exit node: name %s instead, or none", whose, n.Address, address))
		}
	}
	return well(check)
}

// clock compares this machine's with that of the tailnet's control server.
func clock(ctx context.Context, t *dashboard.Tailnet) []finding {
	if t == nil {
		return nil
	}
	const check = "the clock is right"
	at := t.Control
	if at == "" {
		at = tailscale
	}
	skew, err := skewOf(ctx, at)
	if err != nil {
		return []finding{unsure(check, fmt.Sprintf("%s does not tell the time: %v", at, err))}
	}
	return []finding{judge(check, skew.Abs() < maxSkew, fmt.Sprintf("it differs by %v from that of %s: run a time service (systemd-timesyncd, chrony)", skew.Round(time.Second), at))}
}

// skewOf is how far this machine's clock is ahead of a server's.
func skewOf(ctx context.Context, at string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at+"/key?v=100", nil)
	if err != nil {
		return 0, err
	}
	c := http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: new(net.Dialer).DialContext, DisableKeepAlives: true}}
	resp, err := c.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	return ahead(resp.Header)
}

func ahead(h http.Header) (time.Duration, error) {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0, err
	}
	return time.Since(date).Truncate(time.Second), nil
}
