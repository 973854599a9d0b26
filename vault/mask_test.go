package vault

import (
	"encoding/base64"
	"strings"
	"testing"
)

// TestTextsThatLeaveHoldNoSecret proves that a text is free of every value,
// whether it was ever used, in the usual spellings, and of new ones at once.
func TestTextsThatLeaveHoldNoSecret(t *testing.T) {
	v := open(t, newMemory())
	put(t, v, "one", "sk-canary/1f6c2b9d0e7a")
	for _, s := range []string{
		"sk-canary/1f6c2b9d0e7a", "sk-canary%2F1f6c2b9d0e7a", `sk-canary\/1f6c2b9d0e7a`, base64.StdEncoding.EncodeToString([]byte("sk-canary/1f6c2b9d0e7a")),
	} {
		if got := v.Mask("a " + s + " b"); strings.Contains(got, s) || !strings.HasPrefix(got, "a *") || !strings.HasSuffix(got, " b") {
			t.Errorf("%s is left in %s", s, got)
		}
	}
	if got := v.Mask("another-value-of-two"); got != "another-value-of-two" {
		t.Errorf("%s", got)
	}
	put(t, v, "two", "another-value-of-two")
	if got := v.Mask("another-value-of-two"); strings.Contains(got, "value") {
		t.Errorf("a new secret is left in %s", got)
	}
}
