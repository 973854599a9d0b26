package posture

import (
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
)

func TestStrictestEffectDecides(t *testing.T) {
	for name, row := range map[string]string{
		"guarded": "allow ask deny deny ask", "locked": "deny deny deny deny deny", "open": "allow allow allow allow allow",
		"misspelt": "deny deny deny deny deny",
	} {
		p := New("api", name)
		for i, want := range strings.Fields(row) {
			v, reason := p.Of(1 << i)
			if v.String() != want || (reason == "") != (v == action.Allow) {
				t.Errorf("%s, effect %d: %s %q, want %s", name, i, v, reason, want)
			}
			if v == action.Ask && p.Asks(reason)[0].Reason != reason {
				t.Errorf("%s, effect %d: the asking says something else", name, i)
			}
		}
	}
	p := New("api", "guarded")
	if v, _ := p.Of(action.EffectRead | action.EffectWrite | action.EffectAdmin); v != action.Deny {
		t.Errorf("several effects: %s", v)
	}
}
