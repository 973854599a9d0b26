package policy

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
)

const placesConf = `
service "exact" { hosts = ["db.acme.dev"] }
service "exact_port" {
  protocol = "tcp"
  hosts    = ["db.acme.dev:22"]
}
service "short" { hosts = ["*.acme.dev"] }
service "long" { hosts = ["*.eu.acme.dev"] }
service "ip" { hosts = ["10.0.0.5"] }
service "ip_port" {
  protocol = "tcp"
  hosts    = ["10.0.0.5:443", "[fd00::7]:8443"]
}
service "wide" { hosts = ["10.0.0.0/8"] }
service "narrow" { hosts = ["10.0.1.0/24", "[fd00:1::/64]:443"] }
service "pg" {
  protocol = "postgres"
  hosts    = ["pg.acme.dev", "10.0.2.0/24"]
}
service "net" {
  preset = "internet"
  hosts  = ["*"]
}
service "theirs" { hosts = ["only.theirs.dev", "port.theirs.dev:8443"] }
service "twin_a" { hosts = ["twin.dev"] }
service "twin_b" { hosts = ["twin.dev"] }
role "r" { use = [service.exact, service.exact_port, service.short, service.long, service.ip, service.ip_port, service.wide, service.narrow, service.pg, service.net] }
role "other" { use = [service.theirs] }
role "a" { use = [service.twin_a] }
role "b" { use = [service.twin_b] }
`

func TestResolve(t *testing.T) {
	p := loaded(t, placesConf)
	vip := func(port uint16) netip.AddrPort { return netip.AddrPortFrom(netip.MustParseAddr("198.18.0.9"), port) }
	at := netip.MustParseAddrPort
	cases := []struct {
		roles string
		host  string
		dst   netip.AddrPort
		want  string // service; "name": needs one; "": refused
	}{
		{"r", "db.acme.dev", vip(443), "exact"},
		{"r", "DB.ACME.dev.", vip(80), "exact"},
		{"r", "db.acme.dev", vip(22), "exact_port"},
		{"r", "db.acme.dev", vip(8443), ""},
		{"r", "x.acme.dev", vip(443), "short"},
		{"r", "a.b.c.acme.dev", vip(443), "short"},
		{"r", "acme.dev", vip(443), "net"},
		{"r", "x.eu.acme.dev", vip(443), "long"},
		{"r", "eu.acme.dev", vip(443), "short"},
		{"r", "pg.acme.dev", vip(5432), "pg"},
		{"r", "pg.acme.dev", vip(443), "short"}, // the exact name means another port
		{"r", "", at("10.0.0.5:443"), "ip_port"},
		{"r", "", at("10.0.0.5:80"), "ip"},
		{"r", "", at("10.0.0.6:443"), "wide"},
		{"r", "", at("10.0.1.6:443"), "narrow"},
		{"r", "", at("10.0.2.6:5432"), "pg"},
		{"r", "", at("10.0.2.6:443"), "wide"},
		{"r", "", at("10.0.2.6:5433"), ""},
		{"r", "", at("[fd00::7]:8443"), "ip_port"},
		{"r", "", at("[fd00::7]:443"), "name"},
		{"r", "", at("[fd00:1::9]:443"), "narrow"},
		{"r", "", at("[fd00:1::9]:80"), "name"},
		{"r", "", at("140.82.1.1:443"), "name"},
		{"r", "", at("140.82.1.1:22"), ""},
		{"r", "undeclared.dev", at("10.0.1.6:443"), "narrow"}, // the address brought it there
		{"r", "example.com", at("140.82.1.1:443"), "net"},
		{"r", "example.com", at("140.82.1.1:8443"), ""},
		{"r", "printer.local", vip(443), ""},
		{"r", "localhost", vip(443), ""},
		{"r", "intranet", vip(443), ""},
		{"r", "only.theirs.dev", vip(443), ""}, // "*" is for what nobody declares
		{"r", "only.theirs.dev", vip(80), ""},
		{"r", "port.theirs.dev", vip(443), ""},
		{"other", "only.theirs.dev", vip(443), "theirs"},
		{"other", "db.acme.dev", vip(443), ""},
		{"other", "", at("140.82.1.1:443"), "name"},
		{"none", "", at("140.82.1.1:443"), ""},
		{"a", "twin.dev", vip(443), "twin_a"},
		{"b", "twin.dev", vip(443), "twin_b"},
		{"a,b", "twin.dev", vip(443), ""},
	}
	for _, c := range cases {
		r := p.Resolve(agent(strings.Split(c.roles, ",")...), c.host, c.dst)
		got := ""
		switch {
		case r.Service != nil:
			got = r.Service.Name
		case r.NeedsName:
			got = "name"
		}
		if got != c.want || got == "" && r.Reason == "" {
			t.Errorf("%s to %q %s: %q (%s), want %q", c.roles, c.host, c.dst, got, r.Reason, c.want)
		}
	}
	if r := p.Resolve(nil, "db.acme.dev", vip(443)); r.Service != nil || r.Reason == "" {
		t.Errorf("no agent: %+v", r)
	}
}

