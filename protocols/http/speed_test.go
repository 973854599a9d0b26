package http

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
)

// The whole way of a small request, client and origin included: what matters is
// the difference to the direct one.
func BenchmarkSmallRequest(bb *testing.B) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"ok":true,"items":[1,2,3]}`)
	})
	for _, h2 := range []bool{false, true} {
		bb.Run(fmt.Sprintf("gateway/h2=%v", h2), func(bb *testing.B) {
			b := newBench(bb, handler)
			b.auth, b.svc.Injects = &action.Auth{Scheme: "bearer", Secrets: []string{"s"}}, true
			run(bb, b.client(h2), "https://api.example/v1/items?x=1")
		})
	}
	bb.Run("direct", func(bb *testing.B) {
		b := newBench(bb, handler)
		c := b.client(false)
		c.Transport.(*http.Transport).DialContext = nil
		c.Transport.(*http.Transport).TLSClientConfig.ServerName = "api.example"
		run(bb, c, "https://"+b.server+"/v1/items?x=1")
	})
}

func run(bb *testing.B, c *http.Client, url string) {
	bb.ReportAllocs()
	for bb.Loop() {
		resp, err := c.Post(url, "application/json", strings.NewReader(`{"name":"x","value":12345}`))
		if err != nil {
			bb.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
}
