package hclconf

import (
	"net/url"
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/account"
	"sallyport.dev/sallyport/policy/hclconf/value"
	"sallyport.dev/sallyport/policy/place"
	"sallyport.dev/sallyport/policy/source"
	"sallyport.dev/sallyport/policy/vocab"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"golang.org/x/net/http/httpguts"
)

func (d *decoder) service(b *hclsyntax.Block) {
	s := &Service{Name: d.Identifier(b), Range: b.DefRange()}
	d.preset(b, s)
	d.serviceBody(b.Body, s)
	d.settle(b, s)
	d.settleUsage(s)
	d.cfg.Services = append(d.cfg.Services, s)
}

// serviceBody lays what a body states over what s holds already.
func (d *decoder) serviceBody(body *hclsyntax.Body, s *Service) {
	value.With(body, "protocol", func(e hcl.Expression) { s.Protocol = d.Word(e) })
	value.With(body, "hosts", func(e hcl.Expression) { s.Hosts = d.hosts(e) })
	value.With(body, "upstream", func(e hcl.Expression) { s.Upstream, s.UpstreamHost = d.upstream(e) })
	value.With(body, "auth", func(e hcl.Expression) {
		a, diags := account.Read(e, func(e hcl.Expression) string { return d.Authority(e).Value })
		s.Auth, d.Diags = a, append(d.Diags, diags...)
	})
	value.With(body, "databases", func(e hcl.Expression) { s.Databases = d.Words(e) })
	value.With(body, "catalog", func(e hcl.Expression) { s.Catalog = d.Flag(e) })
	value.With(body, "dry_run", func(e hcl.Expression) { s.DryRun = d.Flag(e) })
	value.With(body, "tls", func(e hcl.Expression) { s.TLS = d.tls(e) })
	value.With(body, "posture", func(e hcl.Expression) { s.Posture = d.OneOf(e, "posture", "guarded", "locked", "open") })
	value.With(body, "mode", func(e hcl.Expression) { s.Mode = d.OneOf(e, "mode", "enforce", "observe") })
	value.With(body, "path_encoding", func(e hcl.Expression) { s.EncodedPaths = d.OneOf(e, "path encoding", "allow").Stated() })
	value.With(body, "case_insensitive_paths", func(e hcl.Expression) { s.FoldPaths = d.Flag(e).Value })
	value.With(body, "insecure_injection", func(e hcl.Expression) { s.InsecureInjection = d.Flag(e).Value })
	value.With(body, "passthrough", func(e hcl.Expression) { s.Passthrough = d.Flag(e) })
	value.With(body, "env", func(e hcl.Expression) { s.Variables = d.variables(e) })
	value.With(body, "probe", func(e hcl.Expression) { s.Probe = d.probe(e) })
	value.With(body, "usage", func(e hcl.Expression) { s.Usage = d.OneOf(e, "usage", "inject") })
	value.With(body, "description", func(e hcl.Expression) { s.Description = d.Text(e).Value })
	for _, inner := range body.Blocks {
		switch {
		case inner.Type == "session":
			d.session(inner, s)
		case inner.Type == "operation" && len(inner.Labels) > 0:
			d.operation(inner, s)
		}
	}
}

// variables reads the names of environment variables.
func (d *decoder) variables(e hcl.Expression) []Str {
	names := d.Words(e)
	for _, s := range names {
		if !account.IsVariable(s.Value) {
			d.Fail(s.Range, "Bad name", "%q is no name of an environment variable: capitals, digits and _.", s.Value)
		}
	}
	return names
}

// probe reads "GET /path": nothing that changes something, and no other host; in a list
// with the fields behind it that the API wants of every request.
func (d *decoder) probe(e hcl.Expression) string {
	list := d.Words(e)
	if len(list) == 0 {
		return ""
	}
	s := list[0]
	method, path, _ := strings.Cut(s.Value, " ")
	if u, err := url.ParseRequestURI(path); err != nil || u.Host != "" || path[0] != '/' || strings.HasPrefix(path, "//") || method != "GET" && method != "HEAD" {
		d.Fail(s.Range, "Bad probe", `%q is no probe: "GET /path" or "HEAD /path", of something that is there for everybody who has the secret.`, s.Value)
		return ""
	}
	for _, f := range list[1:] {
		name, value, ok := strings.Cut(f.Value, ": ")
		if !ok || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) || framing(name) {
			d.Fail(f.Range, "Bad probe", `%q is no field that goes with a probe; write it like "anthropic-version: 2023-06-01".`, f.Value)
			return ""
		}
	}
	return strings.Join(value.Texts(list), "\n")
}

// framing reports whether a field says where a request goes or where it ends.
func framing(name string) bool {
	switch strings.ToLower(name) {
	case "host", "connection", "content-length", "transfer-encoding", "upgrade", "te", "trailer", "expect":
		return true
	}
	return false
}