// Sixty spellings of addresses: what is the same address meets the same rule,
// and nothing that some resolver would read as an address passes for a name.
func TestT05_SpellingsOfAnAddress(t *testing.T) {
	p := loaded(t, `
service "meta" { hosts = ["169.254.169.254", "10.0.0.0/8", "fd00::7"] }
service "net" {
  preset = "internet"
  hosts  = ["*"]
}
role "r" { use = [service.net] }
role "m" { use = [service.meta] }
`)
	same := map[string][]string{
		"169.254.169.254": {
			"169.254.169.254", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "::FFFF:A9FE:A9FE", "0:0:0:0:0:ffff:a9fe:a9fe",
			"0000:0000:0000:0000:0000:ffff:a9fe:a9fe", "64:ff9b::169.254.169.254", "64:ff9b::a9fe:a9fe", "64:FF9B::A9FE:A9FE",
			"0064:ff9b:0:0:0:0:a9fe:a9fe", "64:ff9b:0000::169.254.169.254", "::ffff:169.254.169.254%eth0", "64:ff9b::a9fe:a9fe%1",
		},
		"10.0.0.5": {
			"10.0.0.5", "::ffff:10.0.0.5", "::ffff:a00:5", "::ffff:0a00:0005", "64:ff9b::10.0.0.5", "64:ff9b::a00:5", "0:0:0:0:0:FFFF:0A00:0005",
		},
		"fd00::7": {
			"fd00::7", "FD00::7", "fd00:0:0:0:0:0:0:7", "fd00:0000::0007", "fd00::0:7", "fd00:0::7", "fd00::0.0.0.7", "fd00::7%eth0",
		},
	}
	count := 0
	for plain, spellings := range same {
		for _, s := range spellings {
			count++
			dst := netip.AddrPortFrom(netip.MustParseAddr(s), 443)
			if r := p.Resolve(agent("m"), "", dst); r.Service == nil || r.Service.Name != "meta" {
				t.Errorf("dialling %s is not %s: %s", s, plain, r.Reason)
			}
			if r := p.Resolve(agent("m"), s, netip.AddrPort{}); strings.Contains(s, "%") || r.Service == nil {
				if r := p.Resolve(agent("m"), s, netip.AddrPortFrom(netip.Addr{}, 443)); r.Service == nil {
					t.Errorf("naming %s is not %s: %s", s, plain, r.Reason)
				}
			}
			if r := p.Resolve(agent("r"), "", dst); r.Service != nil {
				t.Errorf("%s passes as public", s)
			}
			if r := p.Resolve(agent("m"), "10.0.0.99", dst); r.Service != nil {
				t.Errorf("%s is dialled and another address is named, and it passes", s)
			}
		}
	}
	for _, s := range []string{
		"169.254.43518", "169.16689662", "2852039166", "0xa9fea9fe", "0xA9FEA9FE", "0xa9.0xfe.0xa9.0xfe", "0251.0376.0251.0376", "025177524776",
		"0xa9.254.0251.254", "169.254.169.0xfe", "127.1", "127.0.1", "127.0.0.1", "0", "0.0.0.0", "0x7f.1", "0x7f000001", "017700000001", "2130706433",
		"10.0.5", "010.0.0.5", "10.0.0.005", "10.0.0.5.", "127.0.0.1.", "1.2.3.4.5", "256.256.256.256", "[::1]", "[::ffff:127.0.0.1]", "::1", "::", "::ffff:0:127.0.0.1",
		"127.0.0.1:443", "localhost", "localhost.", "LOCALHOST", "foo.localhost", "a..b.com", ".example.com", "exa mple.com", "example.com/x", "user@example.com",
		"ex\u00e4mple.com", "example.com\x00", "-a.com", "a-.com", "xn--.", "①②⑦.①", "１２７.０.０.１", strings.Repeat("a", 64) + ".com", strings.Repeat("a.", 130) + "com",
	} {
		count++
		if r := p.Resolve(agent("r"), s, netip.AddrPortFrom(netip.Addr{}, 443)); r.Service != nil {
			t.Errorf("%q passes as a public name", s)
		}
		if declared, _ := p.Declares(agent("r"), s); declared {
			t.Errorf("%q is answered in DNS", s)
		}
	}
	if count < 60 {
		t.Errorf("only %d spellings", count)
	}
}

func TestDeclares(t *testing.T) {
	p := loaded(t, placesConf)
	cases := []struct{ role, name, want string }{
		{"r", "db.acme.dev", "exact"},
		{"r", "DB.acme.dev.", "exact"},
		{"r", "x.acme.dev", "wildcard"},
		{"r", "example.com", "wildcard"},
		{"r", "only.theirs.dev", ""},
		{"other", "only.theirs.dev", "exact"},
		{"other", "db.acme.dev", ""},
		{"other", "example.com", ""},
		{"r", "printer.local", ""},
		{"r", "10.0.0.5", ""},
		{"r", "", ""},
		{"a", "twin.dev", "exact"},
		{"none", "db.acme.dev", ""},
	}
	for _, c := range cases {
		declared, wildcard := p.Declares(agent(c.role), c.name)
		if declared != (c.want != "") || wildcard != (c.want == "wildcard") {
			t.Errorf("%s asks for %q: %v %v, want %q", c.role, c.name, declared, wildcard, c.want)
		}
	}
	if declared, _ := p.Declares(agent("a", "b"), "twin.dev"); declared {
		t.Error("a name that resolves to no one service is answered")
	}
}

