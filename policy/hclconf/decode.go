package hclconf

import (
	"slices"

	"sallyport.dev/sallyport/policy/hclconf/host"
	"sallyport.dev/sallyport/policy/hclconf/shape"
	"sallyport.dev/sallyport/policy/hclconf/value"
	"sallyport.dev/sallyport/policy/source"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// A decoder turns bodies into a Config and collects every complaint.
type decoder struct {
	*value.Reader
	presets Presets
	cfg     *Config
}

// Presets gives the text of a preset, and the names there are.
type Presets interface {
	Get(name string) ([]byte, bool)
	List() []string
}

// Parse reads the configuration at path, under an overlay. The Config is nil if
// the text itself cannot be read; with other errors it holds what is right, for
// the compiler to find the rest.
func Parse(path string, over source.Overlay, presets Presets) (*Config, *source.Files, hcl.Diagnostics) {
	files, bodies, diags := source.Read(path, over)
	d := &decoder{
		Reader:  &value.Reader{Files: files, Diags: diags},
		presets: presets, cfg: &Config{Gateway: host.Defaults()},
	}
	d.config(bodies)
	if diags.HasErrors() {
		return nil, files, d.Diags
	}
	return d.cfg, files, d.Diags
}

// config decodes the bodies of all files as if they were one.
func (d *decoder) config(bodies []*hclsyntax.Body) {
	first, language := map[string]hcl.Range{}, shape.Language()
	for _, body := range bodies {
		for _, name := range shape.Attrs(body) {
			d.Fail(body.Attributes[name].NameRange, "Unexpected attribute", "%q stands outside of any block.", name)
		}
		for _, b := range body.Blocks {
			shape.CheckBlock(d.Reader, b, language, first)
			d.block(b)
		}
	}
	d.references()
}

func (d *decoder) block(b *hclsyntax.Block) {
	if b.Type != "gateway" && b.Type != "operators" && (len(b.Labels) == 0 || b.Labels[0] == "") {
		return // labels has complained
	}
	switch b.Type {
	case "gateway":
		host.ReadGateway(d.Reader, b, &d.cfg.Gateway)
	case "operators":
		d.cfg.Operators = host.ReadOperators(d.Reader, b)
	case "secret":
		d.cfg.Secrets = append(d.cfg.Secrets, host.ReadSecret(d.Reader, b))
	case "service":
		d.service(b)
	case "role":
		d.role(b)
	case "rule":
		d.rule(b)
	case "approver":
		d.approver(b)
	case "judge":
		d.judge(b)
	case "price":
		d.price(b)
	case "test":
		d.test(b)
	}
}

// references checks that whatever is referred to exists.
func (d *decoder) references() {
	services := make([]string, 0, len(d.cfg.Services))
	for _, s := range d.cfg.Services {
		services = append(services, s.Name)
	}
	d.settleJudges(services)
	d.settleNotices()
	roles := make([]string, 0, len(d.cfg.Roles))
	for _, r := range d.cfg.Roles {
		roles = append(roles, r.Name)
		d.exist(r.Use.Items, services)
	}
	for _, s := range d.cfg.Services {
		if s.Auth != nil {
			for _, r := range s.Auth.ByRole {
				d.exist([]Ref{{Kind: "role", Name: r.Role, Range: r.At}}, roles)
			}
		}
	}
	for _, r := range d.cfg.Rules {
		d.exist(r.On.Items, services)
		d.exist(r.Roles.Items, roles)
		for _, a := range r.Approvers.Items {
			d.exist([]Ref{a}, d.answerers(a.Kind))
		}
		r.Terms = d.terms(r.Approvers.Items)
	}
	rules := make([]string, 0, len(d.cfg.Rules))
	for _, r := range d.cfg.Rules {
		rules = append(rules, r.Name)
	}
	for _, t := range d.cfg.Tests {
		d.exist(t.Roles.Items, roles)
		if t.Service.Kind != "" {
			d.exist([]Ref{t.Service}, services)
		}
		if t.Rule.Stated() && !slices.Contains(rules, t.Rule.Value) {
			d.Fail(t.Rule.Range, "Unknown rule", "No rule is named %q.%s", t.Rule.Value, source.DidYouMean(t.Rule.Value, rules))
		}
	}
}

func (d *decoder) exist(refs []Ref, names []string) {
	for _, r := range refs {
		if !slices.Contains(names, r.Name) {
			d.Fail(r.Range, "Unknown "+r.Kind, "No %s is named %q.%s", r.Kind, r.Name, source.DidYouMean(r.Name, names))
		}
	}
}
