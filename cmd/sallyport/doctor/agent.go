package doctor

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/netstack/tailnet/client"

	"golang.org/x/net/dns/dnsmessage"
)

// maxPage bounds what the gateway's own pages say.
const maxPage = 1 << 20

var (
	// virtual are the addresses that stand for names. Every transport sends them to
	// the gateway, also where all else stays outside.
	virtual = netip.MustParsePrefix("198.18.0.0/15")
	// anchor is one of them.
	anchor = netip.MustParseAddr("198.18.0.53")
)

// A patient is a machine that should be behind a gateway.
type patient struct {
	probes  []netip.AddrPort
	split   bool
	socket  string // tailscaled's
	environ func(string) (string, bool)

	gateway [2]netip.Addr // IPv4 and IPv6; zero: it has none
	tunnel  net.Interface
	ca      *x509.Certificate
}

// examine looks at everything. What cannot be looked at without a tunnel is left
// out when there is none.
func (p *patient) examine(ctx context.Context) []finding {
	found := []finding{p.reach(ctx)}
	if !found[0].OK {
		return append(found, p.tailscaled(ctx)...)
	}
	found = append(found, p.know(ctx)...)
	found = append(found, p.names(ctx)...)
	found = append(found, p.six(ctx), quic(ctx), p.mtu(ctx))
	found = append(found, p.trust(ctx)...)
	found = append(found, p.tailscaled(ctx)...)
	return append(found, p.around(ctx)...)
}

// reach asks the gateway for its own addresses, which it answers on every address
// that leads to it.
func (p *patient) reach(ctx context.Context) finding {
	const check = "the gateway answers through the tunnel"
	for i, kind := range []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA} {
		m, err := ask(ctx, netip.AddrPortFrom(anchor, 53), netstack.GatewayName, kind, 0)
		if err != nil {
			return wrong(check, fmt.Sprintf("bring the tunnel up: wg-quick up FILE, or tailscale set --exit-node=GATEWAY --accept-routes.\n"+
				"On the gateway `sallyport agent show NAME` tells of the last handshake, or that the node waits to be approved (%v)", err))
		}
		p.gateway[i] = addressOf(m)
	}
	if !p.gateway[0].IsValid() {
		return wrong(check, fmt.Sprintf("who answers at %s knows no %s: %s is routed elsewhere than to a gateway", anchor, netstack.GatewayName, virtual))
	}
	from, err := sourceFor(netip.AddrPortFrom(anchor, 53))
	if err == nil {
		p.tunnel, err = interfaceOf(from)
	}
	if err != nil {
		return unsure(check, err.Error())
	}
	return well(check)
}

// page gets a page of the gateway's own.
func (p *patient) page(ctx context.Context, path string) ([]byte, http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+netstack.GatewayName+path, nil)
	if err != nil {
		return nil, nil, err
	}
	at := netip.AddrPortFrom(p.gateway[0], 80).String()
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", at)
	}}}
	resp, err := c.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxPage))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s", path, resp.Status)
	}
	return body, resp.Header, err
}

// know asks the gateway who this machine is, and compares the clocks.
func (p *patient) know(ctx context.Context) []finding {
	const check, time = "the gateway knows this machine", "the clock is right"
	body, header, err := p.page(ctx, "/whoami")
	if err != nil {
		return []finding{wrong(check, fmt.Sprintf("enrol it: `sallyport agent add` or `sallyport agent approve` on the gateway (%v)", err))}
	}
	var who struct {
		Agent string
		Roles []string
	}
	if err := json.Unmarshal(body, &who); err != nil {
		return []finding{wrong(check, "its answer does not read as one: something else answers at "+p.gateway[0].String())}
	}
	found := []finding{judge(check+", as "+who.Agent, len(who.Roles) > 0, "it has no role, so that it may use nothing: give it one on the gateway")}
	skew, err := ahead(header)
	if err != nil {
		return append(found, unsure(time, "the gateway does not tell the time"))
	}
	return append(found, judge(time, skew.Abs() < maxSkew, fmt.Sprintf("it differs by %v from the gateway's: run a time service (systemd-timesyncd, chrony)", skew)))
}

