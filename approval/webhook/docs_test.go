package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/notrun"
)

// TestTheDocumentedCheckWorks runs the example of docs/channels.md against messages
// that the gateway signs.
func TestTheDocumentedCheckWorks(t *testing.T) {
	page, err := os.ReadFile("../../docs/channels.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```python\n")
	code, _, found := strings.Cut(rest, "```")
	if n := strings.Count(code, "\n"); !found || n > 10 {
		t.Fatalf("the example has %d lines", n)
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		notrun.Skip(t, "python3 is not installed (python3-minimal)")
	}
	now := time.Now()
	for name, c := range map[string]struct {
		at   time.Time
		key  string
		body string
		want string
	}{
		"ours":           {now, secret, `{"type":"approval.asked"}`, "True"},
		"old":            {now.Add(-10 * time.Minute), secret, `{"type":"approval.asked"}`, "False"},
		"another key":    {now, secret + "x", `{"type":"approval.asked"}`, "False"},
		"not ASCII":      {now, secret, `{"summary":"Löschen ✂"}`, "True"},
		"no body at all": {now, secret, ``, "True"},
	} {
		h := http.Header{}
		if err := Sign(h, []byte(c.key), "msg_1", c.at, []byte(c.body)); err != nil {
			t.Fatal(err)
		}
		in, err := json.Marshal(map[string]any{"key": secret, "body": c.body, "headers": map[string]string{
			"webhook-id": h.Get(HeaderID), "webhook-timestamp": h.Get(HeaderTime), "webhook-signature": h.Get(HeaderSignature),
		}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		cmd := exec.CommandContext(ctx, python, "-c", code+"\nimport json, sys\nm = json.load(sys.stdin)\nprint(verify(m['key'].encode(), m['headers'], m['body'].encode()))")
		cmd.Stdin = bytes.NewReader(in)
		out, err := cmd.CombinedOutput()
		cancel()
		if err != nil || strings.TrimSpace(string(out)) != c.want {
			t.Errorf("%s: %s %v, want %s", name, out, err, c.want)
		}
	}
}