func TestRoute(t *testing.T) {
	p := loaded(t, `
service "plain" {
  hosts = ["api.acme.dev", "10.1.0.0/16", "10.2.0.1:8443"]
  auth  = bearer(secret.plain)
}
service "by_addr" {
  protocol = "postgres"
  hosts    = ["db.acme.dev"]
  upstream = "10.4.0.12:6432"
}
service "by_name" {
  hosts    = ["front.acme.dev"]
  upstream = "back.corp"
  tls      = { server_name = "cert.acme.dev" }
}
service "proved" {
  hosts    = ["mirror.acme.dev"]
  upstream = "origin.dev"
}
service "net" {
  preset = "internet"
  hosts  = ["*", "10.9.0.1:443"]
}
role "r" { use = [service.plain, service.by_addr, service.by_name, service.proved, service.net] }
`)
	vip := func(port uint16) netip.AddrPort { return netip.AddrPortFrom(netip.MustParseAddr("198.18.0.9"), port) }
	at := netip.MustParseAddrPort
	cases := []struct {
		service, host string
		dst           netip.AddrPort
		want          action.Route
	}{
		{"plain", "api.acme.dev", vip(443), action.Route{Host: "api.acme.dev", Port: 443}},
		{"plain", "", at("10.1.2.3:80"), action.Route{Host: "10.1.2.3", Port: 80}},
		{"plain", "", at("[::ffff:10.2.0.1]:8443"), action.Route{Host: "10.2.0.1", Port: 8443}},
		{"plain", "whatever.dev", at("10.1.2.3:443"), action.Route{Host: "10.1.2.3", Port: 443}},
		{"by_addr", "db.acme.dev", vip(5432), action.Route{Host: "10.4.0.12", Port: 6432, ServerName: "db.acme.dev"}},
		{"by_name", "front.acme.dev", vip(443), action.Route{Host: "back.corp", Port: 443, PermitAny: true, ServerName: "cert.acme.dev"}},
		{"proved", "mirror.acme.dev", vip(80), action.Route{Host: "origin.dev", Port: 80, PermitAny: true}},
		{"net", "example.com", vip(443), action.Route{Host: "example.com", Port: 443, Public: true}},
		{"net", "", at("10.9.0.1:443"), action.Route{Host: "10.9.0.1", Port: 443}},
	}
	for _, c := range cases {
		a := with(p, c.service)
		a.Host, a.Dst = c.host, c.dst
		r, err := p.Route(a)
		if err != nil {
			t.Errorf("%s: %v", c.service, err)
			continue
		}
		got := action.Route{Host: r.Host, Port: r.Port, PermitAny: r.PermitAny, Public: r.Public, ServerName: r.ServerName}
		if got.Host != c.want.Host || got.Port != c.want.Port || got.PermitAny != c.want.PermitAny || got.Public != c.want.Public || got.ServerName != c.want.ServerName {
			t.Errorf("%s %q %s: %+v, want %+v", c.service, c.host, c.dst, got, c.want)
		}
		if (r.Auth != nil) != (c.service == "plain") {
			t.Errorf("%s: auth %+v", c.service, r.Auth)
		}
	}
	a := with(p, "by_addr")
	a.Host, a.Dst = "db.acme.dev", vip(5432)
	if r, _ := p.Route(a); !slices.Contains(r.Permit, netip.MustParsePrefix("10.4.0.12/32")) {
		t.Errorf("a literal upstream is not permitted: %v", r.Permit)
	}
	a = with(p, "plain")
	a.Host, a.Dst = "evil.dev", vip(443)
	if r, err := p.Route(a); err == nil {
		t.Errorf("the account follows the agent to another place: %+v", r)
	}
}

func TestNames(t *testing.T) {
	p := loaded(t, `
service "a" { hosts = ["api.acme.dev:8443", "*.acme.dev", "10.4.0.0/24", "fd00::7"] }
service "b" {
  protocol = "tcp"
  hosts    = ["git.acme.dev:22"]
}
service "internet" {}
service "c" {
  protocol = "postgres"
  hosts    = ["10.5.0.0/24"]
  tls      = { server_name = "db.acme.dev" }
}
`)
	want := "api.acme.dev *.acme.dev 10.4.0.0/24 fd00::7 10.5.0.0/24 db.acme.dev"
	if got := strings.Join(p.Names(), " "); got != want {
		t.Errorf("names %q, want %q", got, want)
	}
}
