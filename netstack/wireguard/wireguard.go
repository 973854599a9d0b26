// Package wireguard is the WireGuard transport: a userspace node that every
// agent's packets end at, with an identity that is the key which decrypted them.
// It captures each TCP destination and each DNS question, and refuses all other
// traffic at once. It relays no packet and dials no upstream.
package wireguard

import (
	"context"
	"crypto/ecdh"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"

	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/netstack/capture"
	"sallyport.dev/sallyport/netstack/tun"
	"sallyport.dev/sallyport/netstack/wireguard/socket"

	"golang.zx2c4.com/wireguard/device"
)

// Config says where the node listens and what it is.
type Config struct {
	Listen     string // ":51820"; the host part must be empty or unspecified
	PrivateKey string // base64
	Subnet     netip.Prefix
	ULA        netip.Prefix
	MTU        int // 0: tun.DefaultMTU
	// State is a file that remembers where agents were last seen, so that a
	// restarted gateway greets them instead of waiting for them; "": none.
	State string
}

// Node is a running gateway node.
type Node struct {
	roster *netstack.Roster
	server *netstack.Server
	log    *slog.Logger
	space  netstack.Space
	v4, v6 netip.Addr
	public string
	state  string

	net    *tun.Net
	device *device.Device
	cancel context.CancelFunc
	wake   chan struct{} // the roster has changed
	synced sync.WaitGroup

	mu    sync.Mutex
	peers map[string]peer   // what the device knows, by agent id; nil: closed; guarded by mu
	last  map[string]string // where agents were last seen, by key; guarded by mu
	sent  map[string]Stat   // what agents had when they had to go, by id; guarded by mu
}

// Start brings a node up; it serves when Start returns. The roster's space must
// be that of cfg. Close ends it, and so does the end of ctx.
func Start(ctx context.Context, cfg Config, roster *netstack.Roster, srv *netstack.Server, log *slog.Logger) (*Node, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	n := &Node{
		roster: roster, server: srv, log: log, state: cfg.State,
		space: netstack.Space{Subnet: cfg.Subnet, ULA: cfg.ULA},
		wake:  make(chan struct{}, 1), peers: make(map[string]peer), sent: make(map[string]Stat),
	}
	private, port, err := n.check(cfg)
	if err != nil {
		return nil, fmt.Errorf("wireguard: %w", err)
	}
	n.v4, n.v6 = n.space.Gateway()
	n.public = base64.StdEncoding.EncodeToString(private.PublicKey().Bytes())
	own := []netip.Addr{n.v4}
	if n.v6.IsValid() {
		own = append(own, n.v6)
	}
	if n.net, err = tun.New(tun.Options{MTU: cfg.MTU, Addrs: own, Any: true, Admit: n.admit}); err != nil {
		return nil, fmt.Errorf("wireguard: %w", err)
	}
	ctx, n.cancel = context.WithCancel(ctx)
	inbound := capture.Capture{Net: n.net, Server: srv, Own: n.own, Log: log}
	inbound.Begin(ctx)
	if err := n.up(private, port); err != nil {
		n.cancel()
		n.device.Close()
		n.net.Close()
		return nil, fmt.Errorf("wireguard: %w", err)
	}
	roster.Subscribe(n.changed)
	n.changed() // what came between up and Subscribe
	n.synced.Go(func() { n.follow(ctx) })
	return n, nil
}

func (n *Node) admit(p tun.Packet) bool { return capture.Admit(p, n.own) }

func (n *Node) own(a netip.Addr) bool { return a == n.v4 || a == n.v6 }

// check validates cfg and gives its key and port.
func (n *Node) check(cfg Config) (*ecdh.PrivateKey, uint16, error) {
	if n.roster.Space() != n.space {
		return nil, 0, fmt.Errorf("subnet %s and ula %s are not the roster's", cfg.Subnet, cfg.ULA)
	}
	raw, err := base64.StdEncoding.DecodeString(cfg.PrivateKey)
	if err != nil {
		return nil, 0, errors.New("the private key is not base64") // the cause would quote it
	}
	private, err := ecdh.X25519().NewPrivateKey(raw)
	if err != nil {
		return nil, 0, fmt.Errorf("private key: %w", err)
	}
	host, service, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return nil, 0, fmt.Errorf("listen %q: %w", cfg.Listen, err)
	}
	if ip, err := netip.ParseAddr(host); host != "" && (err != nil || !ip.IsUnspecified()) {
		return nil, 0, fmt.Errorf("listen %q: WireGuard listens on every address, write %q", cfg.Listen, ":"+service)
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return nil, 0, fmt.Errorf("listen %q: the port is not a number up to 65535", cfg.Listen)
	}
	return private, uint16(port), nil
}

// up starts wireguard-go and tells it who there is.
func (n *Node) up(private *ecdh.PrivateKey, port uint16) error {
	n.device = device.NewDevice(n.net.Device, socket.New(), logger(n.log))
	if err := n.device.IpcSet(fmt.Sprintf("private_key=%x\nlisten_port=%d\n", private.Bytes(), port)); err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	if err := n.device.Up(); err != nil {
		return fmt.Errorf("listen on port %d: %w", port, err)
	}
	n.last = n.remembered()
	n.sync()
	return nil
}

// follow applies changes of the roster, and remembers where agents are, until
// ctx ends; then it takes the node down.
func (n *Node) follow(ctx context.Context) {
	defer n.down()
	n.remember(ctx)
}

// down ends every flow, says goodbye to the agents and frees everything.
func (n *Node) down() {
	n.server.Stop()
	n.mu.Lock()
	n.peers = nil // the roster may still tell us of changes
	n.mu.Unlock()
	n.net.Farewell()
	n.device.Close()
	n.net.Close()
}

// Close takes the node down, with every flow of the server, and waits for it.
func (n *Node) Close() error {
	n.cancel()
	n.synced.Wait()
	return nil
}

// Gateway is the node's own addresses; v6 is zero without a ULA.
func (n *Node) Gateway() (v4, v6 netip.Addr) { return n.v4, n.v6 }

// PublicKey is what agents know the node by, in base64.
func (n *Node) PublicKey() string { return n.public }

// logger passes on what wireguard-go says; its chatter about single packets
// is debug.
func logger(log *slog.Logger) *device.Logger {
	log = log.With("from", "wireguard-go")
	return &device.Logger{
		Verbosef: device.DiscardLogf,
		Errorf: func(format string, args ...any) {
			level := slog.LevelWarn
			if strings.HasPrefix(format, "Unable to update bind") { // Up returns that
				level = slog.LevelDebug
			}
			log.Log(context.Background(), level, fmt.Sprintf(format, args...))
		},
	}
}
