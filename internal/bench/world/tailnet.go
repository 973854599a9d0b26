package world

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"sallyport.dev/sallyport/internal/bench/roles"
	"sallyport.dev/sallyport/internal/lab/control"

	"golang.org/x/net/proxy"
	"tailscale.com/client/local"
	"tailscale.com/ipn"
	"tailscale.com/types/preftype"
)

const (
	tailnetKey = "bench-auth-key"
	// anyVirtual is an address that a gateway answers DNS on, as on every other.
	anyVirtual = "198.18.0.53:53"
	joinTime   = 30 * time.Second
)

// spliced is where the node that only copies is to be found.
var spliced = netip.MustParsePrefix("10.66.0.0/16")

// A tailnet is one on loopback with a stock tailscaled in it, the agent of every
// variant there. It runs without a TUN device, so that the bench needs no root:
// its SOCKS server is the way in.
type tailnet struct {
	control *control.Server
	socks   proxy.ContextDialer
	client  *local.Client
}

// inTailnet starts the tailnet when it is first asked for.
func (w *World) inTailnet(ctx context.Context) (*tailnet, error) {
	if w.tailnet != nil {
		return w.tailnet, nil
	}
	c, err := control.Start(control.Options{AuthKey: tailnetKey, Tags: []string{"tag:bench", "tag:sallyport"}})
	if err != nil {
		return nil, err
	}
	w.tailnet = &tailnet{control: c}
	binary := filepath.Join(w.Dir, "bin", "tailscaled")
	w.options.Say("building tailscaled")
	root, err := ModuleRoot(ctx)
	if err != nil {
		return nil, err
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "tailscale.com/cmd/tailscaled")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build tailscaled: %w: %s", err, out)
	}
	return w.tailnet, w.startTailscaled(ctx, binary)
}

func (w *World) startTailscaled(ctx context.Context, binary string) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	dir := filepath.Join(w.Dir, "tailscaled")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	at, socket := fmt.Sprintf("127.0.0.1:%d", port), filepath.Join(dir, "sock")
	_, err = w.Start("tailscaled", exec.Command(binary, "--tun=userspace-networking", "--socks5-server="+at, "--state=mem:",
		"--statedir="+dir, "--socket="+socket, "--port=0", "--no-logs-no-support"))
	if err != nil {
		return err
	}
	dialer, err := proxy.SOCKS5("tcp", at, nil, proxy.Direct)
	if err != nil {
		return err
	}
	t := w.tailnet
	t.socks, t.client = dialer.(proxy.ContextDialer), &local.Client{Socket: socket, UseSocketOnly: true}
	if err := until(ctx, "tailscaled answers", func() bool { _, err := t.client.Status(ctx); return err == nil }); err != nil {
		return err
	}
	err = t.client.Start(ctx, ipn.Options{AuthKey: tailnetKey, UpdatePrefs: &ipn.Prefs{
		ControlURL: t.control.URL(), Hostname: "bench", WantRunning: true, AdvertiseTags: []string{"tag:bench"}, RouteAll: true,
		NetfilterMode: preftype.NetfilterOff,
	}})
	if err == nil {
		err = t.client.StartLoginInteractive(ctx)
	}
	if err != nil {
		return fmt.Errorf("tailscaled: %w", err)
	}
	return until(ctx, "tailscaled joins", func() bool {
		s, err := t.client.Status(ctx)
		return err == nil && s.BackendState == ipn.Running.String()
	})
}

// approve is the tailnet's administrator: every route of a node is approved once it
// has one.
func (t *tailnet) approve(ctx context.Context, hostname string) error {
	return until(ctx, hostname+" advertises routes", func() bool {
		for _, n := range t.control.AllNodes() {
			if routes := n.Hostinfo.RoutableIPs(); n.Hostinfo.Hostname() == hostname && routes.Len() > 0 {
				t.control.SetSubnetRoutes(n.Key, routes.AsSlice())
				return true
			}
		}
		return false
	})
}

