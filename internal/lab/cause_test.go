package lab_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"sallyport.dev/sallyport/internal/lab"
)

// An agent hears why a service was not reached, and nothing of where it is.
func TestAnAgentHearsWhyAServiceWasNotReached(t *testing.T) {
	l := lab.New(t, `
gateway {
  wireguard {
    listen = ":0"
  }
}
service "gone" {
  hosts   = ["gone.example.com"]
  posture = "open"
  tls     = { ca = file("upstreams.pem") }
}
service "other" {
  hosts   = ["other.example.com"]
  posture = "open"
  tls     = { ca = file("upstreams.pem"), server_name = "another.example.com" }
}
role "everyone" { use = [service.gone, service.other] }
`)
	gone := l.Refusing("gone.example.com")
	other := l.HTTPS("other.example.com", http.NotFoundHandler())
	agent := l.Agent("laptop").HTTP()
	for url, want := range map[string]string{
		"https://gone.example.com/":  "it refuses connections",
		"https://other.example.com/": "its certificate is for another name",
	} {
		resp, err := agent.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		var problem struct{ Detail string }
		if err := json.Unmarshal(body, &problem); err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != http.StatusBadGateway || !strings.Contains(problem.Detail, want) {
			t.Errorf("%s: %d %s", url, resp.StatusCode, body)
		}
		for _, inside := range []string{gone, other.Listener.Addr().String(), "127.0.0.1", "another.example.com"} {
			if strings.Contains(string(body), inside) {
				t.Errorf("%s: the agent is told of %s: %s", url, inside, body)
			}
		}
	}
}
