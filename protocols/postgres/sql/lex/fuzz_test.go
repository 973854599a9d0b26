package lex

import "testing"

// FuzzTemplate: no text panics, and a key is made of its text alone.
func FuzzTemplate(f *testing.F) {
	for _, text := range []string{"SELECT 'a', 1, 2.5 FROM t WHERE x = $1 -- y", "SELECT E'a', $$b$$, \"c'\"", "SELECT float(99)"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = CheckDepth(WithoutTrailer(text))
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
