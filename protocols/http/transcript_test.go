package http

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
)

// What people may read in full outlives the request while somebody is asked, takes its
// room as long, and is as it was sent.
func TestT40_AllOfARequestOutlivesIt(t *testing.T) {
	bothVersions(t, func(t *testing.T, h2 bool) {
		b := newBench(t, http.HandlerFunc(echo))
		b.decide = asked
		var whole action.Transcript
		var release func()
		b.settle = func(_ context.Context, a *action.Action, d action.Decision) action.Decision {
			whole = a.Transcript
			if whole != nil {
				release, _ = whole.Keep()
			}
			d.Approval = "A1"
			return d // it is told to come back
		}
		sent := strings.Repeat("pay 5\u200b to bob\n", 20_000) + "secret end"
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://api.example/p?token=12345", strings.NewReader(sent))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "text/plain")
		req.Header.Set("X-Note", strings.Repeat("n", 4<<10))
		req.Header.Set("Authorization", "Bearer 12345")
		resp, err := b.client(h2).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if body(t, resp); resp.StatusCode != http.StatusConflict || whole == nil || release == nil {
			t.Fatalf("%s %v", resp.Status, whole)
		}
		var out strings.Builder
		if _, err := whole.WriteTo(&out); err != nil {
			t.Fatal(err)
		}
		text := out.String()
		if n := strings.Count(text, "| pay 5<U+200B> to bob\n"); n != 20_000 || !strings.Contains(text, "\n| secret end\n") || !strings.Contains(text, strings.Repeat("n", 4<<10)) {
			t.Errorf("%d lines, %d bytes:\n%.300s", n, len(text), text)
		}
		if strings.Contains(text, "12345") {
			t.Errorf("what may be a secret is told:\n%.300s", text)
		}
		if disk, _ := b.p.stashed.Held(""); disk < int64(len(sent)) {
			t.Errorf("it takes no room: %d bytes", disk)
		}
		release()
		if disk, _ := b.p.stashed.Held(""); disk != 0 {
			t.Errorf("%d bytes still stashed", disk)
		}
		if memory, _ := b.p.held.Held(""); memory != 0 {
			t.Errorf("%d bytes still held", memory)
		}
		if _, err := whole.WriteTo(io.Discard); err == nil {
			t.Error("it can be read behind the answer")
		}
	})
}
