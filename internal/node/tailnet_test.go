package node_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tailscale.com/net/netns"
	"tailscale.com/tailcfg"
	"tailscale.com/tstest/integration"
	"tailscale.com/tstest/integration/testcontrol"
	"tailscale.com/types/logger"
)

// TestBothTransportsAtOnce starts a gateway that is a WireGuard peer and a node
// of a tailnet, with its auth key from the vault and its state sealed there.
func TestBothTransportsAtOnce(t *testing.T) {
	netns.SetEnabled(false)
	t.Setenv("SALLYPORT_TEST_AUTH_KEY", "tskey-canary")
	control := &testcontrol.Server{
		DERPMap:   integration.RunDERPAndSTUN(t, logger.Discard, "127.0.0.1"),
		DNSConfig: &tailcfg.DNSConfig{Proxied: true}, MagicDNSDomain: "corp.ts.net", Logf: logger.Discard,
		RequireAuthKey: "tskey-canary", TagOwners: map[string][]string{"tag:sallyport": nil},
	}
	web := httptest.NewUnstartedServer(control)
	control.HTTPTestServer = web
	web.Start()
	t.Cleanup(func() { web.CloseClientConnections(); web.Close() })

	rules := fmt.Sprintf(`
gateway {
  wireguard {
    listen = ":0"
  }
  tailnet {
    hostname    = "gate"
    auth_key    = secret.ts
    control_url = %q
    tags        = ["tag:sallyport"]
  }
}
secret "ts" { env = "SALLYPORT_TEST_AUTH_KEY" }
service "lan" {
  hosts = ["10.40.0.0/16:443"]
}
role "ci" {
  members = ["tag:ci"]
  use     = [service.lan]
}
`, web.URL)
	o, logs := options(t, rules)
	n := start(t, o)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := n.TS.Up(ctx); err != nil {
		t.Fatalf("%v\n%s", err, logs)
	}
	inside, inside6 := n.WG.Gateway()
	v4, v6 := n.TS.Gateway()
	for _, at := range []netip.Addr{inside, inside6, v4, v6} {
		if own := n.Gateway.Dialer.Self(); !at.IsValid() || !slices.Contains(own, netip.AddrPortFrom(at, 0)) {
			t.Errorf("the gateway does not know %v for its own: %v", at, own)
		}
	}
	s := n.API.Status()
	if s.WireGuard == "" || s.Tailnet == nil || s.Tailnet.State != "Running" || s.Tailnet.Hostname != "gate" {
		t.Fatalf("status %+v, %+v", s, s.Tailnet)
	}
	for _, route := range []string{"0.0.0.0/0", "::/0", "10.40.0.0/16", "198.18.0.0/15"} {
		if !slices.Contains(s.Tailnet.Routes, route) || !slices.Contains(s.Tailnet.Refused, route) {
			t.Errorf("route %s is not advertised and waiting: %+v", route, s.Tailnet)
		}
	}
	if !slices.Equal(s.Tailnet.Members, []string{"tag:ci"}) {
		t.Errorf("members %v", s.Tailnet.Members)
	}
	for _, words := range []string{"has not approved the routes", "no other node"} {
		if !slices.ContainsFunc(s.Warnings, func(w string) bool { return strings.Contains(w, words) }) {
			t.Errorf("no warning that says %q: %q", words, s.Warnings)
		}
	}

	// A service comes and goes, and its network with it.
	lan := netip.MustParsePrefix("10.50.0.0/16")
	for _, step := range []struct {
		more string
		want bool
	}{{"service \"more\" {\n  hosts = [\"10.50.0.0/16:443\"]\n}\n", true}, {"", false}} {
		put(t, o.Config, rules+step.more)
		n.Rules.Reload(t.Context())
		if got := n.API.Status().Tailnet.Routes; slices.Contains(got, lan.String()) != step.want {
			t.Fatalf("routes %v\n%s", got, logs)
		}
		for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
			told := control.AllNodes()[0].Hostinfo.RoutableIPs().AsSlice()
			if slices.Contains(told, lan) == step.want {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("the tailnet is told of %v\n%s", told, logs)
			}
		}
	}
	secrets := func() error {
		return filepath.WalkDir(o.State, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			b, err := os.ReadFile(path)
			for _, secret := range []string{"_machinekey", "tskey-canary"} {
				if bytes.Contains(b, []byte(secret)) {
					t.Errorf("%s holds %q in the clear", path, secret)
				}
			}
			return err
		})
	}
	err := secrets()
	for end := time.Now().Add(patience); errors.Is(err, fs.ErrNotExist) && time.Now().Before(end); {
		err = secrets() // a file was replaced meanwhile: the node is at work
	}
	if err != nil {
		t.Error(err)
	}
}

// With capture = "services" only what stands for services leads to the gateway. It
// needs no control server to know that, and says what is missing.
func TestServicesAloneAreAdvertised(t *testing.T) {
	netns.SetEnabled(false)
	o, logs := options(t, `
gateway {
  tailnet {
    capture     = "services"
    control_url = "http://127.0.0.1:1"
  }
}
service "lan" {
  hosts = ["10.40.0.0/16:443", "[fd12:3456::/48]:443"]
}
role "ci" {
  members = ["tag:ci"]
  use     = [service.lan]
}
`)
	s := start(t, o).API.Status()
	if s.Tailnet == nil {
		t.Fatalf("no tailnet\n%s", logs)
	}
	var names int
	for _, r := range s.Tailnet.Routes {
		p := netip.MustParsePrefix(r)
		if p.Bits() == 0 {
			t.Errorf("%s is advertised", r)
		}
		if p.Bits() == 64 && p.Addr().Is6() {
			names++
		}
	}
	for _, route := range []string{"10.40.0.0/16", "fd12:3456::/48", "198.18.0.0/15"} {
		if !slices.Contains(s.Tailnet.Routes, route) {
			t.Errorf("%s is not advertised: %v", route, s.Tailnet.Routes)
		}
	}
	if len(s.Tailnet.Routes) != 4 || names != 1 {
		t.Errorf("routes %v", s.Tailnet.Routes)
	}
	if s.Tailnet.State == "Running" || !slices.ContainsFunc(s.Warnings, func(w string) bool { return strings.HasPrefix(w, "the node is not ") }) {
		t.Errorf("without a control server: %s, %q", s.Tailnet.State, s.Warnings)
	}
}
