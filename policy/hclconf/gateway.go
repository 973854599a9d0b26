package hclconf

import (
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"sallyport.dev/sallyport/policy/literal"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// defaults is a gateway of which nothing is stated.
func defaults() Gateway {
	return Gateway{
		Name:   "sallyport",
		Record: Record{Keep: 90 * 24 * time.Hour},
		Limits: Limits{ConnectionsPerAgent: 256, BodyInspect: 256 << 10},
	}
}

func (d *decoder) gateway(b *hclsyntax.Block) {
	g := &d.cfg.Gateway
	g.Range = b.DefRange()
	with(b.Body, "name", func(e hcl.Expression) { g.Name = d.hostLabel(e, g.Name) })
	with(b.Body, "state_dir", func(e hcl.Expression) { g.StateDir = d.hostPath(d.word(e).Value) })
	with(b.Body, "key", func(e hcl.Expression) { g.Key = d.keySource(e) })
	for _, inner := range b.Body.Blocks {
		switch inner.Type {
		case "wireguard":
			g.Wireguard = d.wireguard(inner.Body)
		case "tailnet":
			g.Tailnet = d.tailnet(inner.Body)
		case "dns":
			d.dns(inner.Body)
		case "record":
			with(inner.Body, "keep", func(e hcl.Expression) { g.Record.Keep = d.duration(e) })
			with(inner.Body, "strict", func(e hcl.Expression) { g.Record.Strict = d.flag(e).Value })
		case "limits":
			with(inner.Body, "connections_per_agent", func(e hcl.Expression) { g.Limits.ConnectionsPerAgent = int(d.integer(e, 1<<20)) })
			with(inner.Body, "body_inspect", func(e hcl.Expression) { g.Limits.BodyInspect = d.size(e) })
			with(inner.Body, "memory", func(e hcl.Expression) { g.Limits.Memory = d.memory(e) })
		}
	}
}

// memory gives what the process may use; a gateway cannot work with less than 64 MiB.
func (d *decoder) memory(e hcl.Expression) int64 {
	n := d.size(e)
	if n > 0 && n < 64<<20 {
		d.fail(e.Range(), "Too little memory", `A gateway needs at least "64MiB", and some "256MiB" under load.`)
	}
	return n
}

// hostLabel gives a name that fits into DNS and a certificate.
func (d *decoder) hostLabel(e hcl.Expression, otherwise string) string {
	s := d.word(e)
	if !s.Stated() {
		return otherwise
	}
	ok := len(s.Value) <= 63 && !strings.HasPrefix(s.Value, "-") && !strings.HasSuffix(s.Value, "-")
	for _, r := range s.Value {
		ok = ok && (r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-')
	}
	if !ok {
		d.fail(s.Range, "Bad name", "%q is no name for a gateway; use lower-case letters, digits and dashes.", s.Value)
	}
	return s.Value
}

// hostPath makes a path of the host absolute to the configuration directory.
func (d *decoder) hostPath(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(d.files.Dir, p)
}

func (d *decoder) keySource(e hcl.Expression) KeySource {
	name, args, ok := literal.Call(e)
	switch {
	case ok && (name == "systemd" || name == "passphrase" || name == "transit"):
		d.fail(e.Range(), "Not in this version", `%s(…) is not in this version; use file("/etc/sallyport/key") or env("SALLYPORT_KEY").`, name)
	case !ok || name != "file" && name != "env" || len(args) != 1:
		d.fail(e.Range(), "Bad key source", `Write key = file("/etc/sallyport/key") or key = env("SALLYPORT_KEY").`)
	default:
		arg := d.word(args[0])
		if name == "env" {
			return KeySource{Env: arg.Value}
		}
		return KeySource{File: d.hostPath(arg.Value)}
	}
	return KeySource{}
}

// Bounds of what is accepted for a tunnel: IPv6 needs 1280 bytes.
const (
	minMTU     = 1280
	maxMTU     = 65000
	defaultMTU = 1420
)

func (d *decoder) wireguard(body *hclsyntax.Body) *Wireguard {
	w := &Wireguard{Listen: ":51820", Subnet: netip.MustParsePrefix("10.77.0.0/16"), MTU: defaultMTU}
	with(body, "listen", func(e hcl.Expression) { w.Listen = d.listen(e) })
	with(body, "endpoint", func(e hcl.Expression) {
		s := d.word(e)
		if host, port, err := net.SplitHostPort(s.Value); s.Stated() && (err != nil || host == "" || !literal.Port(port)) {
			d.fail(s.Range, "Bad endpoint", `%q is no endpoint; write what agents dial, like "gw.example.com:51820".`, s.Value)
		}
		w.Endpoint = s.Value
	})
	with(body, "subnet", func(e hcl.Expression) { w.Subnet = d.subnet(e) })
	with(body, "mtu", func(e hcl.Expression) {
		w.MTU = int(d.integer(e, maxMTU))
		if w.MTU != 0 && w.MTU < minMTU {
			d.fail(e.Range(), "Number out of range", "IPv6 needs an MTU of at least %d.", minMTU)
		}
	})
	return w
}

// subnet gives the agents' network: private IPv4, with room for agents.
func (d *decoder) subnet(e hcl.Expression) netip.Prefix {
	s := d.word(e)
	if !s.Stated() {
		return netip.Prefix{}
	}
	p, err := netip.ParsePrefix(s.Value)
	switch {
	case err != nil || !p.Addr().Is4():
		d.fail(s.Range, "Bad subnet", `%q is no IPv4 network; write it like "10.77.0.0/16".`, s.Value)
	case p != p.Masked():
		d.fail(s.Range, "Bad subnet", "%q has bits behind its length; the network is %q.", s.Value, p.Masked())
	case p.Bits() < 8 || p.Bits() > 29:
		d.fail(s.Range, "Bad subnet", "%q has no sensible size; use a length from /8 to /29.", s.Value)
	}
	return p
}

// listen gives the port of the tunnel; WireGuard listens on every address.
func (d *decoder) listen(e hcl.Expression) string {
	s := d.word(e)
	if !s.Stated() {
		return ""
	}
	if host, port, err := net.SplitHostPort(s.Value); err != nil || host != "" || !literal.Port(port) && port != "0" {
		d.fail(s.Range, "Bad address", `%q is no port to listen on; write it like ":51820". WireGuard answers on every address of the host.`, s.Value)
	}
	return s.Value
}

func (d *decoder) dns(body *hclsyntax.Body) {
	with(body, "resolvers", func(e hcl.Expression) {
		for _, s := range d.words(e) {
			a, err := literal.Server(s.Value)
			if err != nil {
				d.fail(s.Range, "Bad resolver", `%q is no address; write it like "10.0.0.2" or "10.0.0.2:53".`, s.Value)
				continue
			}
			d.cfg.Gateway.Resolvers = append(d.cfg.Gateway.Resolvers, a)
		}
	})
	with(body, "unknown", func(e hcl.Expression) {
		s := d.word(e)
		switch {
		case s.Value == "forward":
			d.fail(s.Range, "Not in this version", `"forward" is not in this version; "refuse" is the default.`)
		case s.Stated():
			d.known(s, "answer", []string{"refuse"})
		}
	})
}

func (d *decoder) secret(b *hclsyntax.Block) {
	s := &Secret{Name: d.identifier(b), Range: b.DefRange()}
	with(b.Body, "env", func(e hcl.Expression) { s.Env = d.word(e).Value })
	with(b.Body, "file", func(e hcl.Expression) { s.File = d.hostPath(d.word(e).Value) })
	if s.Env != "" && s.File != "" {
		d.fail(b.Body.Attributes["file"].NameRange, "Two sources", "A secret has one source: env, file, or neither for the vault.")
	}
	d.cfg.Secrets = append(d.cfg.Secrets, s)
}
