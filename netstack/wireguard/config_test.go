package wireguard

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/netstack/trial"
)

const (
	keyA = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
	keyB = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
)

func sampleAgent() (netstack.Space, netstack.Agent) {
	return netstack.Space{Subnet: testSubnet, ULA: testULA}, netstack.Agent{Name: "ci", Addr: netip.MustParseAddr("10.77.1.2")}
}

func TestClientConfig(t *testing.T) {
	space, a := sampleAgent()
	full := NewSettings(space, a, keyA, keyB, "gw.example.com:51820", 0)
	split := full
	split.AllowedIPs = []netip.Prefix{netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("10.77.0.1/32")}
	for _, tc := range []struct {
		name, want string
		in         Settings
	}{
		{"everything", `[Interface]
Address = 10.77.1.2/32, fd5a:1:2:3::102/128
PrivateKey = ` + keyA + `
DNS = 10.77.0.1
MTU = 1420

[Peer]
PublicKey = ` + keyB + `
Endpoint = gw.example.com:51820
AllowedIPs = 0.0.0.0/0, ::/0
PersistentKeepalive = 25
`, full},
		{"split", `[Interface]
Address = 10.77.1.2/32, fd5a:1:2:3::102/128
PrivateKey = ` + keyA + `
DNS = 10.77.0.1
MTU = 1420

[Peer]
PublicKey = ` + keyB + `
Endpoint = gw.example.com:51820
AllowedIPs = 198.18.0.0/15, 10.77.0.1/32
PersistentKeepalive = 25
`, split},
	} {
		if got := ClientConfig(tc.in); got != tc.want {
			t.Errorf("%s:\n%s\nwant:\n%s", tc.name, got, tc.want)
		}
		back, err := ParseConfig(tc.want)
		if err != nil || !reflect.DeepEqual(back, tc.in) {
			t.Errorf("%s: read back as %+v, %v", tc.name, back, err)
		}
	}
}

func TestParseConfigErrors(t *testing.T) {
	space, a := sampleAgent()
	good := ClientConfig(NewSettings(space, a, keyA, keyB, "127.0.0.1:51820", 0))
	for _, tc := range []struct{ name, old, new, want string }{
		{"a typo", "MTU", "MUT", `unknown key "[interface]mut"`},
		{"no value", "MTU = 1420", "MTU", "want a section or KEY = VALUE"},
		{"not a number", "1420", "big", `parsing "big"`},
		{"bad address", "10.77.1.2/32", "10.77.1/32", "10.77.1"},
		{"bad resolver", "DNS = 10.77.0.1", "DNS = gateway", "gateway"},
		{"short key", keyB, "AAAA", "PublicKey is not 32 bytes"},
		{"no private key", "PrivateKey = " + keyA, "", "PrivateKey is not 32 bytes"},
		{"no address", "Address = 10.77.1.2/32, fd5a:1:2:3::102/128", "", "Address is missing"},
		{"no endpoint", "Endpoint = 127.0.0.1:51820", "", "Endpoint"},
		{"injected line", "127.0.0.1:51820", "127.0.0.1 51820", "Endpoint"},
		{"keepalive", "25", "70000", "PersistentKeepalive 70000"},
	} {
		_, err := ParseConfig(strings.Replace(good, tc.old, tc.new, 1))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
		if err != nil && strings.Contains(err.Error(), keyA) {
			t.Errorf("%s: the error quotes the private key", tc.name)
		}
	}
	if _, err := ParseConfig(strings.ToUpper("# x\n[interface]\n") + good); err != nil {
		t.Errorf("upper case: %v", err)
	}
}

func FuzzParseConfig(f *testing.F) {
	space, a := sampleAgent()
	f.Add(ClientConfig(NewSettings(space, a, keyA, keyB, "127.0.0.1:51820", 0)))
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseConfig(text)
		if err != nil {
			return
		}
		back, err := ParseConfig(ClientConfig(s))
		if err != nil || ClientConfig(back) != ClientConfig(s) {
			t.Errorf("%q became %q: %v", text, ClientConfig(s), err)
		}
	})
}

func TestStartRefusesBadConfig(t *testing.T) {
	r, err := netstack.NewRoster(t.Context(), &trial.Memory{}, testSubnet, testULA, nil)
	if err != nil {
		t.Fatal(err)
	}
	good := Config{Listen: ":0", PrivateKey: keyA, Subnet: testSubnet, ULA: testULA}
	for name, change := range map[string]func(*Config){
		"no port":        func(c *Config) { c.Listen = "localhost" },
		"one address":    func(c *Config) { c.Listen = "127.0.0.1:0" },
		"port too large": func(c *Config) { c.Listen = ":65536" },
		"no key":         func(c *Config) { c.PrivateKey = "" },
		"short key":      func(c *Config) { c.PrivateKey = "AAAA" },
		"other subnet":   func(c *Config) { c.Subnet = netip.MustParsePrefix("10.78.0.0/16") },
		"small MTU":      func(c *Config) { c.MTU = 600 },
	} {
		cfg := good
		change(&cfg)
		n, err := Start(t.Context(), cfg, r, &netstack.Server{Peers: r, Names: trial.Names{}}, nil)
		if err == nil {
			n.Close()
			t.Errorf("%s: started", name)
			continue
		}
		if strings.Contains(err.Error(), keyA) {
			t.Errorf("%s: the error quotes the key", name)
		}
	}
	busy, err := Start(t.Context(), good, r, &netstack.Server{Peers: r, Names: trial.Names{}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	good.Listen = fmt.Sprintf(":%d", busy.Port())
	if n, err := Start(t.Context(), good, r, &netstack.Server{Peers: r, Names: trial.Names{}}, nil); err == nil {
		n.Close()
		t.Error("two nodes on one port")
	}
}
