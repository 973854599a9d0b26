// Package card says in short what each preset is, for a person who picks one: its
// hosts, the secret that it takes, what it knows of its operations. It reads the
// files of the presets and judges nothing.
package card

import (
	"fmt"
	"slices"
	"strings"

	"sallyport.dev/sallyport/policy/presets"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// A Card is one preset.
type Card struct {
	Name, Description, About, Protocol, Auth, Posture, Probe, HCL string

	Hosts      []string // none: they must be stated
	Secrets    []string // that Auth names
	Operations map[string][]string
}

// List gives the card of every preset, in the order of their names.
func List() ([]Card, error) {
	var list []Card
	for _, name := range presets.List() {
		text, _ := presets.Get(name)
		c, err := Read(name, text)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

// Read makes the card of a preset from its file.
func Read(name string, text []byte) (Card, error) {
	f, diags := hclsyntax.ParseConfig(text, "preset "+name, hcl.InitialPos)
	if diags.HasErrors() {
		return Card{}, fmt.Errorf("preset %s: %w", name, diags)
	}
	body, ok := f.Body.(*hclsyntax.Body)
	if !ok || len(body.Blocks) != 1 {
		return Card{}, fmt.Errorf("preset %s is not one block", name)
	}
	attrs := body.Blocks[0].Body.Attributes
	c := Card{
		Name: name, HCL: string(text), About: about(string(text)), Operations: map[string][]string{},
		Description: first(words(attrs["description"])), Protocol: first(words(attrs["protocol"])),
		Posture: first(words(attrs["posture"])), Probe: first(words(attrs["probe"])), Hosts: words(attrs["hosts"]),
	}
	if a := attrs["auth"]; a != nil {
		c.Auth = string(a.Expr.Range().SliceBytes(text))
		for _, v := range a.Expr.Variables() {
			if step, ok := v[len(v)-1].(hcl.TraverseAttr); ok && v.RootName() == "secret" && !slices.Contains(c.Secrets, step.Name) {
				c.Secrets = append(c.Secrets, step.Name)
			}
		}
	}
	for _, b := range body.Blocks[0].Body.Blocks {
		if b.Type == "operation" && len(b.Labels) == 1 {
			effect := first(words(b.Body.Attributes["effect"]))
			c.Operations[effect] = append(c.Operations[effect], b.Labels[0])
		}
	}
	return c, nil
}

// about gives the comment that a file begins with.
func about(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		after, ok := strings.CutPrefix(line, "#")
		if !ok {
			break
		}
		lines = append(lines, strings.TrimSpace(after))
	}
	return strings.Join(lines, " ")
}

// words gives the texts of an attribute: one, or a list of them.
func words(a *hclsyntax.Attribute) []string {
	if a == nil {
		return nil
	}
	v, diags := a.Expr.Value(nil)
	if diags.HasErrors() || v.IsNull() || !v.IsWhollyKnown() {
		return nil
	}
	if v.Type() == cty.String {
		return []string{v.AsString()}
	}
	var list []string
	for _, e := range v.AsValueSlice() {
		if e.Type() == cty.String {
			list = append(list, e.AsString())
		}
	}
	return list
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
