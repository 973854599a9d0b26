package survey

import (
	"strings"
	"testing"
)

// What is found does not depend on the order of names and values, and what may be cut
// off counts as the name of a secret.
func TestSurvey(t *testing.T) {
	for _, tt := range []struct {
		text         string
		whole, table bool
		secrets      int
	}{
		{`[{"name":"DB_PASSWORD","value":"x"},{"value":"x","name":"token"},{"name":"a","value":"x"}]`, true, false, 2},
		{`{"value":"x","na`, false, false, 1},
		{`{"value":"x","na`, true, false, 0},
		{`{"columns":["a","password"],"rows":[[1]]}`, true, true, 0},
		{`{"rows":[[1]],"columns":[{"name":"token"}]}`, true, true, 0},
		{`{"rows":[["x"],["y`, false, true, 0},
		{`{"columns":["a","b"],"rows":[[1],[2`, false, false, 0},
		{`{"a":["token"],"b":{"c":1}}`, true, false, 0},
		{strings.Repeat("[", 10_000), true, true, 0},
	} {
		var s Survey
		s.Of([]byte(tt.text), tt.whole)
		if len(s.secrets) != tt.secrets || s.Table(tt.whole) != tt.table && len(tt.text) < 10_000 {
			t.Errorf("%.80s: %+v", tt.text, s)
		}
	}
	if (*Survey)(nil).Secret(0) {
		t.Error("no survey finds a secret")
	}
}

func FuzzSurvey(f *testing.F) {
	f.Add(`{"name":"token","value":["x"]}`, true)
	f.Add(`[["a"],["b`, false)
	f.Fuzz(func(t *testing.T, text string, whole bool) {
		var s Survey
		s.Of([]byte(text), whole)
		for _, at := range s.secrets {
			if at <= 0 || at > len(text) || !s.Secret(at) {
				t.Fatalf("%q: %d", text, at)
			}
		}
	})
}
