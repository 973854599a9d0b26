package doctor

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	tries = 3

	minMTU = 576 // every IPv4 path takes it (RFC 791, section 3.1)
	maxMTU = 1500
	ipUDP  = 20 + 8 // bytes of an IPv4 and a UDP header

	optPadding = 12 // RFC 7830
)

// ask sends a question, padded so that its packet has size bytes (0: as it comes),
// until an answer comes.
func ask(ctx context.Context, server netip.AddrPort, name string, kind dnsmessage.Type, size int) (dnsmessage.Message, error) {
	query, err := question(name, kind, size)
	if err != nil {
		return dnsmessage.Message{}, err
	}
	// Longer each time, 6 s in all: a tunnel whose first handshake was lost comes up with
	// the second, after 5 s (WireGuard, section 6.1).
	wait := pause
	if size > 0 {
		wait = pause / 2 // the tunnel is up by then
	}
	var last error
	for try := range tries {
		var m dnsmessage.Message
		if m, last = once(ctx, server, query, time.Duration(try+1)*wait); last == nil || ctx.Err() != nil {
			return m, last
		}
	}
	return dnsmessage.Message{}, fmt.Errorf("ask %s: %w", server, last)
}

func question(name string, kind dnsmessage.Type, size int) ([]byte, error) {
	full, err := dnsmessage.NewName(name + ".")
	if err != nil {
		return nil, err
	}
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: uint16(rand.Uint32()), RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: full, Type: kind, Class: dnsmessage.ClassINET}},
	}
	if size == 0 {
		return m.Pack()
	}
	var h dnsmessage.ResourceHeader
	if err := h.SetEDNS0(maxMTU, dnsmessage.RCodeSuccess, false); err != nil {
		return nil, err
	}
	opt := &dnsmessage.OPTResource{Options: []dnsmessage.Option{{Code: optPadding}}}
	m.Additionals = []dnsmessage.Resource{{Header: h, Body: opt}}
	bare, err := m.Pack()
	if err != nil {
		return nil, err
	}
	opt.Options[0].Data = make([]byte, max(0, size-ipUDP-len(bare)))
	return m.Pack()
}

// once sends a question over a socket of its own.
func once(ctx context.Context, server netip.AddrPort, query []byte, wait time.Duration) (dnsmessage.Message, error) {
	var m dnsmessage.Message
	var d net.Dialer
	c, err := d.DialContext(ctx, "udp", server.String())
	if err != nil {
		return m, err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(wait)); err != nil {
		return m, err
	}
	if _, err := c.Write(query); err != nil {
		return m, err
	}
	b := make([]byte, maxMTU)
	n, err := c.Read(b)
	if err != nil {
		return m, err
	}
	if err := m.Unpack(b[:n]); err != nil {
		return m, err
	}
	if id := uint16(query[0])<<8 | uint16(query[1]); m.ID != id {
		return m, errors.New("the answer is to another question")
	}
	return m, nil
}

// quic looks whether clients that try QUIC are told at once that there is none.
func quic(ctx context.Context) finding {
	const check = "UDP port 443 is refused at once"
	var d net.Dialer
	c, err := d.DialContext(ctx, "udp", netip.AddrPortFrom(anchor, 443).String())
	if err != nil {
		return wrong(check, err.Error())
	}
	defer c.Close()
	for range tries {
		c.SetDeadline(time.Now().Add(pause)) //nolint:errcheck // a read without one is seen below
		if _, err = c.Write([]byte("sallyport")); err == nil {
			_, err = c.Read(make([]byte, 16))
		}
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			return well(check)
		case err == nil:
			return wrong(check, "somebody answers there, and it is not the gateway")
		}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return unsure(check, "it is dropped, so that programs that try QUIC wait for their own time-out: let ICMP through to this machine")
	}
	return wrong(check, err.Error())
}

// mtu looks whether packets as large as the tunnel takes arrive.
func (p *patient) mtu(ctx context.Context) finding {
	check := fmt.Sprintf("packets of %d bytes get through", p.tunnel.MTU)
	at := netip.AddrPortFrom(p.gateway[0], 53)
	arrives := func(size int) bool {
		_, err := ask(ctx, at, "sallyport.internal", dnsmessage.TypeA, size)
		return err == nil
	}
	full := min(p.tunnel.MTU, maxMTU)
	if arrives(full) {
		return well(check)
	}
	if !arrives(minMTU) {
		return unsure(check, "the gateway stopped answering while it was measured")
	}
	good, bad := minMTU, full
	for bad-good > 8 {
		if mid := (good + bad) / 2; arrives(mid) {
			good = mid
		} else {
			bad = mid
		}
	}
	return wrong(check, fmt.Sprintf("the way to the gateway takes %d: write MTU = %[1]d into the WireGuard configuration here, and mtu = %[1]d into the gateway's", good))
}

// sourceFor is the address that this machine sends from to a destination. It sends
// nothing.
func sourceFor(to netip.AddrPort) (netip.Addr, error) {
	c, err := net.Dial("udp", to.String())
	if err != nil {
		return netip.Addr{}, err
	}
	defer c.Close()
	at, err := netip.ParseAddrPort(c.LocalAddr().String())
	return at.Addr().Unmap().WithZone(""), err
}

// interfaceOf is the interface that has an address.
func interfaceOf(a netip.Addr) (net.Interface, error) {
	list, err := net.Interfaces()
	if err != nil {
		return net.Interface{}, err
	}
	for _, i := range list {
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, has := range addrs {
			if p, err := netip.ParsePrefix(has.String()); err == nil && p.Addr().Unmap() == a {
				return i, nil
			}
		}
	}
	return net.Interface{}, fmt.Errorf("no interface has the address %s", a)
}

// around looks for ways out of this machine that do not lead to the gateway.
func (p *patient) around(ctx context.Context) []finding {
	const straight, beside = "all traffic goes to the gateway", "there is no way around the gateway"
	var found []finding
	if !p.split {
		var out []string
		for _, to := range p.probes {
			from, err := sourceFor(to)
			if err != nil {
				continue // there is no route at all
			}
			if i, err := interfaceOf(from); err != nil || i.Name != p.tunnel.Name {
				out = append(out, to.Addr().String()+" by "+i.Name)
			}
		}
		found = append(found, judge(straight, len(out) == 0, "this machine sends to "+strings.Join(out, ", ")+
			".\nRoute everything into the tunnel: AllowedIPs = 0.0.0.0/0, ::/0, or tailscale set --exit-node=GATEWAY; or say --split if that is meant"))
	}
	list, err := net.Interfaces()
	if err != nil {
		return append(found, unsure(beside, err.Error()))
	}
	var ways []string
	for _, i := range list {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 || i.Name == p.tunnel.Name {
			continue
		}
		for _, to := range p.probes {
			err := dialBy(ctx, i.Name, to)
			if errors.Is(err, errBound) {
				return append(found, unsure(beside, err.Error()))
			}
			if err == nil {
				ways = append(ways, to.String()+" by "+i.Name)
				break
			}
		}
	}
	return append(found, judge(beside, len(ways) == 0, "whoever is root here reaches "+strings.Join(ways, ", ")+
		" without the gateway, though without its secrets.\nLet a firewall outside of this machine allow the way to the gateway only"))
}

// errBound means that a socket cannot be tied to an interface here.
var errBound = errors.New("this system, or this user, cannot tie a socket to an interface to try it: look at the routes and the firewall")
