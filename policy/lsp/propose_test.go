package lsp_test

import (
	"strings"
	"testing"

	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/policy/lsp"
)

// Whoever is no editor is proposed what an editor is.
func TestPropose(t *testing.T) {
	for _, tt := range []struct{ text, label, kind, insert string }{
		{"rule \"a\" {\n  ver¦\n}\n", "verdict", "attribute", `verdict = "$0"`},
		{"rule \"a\" {\n  on = [ser¦]\n}\n", "service.shop", "reference", "service.shop"},
		{"rule \"a\" {\n  verdict = \"¦\"\n}\n", "deny", "word", "deny"},
		{"rule \"é😀\" { reason = \"😀\"\n  methods = [\"DE¦\"]\n}\n", "DELETE", "word", "DELETE"},
		{"rule \"a\" {\n  when = agent.¦\n}\n", "agent.name", "fact", "agent.name"},
		{"¦", "rule", "block", "rule \"${1:name}\" {\n  $0\n}"},
	} {
		before, _, _ := strings.Cut(tt.text, "¦")
		line := strings.Count(before, "\n")
		column := 0
		for _, r := range before[strings.LastIndexByte(before, '\n')+1:] {
			column++
			if r > 0xffff {
				column++
			}
		}
		texts := map[string]string{"a.hcl": strings.Replace(tt.text, "¦", "", 1), "b.hcl": "service \"shop\" {}\n"}
		n, list := lsp.Propose(texts, "a.hcl", line, column, policy.Options{})
		word := before[strings.LastIndexAny(before, " \n[\"")+1:]
		if n != len(word) {
			t.Errorf("%q: %d units are replaced, want %d", tt.text, n, len(word))
		}
		found := false
		for _, p := range list {
			found = found || p.Label == tt.label && p.Kind == tt.kind && p.Insert == tt.insert
		}
		if !found {
			t.Errorf("%q: no %s %q (%q) in %+v", tt.text, tt.kind, tt.label, tt.insert, list)
		}
	}
	if n, list := lsp.Propose(map[string]string{}, "none.hcl", 7, -3, policy.Options{}); n != 0 || len(list) == 0 {
		t.Errorf("a file that is not there: %d, %d proposals", n, len(list))
	}
}

// A text that no configuration can be is not looked at, which would take its time.
func TestT53_NothingIsProposedInADepth(t *testing.T) {
	texts := map[string]string{"a.hcl": "", "b.hcl": strings.Repeat("a {\n", 300)}
	if n, list := lsp.Propose(texts, "a.hcl", 0, 0, policy.Options{}); n != 0 || len(list) != 0 {
		t.Errorf("%d, %d proposals", n, len(list))
	}
}
