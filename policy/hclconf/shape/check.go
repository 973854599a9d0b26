package shape

import (
	"path/filepath"
	"slices"
	"strings"

	"sallyport.dev/sallyport/policy/hclconf/value"
	"sallyport.dev/sallyport/policy/source"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Check complains about whatever in the body of a block is not in its shape.
func Check(r *value.Reader, body *hclsyntax.Body, s *Shape, in string) {
	(&checker{r}).check(body, s, in)
}

// CheckBlock checks a block of the configuration itself against the Language. first
// remembers what stood before it, to find what stands twice.
func CheckBlock(r *value.Reader, b *hclsyntax.Block, language *Shape, first map[string]hcl.Range) {
	(&checker{r}).checkBlock(b, language, "", first)
}

// A checker collects complaints about the form of blocks.
type checker struct{ *value.Reader }

// check complains about whatever in body is not in its shape. What stands there
// twice, or in a block of the wrong form, is an error too.
func (c *checker) check(body *hclsyntax.Body, s *Shape, in string) {
	for _, name := range Attrs(body) {
		a := body.Attributes[name]
		c.allowed(name, a.NameRange, "attribute", s, s.names(), in)
		if _, isBlock := s.Blocks[name]; isBlock {
			c.Fail(a.NameRange, "Not an attribute", "%s of %s is a block: %s { … }, without the equals sign.", name, in, name)
		}
	}
	first := map[string]hcl.Range{}
	for _, b := range body.Blocks {
		c.checkBlock(b, s, in, first)
	}
}

func (c *checker) checkBlock(b *hclsyntax.Block, s *Shape, in string, first map[string]hcl.Range) {
	inner, ok := s.Blocks[b.Type]
	if !ok {
		if s.has(b.Type) {
			c.Fail(b.TypeRange, "Not a block", "%s of %s is an attribute: %s = …", b.Type, in, b.Type)
			return
		}
		names := make([]string, 0, len(s.Blocks))
		for name := range s.Blocks {
			names = append(names, name)
		}
		c.allowed(b.Type, b.TypeRange, "block", s, names, in)
		return
	}
	c.labels(b, inner)
	key := b.Type
	if inner.Labelled && len(b.Labels) > 0 {
		key += " " + b.Labels[0]
	}
	if at, dup := first[key]; dup {
		c.Fail(b.DefRange(), "Stated twice", "%s stands at %s:%d already; one kind and name stands once.", Title(b), filepath.Base(at.Filename), at.Start.Line)
	}
	first[key] = b.DefRange()
	c.check(b.Body, inner, Title(b))
}

// labels checks that a block has the label its shape asks for.
func (c *checker) labels(b *hclsyntax.Block, s *Shape) {
	switch {
	case s.Labelled && len(b.Labels) == 0:
		c.Fail(b.DefRange(), "Name missing", `A %s has a name: %s "name" { … }`, b.Type, b.Type)
	case s.Labelled && b.Labels[0] == "":
		c.Fail(b.LabelRanges[0], "Name missing", "The name of a %s must not be empty.", b.Type)
	case s.Labelled && len(b.Labels) > 1:
		c.Fail(b.LabelRanges[1], "Unexpected label", "A %s has one name.", b.Type)
	case !s.Labelled && len(b.Labels) > 0:
		c.Fail(b.LabelRanges[0], "Unexpected label", "A %s block has no name.", b.Type)
	}
}

// allowed complains about a name that is not in the table, or not yet.
func (c *checker) allowed(name string, at hcl.Range, what string, s *Shape, known []string, in string) {
	if in == "" {
		in = wholeConfiguration
	}
	_, block := s.Blocks[name]
	other, replaced := cure(name, in)
	switch {
	case slices.Contains(known, name) || block:
	case slices.Contains(s.Later, name):
		c.Fail(at, "Not in this version", "%q of %s is not in this version; take it out.", name, in)
	case replaced:
		c.Fail(at, "Unknown "+what, "%s", other)
	default:
		c.Fail(at, "Unknown "+what, "%s has no %s %q.%s", source.UpperFirst(in), what, name, instead(name, known, s.Later))
	}
}

// fewNames is how many names a message can list and still be read.
const fewNames = 12

// instead is the name that was meant, else all there are, unless they are many.
func instead(name string, known, later []string) string {
	if meant := source.DidYouMean(name, append(slices.Clone(known), later...)); meant != "" || len(known) == 0 || len(known) > fewNames {
		return meant
	}
	return " It has " + strings.Join(slices.Sorted(slices.Values(known)), ", ") + "."
}

// Title names a block for messages: rule "no drops".
func Title(b *hclsyntax.Block) string {
	if len(b.Labels) > 0 {
		return b.Type + ` "` + b.Labels[0] + `"`
	}
	return b.Type
}

// Attrs gives the names of attributes in the order of the source.
func Attrs(body *hclsyntax.Body) []string {
	names := make([]string, 0, len(body.Attributes))
	for name := range body.Attributes {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return body.Attributes[a].NameRange.Start.Byte - body.Attributes[b].NameRange.Start.Byte
	})
	return names
}
