package roles

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval"
	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/gateway"
	"sallyport.dev/sallyport/internal/store"
	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/netstack/socket"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/protocols/http"
	"sallyport.dev/sallyport/protocols/postgres"
	"sallyport.dev/sallyport/protocols/tcp"
	"sallyport.dev/sallyport/vault"
	"sallyport.dev/sallyport/vault/ca"
	"sallyport.dev/sallyport/vault/keyring"
)

// LoopConfig is a gateway without a tunnel.
type LoopConfig struct {
	Policy  string // path
	State   string
	Secrets map[string]string
	Silent  bool              // nothing is written down
	Flows   map[string]uint16 // port by host
}

// LoopReady says where it takes flows, and whom it signs as.
type LoopReady struct {
	At map[string]string // address by host
	CA []byte
}

// serveLoop is the whole line on plain listeners: what the line itself costs.
func serveLoop(ctx context.Context, config []byte) (any, error) {
	var c LoopConfig
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, err
	}
	g, ca, err := newLine(ctx, c)
	if err != nil {
		return nil, err
	}
	go g.Run(ctx) //nolint:errcheck // ends with the process
	ready := LoopReady{CA: ca.PEM(), At: make(map[string]string)}
	for host, port := range c.Flows {
		if ready.At[host], err = feed(ctx, g, host, port); err != nil {
			return nil, err
		}
	}
	return ready, nil
}

// newLine puts the gateway's parts together as the real one does, the overlay
// aside.
func newLine(ctx context.Context, c LoopConfig) (*gateway.Gateway, *ca.Authority, error) {
	rules, err := LoadPolicy(c.Policy)
	if err != nil {
		return nil, nil, err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := os.MkdirAll(c.State, 0o700); err != nil {
		return nil, nil, err
	}
	st, err := store.Open(ctx, c.State, log)
	if err != nil {
		return nil, nil, err
	}
	ring, err := keyring.File(ctx, filepath.Join(c.State, "key"), true)
	if err != nil {
		return nil, nil, err
	}
	v, err := vault.Open(ctx, st, ring.Key)
	if err != nil {
		return nil, nil, err
	}
	for name, value := range c.Secrets {
		if err := v.Put(ctx, name, vault.NewSecret([]byte(value)), ""); err != nil {
			return nil, nil, err
		}
	}
	authority, err := ca.Open(ctx, v, "bench", rules.Names(), time.Now)
	if err != nil {
		return nil, nil, err
	}
	journal, err := newJournal(ctx, st, v, log, c.Silent)
	if err != nil {
		return nil, nil, err
	}
	set, err := protocols.NewSet(http.New(), postgres.New(), tcp.New())
	if err != nil {
		return nil, nil, err
	}
	return &gateway.Gateway{
		Policy: func() gateway.Policy { return rules }, Protocols: set, Peers: onePeer{},
		Approvals: &approval.Desk{Now: time.Now, Log: log}, Journal: journal, Vault: v, Leaves: authority,
		Dialer: &gateway.Dialer{}, Now: time.Now,
	}, authority, nil
}

// newJournal is the audit log, or what a gateway without one would have.
func newJournal(ctx context.Context, st *store.Store, v *vault.Vault, log *slog.Logger, silent bool) (gateway.Journal, error) {
	if silent {
		return noJournal{}, nil
	}
	signer, err := v.Signer(ctx, "audit")
	if err != nil {
		return nil, err
	}
	return audit.New(ctx, st, tables(), audit.Options{Signer: signer, Log: log})
}

type noJournal struct{}

func (noJournal) Begin(context.Context, *action.Action, action.Decision) error { return nil }
func (noJournal) End(*action.Action, action.Decision, action.Result)           {}

// onePeer is the roster of a world with one agent.
type onePeer struct{}

func (onePeer) Current(string) (*action.Peer, bool) { return Peer(), true }

// Peer is the agent of the benchmark.
func Peer() *action.Peer {
	return &action.Peer{
		ID: "bench", Name: "bench", Enrolled: []string{"agents"},
		Addr: netip.MustParseAddr("10.77.0.2"), Transport: "wireguard",
	}
}

// feed makes every connection to a listener a flow to one service.
func feed(ctx context.Context, h netstack.Handler, host string, port uint16) (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	dst := netip.AddrPortFrom(netip.MustParseAddr("198.18.0.1"), port)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conn := socket.New(c)
			go serveFlow(ctx, h, netstack.Flow{
				Peer: Peer(), Host: host, Dst: dst, Accept: func() (net.Conn, error) { return conn, nil },
			}, c)
		}
	}()
	return l.Addr().String(), nil
}

func serveFlow(ctx context.Context, h netstack.Handler, f netstack.Flow, c io.Closer) {
	defer c.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := h.ServeFlow(ctx, f); err != nil && !errors.Is(err, io.EOF) {
		slog.New(slog.NewTextHandler(os.Stderr, nil)).Warn("flow", "err", err)
	}
}
