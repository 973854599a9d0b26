package record

import (
	"encoding/json"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
)

// TestATraceIsBare: of what the rules were held against, what a body said is gone,
// and everything else is there.
func TestATraceIsBare(t *testing.T) {
	trace := `[{"effects":"write","rules":[{"rule":"gifts","checks":[` +
		`{"what":"paths","value":"/v1/gifts","matches":"yes"},` +
		`{"what":"when x","value":"brass","body":true},` +
		`{"what":"when http.json.what == \"gold\"","value":"tin","depth":1}]}],"more":3}]`
	r := kept(t, act("/v1/gifts"), action.Decision{Trace: json.RawMessage(trace)}, action.Result{})
	b := r.Bare()
	for word, stays := range map[string]bool{"/v1/gifts": true, `"more":3`: true, `"depth":1`: true, "brass": false, `"tin"`: false} {
		if strings.Contains(string(b.Trace), word) != stays || strings.Contains(string(r.Text(true)), word) != stays {
			t.Errorf("%s: %s", word, b.Trace)
		}
	}
	if string(r.Trace) != trace {
		t.Error("the record itself was changed")
	}
	for _, broken := range []string{"", "[", `"brass`} {
		r := Record{Trace: json.RawMessage(broken)}
		if b := r.Bare(); len(b.Trace) > 0 {
			t.Errorf("%q: %s", broken, b.Trace)
		}
	}
}
