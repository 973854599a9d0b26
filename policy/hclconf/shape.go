package hclconf

import (
	"path/filepath"
	"slices"

	"sallyport.dev/sallyport/policy/source"
	"sallyport.dev/sallyport/policy/vocab"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// A shape is what one kind of block may hold.
type shape struct {
	labelled bool // takes one label, its name
	attrs    []string
	blocks   map[string]*shape
	later    []string // of the language, but without code yet
}

// language is the one table of what may stand where. What it lists as later is
// refused at its place instead of being accepted and ignored.
func language() *shape {
	return &shape{
		later: []string{"operators", "approver", "judge", "budget", "plugin"},
		blocks: map[string]*shape{
			"gateway": gatewayShape(),
			"secret": {
				labelled: true,
				attrs:    []string{"env", "file"},
				later:    []string{"exec", "refresh", "vault", "aws", "gcp"},
			},
			"service": serviceShape(),
			"role": {
				labelled: true,
				attrs:    []string{"members", "use", "until"},
				later:    []string{"budgets"},
			},
			"rule": {
				labelled: true,
				attrs:    append([]string{"on", "roles", "when", "unless", "verdict", "reason", "otherwise", "mode", "until"}, vocab.Lists()...),
				later:    []string{"approvers", "limit", "per", "namespaces", "resources"},
			},
			"test": {
				labelled: true,
				attrs: []string{
					"role", "service", "request", "headers", "body", "sql", "database",
					"agent", "user", "tags", "at", "rule", "expect",
				},
			},
		},
	}
}

func gatewayShape() *shape {
	return &shape{
		attrs: []string{"name", "state_dir", "key"},
		later: []string{"store", "proxy", "dashboard", "slack", "telemetry"},
		blocks: map[string]*shape{
			"wireguard": {attrs: []string{"listen", "endpoint", "subnet", "mtu"}},
			"tailnet":   {attrs: []string{"hostname", "auth_key", "control_url", "tags", "capture"}},
			"dns":       {attrs: []string{"resolvers", "unknown"}},
			"record":    {attrs: []string{"keep", "strict"}, later: []string{"bodies"}},
			"limits":    {attrs: []string{"connections_per_agent", "body_inspect", "memory"}},
		},
	}
}

func serviceShape() *shape {
	return &shape{
		labelled: true,
		attrs: []string{
			"preset", "protocol", "hosts", "upstream", "auth", "databases", "catalog", "tls", "posture",
			"path_encoding", "case_insensitive_paths", "insecure_injection", "passthrough", "description", "mode",
		},
		later: []string{"usage", "websocket", "orgs"},
		blocks: map[string]*shape{
			"session": {attrs: []string{
				"read_only", "statement_timeout", "lock_timeout", "idle_timeout",
				"max_rows", "max_bytes", "max_connections",
			}},
			"operation": {
				labelled: true,
				attrs:    []string{"match", "effect", "when", "as"},
			},
		},
	}
}

// check complains about whatever in body is not in its shape. What stands there
// twice, or in a block of the wrong form, is an error too.
func (d *decoder) check(body *hclsyntax.Body, s *shape, in string) {
	for _, name := range sortedAttrs(body) {
		a := body.Attributes[name]
		d.allowed(name, a.NameRange, "attribute", s, s.attrs, in)
		if _, isBlock := s.blocks[name]; isBlock {
			d.fail(a.NameRange, "Not an attribute", "%s of %s is a block: %s { … }, without the equals sign.", name, in, name)
		}
	}
	first := map[string]hcl.Range{}
	for _, b := range body.Blocks {
		d.checkBlock(b, s, in, first)
	}
}

func (d *decoder) checkBlock(b *hclsyntax.Block, s *shape, in string, first map[string]hcl.Range) {
	inner, ok := s.blocks[b.Type]
	if !ok {
		if slices.Contains(s.attrs, b.Type) {
			d.fail(b.TypeRange, "Not a block", "%s of %s is an attribute: %s = …", b.Type, in, b.Type)
			return
		}
		names := make([]string, 0, len(s.blocks))
		for name := range s.blocks {
			names = append(names, name)
		}
		d.allowed(b.Type, b.TypeRange, "block", s, names, in)
		return
	}
	d.labels(b, inner)
	key := b.Type
	if inner.labelled && len(b.Labels) > 0 {
		key += " " + b.Labels[0]
	}
	if at, dup := first[key]; dup {
		d.fail(b.DefRange(), "Stated twice", "%s stands at %s:%d already; one kind and name stands once.", title(b), filepath.Base(at.Filename), at.Start.Line)
	}
	first[key] = b.DefRange()
	d.check(b.Body, inner, title(b))
}

// labels checks that a block has the label its shape asks for.
func (d *decoder) labels(b *hclsyntax.Block, s *shape) {
	switch {
	case s.labelled && len(b.Labels) == 0:
		d.fail(b.DefRange(), "Name missing", `A %s has a name: %s "name" { … }`, b.Type, b.Type)
	case s.labelled && b.Labels[0] == "":
		d.fail(b.LabelRanges[0], "Name missing", "The name of a %s must not be empty.", b.Type)
	case s.labelled && len(b.Labels) > 1:
		d.fail(b.LabelRanges[1], "Unexpected label", "A %s has one name.", b.Type)
	case !s.labelled && len(b.Labels) > 0:
		d.fail(b.LabelRanges[0], "Unexpected label", "A %s block has no name.", b.Type)
	}
}

// allowed complains about a name that is not in the table, or not yet.
func (d *decoder) allowed(name string, at hcl.Range, what string, s *shape, known []string, in string) {
	if in == "" {
		in = "a configuration"
	}
	_, block := s.blocks[name]
	switch {
	case slices.Contains(known, name) || block:
	case slices.Contains(s.later, name):
		d.fail(at, "Not in this version", "%q of %s is not in this version; take it out.", name, in)
	default:
		d.fail(at, "Unknown "+what, "%s has no %s %q.%s", source.UpperFirst(in), what, name, source.DidYouMean(name, append(slices.Clone(known), s.later...)))
	}
}

// title names a block for messages: rule "no drops".
func title(b *hclsyntax.Block) string {
	if len(b.Labels) > 0 {
		return b.Type + ` "` + b.Labels[0] + `"`
	}
	return b.Type
}

// sortedAttrs gives the names of attributes in the order of the source.
func sortedAttrs(body *hclsyntax.Body) []string {
	names := make([]string, 0, len(body.Attributes))
	for name := range body.Attributes {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return body.Attributes[a].NameRange.Start.Byte - body.Attributes[b].NameRange.Start.Byte
	})
	return names
}
