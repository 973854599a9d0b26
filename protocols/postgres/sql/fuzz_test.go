//go:build cgo

package sql

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	"sallyport.dev/sallyport/action"
)

// FuzzParse: no text panics, a warm cache says what the grammar says, also of the
// same text with other literals, and a part is never harmless by accident.
func FuzzParse(f *testing.F) {
	for i, text := range corpus(f) {
		f.Add(text, uint64(i))
	}
	warm, cold := New(8<<20), New(0)
	f.Fuzz(func(t *testing.T, text string, seed uint64) {
		parts, err := warm.Parse(text, confirmed())
		same(t, warm, cold, text)
		same(t, warm, cold, otherLiterals(text, rand.New(rand.NewPCG(seed, 0))))
		if err != nil {
			return
		}
		for _, p := range parts {
			invariants(t, p)
		}
		if _, err := Resolve(parts, func(string) []action.Part { return parts }); err != nil && len(parts) > 0 {
			t.Errorf("%q: %v", text, err)
		}
		guarded, err := warm.Parse(text, &Session{})
		if err == nil && len(guarded) != len(parts) {
			t.Errorf("%q: %d parts, unconfirmed %d", text, len(parts), len(guarded))
		}
	})
}

func invariants(t *testing.T, p action.Part) {
	f := p.Facts.(*Facts)
	switch {
	case p.Effects == 0:
		t.Errorf("%q has no effect", f.Text)
	case p.Control && p.Effects != action.EffectRead:
		t.Errorf("%q is control and %v", f.Text, p.Effects)
	case p.Control && (len(f.Tables) > 0 || f.Opaque):
		t.Errorf("%q is control and touches tables", f.Text)
	case len(f.Verbs) == 0 || f.Verbs[0] != f.Verb:
		t.Errorf("%q: verbs %q", f.Text, f.Verbs)
	case !f.HasWhere && p.Effects&action.EffectDestructive == 0:
		t.Errorf("%q is unbound and not destructive", f.Text)
	case len(f.Writes) > 0 && p.Effects == action.EffectRead && f.Verb != "merge":
		t.Errorf("%q writes and is a read", f.Text)
	}
	if len(union(f.Reads, f.Writes)) != len(f.Tables) {
		t.Errorf("%q: tables %q, reads %q, writes %q", f.Text, f.Tables, f.Reads, f.Writes)
	}
	if _, err := json.Marshal(f); err != nil {
		t.Errorf("%q: %v", f.Text, err)
	}
}
