package hclconf

import (
	"crypto/x509"
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/account"
	"sallyport.dev/sallyport/policy/place"
	"sallyport.dev/sallyport/policy/source"
	"sallyport.dev/sallyport/policy/vocab"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

func (d *decoder) service(b *hclsyntax.Block) {
	s := &Service{Name: d.identifier(b), Range: b.DefRange()}
	d.preset(b, s)
	d.serviceBody(b.Body, s)
	d.settle(b, s)
	d.cfg.Services = append(d.cfg.Services, s)
}

// serviceBody lays what a body states over what s holds already.
func (d *decoder) serviceBody(body *hclsyntax.Body, s *Service) {
	with(body, "protocol", func(e hcl.Expression) { s.Protocol = d.word(e) })
	with(body, "hosts", func(e hcl.Expression) { s.Hosts = d.hosts(e) })
	with(body, "upstream", func(e hcl.Expression) { s.Upstream, s.UpstreamHost = d.upstream(e) })
	with(body, "auth", func(e hcl.Expression) {
		a, diags := account.Read(e)
		s.Auth, d.diags = a, append(d.diags, diags...)
	})
	with(body, "databases", func(e hcl.Expression) { s.Databases = d.words(e) })
	with(body, "catalog", func(e hcl.Expression) { s.Catalog = d.flag(e) })
	with(body, "tls", func(e hcl.Expression) { s.TLS = d.tls(e) })
	with(body, "posture", func(e hcl.Expression) { s.Posture = d.oneOf(e, "posture", "guarded", "locked", "open") })
	with(body, "mode", func(e hcl.Expression) { s.Mode = d.oneOf(e, "mode", "enforce", "observe") })
	with(body, "path_encoding", func(e hcl.Expression) { s.EncodedPaths = d.oneOf(e, "path encoding", "allow").Stated() })
	with(body, "case_insensitive_paths", func(e hcl.Expression) { s.FoldPaths = d.flag(e).Value })
	with(body, "insecure_injection", func(e hcl.Expression) { s.InsecureInjection = d.flag(e).Value })
	with(body, "passthrough", func(e hcl.Expression) { s.Passthrough = d.flag(e) })
	with(body, "description", func(e hcl.Expression) { s.Description = d.text(e).Value })
	for _, inner := range body.Blocks {
		switch {
		case inner.Type == "session":
			d.session(inner, s)
		case inner.Type == "operation" && len(inner.Labels) > 0:
			d.operation(inner, s)
		}
	}
}

func (d *decoder) hosts(e hcl.Expression) []Host {
	var out []Host
	for _, s := range d.words(e) {
		p, err := place.Parse(s.Value)
		if err != nil {
			d.fail(s.Range, "Bad host", "%s. A host is a name, *.suffix, IP or CIDR, each with an optional port.", source.UpperFirst(err.Error()))
			continue
		}
		if p.Kind <= place.Suffix && (p.Name == "sallyport.internal" || strings.HasSuffix(p.Name, ".sallyport.internal")) {
			d.fail(s.Range, "Bad host", "sallyport.internal is the gateway itself.")
			continue
		}
		out = append(out, Host{Place: p, Range: s.Range})
	}
	return out
}

func (d *decoder) upstream(e hcl.Expression) (Str, place.Target) {
	s := d.word(e)
	if !s.Stated() {
		return s, place.Target{}
	}
	t, err := place.ParseTarget(s.Value)
	if err != nil {
		d.fail(s.Range, "Bad upstream", `%s. An upstream is one host, like "10.4.0.12:5432" or "db.corp".`, source.UpperFirst(err.Error()))
	}
	return s, t
}

// tls reads { mode, ca, server_name, negotiation }, or just the mode.
func (d *decoder) tls(e hcl.Expression) TLS {
	t := TLS{Range: e.Range()}
	mode := func(e hcl.Expression) {
		s := d.word(e)
		if slices.Contains([]string{"require", "prefer", "allow", "verify-ca"}, s.Value) {
			d.fail(s.Range, "Unknown tls mode", `%q does not prove who answers; write "verify-full" (with ca or server_name where needed) or "disable".`, s.Value)
		} else if s.Stated() {
			d.known(s, "tls mode", []string{"verify-full", "disable"})
		}
		t.Disable = s.Value == "disable"
	}
	if _, diags := hcl.ExprMap(e); diags.HasErrors() {
		mode(e)
		return t
	}
	d.object(e, func(key string, at hcl.Range, value hcl.Expression) {
		switch key {
		case "mode":
			mode(value)
		case "ca":
			t.CA = d.text(value)
			if t.CA.Stated() && !x509.NewCertPool().AppendCertsFromPEM([]byte(t.CA.Value)) {
				d.fail(value.Range(), "No certificate", `This holds no PEM certificate; write ca = file("ca.pem").`)
			}
		case "server_name":
			t.ServerName = d.word(value).Value
		case "negotiation":
			t.Negotiation = d.oneOf(value, "negotiation", "postgres", "direct")
		default:
			d.fail(at, "Unknown attribute", "tls has no %q.%s", key, source.DidYouMean(key, []string{"mode", "ca", "server_name", "negotiation"}))
		}
	})
	if t.Disable && (t.CA.Stated() || t.ServerName != "" || t.Negotiation.Stated()) {
		d.fail(e.Range(), "Contradiction", "Without TLS there is no certificate to check: take out ca, server_name and negotiation, or the mode.")
	}
	return t
}

func (d *decoder) session(b *hclsyntax.Block, s *Service) {
	body, t := b.Body, &s.Session
	s.SessionRange = b.DefRange()
	with(body, "read_only", func(e hcl.Expression) { t.ReadOnly = d.flag(e).Value })
	with(body, "statement_timeout", func(e hcl.Expression) { t.StatementTimeout = d.duration(e) })
	with(body, "lock_timeout", func(e hcl.Expression) { t.LockTimeout = d.duration(e) })
	with(body, "idle_timeout", func(e hcl.Expression) { t.IdleTimeout = d.duration(e) })
	with(body, "max_rows", func(e hcl.Expression) { t.MaxRows = d.integer(e, 1<<53) })
	with(body, "max_bytes", func(e hcl.Expression) { t.MaxBytes = d.size(e) })
	with(body, "max_connections", func(e hcl.Expression) { t.MaxConnections = int(d.integer(e, 1<<20)) })
}

// reading checks what a body is read as.
func (d *decoder) reading(s Str) Str {
	if s.Value == "grpc" {
		d.fail(s.Range, "Not in this version", "%q is not in this version; there are %s.", s.Value, strings.Join(vocab.Readings(), ", "))
		return Str{}
	}
	if s.Stated() {
		d.known(s, "reading", vocab.Readings())
	}
	return s
}

// operation adds an operation, in place of one of the same name.
func (d *decoder) operation(b *hclsyntax.Block, s *Service) {
	op := &Operation{Name: b.Labels[0], When: attr(b.Body, "when"), Range: b.DefRange()}
	with(b.Body, "match", func(e hcl.Expression) { op.Match = d.words(e) })
	with(b.Body, "effect", func(e hcl.Expression) { op.Effects = d.words(e) })
	with(b.Body, "as", func(e hcl.Expression) { op.As = d.reading(d.word(e)) })
	if len(op.Match) == 0 && attr(b.Body, "match") == nil {
		d.fail(op.Range, "Attribute missing", `Operation %q says nothing to match: match = "POST /v1/refunds".`, op.Name)
	}
	for _, e := range op.Effects {
		d.known(e, "effect", action.EffectNames())
	}
	for _, m := range op.Match {
		method, path, _ := strings.Cut(m.Value, " ")
		if !strings.HasPrefix(path, "/") && path != "**" {
			d.fail(m.Range, "Bad match", `%q is no method and path; write it like "POST /v1/refunds" or "* /v1/**".`, m.Value)
			continue
		}
		if method != "*" {
			d.method(Str{Value: method, Range: m.Range})
		}
	}
	for i, old := range s.Operations {
		if old.Name == op.Name {
			s.Operations[i] = op
			return
		}
	}
	s.Operations = append(s.Operations, op)
}