// names looks where this machine asks for names.
func (p *patient) names(ctx context.Context) []finding {
	const check, leak = "names are asked of the gateway", "no other resolver answers"
	cure := "make " + p.gateway[0].String() + " the only nameserver: the DNS line of the WireGuard configuration, or the tailnet's DNS with `tailscale set --accept-dns`"
	got, err := resolve(ctx, "ip4", netstack.GatewayName)
	found := []finding{judge(check, err == nil && slices.Contains(got, p.gateway[0]), cure)}
	if p.split {
		return found
	}
	// A name that every other resolver knows: the gateway gives a virtual address or none.
	got, err = resolve(ctx, "ip4", "example.com")
	elsewhere := err == nil && slices.ContainsFunc(got, func(a netip.Addr) bool { return !virtual.Contains(a) })
	return append(found, judge(leak, !elsewhere, "example.com resolves to an address that is not the gateway's: "+cure))
}

// six looks whether IPv6 goes the same way.
func (p *patient) six(ctx context.Context) finding {
	const check = "IPv6 goes to the gateway, too"
	if !p.gateway[1].IsValid() {
		return unsure(check, "the gateway has no IPv6 address here")
	}
	got, err := resolve(ctx, "ip6", netstack.GatewayName)
	if err != nil || !slices.Contains(got, p.gateway[1]) {
		return wrong(check, "the resolver of this machine gives no AAAA of "+netstack.GatewayName+": ask the gateway for names")
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", netip.AddrPortFrom(p.gateway[1], 80).String())
	if err != nil {
		return wrong(check, fmt.Sprintf("%s is not reached (%v): the tunnel needs its IPv6 address and ::/0, and IPv6 must not be off on its interface", p.gateway[1], err))
	}
	c.Close()
	return well(check)
}

// tailscaled asks the one of this machine, if there is one.
func (p *patient) tailscaled(ctx context.Context) []finding {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	v, err := client.Look(ctx, p.socket)
	if err != nil {
		return nil // none, or not for this user
	}
	found := []finding{judge("tailscaled runs", v.State == "Running", "it is "+v.State+": tailscale up")}
	if p.gateway[0].IsValid() && !slices.Contains(v.ExitAt, p.gateway[0]) && !slices.ContainsFunc(v.OthersAt, func(at []netip.Addr) bool { return slices.Contains(at, p.gateway[0]) }) {
		return nil // the gateway is behind another tunnel
	}
	if !p.split {
		found = append(found,
			judge("the gateway is the exit node", v.ExitNode != "" && (!p.gateway[0].IsValid() || slices.Contains(v.ExitAt, p.gateway[0])), "tailscale set --exit-node=GATEWAY"),
			judge("local networks go through it, too", !v.LAN, "tailscale set --exit-node-allow-lan-access=false"))
	}
	found = append(found,
		judge("the routes of services are taken", v.Routes, "tailscale set --accept-routes"),
		judge("the tailnet's word on names is taken", v.DNS, "tailscale set --accept-dns"))
	return append(found, p.others(v))
}

// others are nodes that the tailnet shows to this one. It shows those that this one
// may reach, and those that may reach it; which of the two it does not say.
func (p *patient) others(v client.View) finding {
	const check = "no other node of the tailnet is in sight"
	var names []string
	for i, name := range v.Others {
		if !slices.Contains(v.OthersAt[i], p.gateway[0]) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return well(check)
	}
	return unsure(check, "the policy must grant this machine nothing on "+strings.Join(names, ", ")+": what it reaches there goes past the gateway")
}

// certificate gets the gateway's CA, once.
func (p *patient) certificate(ctx context.Context) error {
	body, _, err := p.page(ctx, "/ca.pem")
	if err != nil {
		return err
	}
	block, _ := pem.Decode(body)
	if block == nil {
		return fmt.Errorf("/ca.pem of %s is no certificate", netstack.GatewayName)
	}
	p.ca, err = x509.ParseCertificate(block.Bytes)
	return err
}

// resolve asks as programs of this machine do.
func resolve(ctx context.Context, network, name string) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	got, err := net.DefaultResolver.LookupNetIP(ctx, network, name)
	for i := range got {
		got[i] = got[i].Unmap()
	}
	return got, err
}

// addressOf is the first address of an answer.
func addressOf(m dnsmessage.Message) netip.Addr {
	for _, a := range m.Answers {
		switch body := a.Body.(type) {
		case *dnsmessage.AResource:
			return netip.AddrFrom4(body.A)
		case *dnsmessage.AAAAResource:
			return netip.AddrFrom16(body.AAAA)
		}
	}
	return netip.Addr{}
}

// pause is how long the first datagram is waited for.
const pause = time.Second
