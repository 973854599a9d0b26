package lab_test

import (
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/internal/lab"
)

const keepsAnswers = `
gateway {
  wireguard {
    listen = ":0"
  }
  record {
    bodies = "4KiB"
    strict = %v
  }
}
service "api" {
  hosts   = ["api.example.com"]
  auth    = header("X-Key", secret.api)
  tls     = { ca = file("upstreams.pem") }
  posture = "open"
}
role "everyone" { use = [service.api] }
`

// tellsAll answers with the key that it was sent, in its head, behind its body and in a
// body of the kind that is asked for, in every form that servers write it in.
func tellsAll(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("X-Key")
	quoted, _ := json.Marshal(key)
	forms := []string{key, string(quoted), url.QueryEscape(key), hex.EncodeToString([]byte(key)), base64.StdEncoding.EncodeToString([]byte("x" + key))}
	h := w.Header()
	h.Set("Trailer", "X-Late")
	for i, f := range forms {
		h.Set(fmt.Sprintf("X-Form-%d", i), f)
	}
	h.Set("X-"+hex.EncodeToString([]byte(key)), "in a name")
	h.Set("Set-Cookie", "sid="+key)
	h.Set("Location", "https://elsewhere.example.com/?state="+url.QueryEscape(key)+"#"+url.QueryEscape(key))
	out := io.Writer(w)
	if r.URL.Query().Has("packed") {
		h.Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		defer z.Close()
		out = z
	}
	switch kind := strings.TrimPrefix(r.URL.Path, "/"); kind {
	case "json":
		h.Set("Content-Type", "application/json")
		json.NewEncoder(out).Encode(map[string]any{"note": "the rest", "forms": forms, "inside": map[string]string{"said": "it is " + key + ", really"}}) //nolint:errcheck // the agent may be gone
	case "events":
		h.Set("Content-Type", "text/event-stream")
		for _, f := range forms {
			doc, _ := json.Marshal(map[string]string{"said": f})
			fmt.Fprintf(out, "event: the rest\nid: %s\ndata: %s\n\n", f, doc)
		}
	case "form":
		h.Set("Content-Type", "application/x-www-form-urlencoded")
		io.WriteString(out, url.Values{"note": {"the rest"}, "said": forms}.Encode()) //nolint:errcheck // the agent may be gone
	default:
		h.Set("Content-Type", "text/plain")
		fmt.Fprintf(out, "the rest\n%s\n", strings.Join(forms, "\n"))
	}
	h.Set("X-Late", strings.Join(forms, " "))
}

// What comes back is recorded without the secret that went out, in every kind of body, in
// heads and in trailers, and the chain that holds it is whole. Nothing of it is told
// before a fresh proof.
func TestT31_TheStoreHoldsNoSecretOfAnAnswer(t *testing.T) {
	for _, strict := range []bool{false, true} {
		t.Run(fmt.Sprintf("strict=%v", strict), func(t *testing.T) {
			const canary = `canary/7d1f+"02"<e>&9`
			l := lab.New(t, fmt.Sprintf(keepsAnswers, strict))
			l.Secret("api", canary)
			l.HTTPS("api.example.com", http.HandlerFunc(tellsAll))
			agent := l.Agent("laptop").HTTP()
			kinds := []string{"/json", "/json?packed", "/events", "/events?packed", "/form", "/text", "/text?packed"}
			for _, k := range kinds {
				resp, err := agent.Get("https://api.example.com" + k)
				if err != nil {
					t.Fatal(err)
				}
				io.Copy(io.Discard, resp.Body) //nolint:errcheck // what is recorded counts
				resp.Body.Close()
			}
			records := l.Records("service:api", len(kinds))
			for _, r := range records {
				text, err := json.Marshal(r.Answer)
				if err != nil || r.Answer == nil || !strings.Contains(strings.ReplaceAll(r.Answer.Text, "+", " "), "the rest") || r.Answer.Cut {
					t.Fatalf("%s: %v %s", r.Summary, err, text)
				}
				if marks := strings.Count(string(text), strings.Repeat("*", 12)); marks < 15 || len(r.Answer.Trailers) != 1 || !strings.Contains(string(text), `{"name":"Set-Cookie","hidden":true}`) {
					t.Errorf("%s: %d marks: %s", r.Summary, marks, text)
				}
			}
			var seen []string
			for _, path := range []string{"/api/v1/actions", "/api/v1/actions.jsonl", "/api/v1/actions.har?bodies=1", "/api/v1/actions/" + records[0].ID, "/api/v1/actions/" + records[0].ID + "/why", "/api/v1/audit/verify"} {
				w := httptest.NewRecorder()
				l.API.Handler().ServeHTTP(w, httptest.NewRequestWithContext(route.WithCaller(t.Context(), route.Host("root")), "GET", path, nil))
				if w.Code != 200 {
					t.Errorf("%s: %d %s", path, w.Code, w.Body)
				}
				seen = append(seen, w.Body.String())
			}
			if !strings.Contains(seen[1], "the rest") || !strings.Contains(seen[2], "the rest") || strings.Contains(seen[5], `"problems":[{`) {
				t.Errorf("what was recorded is not there: %.300s\n%.300s\n%s", seen[1], seen[2], seen[5])
			}
			quoted, _ := json.Marshal(canary)
			for _, form := range []string{
				canary, strings.Trim(string(quoted), `"`), url.QueryEscape(canary), hex.EncodeToString([]byte(canary)),
				base64.StdEncoding.EncodeToString([]byte(canary)), base64.StdEncoding.EncodeToString([]byte("x" + canary))[4:20],
			} {
				l.Clean(form, seen...)
			}
		})
	}
}
