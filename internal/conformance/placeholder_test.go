//go:build e2e

package conformance

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport.dev/sallyport/internal/lab"
	"sallyport.dev/sallyport/internal/notrun"
)

const held = `
gateway {
  wireguard {
    listen = ":0"
  }
}

service "openai" {
  preset = "openai"
  hosts  = ["api.example.com"]
  auth   = placeholder("OPENAI_API_KEY", bearer(secret.openai))
  tls    = { ca = file("upstreams.pem") }
}

role "callers" { use = [service.openai] }
`

// TestTheSDKTakesThePlaceholder: an unmodified SDK in the environment that its agent is
// told of gets its answer; in another agent's, or with a key of its own, it is refused
// in a way that it understands.
func TestTheSDKTakesThePlaceholder(t *testing.T) {
	modules, err := filepath.Abs("../../.cache/npm/openai")
	must(t, err)
	if _, err := os.Stat(filepath.Join(modules, "done")); err != nil {
		notrun.Skip(t, "the npm package openai is not installed; run contrib/dev/ensure test")
	}
	s := &site{Lab: lab.New(t, held), t: t}
	s.Secret("openai", "a-key-that-stays-here")
	keys := make(chan string, 8)
	s.HTTPS("api.example.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		keys <- r.Header.Get("Authorization")
		speak(w, r)
	}))
	environment := func(agent string) []string {
		a, ok := s.Roster.Get(agent)
		if !ok {
			t.Fatalf("there is no agent %s", agent)
		}
		peer, _ := s.Roster.Current(a.ID)
		_, shell, _ := s.Dummies.Page(s.Rules.Current().Manifest(peer), a.ID)
		var env []string
		for line := range strings.Lines(shell) {
			env = append(env, strings.ReplaceAll(strings.TrimPrefix(strings.TrimSpace(line), "export "), "'", ""))
		}
		return env
	}
	_, port, err := net.SplitHostPort(s.Plug("mine", "api.example.com", 443))
	must(t, err)
	s.Plug("other", "api.example.com", 443)
	for _, c := range []struct {
		what string
		env  []string
		want string
	}{
		{"its own placeholder", environment("mine"), "Hello, world."},
		{"another agent's", environment("other"), "401 AuthenticationError"},
		{"a key of its own", append(environment("mine"), "OPENAI_API_KEY=sk-proj-a-key-of-its-own"), "401 AuthenticationError"},
	} {
		out, err := s.run(append(c.env, "MODULES="+modules, "PORT="+port, "CA="+s.ca()), "node", "testdata/openai/placeholder.mjs")
		if err != nil || out != c.want {
			t.Errorf("%s: %s, %v", c.what, out, err)
		}
	}
	if key := <-keys; key != "Bearer a-key-that-stays-here" || len(keys) > 0 {
		t.Errorf("the server got %q, and %d more requests", key, len(keys))
	}
	if r := s.Records("kind:alarm", 1); !strings.Contains(r[0].Summary, "of agent other") {
		t.Errorf("the alarm: %q", r[0].Summary)
	}
	s.Clean("a-key-that-stays-here")
}
