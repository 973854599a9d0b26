package hclconf

import (
	"strings"
	"time"

	"sallyport.dev/sallyport/policy/literal"
	"sallyport.dev/sallyport/policy/source"
	"sallyport.dev/sallyport/policy/units"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/gocty"
)

// literal gives a constant of type t.
func (d *decoder) literal(e hcl.Expression, t cty.Type, want string) (cty.Value, bool) {
	v, ok := literal.Constant(e)
	if !ok {
		d.fail(e.Range(), "Not a constant", "Expected %s, written out.", want)
		return cty.NilVal, false
	}
	if !v.Type().Equals(t) {
		d.fail(e.Range(), "Wrong type", "Expected %s.", want)
		return cty.NilVal, false
	}
	return v, true
}

// file gives the text of file("name"), relative to the configuration directory
// and never outside of it.
func (d *decoder) file(e hcl.Expression, args []hcl.Expression) Str {
	if len(args) != 1 {
		d.fail(e.Range(), "Bad call", `file takes one name: file("ca.pem").`)
		return Str{}
	}
	name := d.word(args[0])
	if !name.Stated() {
		return Str{}
	}
	if d.noFiles {
		d.fail(e.Range(), "Bad call", "A preset reads no files.")
		return Str{}
	}
	b, err := d.files.Inside(name.Value)
	if err != nil {
		d.fail(args[0].Range(), "Cannot read the file", "file(%q) of the directory %s: %s.", name.Value, d.files.Dir, err)
		return Str{}
	}
	return Str{Value: string(b), Range: e.Range()}
}

// text gives a string, or the content of a file of the configuration directory.
func (d *decoder) text(e hcl.Expression) Str {
	if name, args, ok := literal.Call(e); ok {
		if name == "file" {
			return d.file(e, args)
		}
		d.fail(e.Range(), "Unexpected function", "%s(…) has no meaning here; write a string in quotes.", name)
		return Str{}
	}
	v, ok := d.literal(e, cty.String, "a string in quotes")
	if !ok {
		return Str{}
	}
	return Str{Value: v.AsString(), Range: e.Range()}
}

// word gives a string that must not be empty.
func (d *decoder) word(e hcl.Expression) Str {
	s := d.text(e)
	if s.Stated() && strings.TrimSpace(s.Value) == "" {
		d.fail(s.Range, "Empty value", "This must not be empty.")
		return Str{}
	}
	return s
}

// words gives a list of strings; a bare string is a list of one.
func (d *decoder) words(e hcl.Expression) []Str {
	items, bare := literal.Elements(e)
	if bare {
		items = []hcl.Expression{e}
	}
	if len(items) == 0 {
		d.fail(e.Range(), "Empty list", "A list must name something; leave the attribute out to mean everything.")
	}
	out := make([]Str, 0, len(items))
	for _, item := range items {
		if s := d.word(item); s.Stated() {
			out = append(out, s)
		}
	}
	return out
}

func (d *decoder) flag(e hcl.Expression) Bool {
	v, ok := d.literal(e, cty.Bool, "true or false")
	return Bool{Value: ok && v.True(), Range: e.Range()}
}

// integer gives a whole number of at least 1 and at most limit.
func (d *decoder) integer(e hcl.Expression, limit int64) int64 {
	v, ok := d.literal(e, cty.Number, "a number")
	if !ok {
		return 0
	}
	var n int64
	if err := gocty.FromCtyValue(v, &n); err != nil || n < 1 || n > limit {
		d.fail(e.Range(), "Number out of range", "Expected a whole number from 1 to %d.", limit)
		return 0
	}
	return n
}

func (d *decoder) duration(e hcl.Expression) time.Duration {
	s := d.word(e)
	if !s.Stated() {
		return 0
	}
	v, err := units.ParseDuration(s.Value)
	if err != nil {
		d.fail(s.Range, "Bad duration", `%q is no duration; write it like "30s", "10m", "8h" or "90d".`, s.Value)
	}
	return v
}

