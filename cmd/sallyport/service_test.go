package main

import (
	"net/http"
	"strings"
	"testing"
)

const reachable = `
gateway {
  wireguard {
    listen = ":0"
  }
}

service "shop" {
  hosts = ["shop.example.com"]
  auth  = bearer(secret.shop)
  tls   = { ca = file("upstreams.pem") }
  probe = "GET /v1/me"
}

role "agents" { use = [service.shop] }
`

// Somebody at a terminal sees what is declared, and how far the gateway comes on
// the way there.
func TestService(t *testing.T) {
	d := newDesk(t, reachable)
	d.Secret("shop", "a-token-that-stays-here")
	d.HTTPS("shop.example.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer a-token-that-stays-here" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	if r := d.call("service", "ls"); r.code != 0 || !strings.Contains(r.stdout, "shop  http      shop     agents  shop.example.com") {
		t.Errorf("%d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if r := d.call("service", "test", "shop"); r.code != 0 || !strings.Contains(r.stdout, "the upstream takes shop@1") || !strings.Contains(r.stdout, "certificate") {
		t.Errorf("%d\n%s%s", r.code, r.stdout, r.stderr)
	}
	d.Secret("shop", "another-token-that-stays")
	if r := d.call("service", "test", "shop"); r.code != 1 || !strings.Contains(r.stdout, "does not take shop@2") || strings.Contains(r.stdout, "another-token") {
		t.Errorf("%d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if r := d.call("service", "test", "shop", "--host", "elsewhere.example.com"); r.code != 1 || !strings.Contains(r.stderr, "elsewhere.example.com") {
		t.Errorf("%d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if r := d.call("service", "test", "nothing"); r.code != 1 || !strings.Contains(r.stderr, "no service") {
		t.Errorf("%d\n%s%s", r.code, r.stdout, r.stderr)
	}
}
