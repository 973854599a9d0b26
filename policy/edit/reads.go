package edit

import (
	"maps"
	"os"
	"path/filepath"
	"slices"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/hclconf/shape"
	"sallyport.dev/sallyport/policy/literal"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// reads lists the files that texts take in with file("…"), also those of text that
// is no HCL: a load reads what it understands.
func (t *Texts) reads() map[string]bool {
	found := map[string]bool{}
	t.visit(func(b *hclsyntax.Body) hclsyntax.Node { return b }, func(n hclsyntax.Node) {
		call, ok := n.(*hclsyntax.FunctionCallExpr)
		if !ok || call.Name != "file" {
			return
		}
		for _, arg := range call.Args {
			if v, ok := literal.Constant(arg); ok && v.Type() == cty.String {
				found[filepath.Clean(filepath.FromSlash(v.AsString()))] = true
			}
		}
	})
	return found
}

// visit walks what of gives of every file.
func (t *Texts) visit(of func(*hclsyntax.Body) hclsyntax.Node, f func(hclsyntax.Node)) {
	for _, name := range t.Names() {
		body := t.look(name).body
		if body == nil {
			continue
		}
		hclsyntax.VisitAll(of(body), func(n hclsyntax.Node) hcl.Diagnostics { //nolint:errcheck // the visitor gives none
			f(n)
			return nil
		})
	}
}

// kept lists every path that a block of the host names, and every other word
// there: a file that one of them means is not for an edit to read.
func (t *Texts) kept() []string {
	var list []string
	language := shape.Language()
	t.visit(func(b *hclsyntax.Body) hclsyntax.Node {
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
			path := filepath.FromSlash(v.AsString())
			if !filepath.IsAbs(path) {
				path = filepath.Join(t.dir, path)
			}
			list = append(list, path)
		}
	})
	return list
}

// newReads lists the files that a draft would read and the configuration does not
// yet. It refuses those that a block of the host names, or that are private by
// themselves: their content would come to light in a message or a reason.
func newReads(was, is *Texts, private []string) ([]action.Guarded, error) {
	before := was.reads()
	private = append(was.kept(), private...)
	var list []action.Guarded
	for _, name := range slices.Sorted(maps.Keys(is.reads())) {
		if before[name] {
			continue
		}
		for _, path := range private {
			if within(filepath.Join(was.dir, name), path) {
				return nil, refuse("file(%q) is where the host keeps something; no edit reads it", name)
			}
		}
		list = append(list, action.Guarded{Kind: "file", Name: name, What: "would be read by the configuration"})
	}
	return list, nil
}

// within reports whether a file is at a path, or below it, by whatever name.
func within(file, path string) bool {
	target, err := os.Stat(path)
	if err != nil {
		return false
	}
	at, err := filepath.EvalSymlinks(file)
	for err == nil {
		if info, serr := os.Stat(at); serr == nil && os.SameFile(info, target) {
			return true
		}
		if filepath.Dir(at) == at {
			return false
		}
		at = filepath.Dir(at)
	}
	return false
}