func (d *decoder) hosts(e hcl.Expression) []Host {
	var out []Host
	for _, s := range d.Words(e) {
		p, err := place.Parse(s.Value)
		if err != nil {
			d.Fail(s.Range, "Bad host", "%s. A host is a name, *.suffix, IP or CIDR, each with an optional port.", source.UpperFirst(err.Error()))
			continue
		}
		if p.Kind <= place.Suffix && (p.Name == "sallyport.internal" || strings.HasSuffix(p.Name, ".sallyport.internal")) {
			d.Fail(s.Range, "Bad host", "sallyport.internal is the gateway itself.")
			continue
		}
		out = append(out, Host{Place: p, Range: s.Range})
	}
	return out
}

func (d *decoder) upstream(e hcl.Expression) (Str, place.Target) {
	s := d.Word(e)
	if !s.Stated() {
		return s, place.Target{}
	}
	t, err := place.ParseTarget(s.Value)
	if err != nil {
		d.Fail(s.Range, "Bad upstream", `%s. An upstream is one host, like "10.4.0.12:5432" or "db.corp".`, source.UpperFirst(err.Error()))
	}
	return s, t
}

// tls reads { mode, ca, server_name, negotiation }, or just the mode.
func (d *decoder) tls(e hcl.Expression) TLS {
	t := TLS{Range: e.Range()}
	mode := func(e hcl.Expression) {
		s := d.Word(e)
		if slices.Contains([]string{"require", "prefer", "allow", "verify-ca"}, s.Value) {
			d.Fail(s.Range, "Unknown tls mode", `%q does not prove who answers; write "verify-full" (with ca or server_name where needed) or "disable".`, s.Value)
		} else if s.Stated() {
			d.Known(s, "tls mode", []string{"verify-full", "disable"})
		}
		t.Disable = s.Value == "disable"
	}
	if _, diags := hcl.ExprMap(e); diags.HasErrors() {
		mode(e)
		return t
	}
	d.Object(e, func(key string, at hcl.Range, value hcl.Expression) {
		switch key {
		case "mode":
			mode(value)
		case "ca":
			t.CA = d.Authority(value)
		case "server_name":
			t.ServerName = d.Word(value).Value
		case "negotiation":
			t.Negotiation = d.OneOf(value, "negotiation", "postgres", "direct")
		default:
			d.Fail(at, "Unknown attribute", "tls has no %q.%s", key, source.DidYouMean(key, []string{"mode", "ca", "server_name", "negotiation"}))
		}
	})
	if t.Disable && (t.CA.Stated() || t.ServerName != "" || t.Negotiation.Stated()) {
		d.Fail(e.Range(), "Contradiction", "Without TLS there is no certificate to check: take out ca, server_name and negotiation, or the mode.")
	}
	return t
}

func (d *decoder) session(b *hclsyntax.Block, s *Service) {
	body, t := b.Body, &s.Session
	s.SessionRange = b.DefRange()
	value.With(body, "read_only", func(e hcl.Expression) { t.ReadOnly = d.Flag(e).Value })
	value.With(body, "statement_timeout", func(e hcl.Expression) { t.StatementTimeout = d.Duration(e) })
	value.With(body, "lock_timeout", func(e hcl.Expression) { t.LockTimeout = d.Duration(e) })
	value.With(body, "idle_timeout", func(e hcl.Expression) { t.IdleTimeout = d.Duration(e) })
	value.With(body, "max_rows", func(e hcl.Expression) { t.MaxRows = d.Integer(e, 1<<53) })
	value.With(body, "max_bytes", func(e hcl.Expression) { t.MaxBytes = d.Size(e) })
	value.With(body, "max_connections", func(e hcl.Expression) { t.MaxConnections = int(d.Integer(e, 1<<20)) })
}

// reading checks what a body is read as.
func (d *decoder) reading(s Str) Str {
	if s.Value == "grpc" {
		d.Fail(s.Range, "Not in this version", "%q is not in this version; there are %s.", s.Value, strings.Join(vocab.Readings(), ", "))
		return Str{}
	}
	if s.Stated() {
		d.Known(s, "reading", vocab.Readings())
	}
	return s
}

// operation adds an operation, in place of one of the same name.
func (d *decoder) operation(b *hclsyntax.Block, s *Service) {
	op := &Operation{Name: b.Labels[0], When: value.Attr(b.Body, "when"), Range: b.DefRange()}
	value.With(b.Body, "match", func(e hcl.Expression) { op.Match = d.Words(e) })
	value.With(b.Body, "effect", func(e hcl.Expression) { op.Effects = d.Words(e) })
	value.With(b.Body, "as", func(e hcl.Expression) { op.As = d.reading(d.Word(e)) })
	if len(op.Match) == 0 && value.Attr(b.Body, "match") == nil {
		d.Fail(op.Range, "Attribute missing", `Operation %q says nothing to match: match = "POST /v1/refunds".`, op.Name)
	}
	for _, e := range op.Effects {
		d.Known(e, "effect", action.EffectNames())
	}
	for _, m := range op.Match {
		method, path, _ := strings.Cut(m.Value, " ")
		if !strings.HasPrefix(path, "/") && path != "**" {
			d.Fail(m.Range, "Bad match", `%q is no method and path; write it like "POST /v1/refunds" or "* /v1/**".`, m.Value)
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
