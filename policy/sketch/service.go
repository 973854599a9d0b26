package sketch

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/edit/block"
	"sallyport.dev/sallyport/policy/presets"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// Service drafts what would give an agent a service at host, which is a name and
// holds nothing else: the service, by a preset where one knows the host, and its use
// by the agent's role where it has just one.
func (s *Sketcher) Service(ctx context.Context, p *action.Peer, host string) (action.Sketch, error) {
	var out action.Sketch
	text, err := s.Source.Text(ctx)
	if err != nil {
		return out, err
	}
	label, b := label(host), &action.Block{Attributes: map[string]any{"hosts": []any{host}}}
	if preset := presetOf(host); preset != "" {
		label, b = preset, &action.Block{}
		if taken(text, "service", label) {
			b.Attributes = map[string]any{"preset": preset}
		}
	}
	for n, base := 2, label; taken(text, "service", label); n++ {
		label = fmt.Sprintf("%s_%d", base, n)
	}
	if err := add(&out, "service", label, b); err != nil {
		return out, err
	}
	if err := s.use(&out, text, s.Rules().Roles(p), label); err != nil {
		return out, err
	}
	with, err := s.Source.Draft(ctx, out.Draft)
	switch {
	case err != nil:
		out.Note("As it stands it would not be taken: " + oneLine(err))
	case with.Resolve(p, host, netip.AddrPortFrom(netip.IPv4Unspecified(), 443)).Service == nil:
		out.Note("The agent could not use it yet.")
	default:
		out.Verdict = action.Allow.String()
	}
	for _, name := range secretsOf(b, label) {
		out.Note("It takes a secret, which has to be set: " + name + ".")
	}
	return out, nil
}

// use drafts that a role uses the service.
func (s *Sketcher) use(out *action.Sketch, text action.SourceText, roles []string, label string) error {
	if len(roles) != 1 {
		out.Note(fmt.Sprintf("The agent is in %d roles; add service.%s to the use of the one that you mean.", len(roles), label))
		return nil
	}
	i := slices.IndexFunc(text.Blocks, func(b action.Declared) bool { return b.Kind == "role" && b.Name == roles[0] })
	if i < 0 {
		return nil
	}
	hcl, err := block.Extend(text.Blocks[i].HCL, "use", "service."+label)
	if err != nil {
		out.Note(fmt.Sprintf("Add service.%s to the use of role %q by hand: %v.", label, roles[0], err))
		return nil //nolint:nilerr // it is told
	}
	out.Draft.Edits = append(out.Draft.Edits, action.Edit{Op: "replace", Kind: "role", Name: roles[0], HCL: string(hcl)})
	out.HCL += string(hcl) + "\n"
	out.Note(fmt.Sprintf("Every agent in role %q may use it then.", roles[0]))
	return nil
}

// label makes a name of a block of the name of a host.
func label(host string) string {
	name := strings.NewReplacer(".", "_", "-", "_").Replace(host)
	if name[0] >= '0' && name[0] <= '9' {
		return "host_" + name
	}
	return name
}

// presetOf names the preset that has the host by its name.
func presetOf(host string) string {
	for _, name := range presets.List() {
		if slices.Contains(texts(serviceOf(name), "hosts"), host) {
			return name
		}
	}
	return ""
}

// secretsOf names the secrets that a preset's service takes.
func secretsOf(b *action.Block, label string) []string {
	preset := label
	if name, ok := b.Attributes["preset"].(string); ok {
		preset = name
	} else if len(b.Attributes) > 0 {
		return nil
	}
	body := serviceOf(preset)
	if body == nil || body.Attributes["auth"] == nil {
		return nil
	}
	var names []string
	for _, v := range body.Attributes["auth"].Expr.Variables() {
		if len(v) == 2 && v.RootName() == "secret" {
			if at, ok := v[1].(hcl.TraverseAttr); ok {
				names = append(names, at.Name)
			}
		}
	}
	return names
}

// serviceOf is the inside of a preset's service; nil if there is none.
func serviceOf(preset string) *hclsyntax.Body {
	text, ok := presets.Get(preset)
	if !ok {
		return nil
	}
	f, diags := hclsyntax.ParseConfig(text, preset, hcl.InitialPos)
	if diags.HasErrors() {
		return nil
	}
	body, ok := f.Body.(*hclsyntax.Body)
	if !ok || len(body.Blocks) == 0 {
		return nil
	}
	return body.Blocks[0].Body
}

// texts gives a list of texts as it is written.
func texts(body *hclsyntax.Body, name string) []string {
	if body == nil || body.Attributes[name] == nil {
		return nil
	}
	v, diags := body.Attributes[name].Expr.Value(nil)
	if diags.HasErrors() || !v.CanIterateElements() {
		return nil
	}
	var list []string
	for it := v.ElementIterator(); it.Next(); {
		if _, e := it.Element(); e.Type() == cty.String && !e.IsNull() {
			list = append(list, e.AsString())
		}
	}
	return list
}
