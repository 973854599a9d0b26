// Package value reads the values of a configuration: each has its type and the
// place it came from, or a complaint at that place with the cure.
package value

import (
	"fmt"
	"strings"

	"sallyport.dev/sallyport/policy/source"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// A Str is a string and where it stands; one that was not stated has no range.
type Str struct {
	Value string
	Range hcl.Range
}

// Stated reports whether the configuration, or a preset, says it.
func (s Str) Stated() bool { return s.Range.Filename != "" }

// Texts gives the values of a list.
func Texts(list []Str) []string {
	var out []string
	for _, s := range list {
		out = append(out, s.Value)
	}
	return out
}

// A Ref is a reference such as service.github.
type Ref struct {
	Kind, Name string
	Range      hcl.Range
}

// Refs is a list of references, or "*" where that is allowed.
type Refs struct {
	All   bool
	Items []Ref
	Range hcl.Range
}

// A Bool is a flag and where it stands.
type Bool struct {
	Value bool
	Range hcl.Range
}

// A Reader reads expressions and collects every complaint. It belongs to one
// goroutine.
type Reader struct {
	Files   *source.Files
	NoFiles bool // inside a preset
	Diags   hcl.Diagnostics
}

// Fail adds an error at a place.
func (r *Reader) Fail(at hcl.Range, summary, format string, args ...any) {
	r.Diags = append(r.Diags, &hcl.Diagnostic{
		Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf(format, args...), Subject: at.Ptr(),
	})
}

// Attr gives the expression of an attribute, or nil.
func Attr(body *hclsyntax.Body, name string) hcl.Expression {
	if a, ok := body.Attributes[name]; ok {
		return a.Expr
	}
	return nil
}

// With calls f with the expression of an attribute if it is stated.
func With(body *hclsyntax.Body, name string, f func(hcl.Expression)) {
	if e := Attr(body, name); e != nil {
		f(e)
	}
}

// Identifier checks that a name can stand in a reference.
func (r *Reader) Identifier(b *hclsyntax.Block) string {
	name := b.Labels[0]
	if !hclsyntax.ValidIdentifier(name) {
		r.Fail(b.LabelRanges[0], "Bad name", "%q cannot stand in a reference like %s.NAME; use letters, digits, _ and -, and begin with a letter.", name, b.Type)
	}
	return name
}

// Required complains about an attribute that is missing.
func (r *Reader) Required(b *hclsyntax.Block, name, cure string) {
	if Attr(b.Body, name) == nil {
		article := "A"
		if strings.ContainsRune("aeiou", rune(b.Type[0])) {
			article = "An"
		}
		r.Fail(b.DefRange(), "Attribute missing", "%s %s needs %s.", article, b.Type, cure)
	}
}
