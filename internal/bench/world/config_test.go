package world

import (
	"testing"

	"sallyport.dev/sallyport/internal/bench/roles"
	"sallyport.dev/sallyport/internal/pgserver"
	"sallyport.dev/sallyport/internal/pki"
)

// The language may change; the benchmark's configuration must load with it, and
// hold the ten rules that the bars speak of.
func TestConfigurationLoads(t *testing.T) {
	ca, err := pki.New("test")
	if err != nil {
		t.Fatal(err)
	}
	w := &World{
		Dir: t.TempDir(), ca: ca, pg: &pgserver.Server{Host: "127.0.0.1", Port: 5432},
		upstream: roles.UpstreamReady{HTTPS: "127.0.0.1:443", HTTP: "127.0.0.1:80"},
	}
	for _, transport := range []map[string]any{{"Port": 51820}, {"Control": "https://control.example"}} {
		path, err := w.configure(w.Dir, transport)
		if err != nil {
			t.Fatal(err)
		}
		p, err := roles.LoadPolicy(path)
		if err != nil {
			t.Fatal(err)
		}
		if p.RuleCount() != 10 || len(p.SecretNames()) < len(secretValues()) {
			t.Errorf("%v: %d rules, secrets %v", transport, p.RuleCount(), p.SecretNames())
		}
	}
}
