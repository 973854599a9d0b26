package edit

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/hclconf/shape"
	"sallyport.dev/sallyport/policy/literal"
	"sallyport.dev/sallyport/policy/source"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// reads lists the files that texts take in with file("…") outside of some blocks,
// also those of text that is no HCL: a load reads what it understands.
func (t *Texts) reads(without func(b *hclsyntax.Block, text string) bool) map[string]bool {
	found := map[string]bool{}
	t.visit(func(b *hclsyntax.Body, text string) hclsyntax.Node {
		rest := &hclsyntax.Body{Attributes: b.Attributes}
		for _, inner := range b.Blocks {
			if !without(inner, spelt(inner, text)) {
				rest.Blocks = append(rest.Blocks, inner)
			}
		}
		return rest
	}, func(n hclsyntax.Node) {
		call, ok := n.(*hclsyntax.FunctionCallExpr)
		if !ok || call.Name != "file" {
			return
		}
		for _, arg := range call.Args {
			if v, ok := literal.Constant(arg); ok && v.Type() == cty.String {
				found[v.AsString()] = true
			}
		}
	})
	return found
}

// spelt is a block as it stands in the text of its file.
func spelt(b *hclsyntax.Block, text string) string {
	at := b.Range()
	return text[at.Start.Byte:max(at.Start.Byte, at.End.Byte)]
}

// visit walks what of gives of every file.
func (t *Texts) visit(of func(b *hclsyntax.Body, text string) hclsyntax.Node, f func(hclsyntax.Node)) {
	for _, name := range t.Names() {
		body := t.look(name).body
		if body == nil {
			continue
		}
		hclsyntax.VisitAll(of(body, t.files[name]), func(n hclsyntax.Node) hcl.Diagnostics { //nolint:errcheck // the visitor gives none
			f(n)
			return nil
		})
	}
}

// kept lists every path that a block of the host names, and every other word
// there, whole and in its parts: a file that one of them means is not for an edit
// to read.
func (t *Texts) kept() []string {
	var list []string
	language := shape.Language()
	t.visit(func(b *hclsyntax.Body, _ string) hclsyntax.Node {
		host := &hclsyntax.Body{Attributes: hclsyntax.Attributes{}}
		for _, inner := range b.Blocks {
			if hosted(language, inner) {
				host.Blocks = append(host.Blocks, inner)
			}
		}
		return host
	}, func(n hclsyntax.Node) {
		e, ok := n.(hclsyntax.Expression)
		if !ok {
			return
		}
		if v, ok := literal.Constant(e); ok && v.Type() == cty.String && v.AsString() != "" {
			list = append(list, t.paths(v.AsString())...)
		}
	})
	return list
}

// paths lists what a word of the host may mean: a path, or the argument of a command
// that holds some. A part that means the directory of the configuration or one above
// says nothing of a file in it.
func (t *Texts) paths(word string) []string {
	list := []string{t.absolute(word)}
	for _, part := range strings.FieldsFunc(word, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`=:,;|&<>()'"`, r) }) {
		if path := t.absolute(part); part != word && !source.Reaches(t.dir, ".", path) {
			list = append(list, path)
		}
	}
	return list
}

func (t *Texts) absolute(path string) string {
	if path = filepath.FromSlash(path); filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(t.dir, path)
}

// newReads lists the files that a draft would read and the policy does not yet. It
// refuses those that a block of the host names, or that are private by themselves:
// their content would come to light in a message or a reason. Blocks that stand as
// they did are the host's or were looked at before; a block that is new or changed
// is looked at whole, whatever else reads the same file.
func newReads(was, is *Texts, private []string) ([]action.Guarded, error) {
	language := shape.Language()
	stood := map[string]bool{}
	before := was.reads(func(b *hclsyntax.Block, text string) bool {
		stood[text] = text != ""
		return hosted(language, b)
	})
	now := is.reads(func(_ *hclsyntax.Block, text string) bool { return stood[text] })
	if len(now) == 0 {
		return nil, nil
	}
	private = append(was.kept(), private...)
	var list []action.Guarded
	for _, name := range slices.Sorted(maps.Keys(now)) {
		for _, path := range private {
			if source.Reaches(was.dir, name, path) {
				return nil, refuse("file(%q) is where the host keeps something; no edit reads it", name)
			}
		}
		if !before[name] {
			list = append(list, action.Guarded{Kind: "file", Name: name, What: "would be read by the configuration"})
		}
	}
	return list, nil
}
