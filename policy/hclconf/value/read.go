package value

import (
	"crypto/x509"
	"slices"
	"strings"
	"time"

	"sallyport.dev/sallyport/policy/literal"
	"sallyport.dev/sallyport/policy/source"
	"sallyport.dev/sallyport/policy/units"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/gocty"
)

// Literal gives a constant of type t.
func (r *Reader) Literal(e hcl.Expression, t cty.Type, want string) (cty.Value, bool) {
	v, ok := literal.Constant(e)
	if !ok {
		r.Fail(e.Range(), "Not a constant", "Expected %s, written out.", want)
		return cty.NilVal, false
	}
	if !v.Type().Equals(t) {
		r.Fail(e.Range(), "Wrong type", "Expected %s.", want)
		return cty.NilVal, false
	}
	return v, true
}

// Name gives a string that is written out and not empty: what names a file comes
// from no other file, so that the text alone tells what is read.
func (r *Reader) Name(e hcl.Expression) Str {
	v, ok := r.Literal(e, cty.String, "a name in quotes")
	if !ok {
		return Str{}
	}
	if strings.TrimSpace(v.AsString()) == "" {
		r.Fail(e.Range(), "Empty value", "This must not be empty.")
		return Str{}
	}
	return Str{Value: v.AsString(), Range: e.Range()}
}

// File gives the text of file("name"), relative to the configuration directory
// and never outside of it.
func (r *Reader) File(e hcl.Expression, args []hcl.Expression) Str {
	if len(args) != 1 {
		r.Fail(e.Range(), "Bad call", `file takes one name: file("ca.pem").`)
		return Str{}
	}
	name := r.Name(args[0])
	if !name.Stated() {
		return Str{}
	}
	if r.NoFiles {
		r.Fail(e.Range(), "Bad call", "A preset reads no files.")
		return Str{}
	}
	b, err := r.Files.Inside(name.Value)
	if err != nil {
		r.Fail(args[0].Range(), "Cannot read the file", "file(%q) of the directory %s: %s.", name.Value, r.Files.Dir, err)
		return Str{}
	}
	return Str{Value: string(b), Range: e.Range()}
}

// Text gives a string, or the content of a file of the configuration directory.
func (r *Reader) Text(e hcl.Expression) Str {
	if name, args, ok := literal.Call(e); ok {
		if name == "file" {
			return r.File(e, args)
		}
		r.Fail(e.Range(), "Unexpected function", "%s(…) has no meaning here; write a string in quotes.", name)
		return Str{}
	}
	v, ok := r.Literal(e, cty.String, "a string in quotes")
	if !ok {
		return Str{}
	}
	return Str{Value: v.AsString(), Range: e.Range()}
}

// Word gives a string that must not be empty.
func (r *Reader) Word(e hcl.Expression) Str {
	s := r.Text(e)
	if s.Stated() && strings.TrimSpace(s.Value) == "" {
		r.Fail(s.Range, "Empty value", "This must not be empty.")
		return Str{}
	}
	return s
}

// Words gives a list of strings; a bare string is a list of one.
func (r *Reader) Words(e hcl.Expression) []Str {
	items, bare := literal.Elements(e)
	if bare {
		items = []hcl.Expression{e}
	}
	if len(items) == 0 {
		r.Fail(e.Range(), "Empty list", "A list must name something; leave the attribute out to mean everything.")
	}
	out := make([]Str, 0, len(items))
	for _, item := range items {
		if s := r.Word(item); s.Stated() {
			out = append(out, s)
		}
	}
	return out
}

// Authority gives certificates in PEM, that somebody must prove to be who they are by.
func (r *Reader) Authority(e hcl.Expression) Str {
	s := r.Text(e)
	if s.Stated() && !x509.NewCertPool().AppendCertsFromPEM([]byte(s.Value)) {
		r.Fail(e.Range(), "No certificate", `This holds no PEM certificate; write ca = file("ca.pem").`)
		return Str{}
	}
	return s
}

// Flag gives true or false.
func (r *Reader) Flag(e hcl.Expression) Bool {
	v, ok := r.Literal(e, cty.Bool, "true or false")
	return Bool{Value: ok && v.True(), Range: e.Range()}
}

// Integer gives a whole number of at least 1 and at most limit.
func (r *Reader) Integer(e hcl.Expression, limit int64) int64 {
	v, ok := r.Literal(e, cty.Number, "a number")
	if !ok {
		return 0
	}
	var n int64
	if err := gocty.FromCtyValue(v, &n); err != nil || n < 1 || n > limit {
		r.Fail(e.Range(), "Number out of range", "Expected a whole number from 1 to %d.", limit)
		return 0
	}
	return n
}

