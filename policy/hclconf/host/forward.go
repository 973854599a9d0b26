package host

import (
	"net"
	"strings"

	"sallyport.dev/sallyport/policy/hclconf/value"
	"sallyport.dev/sallyport/policy/literal"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// A Forward is a system that is handed every record: a syslog server, or a
// receiver of signed webhooks. Exactly one of Syslog and Webhook is stated.
type Forward struct {
	Name      string
	Syslog    string // host and port
	Plain     bool   // syslog without TLS
	CA        string // path of PEM; "": the host's roots
	Cert, Key string // paths of the gateway's own certificate; "": none
	Most      int64  // bytes of a syslog message
	Webhook   string // URL
	Secret    string // name of the secret that signs it
}

// mostMessage is what syslog servers take unless they are told otherwise; leastMessage
// every one must take (RFC 5424, section 6.1).
const (
	mostMessage  = 8 << 10
	leastMessage = 2 << 10
)

func (d *reader) forward(b *hclsyntax.Block) Forward {
	if len(b.Labels) == 0 {
		return Forward{} // which the table of blocks has complained about
	}
	f := Forward{Name: d.Identifier(b), Most: mostMessage}
	value.With(b.Body, "syslog", func(e hcl.Expression) { f.Syslog, f.Plain = d.syslog(e) })
	value.With(b.Body, "webhook", func(e hcl.Expression) {
		s := d.Word(e)
		if s.Stated() && !literal.WebServer(s.Value) || strings.HasPrefix(s.Value, "http:") {
			d.Fail(s.Range, "Bad URL", `%q is no receiver; write it like "https://siem.acme.dev/sallyport".`, s.Value)
		}
		f.Webhook = s.Value
	})
	value.With(b.Body, "secret", func(e hcl.Expression) {
		r, _ := d.Ref(e, "secret")
		f.Secret = r.Name
	})
	value.With(b.Body, "ca", func(e hcl.Expression) { f.CA = d.hostPath(e) })
	value.With(b.Body, "cert", func(e hcl.Expression) { f.Cert = d.hostPath(e) })
	value.With(b.Body, "key", func(e hcl.Expression) { f.Key = d.hostPath(e) })
	value.With(b.Body, "max_message", func(e hcl.Expression) {
		if f.Most = d.Size(e); f.Most != 0 && f.Most < leastMessage || f.Most > 1<<20 {
			d.Fail(e.Range(), "Bad size", `Syslog servers take "2KiB" at least; write up to "1MiB".`)
		}
	})
	d.oneWay(b, f)
	return f
}

// syslog gives where a syslog server is; tcp:// says that it has no TLS.
func (d *reader) syslog(e hcl.Expression) (address string, plain bool) {
	s := d.Word(e)
	if !s.Stated() {
		return "", false
	}
	address, plain = strings.CutPrefix(s.Value, "tcp://")
	if !plain {
		address = strings.TrimPrefix(s.Value, "tls://")
	}
	if host, port, err := net.SplitHostPort(address); err != nil || host == "" || !literal.Port(port) {
		d.Fail(s.Range, "Bad address", `%q is no syslog server; write it like "siem.acme.dev:6514", or "tcp://siem.acme.dev:601" for one without TLS.`, s.Value)
	}
	return address, plain
}

// oneWay complains about what does not belong to the way that is stated.
func (d *reader) oneWay(b *hclsyntax.Block, f Forward) {
	stated := func(name string) bool { _, ok := b.Body.Attributes[name]; return ok }
	if stated("syslog") == stated("webhook") {
		d.Fail(b.DefRange(), "One receiver", `State one of syslog = "siem.acme.dev:6514" and webhook = "https://siem.acme.dev/sallyport".`)
		return
	}
	others := []string{"secret"}
	if stated("webhook") {
		others = []string{"ca", "cert", "key", "max_message"}
		d.Required(b, "secret", "secret = secret.siem_key")
	} else if f.Plain {
		others = append(others, "ca", "cert", "key")
	}
	for _, name := range others {
		if stated(name) {
			d.Fail(b.Body.Attributes[name].NameRange, "Nothing reads this", "%s does not go with the receiver that is stated.", name)
		}
	}
	if stated("cert") != stated("key") {
		d.Fail(b.DefRange(), "Attribute missing", `A certificate takes both: cert = "gate.pem" and key = "gate.key".`)
	}
}
