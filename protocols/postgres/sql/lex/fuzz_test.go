package lex

import "testing"

// FuzzTemplate: no text panics, a key is made of its text alone, and a normalized
// text is its own normal.
func FuzzTemplate(f *testing.F) {
	for _, text := range []string{"SELECT 'a', 1, 2.5 FROM t WHERE x = $1 -- y", "SELECT E'a', $$b$$, \"c'\"", "SELECT float(99)"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = CheckDepth(WithoutTrailer(text))
		_ = LocalNames(text)
		if in, ok := PlainInsert(text); ok && in.Table == "" {
			t.Errorf("%q: an INSERT into nothing", text)
		}
		normal, print := Normal(text, false)
		if again, printAgain := Normal(normal, false); normal != "" && (again != normal || printAgain != print) {
			t.Errorf("%q: normal %q, normal again %q", text, normal, again)
		}
		if list, ok := Literals(text); ok && len(list) > len(text) {
			t.Errorf("%q: %d literals", text, len(list))
		}
		key, ok := Template(nil, text)
		if !ok {
			return
		}
		again, ok := Template(nil, text)
		if !ok || string(again) != string(key) {
			t.Errorf("%q has two templates", text)
		}
		if len(key) > 2*len(text)+2 {
			t.Errorf("%q: a key of %d bytes", text, len(key))
		}
	})
}
