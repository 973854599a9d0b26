package dashboard_test

import (
	"net/http/httptest"
	"testing"

	"sallyport.dev/sallyport/dashboard/route"
)

// TestT47_BesideAnAgentAProofIsForOneLook: whichever way bodies are read, it uses up the
// proof of whoever shares an address with an agent; what shows none does not.
func TestT47_BesideAnAgentAProofIsForOneLook(t *testing.T) {
	l, id := orders(t, "brass-candlestick")
	_, proved := viewers()
	for _, tt := range []struct {
		path   string
		shared bool
		spends int
	}{
		{"/actions/" + id + "/whole", true, 1},
		{"/actions/" + id + "/why?bodies=1", true, 1},
		{"/actions?q=service:shop&bodies=1", true, 1},
		{"/actions/rows?q=service:shop&bodies=1", true, 1},
		{"/actions.jsonl?q=service:shop&bodies=1", true, 1},
		{"/actions.har?q=service:shop&bodies=1", true, 1},
		{"/sessions?q=service:shop&bodies=1", true, 1},
		{"/actions/" + id, true, 0},
		{"/actions?q=service:shop", true, 0},
		{"/actions.jsonl?q=service:shop", true, 0},
		{"/actions/" + id + "/whole", false, 0},
		{"/actions?q=service:shop&bodies=1", false, 0},
	} {
		c := proved
		c.Shared = tt.shared
		for _, left := range []bool{true, false} { // the proof, when the request uses it up
			spent := 0
			ctx := route.WithSpend(route.WithCaller(t.Context(), c), func() bool { spent++; return left })
			w := httptest.NewRecorder()
			l.API.Handler().ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/api/v1"+tt.path, nil))
			want := 200
			if tt.spends > 0 && !left {
				want = 403
			}
			if w.Code != want || spent != tt.spends {
				t.Errorf("%s, shared %v, left %v: %d, spent %d times", tt.path, tt.shared, left, w.Code, spent)
			}
		}
	}
}