// Duration gives a span such as "10m".
func (r *Reader) Duration(e hcl.Expression) time.Duration {
	s := r.Word(e)
	if !s.Stated() {
		return 0
	}
	v, err := units.ParseDuration(s.Value)
	if err != nil {
		r.Fail(s.Range, "Bad duration", `%q is no duration; write it like "30s", "10m", "8h" or "90d".`, s.Value)
	}
	return v
}

// Size gives a number of bytes such as "64KiB".
func (r *Reader) Size(e hcl.Expression) int64 {
	s := r.Word(e)
	if !s.Stated() {
		return 0
	}
	n, err := units.ParseSize(s.Value)
	if err != nil {
		r.Fail(s.Range, "Bad size", `%q is no size; write it like "16KiB", "64MiB" or "1GiB".`, s.Value)
	}
	return n
}

// Moment gives a time (RFC 3339).
func (r *Reader) Moment(e hcl.Expression) time.Time {
	s := r.Word(e)
	if !s.Stated() {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, s.Value)
	if err != nil {
		r.Fail(s.Range, "Bad time", `%q is no time; write it like "2026-11-22T15:00:00Z".`, s.Value)
	}
	return t
}

// OneOf gives a word of a fixed vocabulary.
func (r *Reader) OneOf(e hcl.Expression, what string, words ...string) Str {
	s := r.Word(e)
	if !s.Stated() || r.Known(s, what, words) {
		return s
	}
	return Str{}
}

// Known reports whether s is one of words, and complains if not.
func (r *Reader) Known(s Str, what string, words []string) bool {
	for _, w := range words {
		if s.Value == w {
			return true
		}
	}
	r.Fail(s.Range, "Unknown "+what, "%q is no %s; it is %s.%s", s.Value, what, source.Enumerate(words), source.DidYouMean(s.Value, words))
	return false
}

// Ref gives a reference of one of these kinds.
func (r *Reader) Ref(e hcl.Expression, kinds ...string) (Ref, bool) {
	t, diags := hcl.AbsTraversalForExpr(e)
	like := strings.Join(kinds, ".NAME or ")
	if diags.HasErrors() || len(t) != 2 || !slices.Contains(kinds, t.RootName()) {
		r.Fail(e.Range(), "Not a reference", "Expected a reference like %s.NAME%s.", like, unquoted(e))
		return Ref{}, false
	}
	name, ok := t[1].(hcl.TraverseAttr)
	if !ok {
		r.Fail(e.Range(), "Not a reference", "Expected a reference like %s.NAME.", like)
		return Ref{}, false
	}
	return Ref{Kind: t.RootName(), Name: name.Name, Range: e.Range()}, true
}

// unquoted helps those who put a reference in quotes.
func unquoted(e hcl.Expression) string {
	if v, ok := literal.Constant(e); ok && v.Type() == cty.String {
		return ", without quotes"
	}
	return ""
}

// Refs gives a list of references of one kind; a bare one is a list of one, and
// star allows "*".
func (r *Reader) Refs(e hcl.Expression, kind string, star bool) Refs {
	return r.refs(e, star, kind)
}

// RefsOf gives a list of references of several kinds.
func (r *Reader) RefsOf(e hcl.Expression, kinds ...string) Refs { return r.refs(e, false, kinds...) }

func (r *Reader) refs(e hcl.Expression, star bool, kinds ...string) Refs {
	out := Refs{Range: e.Range()}
	items, bare := literal.Elements(e)
	if bare {
		items = []hcl.Expression{e}
	}
	if len(items) == 0 {
		r.Fail(e.Range(), "Empty list", "A list must name something.")
	}
	for _, item := range items {
		if star && literal.Is(item, "*") {
			out.All = true
			continue
		}
		if ref, ok := r.Ref(item, kinds...); ok {
			out.Items = append(out.Items, ref)
		}
	}
	return out
}

// StringMap gives an object of strings.
func (r *Reader) StringMap(e hcl.Expression) map[string]string {
	out := map[string]string{}
	r.Object(e, func(key string, _ hcl.Range, value hcl.Expression) {
		out[key] = r.Text(value).Value
	})
	return out
}

// Object calls f for each entry of an object expression.
func (r *Reader) Object(e hcl.Expression, f func(key string, at hcl.Range, value hcl.Expression)) {
	pairs, diags := hcl.ExprMap(e)
	if diags.HasErrors() {
		r.Fail(e.Range(), "Wrong type", "Expected an object like { name = value }.")
		return
	}
	seen := map[string]bool{}
	for _, p := range pairs {
		key, ok := literal.Constant(p.Key)
		if !ok || key.Type() != cty.String {
			r.Fail(p.Key.Range(), "Bad key", "A key of an object is a name or a string.")
			continue
		}
		if seen[key.AsString()] {
			r.Fail(p.Key.Range(), "Stated twice", "%q stands twice in this object.", key.AsString())
			continue
		}
		seen[key.AsString()] = true
		f(key.AsString(), p.Key.Range(), p.Value)
	}
}
