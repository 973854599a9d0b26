package main

import (
	"slices"
	"testing"

	"sallyport.dev/sallyport/policy/vocab"
	"sallyport.dev/sallyport/protocols/postgres/sql"
)

// TestRulesKnowEveryVerb: a rule may name the verbs that a statement may have, and
// no other.
func TestRulesKnowEveryVerb(t *testing.T) {
	rules, statements := slices.Sorted(slices.Values(vocab.Verbs())), slices.Sorted(slices.Values(sql.Verbs()))
	if !slices.Equal(rules, statements) {
		t.Errorf("policy/vocab has %q,\nprotocols/postgres/sql %q", rules, statements)
	}
}
