package host

import (
	"net"
	"net/netip"
	"strings"

	"sallyport.dev/sallyport/policy/hclconf/value"
	"sallyport.dev/sallyport/policy/literal"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Dashboard says where people reach the gateway beside the tailnet.
type Dashboard struct {
	Listen    string // "localhost:8484"
	Cert, Key string // paths; "": plain HTTP, on localhost only
	OIDC      *OIDC  // nil: no such login
	// Push lists the push services that browsers may name, as hosts or "*.suffix";
	// nil: those of the browsers that people have; empty: none.
	Push []string
}

// OIDC is an identity provider that people log in by.
type OIDC struct {
	Issuer   string
	ClientID string
	Secret   string // name of the client's secret
	CA       string // what its servers prove themselves by, in PEM; "": the host's roots
}

// Operators names people by what they may do. What it says of one right stands
// beside what it says of another.
type Operators struct {
	Admins, Editors, Approvers, Viewers []value.Str

	TwoPerson bool // an edit takes two of them
}

// defaultDashboard is where it listens if nothing else is stated.
const defaultDashboard = "localhost:8484"

func (d *reader) dashboard(b *hclsyntax.Block) *Dashboard {
	out := &Dashboard{Listen: defaultDashboard}
	value.With(b.Body, "cert", func(e hcl.Expression) { out.Cert = d.hostPath(e) })
	value.With(b.Body, "key", func(e hcl.Expression) { out.Key = d.hostPath(e) })
	if (out.Cert == "") != (out.Key == "") {
		d.Fail(b.DefRange(), "Attribute missing", `TLS takes both: cert = "dashboard.pem" and key = "dashboard.key".`)
	}
	value.With(b.Body, "listen", func(e hcl.Expression) { out.Listen = d.door(e, out.Cert != "") })
	value.With(b.Body, "push_services", func(e hcl.Expression) { out.Push = d.pushServices(e) })
	for _, inner := range b.Body.Blocks {
		if inner.Type == "oidc" {
			out.OIDC = d.oidc(inner)
		}
	}
	return out
}

// door gives an address to listen on. By plain HTTP, a password would cross the
// network as it is.
func (d *reader) door(e hcl.Expression, tls bool) string {
	s := d.Word(e)
	if !s.Stated() {
		return defaultDashboard
	}
	name, port, err := net.SplitHostPort(s.Value)
	addr, notAddr := netip.ParseAddr(name)
	switch {
	case err != nil || !literal.Port(port) && port != "0":
		d.Fail(s.Range, "Bad address", `%q is no address to listen on; write it like "localhost:8484".`, s.Value)
	case notAddr == nil && addr.IsLoopback() && !tls:
		d.Fail(s.Range, "Bad address", `Write "localhost:%s": a browser takes passkeys from a name only.`, port)
	case name != "localhost" && !tls:
		d.Fail(s.Range, "Plain HTTP", `Outside of localhost the dashboard needs TLS: state cert and key, or use the tailnet's address.`)
	}
	return s.Value
}

// pushServices gives hosts that messages may be sent to; an empty list is none.
func (d *reader) pushServices(e hcl.Expression) []string {
	list := []string{}
	if items, bare := literal.Elements(e); !bare && len(items) == 0 {
		return list
	}
	for _, s := range d.Words(e) {
		host := strings.TrimPrefix(s.Value, "*.")
		_, err := netip.ParseAddr(host)
		if err == nil || host != strings.ToLower(host) || !strings.Contains(host, ".") || strings.ContainsAny(host, "*/:@ ") || strings.Contains("."+host+".", "..") {
			d.Fail(s.Range, "Bad host", `%q is no host of a push service; write it like "push.acme.dev", or "*.push.acme.dev" for all below.`, s.Value)
		}
		list = append(list, s.Value)
	}
	return list
}

func (d *reader) oidc(b *hclsyntax.Block) *OIDC {
	o := &OIDC{}
	value.With(b.Body, "issuer", func(e hcl.Expression) {
		s := d.Word(e)
		if s.Stated() && !literal.WebServer(s.Value) {
			d.Fail(s.Range, "Bad URL", `%q is no issuer; write it as the identity provider does, like "https://id.acme.dev".`, s.Value)
		}
		o.Issuer = s.Value
	})
	value.With(b.Body, "client_id", func(e hcl.Expression) { o.ClientID = d.Word(e).Value })
	value.With(b.Body, "client_secret", func(e hcl.Expression) {
		r, _ := d.Ref(e, "secret")
		o.Secret = r.Name
	})
	value.With(b.Body, "ca", func(e hcl.Expression) { o.CA = d.Authority(e).Value })
	d.Required(b, "issuer", `issuer = "https://id.acme.dev"`)
	d.Required(b, "client_id", `client_id = "sallyport"`)
	d.Required(b, "client_secret", `client_secret = secret.oidc`)
	return o
}

// ReadOperators reads the operators block.
func ReadOperators(v *value.Reader, b *hclsyntax.Block) Operators {
	var o Operators
	for name, into := range map[string]*[]value.Str{"admins": &o.Admins, "editors": &o.Editors, "approvers": &o.Approvers, "viewers": &o.Viewers} {
		value.With(b.Body, name, func(e hcl.Expression) { *into = v.People(e) })
	}
	value.With(b.Body, "two_person", func(e hcl.Expression) { o.TwoPerson = v.Flag(e).Value })
	return o
}
