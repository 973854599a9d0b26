// Package agent is the load generator's end of a tunnel: a WireGuard client with
// a network stack of its own that counts what reaches it. Every variant is
// measured through the same client, so that its cost is the same for all. It
// makes no load and knows no variant.
package agent

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"sallyport.dev/sallyport/netstack/tun"
	"sallyport.dev/sallyport/netstack/wireguard"

	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"
)

// A Client is one agent in its tunnel. Close it.
type Client struct {
	settings wireguard.Settings
	net      *tun.Net
	tap      *tap
	device   *device.Device
}

// New brings a tunnel up from a wg-quick configuration.
func New(config string) (*Client, error) {
	s, err := wireguard.ParseConfig(config)
	if err != nil {
		return nil, err
	}
	addrs := make([]netip.Addr, len(s.Addresses))
	for i, p := range s.Addresses {
		addrs[i] = p.Addr()
	}
	n, err := tun.New(tun.Options{MTU: s.MTU, Addrs: addrs})
	if err != nil {
		return nil, fmt.Errorf("agent: %w", err)
	}
	c := &Client{settings: s, net: n, tap: &tap{Device: n.Device}}
	c.device = device.NewDevice(c.tap, conn.NewStdNetBind(), device.NewLogger(device.LogLevelSilent, ""))
	if err := c.up(); err != nil {
		c.Close()
		return nil, fmt.Errorf("agent: %w", err)
	}
	return c, nil
}

func (c *Client) up() error {
	private, err := base64.StdEncoding.DecodeString(c.settings.PrivateKey)
	if err != nil {
		return fmt.Errorf("private key: %w", err)
	}
	public, err := base64.StdEncoding.DecodeString(c.settings.PublicKey)
	if err != nil {
		return fmt.Errorf("public key: %w", err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "private_key=%s\npublic_key=%s\nendpoint=%s\n",
		hex.EncodeToString(private), hex.EncodeToString(public), c.settings.Endpoint)
	for _, p := range c.settings.AllowedIPs {
		fmt.Fprintf(&b, "allowed_ip=%s\n", p)
	}
	if err := c.device.IpcSet(b.String()); err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	return c.device.Up()
}

// Dial connects to an address through the tunnel.
func (c *Client) Dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	conn, err := c.net.DialTCP(ctx, netip.AddrPort{}, to)
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// Resolve asks the gateway for the IPv4 address of a name, over a socket of its
// own each time.
func (c *Client) Resolve(ctx context.Context, host string) (netip.Addr, error) {
	if len(c.settings.DNS) == 0 {
		return netip.Addr{}, fmt.Errorf("resolve %s: the configuration names no server", host)
	}
	server := netip.AddrPortFrom(c.settings.DNS[0], 53)
	r := net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return c.net.DialUDP(server)
	}}
	ips, err := r.LookupNetIP(ctx, "ip4", host+".")
	if err != nil {
		return netip.Addr{}, err
	}
	return ips[0].Unmap(), nil
}

// Counters are what has come and gone since the tunnel is up.
type Counters struct {
	Packets uint64 // IP packets from the other end
	Repeats uint64 // of these, segments that bring again what was already there
	Resent  uint64 // segments that this end sent again
}

// Counters reads the counters.
func (c *Client) Counters() Counters {
	got := c.tap.counters()
	got.Resent = c.net.Stack.Stats().TCP.Retransmits.Value()
	return got
}

// Close takes the tunnel down.
func (c *Client) Close() {
	c.device.Close()
	c.net.Close()
}
