// Package block writes one block of a configuration from values that somebody
// chose. A value becomes tokens, never text that is read again, so that a string
// is a string whatever it holds; references, calls and conditions must be just
// that. It knows nothing of what a block means.
package block

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/hclconf/shape"
	"sallyport.dev/sallyport/policy/source"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// Bounds of what is written: blocks are written by people.
const (
	maxDepth = 20
	maxText  = 64 << 10
	maxItems = 2000
)

// Write gives a new block of that kind and name.
func Write(kind, name string, b *action.Block) ([]byte, error) {
	if err := text(name); err != nil {
		return nil, fmt.Errorf("the name of the %s: %w", kind, err)
	}
	s := shape.Language().Blocks[kind]
	if s == nil {
		return nil, fmt.Errorf("there is no block %q", kind)
	}
	out := hclwrite.NewBlock(kind, []string{name})
	if err := fill(out.Body(), b, s, 0); err != nil {
		return nil, err
	}
	if len(out.Body().Attributes())+len(out.Body().Blocks()) == 0 {
		head, _, _ := bytes.Cut(out.BuildTokens(nil).Bytes(), []byte("\n"))
		return hclwrite.Format(append(head, "}\n"...)), nil
	}
	f := hclwrite.NewEmptyFile()
	f.Body().AppendBlock(out)
	return hclwrite.Format(f.Bytes()), nil
}

// Rewrite makes the one block of src say what b says. What already says so stays
// as it was written, comments and layout too.
func Rewrite(src []byte, b *action.Block) ([]byte, error) {
	return roomy(src, func(src []byte) ([]byte, error) { return rewrite(src, b) })
}

func rewrite(src []byte, b *action.Block) ([]byte, error) {
	f, diags := hclwrite.ParseConfig(src, "", hcl.InitialPos)
	if diags.HasErrors() || len(f.Body().Blocks()) != 1 {
		return nil, fmt.Errorf("what stands there is not one block")
	}
	old := f.Body().Blocks()[0]
	s := shape.Language().Blocks[old.Type()]
	if s == nil {
		return nil, fmt.Errorf("there is no block %q", old.Type())
	}
	if err := fill(old.Body(), b, s, 0); err != nil {
		return nil, err
	}
	return hclwrite.Format(f.Bytes()), nil
}

// fill makes body say what b says.
func fill(body *hclwrite.Body, b *action.Block, s *shape.Shape, depth int) error {
	if b == nil {
		b = &action.Block{}
	}
	if depth > maxDepth || len(b.Attributes)+len(b.Blocks) > maxItems {
		return fmt.Errorf("the block is too large")
	}
	for name := range body.Attributes() {
		if _, stays := b.Attributes[name]; !stays {
			body.RemoveAttribute(name)
		}
	}
	for _, name := range order(b, s) {
		if !hclsyntax.ValidIdentifier(name) {
			return fmt.Errorf("%q is no name of an attribute", name)
		}
		if text, ok := kept(b.Attributes[name]); ok {
			if old := body.GetAttribute(name); old == nil || squeezed(spelt(old.Expr().BuildTokens(nil))) != squeezed(text) {
				return fmt.Errorf("%s: what is to be kept does not stand there", name)
			}
			continue
		}
		toks, err := value(b.Attributes[name], 0)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if old := body.GetAttribute(name); old == nil || !same(old.Expr().BuildTokens(nil), toks) {
			body.SetAttributeRaw(name, toks)
		}
	}
	return inner(body, b.Blocks, s, depth)
}

// order sorts attributes as the language lists them, what it does not know last:
// the configuration is refused for that, at its place.
func order(b *action.Block, s *shape.Shape) []string {
	names := make([]string, 0, len(b.Attributes))
	for _, a := range s.Attrs {
		if _, ok := b.Attributes[a.Name]; ok {
			names = append(names, a.Name)
		}
	}
	var rest []string
	for name := range b.Attributes {
		if !slices.Contains(names, name) {
			rest = append(rest, name)
		}
	}
	slices.Sort(rest)
	return append(names, rest...)
}

// same reports whether two expressions are written with the same words.
func same(a, b hclwrite.Tokens) bool {
	return string(words(a)) == string(words(b))
}

// words spells tokens without layout; a comma at the end of a list is layout.
func words(toks hclwrite.Tokens) []byte {
	var out []byte
	for _, t := range toks {
		if t.Type == hclsyntax.TokenCBrack || t.Type == hclsyntax.TokenCBrace || t.Type == hclsyntax.TokenCParen {
			out = bytes.TrimSuffix(out, []byte(",\x00"))
		}
		if t.Type != hclsyntax.TokenNewline && t.Type != hclsyntax.TokenComment {
			out = append(append(out, t.Bytes...), 0)
		}
	}
	return out
}

// inner brings the blocks inside of body to what is wanted, by kind and name.
func inner(body *hclwrite.Body, want []action.Inner, s *shape.Shape, depth int) error {
	key := func(kind, name string) string { return kind + "\x00" + name }
	wanted := map[string]bool{}
	for _, in := range want {
		if wanted[key(in.Kind, in.Name)] {
			return fmt.Errorf("%s %q stands twice", in.Kind, in.Name)
		}
		wanted[key(in.Kind, in.Name)] = true
	}
	have := map[string]*hclwrite.Block{}
	for _, b := range body.Blocks() {
		k := key(b.Type(), strings.Join(b.Labels(), "\x00"))
		if !wanted[k] || have[k] != nil {
			body.RemoveBlock(b)
			continue
		}
		have[k] = b
	}
	for _, in := range want {
		sub, ok := s.Blocks[in.Kind]
		if !ok {
			return fmt.Errorf("there is no block %q here", in.Kind)
		}
		if err := text(in.Name); err != nil {
			return fmt.Errorf("the name of the %s: %w", in.Kind, err)
		}
		b := have[key(in.Kind, in.Name)]
		if b == nil {
			var labels []string
			if sub.Labelled {
				labels = []string{in.Name}
			}
			b = body.AppendNewBlock(in.Kind, labels)
		}
		if err := fill(b.Body(), &in.Block, sub, depth+1); err != nil {
			return fmt.Errorf("%s %q: %w", in.Kind, in.Name, err)
		}
	}
	return nil
}

// text checks that a string can stand in a file.
func text(s string) error {
	switch {
	case !utf8.ValidString(s):
		return fmt.Errorf("it is no UTF-8")
	case len(s) > maxText:
		return fmt.Errorf("it is longer than %d bytes", maxText)
	}
	return nil
}

// shallow refuses what the parser, which recurses, would go too deep for.
func shallow(src string) error {
	if _, deep := source.TooDeep([]byte(src), ""); deep {
		return fmt.Errorf("it is nested too deeply")
	}
	return nil
}
