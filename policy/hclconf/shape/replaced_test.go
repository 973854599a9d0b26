package shape

import (
	"slices"
	"testing"
)

// A replaced word is none of the language, and stands where there is such a block.
func TestReplacedWordsAreGone(t *testing.T) {
	seen := map[[2]string]bool{}
	for _, r := range Replacements() {
		s := Language()
		switch {
		case r.In == "operation":
			s = Service().Blocks["operation"]
		case r.In != "":
			s = s.Blocks[r.In]
		}
		if s == nil {
			t.Errorf("there is no block %q", r.In)
			continue
		}
		if _, block := s.Blocks[r.Word]; block || s.has(r.Word) || slices.Contains(s.Later, r.Word) {
			t.Errorf("%q is of the language of %q", r.Word, r.In)
		}
		if r.By == "" || seen[[2]string{r.In, r.Word}] {
			t.Errorf("%+v", r)
		}
		seen[[2]string{r.In, r.Word}] = true
	}
	if text, ok := cure("services", `rule "x"`); !ok || text != `There is no "services"; write on = [service.NAME].` {
		t.Error(text)
	}
	if text, ok := cure("policy", wholeConfiguration); !ok || text != `There is no "policy"; write rule "name" { … }.` {
		t.Error(text)
	}
}
