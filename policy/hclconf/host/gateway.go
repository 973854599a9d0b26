package host

import (
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"sallyport.dev/sallyport/policy/hclconf/value"
	"sallyport.dev/sallyport/policy/literal"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Defaults is a gateway of which nothing is stated.
func Defaults() Gateway {
	return Gateway{
		Name:   "sallyport",
		Record: Record{Keep: 90 * 24 * time.Hour},
		Limits: Limits{ConnectionsPerAgent: 256, BodyInspect: 256 << 10},
	}
}

// ReadGateway reads the gateway block into g, which holds the defaults.
func ReadGateway(v *value.Reader, b *hclsyntax.Block, g *Gateway) {
	d := &reader{v}
	g.Range = b.DefRange()
	value.With(b.Body, "name", func(e hcl.Expression) { g.Name = d.hostLabel(e, g.Name) })
	value.With(b.Body, "state_dir", func(e hcl.Expression) { g.StateDir = d.hostPath(e) })
	value.With(b.Body, "key", func(e hcl.Expression) { g.Key = d.keySource(e) })
	for _, inner := range b.Body.Blocks {
		switch inner.Type {
		case "wireguard":
			g.Wireguard = d.wireguard(inner.Body)
		case "tailnet":
			g.Tailnet = d.tailnet(inner.Body)
		case "dashboard":
			g.Dashboard = d.dashboard(inner)
		case "slack":
			g.Slack = d.slack(inner)
		case "forward":
			g.Forward = append(g.Forward, d.forward(inner))
		case "alerts":
			g.Alerts = d.alerts(inner)
		case "dns":
			d.dns(inner.Body, g)
		case "record":
			value.With(inner.Body, "keep", func(e hcl.Expression) { g.Record.Keep = d.Duration(e) })
			value.With(inner.Body, "bodies", func(e hcl.Expression) { g.Record.Bodies = d.bodies(e) })
			value.With(inner.Body, "strict", func(e hcl.Expression) { g.Record.Strict = d.Flag(e).Value })
		case "limits":
			value.With(inner.Body, "connections_per_agent", func(e hcl.Expression) { g.Limits.ConnectionsPerAgent = int(d.Integer(e, 1<<20)) })
			value.With(inner.Body, "body_inspect", func(e hcl.Expression) { g.Limits.BodyInspect = d.Size(e) })
			value.With(inner.Body, "memory", func(e hcl.Expression) { g.Limits.Memory = d.memory(e) })
		}
	}
}

// maxBodies is what a record has room for beside all other facts.
const maxBodies = 16 << 10

// bodies gives how much of a body the record may hold.
func (d *reader) bodies(e hcl.Expression) int64 {
	n := d.Size(e)
	if n > maxBodies {
		d.Fail(e.Range(), "Too large", `A record has room for "16KiB" of a body.`)
	}
	return n
}

// memory gives what the process may use; a gateway cannot work with less than 64 MiB.
func (d *reader) memory(e hcl.Expression) int64 {
	n := d.Size(e)
	if n > 0 && n < 64<<20 {
		d.Fail(e.Range(), "Too little memory", `A gateway needs at least "64MiB", and some "256MiB" under load.`)
	}
	return n
}

// hostLabel gives a name that fits into DNS and a certificate.
func (d *reader) hostLabel(e hcl.Expression, otherwise string) string {
	s := d.Word(e)
	if !s.Stated() {
		return otherwise
	}
	ok := len(s.Value) <= 63 && !strings.HasPrefix(s.Value, "-") && !strings.HasSuffix(s.Value, "-")
	for _, r := range s.Value {
		ok = ok && (r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-')
	}
	if !ok {
		d.Fail(s.Range, "Bad name", "%q is no name for a gateway; use lower-case letters, digits and dashes.", s.Value)
	}
	return s.Value
}

// hostPath gives a path of the host, absolute to the configuration directory. It is
// written out: whoever keeps edits away from it reads the text only.
func (d *reader) hostPath(e hcl.Expression) string {
	p := d.Name(e).Value
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(d.Files.Dir, p)
}

const keyForms = `file("/etc/sallyport/key"), env("SALLYPORT_KEY"), systemd("sallyport"), passphrase() or transit("https://vault.acme.dev", "sallyport", { role = "sallyport", jwt_file = "/run/token" })`

func (d *reader) keySource(e hcl.Expression) KeySource {
	name, args, ok := literal.Call(e)
	want, known := map[string]int{"file": 1, "env": 1, "systemd": 1, "passphrase": 0, "transit": 3}[name]
	if !ok || !known || len(args) != want {
		d.Fail(e.Range(), "Bad key source", "Write key = %s.", keyForms)
		return KeySource{}
	}
	switch name {
	case "passphrase":
		return KeySource{Passphrase: true}
	case "transit":
		return KeySource{Transit: d.transit(args)}
	}
	switch name {
	case "env":
		return KeySource{Env: d.Word(args[0]).Value}
	case "systemd":
		arg := d.Word(args[0]).Value
		if strings.ContainsAny(arg, "/") {
			d.Fail(args[0].Range(), "Bad name", "%q is no name of a credential.", arg)
		}
		return KeySource{Systemd: arg}
	}
	return KeySource{File: d.hostPath(args[0])}
}

// transit reads the address of a Vault, a key of its transit engine, and how to log
// in there and which authority proves it.
func (d *reader) transit(args []hcl.Expression) *Vault {
	v := &Vault{Path: "transit"}
	if s := d.Word(args[0]); s.Stated() {
		if v.Address = s.Value; !literal.SecretServer(s.Value) {
			d.Fail(s.Range, "Bad address", `%q is no address of a Vault; write it like "https://vault.acme.dev".`, s.Value)
		}
	}
	if v.Field = d.Word(args[1]).Value; strings.ContainsAny(v.Field, "/?#") {
		d.Fail(args[1].Range(), "Bad name", "%q is no name of a key.", v.Field)
	}
	d.vaultLogin(args[2], v, true)
	return v
}

// Bounds of what is accepted for a tunnel: IPv6 needs 1280 bytes.
const (
	minMTU     = 1280
	maxMTU     = 65000
	defaultMTU = 1420
)

func (d *reader) wireguard(body *hclsyntax.Body) *Wireguard {
	w := &Wireguard{Listen: ":51820", Subnet: netip.MustParsePrefix("10.77.0.0/16"), MTU: defaultMTU}
	value.With(body, "listen", func(e hcl.Expression) { w.Listen = d.listen(e) })
	value.With(body, "endpoint", func(e hcl.Expression) {
		s := d.Word(e)
		if host, port, err := net.SplitHostPort(s.Value); s.Stated() && (err != nil || host == "" || !literal.Port(port)) {
			d.Fail(s.Range, "Bad endpoint", `%q is no endpoint; write what agents dial, like "gw.example.com:51820".`, s.Value)
		}
		w.Endpoint = s.Value
	})
	value.With(body, "subnet", func(e hcl.Expression) { w.Subnet = d.subnet(e) })
	value.With(body, "mtu", func(e hcl.Expression) {
		w.MTU = int(d.Integer(e, maxMTU))
		if w.MTU != 0 && w.MTU < minMTU {
			d.Fail(e.Range(), "Number out of range", "IPv6 needs an MTU of at least %d.", minMTU)
		}
	})
	return w
}

// subnet gives the agents' network: private IPv4, with room for agents.
func (d *reader) subnet(e hcl.Expression) netip.Prefix {
	s := d.Word(e)
	if !s.Stated() {
		return netip.Prefix{}
	}
	p, err := netip.ParsePrefix(s.Value)
	switch {
	case err != nil || !p.Addr().Is4():
		d.Fail(s.Range, "Bad subnet", `%q is no IPv4 network; write it like "10.77.0.0/16".`, s.Value)
	case p != p.Masked():
		d.Fail(s.Range, "Bad subnet", "%q has bits behind its length; the network is %q.", s.Value, p.Masked())
	case p.Bits() < 8 || p.Bits() > 29:
		d.Fail(s.Range, "Bad subnet", "%q has no sensible size; use a length from /8 to /29.", s.Value)
	}
	return p
}

// listen gives the port of the tunnel; WireGuard listens on every address.
func (d *reader) listen(e hcl.Expression) string {
	s := d.Word(e)
	if !s.Stated() {
		return ""
	}
	if host, port, err := net.SplitHostPort(s.Value); err != nil || host != "" || !literal.Port(port) && port != "0" {
		d.Fail(s.Range, "Bad address", `%q is no port to listen on; write it like ":51820". WireGuard answers on every address of the host.`, s.Value)
	}
	return s.Value
}

func (d *reader) dns(body *hclsyntax.Body, g *Gateway) {
	value.With(body, "resolvers", func(e hcl.Expression) {
		for _, s := range d.Words(e) {
			a, err := literal.Server(s.Value)
			if err != nil {
				d.Fail(s.Range, "Bad resolver", `%q is no address; write it like "10.0.0.2" or "10.0.0.2:53".`, s.Value)
				continue
			}
			g.Resolvers = append(g.Resolvers, a)
		}
	})
	value.With(body, "unknown", func(e hcl.Expression) {
		s := d.Word(e)
		switch {
		case s.Value == "forward":
			d.Fail(s.Range, "Not in this version", `"forward" is not in this version; "refuse" is the default.`)
		case s.Stated():
			d.Known(s, "answer", []string{"refuse"})
		}
	})
}