// reach makes a variant one behind the tailnet; it waits until it answers.
func (t *tailnet) reach(ctx context.Context, v *Target) (*Target, error) {
	v.socks = t.socks
	return v, until(ctx, v.Name+" answers", func() bool {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		if v.socket != "" && v.resolveBy(ctx, anyVirtual) != nil {
			return false
		}
		c, err := v.Dial(ctx, PlainName)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// resolveBy asks a server for the addresses of the services, over TCP.
func (t *Target) resolveBy(ctx context.Context, server string) error {
	r := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return t.socks.DialContext(ctx, "tcp", server)
	}}
	for service, port := range services() {
		ips, err := r.LookupNetIP(ctx, "ip4", service+".")
		if err != nil {
			return err
		}
		t.At[service] = netip.AddrPortFrom(ips[0].Unmap(), port)
	}
	return nil
}

// tailnetSplice is a node of the tailnet that only copies bytes.
func (w *World) tailnetSplice(ctx context.Context, name string) (*Target, error) {
	t, err := w.inTailnet(ctx)
	if err != nil {
		return nil, err
	}
	var ready roles.TailnetReady
	p, err := w.Spawn(name, "tailnet", roles.TailnetConfig{
		Dir: filepath.Join(w.Dir, name), Control: t.control.URL(), AuthKey: tailnetKey, Route: spliced,
		Ports: map[uint16]string{443: w.upstream.HTTPS, 80: w.upstream.HTTP, 5432: w.pg.Address()},
	}, &ready)
	if err != nil {
		return nil, err
	}
	if err := t.approve(ctx, "splice"); err != nil {
		return nil, err
	}
	roots, err := pool(w.ca)
	if err != nil {
		return nil, err
	}
	v := &Target{Name: name, pids: []int{p.pid()}, Roots: roots, At: make(map[string]netip.AddrPort)}
	for service, port := range services() {
		v.At[service] = netip.AddrPortFrom(spliced.Addr().Next(), port)
	}
	return t.reach(ctx, v)
}

// tailnetGateway is the real thing in the tailnet.
func (w *World) tailnetGateway(ctx context.Context, name string) (*Target, error) {
	t, err := w.inTailnet(ctx)
	if err != nil {
		return nil, err
	}
	g, err := w.serve(ctx, name, map[string]any{"Control": t.control.URL()})
	if err != nil {
		return nil, err
	}
	if err := w.setSecrets(ctx, g.socket, map[string]string{"ts": tailnetKey}); err != nil {
		return nil, err
	}
	err = until(ctx, "the gateway joins", func() bool {
		out, err := w.command(ctx, g.socket, "", "status", "--json")
		var s struct{ Tailnet struct{ State string } }
		return err == nil && json.Unmarshal([]byte(out), &s) == nil && s.Tailnet.State == ipn.Running.String()
	})
	if err == nil {
		err = t.approve(ctx, "sallyport")
	}
	if err != nil {
		return nil, err
	}
	return t.reach(ctx, g)
}

// TailnetUp is how long a tailnet of two nodes takes, from nothing until both run.
func (w *World) TailnetUp(ctx context.Context) (time.Duration, error) {
	begin := time.Now()
	c, err := control.Start(control.Options{AuthKey: tailnetKey})
	if err != nil {
		return 0, err
	}
	defer c.Close()
	for _, name := range []string{"first", "second"} {
		var ready roles.TailnetReady
		p, err := w.Spawn(name, "tailnet", roles.TailnetConfig{
			Dir: filepath.Join(w.Dir, name), Control: c.URL(), AuthKey: tailnetKey, Route: spliced,
		}, &ready)
		if err != nil {
			return 0, err
		}
		defer p.Stop()
	}
	return time.Since(begin), nil
}

// until polls until ok, or fails.
func until(ctx context.Context, what string, ok func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, joinTime)
	defer cancel()
	for !ok() {
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("waited in vain until %s", what), ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}