func (d *decoder) size(e hcl.Expression) int64 {
	s := d.word(e)
	if !s.Stated() {
		return 0
	}
	n, err := units.ParseSize(s.Value)
	if err != nil {
		d.fail(s.Range, "Bad size", `%q is no size; write it like "16KiB", "64MiB" or "1GiB".`, s.Value)
	}
	return n
}

func (d *decoder) moment(e hcl.Expression) time.Time {
	s := d.word(e)
	if !s.Stated() {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, s.Value)
	if err != nil {
		d.fail(s.Range, "Bad time", `%q is no time; write it like "2026-11-22T15:00:00Z".`, s.Value)
	}
	return t
}

// oneOf gives a word of a fixed vocabulary.
func (d *decoder) oneOf(e hcl.Expression, what string, words ...string) Str {
	s := d.word(e)
	if !s.Stated() || d.known(s, what, words) {
		return s
	}
	return Str{}
}

// known reports whether s is one of words, and complains if not.
func (d *decoder) known(s Str, what string, words []string) bool {
	for _, w := range words {
		if s.Value == w {
			return true
		}
	}
	d.fail(s.Range, "Unknown "+what, "%q is no %s; it is %s.%s", s.Value, what, source.Enumerate(words), source.DidYouMean(s.Value, words))
	return false
}

// ref gives a reference of one kind.
func (d *decoder) ref(e hcl.Expression, kind string) (Ref, bool) {
	t, diags := hcl.AbsTraversalForExpr(e)
	if diags.HasErrors() || len(t) != 2 || t.RootName() != kind {
		d.fail(e.Range(), "Not a reference", "Expected a reference like %s.NAME%s.", kind, unquoted(e))
		return Ref{}, false
	}
	name, ok := t[1].(hcl.TraverseAttr)
	if !ok {
		d.fail(e.Range(), "Not a reference", "Expected a reference like %s.NAME.", kind)
		return Ref{}, false
	}
	return Ref{Kind: kind, Name: name.Name, Range: e.Range()}, true
}

// unquoted helps those who put a reference in quotes.
func unquoted(e hcl.Expression) string {
	if v, ok := literal.Constant(e); ok && v.Type() == cty.String {
		return ", without quotes"
	}
	return ""
}

// refs gives a list of references of one kind; a bare one is a list of one, and
// star allows "*".
func (d *decoder) refs(e hcl.Expression, kind string, star bool) Refs {
	out := Refs{Range: e.Range()}
	items, bare := literal.Elements(e)
	if bare {
		items = []hcl.Expression{e}
	}
	if len(items) == 0 {
		d.fail(e.Range(), "Empty list", "A list must name something.")
	}
	for _, item := range items {
		if star && literal.Is(item, "*") {
			out.All = true
			continue
		}
		if r, ok := d.ref(item, kind); ok {
			out.Items = append(out.Items, r)
		}
	}
	return out
}

// stringMap gives an object of strings.
func (d *decoder) stringMap(e hcl.Expression) map[string]string {
	out := map[string]string{}
	d.object(e, func(key string, _ hcl.Range, value hcl.Expression) {
		out[key] = d.text(value).Value
	})
	return out
}

// object calls f for each entry of an object expression.
func (d *decoder) object(e hcl.Expression, f func(key string, at hcl.Range, value hcl.Expression)) {
	pairs, diags := hcl.ExprMap(e)
	if diags.HasErrors() {
		d.fail(e.Range(), "Wrong type", "Expected an object like { name = value }.")
		return
	}
	seen := map[string]bool{}
	for _, p := range pairs {
		key, ok := literal.Constant(p.Key)
		if !ok || key.Type() != cty.String {
			d.fail(p.Key.Range(), "Bad key", "A key of an object is a name or a string.")
			continue
		}
		if seen[key.AsString()] {
			d.fail(p.Key.Range(), "Stated twice", "%q stands twice in this object.", key.AsString())
			continue
		}
		seen[key.AsString()] = true
		f(key.AsString(), p.Key.Range(), p.Value)
	}
}
