package hclconf

import (
	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/account"
	"sallyport.dev/sallyport/policy/hclconf/shape"
	"sallyport.dev/sallyport/policy/hclconf/value"
	"sallyport.dev/sallyport/policy/place"
	"sallyport.dev/sallyport/policy/source"
	"sallyport.dev/sallyport/policy/vocab"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// preset fills s with the preset that the block takes, if it takes one.
func (d *decoder) preset(b *hclsyntax.Block, s *Service) {
	name := Str{Value: s.Name, Range: b.LabelRanges[0]}
	stated := value.Attr(b.Body, "preset")
	if stated != nil {
		name = d.Word(stated)
		if !name.Stated() {
			return
		}
	}
	src, ok := d.presets.Get(name.Value)
	switch {
	case stated != nil && !ok:
		d.Fail(name.Range, "Unknown preset", "There is no preset %q.%s", name.Value, source.DidYouMean(name.Value, d.presets.List()))
		return
	case stated == nil && (!ok || value.Attr(b.Body, "hosts") != nil):
		return
	}
	s.Preset = name.Value
	file := "preset " + name.Value
	body, diags := d.Files.Parse(src, file)
	d.Diags = append(d.Diags, diags...)
	if body == nil || len(body.Blocks) != 1 || body.Blocks[0].Type != "service" {
		d.Fail(name.Range, "Broken preset", "The preset %q is not one service.", name.Value)
		return
	}
	reader := *d.Reader
	reader.NoFiles = true
	inside := *d
	inside.Reader = &reader
	shape.Check(inside.Reader, body.Blocks[0].Body, shape.Service(), file)
	inside.serviceBody(body.Blocks[0].Body, s)
	d.Diags = inside.Diags
}

// settle fills in what the rest of a service implies, and refuses what its
// protocol does not read.
func (d *decoder) settle(b *hclsyntax.Block, s *Service) {
	if !s.Protocol.Stated() {
		s.Protocol.Value = "http"
	}
	if !s.Posture.Stated() {
		s.Posture.Value = "guarded"
	}
	switch {
	case len(s.Hosts) > 0 || value.Attr(b.Body, "hosts") != nil:
	case s.Preset != "":
		d.Fail(s.Range, "Attribute missing", `The preset %q knows no hosts: state them, and preset = %q.`, s.Preset, s.Preset)
	case value.Attr(b.Body, "preset") == nil:
		d.Fail(s.Range, "Attribute missing", `Service %q says no hosts, and no preset has its name.%s`, s.Name, source.DidYouMean(s.Name, d.presets.List()))
	}
	d.settleProtocol(s)
	d.settleHosts(s)
	if s.Auth == nil {
		return
	}
	switch {
	case s.Passthrough.Value:
		d.Fail(s.Auth.Range, "Contradiction", "A passthrough service is spliced unseen and takes no secret.")
	case s.TLS.Disable && !s.InsecureInjection:
		d.Fail(s.Auth.Range, "Secret without TLS", "The upstream speaks without TLS, so the secret would travel in the clear; if that is meant, write insecure_injection = true.")
	}
}

func (d *decoder) settleProtocol(s *Service) {
	proto := s.Protocol.Value
	refuse := func(at hcl.Range, stated bool, what string) {
		if stated {
			d.Fail(at, "Nothing reads this", "%s means nothing on a service of protocol %q.", what, proto)
		}
	}
	if proto != "http" {
		refuse(s.Passthrough.Range, s.Passthrough.Value, "passthrough")
		refuse(s.Range, s.Probe != "", "probe")
		refuse(firstOf(s.Variables), len(s.Variables) > 0, "env")
		refuse(s.Range, s.EncodedPaths || s.FoldPaths, "path_encoding or case_insensitive_paths")
		for _, op := range s.Operations {
			refuse(op.Range, true, "operation")
		}
	}
	if proto != "postgres" {
		refuse(s.TLS.Negotiation.Range, s.TLS.Negotiation.Stated(), "negotiation")
		refuse(s.SessionRange, s.SessionRange.Filename != "", "session")
		refuse(firstOf(s.Databases), len(s.Databases) > 0, "databases")
		refuse(s.Catalog.Range, s.Catalog.Range.Filename != "", "catalog")
		refuse(s.DryRun.Range, s.DryRun.Range.Filename != "", "dry_run")
	}
	if proto == "tcp" || s.Passthrough.Value {
		if s.TLS.Range.Filename != "" {
			d.Fail(s.TLS.Range, "Nothing reads this", "What passes unseen has no tls of its own: the agent's TLS ends at the upstream.")
		}
	}
	if s.Passthrough.Value {
		for _, op := range s.Operations {
			d.Fail(op.Range, "Nothing reads this", "A passthrough service has no requests to classify.")
		}
	}
	if s.Auth == nil {
		return
	}
	if proto == "tcp" {
		d.Fail(s.Auth.Range, "Contradiction", "A tcp service is opaque and takes no secret.")
		return
	}
	s.Auth.At(endpoint(s))
	s.Auth.Each(func(a action.Auth, at hcl.Range) {
		switch password := a.Scheme == "password"; {
		case a.Scheme == account.SchemeRDS:
			d.rds(s, a, at)
		case proto == "postgres" && a.Scheme == "aws_sigv4":
			d.Fail(at, "Attribute missing", `A database of RDS takes aws_sigv4 with user = "…": who logs in there.`)
		case a.InHandshake() && (s.TLS.Disable || s.InsecureInjection):
			d.Fail(at, "Contradiction", "A client certificate is shown in the TLS handshake, and this service does without one.")
		case a.InHandshake() && proto == "http" && a.Name != "":
			d.Fail(at, "Wrong auth", "On http a client certificate needs no user; write mtls(secret.CERT, secret.KEY).")
		case proto == "postgres" && !password && !a.InHandshake():
			d.Fail(at, "Wrong auth", `A postgres service takes password("user", secret.S) or mtls(secret.CERT, secret.KEY).`)
		case proto == "http" && password:
			d.Fail(at, "Wrong auth", `An http service takes no password(…); write basic("user", secret.S) for HTTP's own.`)
		case a.Least == "scram-sha-256-plus" && s.TLS.Disable:
			d.Fail(at, "Contradiction", "Without TLS there is no certificate that %s could be bound to.", a.Least)
		}
	})
}

func firstOf(list []Str) hcl.Range {
	if len(list) == 0 {
		return hcl.Range{}
	}
	return list[0].Range
}

func (d *decoder) settleHosts(s *Service) {
	ports := vocab.DefaultPorts(s.Protocol.Value)
	for i, h := range s.Hosts {
		if h.Port == 0 && ports == nil {
			d.Fail(h.Range, "Port missing", `A %s service states its port: "%s:PORT".`, s.Protocol.Value, h.Place)
		}
		if h.Kind == place.Any && s.Auth != nil {
			d.Fail(h.Range, "Contradiction", `"*" is any host, and a service of any host takes no secret; name the hosts it is for.`)
		}
		if h.Kind == place.Net && s.Auth != nil && s.InsecureInjection && !s.Upstream.Stated() {
			d.Fail(h.Range, "Contradiction", "A network takes a secret only where each host in it proves who it is, and insecure_injection sends it to any that answers; name the hosts, or state upstream.")
		}
		if h.Kind == place.Any && s.Protocol.Value != "http" {
			d.Fail(h.Range, "Contradiction", `"*" catches names, which only http tells; name the hosts.`)
		}
		a := place.Claim{Place: h.Place, Defaults: ports}
		for _, other := range s.Hosts[:i] {
			b := place.Claim{Place: other.Place, Defaults: ports}
			if _, same := place.Same(&a, &b); same {
				d.Fail(h.Range, "Stated twice", "%s stands in this list already.", h.Place)
			}
		}
	}
}
