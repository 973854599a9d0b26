package hclconf

import (
	"fmt"
	"slices"

	"sallyport.dev/sallyport/policy/source"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// A decoder turns bodies into a Config and collects every complaint.
type decoder struct {
	files   *source.Files
	presets Presets
	noFiles bool // inside a preset
	cfg     *Config
	diags   hcl.Diagnostics
}

// Presets gives the text of a preset, and the names there are.
type Presets interface {
	Get(name string) ([]byte, bool)
	List() []string
}

// Parse reads the configuration at path. The Config is nil if the text itself
// cannot be read; with other errors it holds what is right, for the compiler to
// find the rest.
func Parse(path string, presets Presets) (*Config, *source.Files, hcl.Diagnostics) {
	files, bodies, diags := source.Read(path)
	d := &decoder{files: files, presets: presets, cfg: &Config{Gateway: defaults()}, diags: diags}
	d.config(bodies)
	if diags.HasErrors() {
		return nil, files, d.diags
	}
	return d.cfg, files, d.diags
}

// config decodes the bodies of all files as if they were one.
func (d *decoder) config(bodies []*hclsyntax.Body) {
	lang := language()
	first := map[string]hcl.Range{}
	for _, body := range bodies {
		for _, name := range sortedAttrs(body) {
			d.fail(body.Attributes[name].NameRange, "Unexpected attribute", "%q stands outside of any block.", name)
		}
		for _, b := range body.Blocks {
			d.checkBlock(b, lang, "", first)
			d.block(b)
		}
	}
	d.references()
}

func (d *decoder) block(b *hclsyntax.Block) {
	if b.Type != "gateway" && (len(b.Labels) == 0 || b.Labels[0] == "") {
		return // labels has complained
	}
	switch b.Type {
	case "gateway":
		d.gateway(b)
	case "secret":
		d.secret(b)
	case "service":
		d.service(b)
	case "role":
		d.role(b)
	case "rule":
		d.rule(b)
	case "test":
		d.test(b)
	}
}

// fail adds an error at a place.
func (d *decoder) fail(at hcl.Range, summary, format string, args ...any) {
	d.diags = append(d.diags, &hcl.Diagnostic{
		Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf(format, args...), Subject: at.Ptr(),
	})
}

// attr gives the expression of an attribute, or nil.
func attr(body *hclsyntax.Body, name string) hcl.Expression {
	if a, ok := body.Attributes[name]; ok {
		return a.Expr
	}
	return nil
}

// with calls f with the expression of an attribute if it is stated.
func with(body *hclsyntax.Body, name string, f func(hcl.Expression)) {
	if e := attr(body, name); e != nil {
		f(e)
	}
}

// identifier checks that a name can stand in a reference.
func (d *decoder) identifier(b *hclsyntax.Block) string {
	name := b.Labels[0]
	if !hclsyntax.ValidIdentifier(name) {
		d.fail(b.LabelRanges[0], "Bad name", "%q cannot stand in a reference like %s.NAME; use letters, digits, _ and -, and begin with a letter.", name, b.Type)
	}
	return name
}

// references checks that whatever is referred to exists.
func (d *decoder) references() {
	services := make([]string, 0, len(d.cfg.Services))
	for _, s := range d.cfg.Services {
		services = append(services, s.Name)
	}
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
			d.fail(t.Rule.Range, "Unknown rule", "No rule is named %q.%s", t.Rule.Value, source.DidYouMean(t.Rule.Value, rules))
		}
	}
}

func (d *decoder) exist(refs []Ref, names []string) {
	for _, r := range refs {
		if !slices.Contains(names, r.Name) {
			d.fail(r.Range, "Unknown "+r.Kind, "No %s is named %q.%s", r.Kind, r.Name, source.DidYouMean(r.Name, names))
		}
	}
}
