package wireguard

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"

	"sallyport.dev/sallyport/netstack/tun"

	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"
)

const dnsPort = 53

// Client is the agent's side in one process: a WireGuard peer with a network
// stack of its own. Tests, benchmarks and the demo use it where no TUN device is
// to be had. All it dials goes through the tunnel.
type Client struct {
	settings Settings
	net      *tun.Net
	device   *device.Device
}

// NewClient starts a client from a wg-quick configuration. Close it.
func NewClient(config string, log *slog.Logger) (*Client, error) {
	s, err := ParseConfig(config)
	if err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	addrs := make([]netip.Addr, len(s.Addresses))
	for i, p := range s.Addresses {
		addrs[i] = p.Addr()
	}
	n, err := tun.New(tun.Options{MTU: s.MTU, Addrs: addrs})
	if err != nil {
		return nil, fmt.Errorf("wireguard client: %w", err)
	}
	c := &Client{settings: s, net: n, device: device.NewDevice(n.Device, conn.NewStdNetBind(), logger(log))}
	if err := c.up(); err != nil {
		c.Close() //nolint:errcheck // the first error is the one to tell
		return nil, fmt.Errorf("wireguard client: %w", err)
	}
	return c, nil
}

func (c *Client) up() error {
	s := c.settings
	at, err := net.ResolveUDPAddr("udp", s.Endpoint)
	if err != nil {
		return fmt.Errorf("endpoint: %w", err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "private_key=%s\npublic_key=%s\nreplace_allowed_ips=true\n", hexKey(s.PrivateKey), hexKey(s.PublicKey))
	endpoint := netip.AddrPortFrom(at.AddrPort().Addr().Unmap(), at.AddrPort().Port())
	fmt.Fprintf(&b, "endpoint=%s\npersistent_keepalive_interval=%d\n", endpoint, s.Keepalive)
	for _, p := range s.AllowedIPs {
		fmt.Fprintf(&b, "allowed_ip=%s\n", p)
	}
	if err := c.device.IpcSet(b.String()); err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	return c.device.Up()
}

// Net is the client's own stack, for its counters.
func (c *Client) Net() *tun.Net { return c.net }

// Addr is the client's IPv4 address.
func (c *Client) Addr() netip.Addr { return c.settings.Addresses[0].Addr() }

// DialContext connects to a name or address through the tunnel; network is "tcp"
// or "udp", with 4 or 6 to choose a family. Names are asked of the gateway.
func (c *Client) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	host, service, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	port, err := net.LookupPort(network, service)
	if err != nil {
		return nil, err
	}
	ips, err := c.Resolve(ctx, strings.NewReplacer("tcp", "ip", "udp", "ip").Replace(network), host)
	if err != nil {
		return nil, err
	}
	for _, ip := range ips {
		var conn net.Conn
		conn, err = c.dial(ctx, network, netip.AddrPortFrom(ip, uint16(port)))
		if err == nil || ctx.Err() != nil {
			return conn, err
		}
	}
	return nil, err
}

func (c *Client) dial(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
	switch network {
	case "udp", "udp4", "udp6":
		return c.net.DialUDP(to)
	case "tcp", "tcp4", "tcp6":
		conn, err := c.net.DialTCP(ctx, netip.AddrPort{}, to)
		if err != nil {
			return nil, err
		}
		return conn, nil
	}
	return nil, net.UnknownNetworkError(network)
}

// DialUDP gives a connected datagram socket to an address.
func (c *Client) DialUDP(to netip.AddrPort) (net.Conn, error) { return c.net.DialUDP(to) }

// DialFrom connects from a chosen local port.
func (c *Client) DialFrom(ctx context.Context, port uint16, to netip.AddrPort) (net.Conn, error) {
	for _, p := range c.settings.Addresses {
		if p.Addr().Is4() != to.Addr().Is4() {
			continue
		}
		conn, err := c.net.DialTCP(ctx, netip.AddrPortFrom(p.Addr(), port), to)
		if err != nil {
			return nil, err
		}
		return conn, nil
	}
	return nil, fmt.Errorf("dial %s: no address of its family", to)
}

// Resolve asks the gateway for the addresses of a name; network is "ip", "ip4" or
// "ip6". An address is its own answer.
func (c *Client) Resolve(ctx context.Context, network, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	if len(c.settings.DNS) == 0 {
		return nil, &net.DNSError{Err: "the configuration names no server", Name: host}
	}
	server := netip.AddrPortFrom(c.settings.DNS[0], dnsPort)
	r := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return c.dial(ctx, network, server)
	}}
	ips, err := r.LookupNetIP(ctx, network, strings.TrimSuffix(host, ".")+".")
	for i, ip := range ips {
		ips[i] = ip.Unmap()
	}
	return ips, err
}

// Close takes the client down and waits for it.
func (c *Client) Close() error {
	c.device.Close()
	c.net.Close()
	return nil
}
