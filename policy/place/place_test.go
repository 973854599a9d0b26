package place

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"db.internal": "db.internal", "DB.Internal.": "db.internal", "db.internal:5432": "db.internal:5432", "*": "*", "*:8443": "*:8443",
		"*.acme.dev": "*.acme.dev", "*.Acme.dev:443": "*.acme.dev:443", "10.0.0.5": "10.0.0.5", "10.0.0.5:22": "10.0.0.5:22",
		"fd00::7": "fd00::7", "[fd00::7]": "fd00::7", "[fd00::7]:8443": "[fd00::7]:8443", "::ffff:10.0.0.5": "10.0.0.5", "64:ff9b::10.0.0.5": "10.0.0.5",
		"10.4.0.0/24": "10.4.0.0/24", "10.4.0.0/24:5432": "10.4.0.0/24:5432", "fd00::/64": "fd00::/64", "[fd00::/64]:443": "[fd00::/64]:443",
		"::ffff:10.0.0.0/104": "10.0.0.0/8", "64:ff9b::a00:0/104": "10.0.0.0/8", "_dmarc.acme.dev": "_dmarc.acme.dev", "localhost": "localhost",
	} {
		p, err := Parse(text)
		if err != nil || p.String() != want {
			t.Errorf("%q is %q %v, want %q", text, p, err, want)
		}
	}
	for _, text := range []string{
		"", ".", "a b", "a..b", "*.", "*.*.dev", "a.*.dev", "x:", "x:0", "x:65536", "x:+1", "x:01", "x:http", "[::1", "[1.2.3.4]:5", "[::1]5", "[x]:5",
		"10.0.0.1/24", "10.0.0.0/33", "fd00::1%eth0", "1.2.3", "0x7f.1", "2130706433", "http://x", "x/y", "-x.dev", "x-.dev", strings.Repeat("a", 64), "ä.dev", "x\x00.dev",
	} {
		if p, err := Parse(text); err == nil {
			t.Errorf("%q is %q", text, p)
		}
	}
}

func TestParseTarget(t *testing.T) {
	for text, want := range map[string]Target{
		"db.corp":        {Host: "db.corp"},
		"db.corp:6432":   {Host: "db.corp", Port: 6432},
		"10.0.0.5:1":     {Host: "10.0.0.5", Addr: netip.MustParseAddr("10.0.0.5"), Port: 1},
		"[fd00::7]:8443": {Host: "fd00::7", Addr: netip.MustParseAddr("fd00::7"), Port: 8443},
	} {
		if got, err := ParseTarget(text); err != nil || got != want {
			t.Errorf("%q is %+v %v", text, got, err)
		}
	}
	for _, text := range []string{"*", "*.acme.dev", "10.0.0.0/8", ""} {
		if got, err := ParseTarget(text); err == nil {
			t.Errorf("%q is %+v", text, got)
		}
	}
}

func TestPublic(t *testing.T) {
	for name, want := range map[string]bool{
		"example.com": true, "a.b.dev": true, "localhost": false, "printer.local": false, "db.internal": false, "intranet": false,
		"x.home.arpa": false, "1.0.0.127.in-addr.arpa": false, "x.onion": false, "x.test": false, "": false,
	} {
		if got := Public(name); got != want {
			t.Errorf("%q public %v", name, got)
		}
	}
}

func TestNamedAgreesWithFind(t *testing.T) {
	var claims []Claim
	for i, text := range []string{"a.dev", "*.a.dev:8443", "*.b.a.dev", "*"} {
		p, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		claims = append(claims, Claim{Place: p, Owner: i, Defaults: []uint16{443}})
	}
	all, some := NewTable(claims), NewTable(claims[:3])
	for _, table := range []*Table{all, some} {
		for _, name := range []string{"a.dev", "x.a.dev", "x.b.a.dev", "b.a.dev", "dev", "other.dev", "x.local"} {
			for _, port := range []uint16{443, 8443, 80} {
				found := table.Find(Dest{Name: name, Port: port}) != nil
				if found && !table.Named(name, port) {
					t.Errorf("%s:%d is found and not named", name, port)
				}
			}
		}
	}
	if some.Named("other.dev", 443) || some.Named("127.1", 443) {
		t.Error("a stranger is named")
	}
	if n := testing.AllocsPerRun(100, func() { some.Named("x.b.a.dev", 443) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestSame(t *testing.T) {
	claim := func(text string, ports ...uint16) Claim {
		p, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return Claim{Place: p, Defaults: ports}
	}
	for _, c := range []struct {
		a, b Claim
		port uint16
	}{
		{claim("x.dev", 443, 80), claim("X.dev.", 443, 80), 443},
		{claim("x.dev", 443, 80), claim("x.dev", 5432), 0},
		{claim("x.dev", 443, 80), claim("x.dev:443"), 0},
		{claim("x.dev:443"), claim("x.dev:443"), 443},
		{claim("*.x.dev", 443), claim("x.dev", 443), 0},
		{claim("10.0.0.0/24", 443), claim("10.0.0.0/25", 443), 0},
		{claim("::ffff:10.0.0.5", 443), claim("10.0.0.5", 443), 443},
	} {
		port, same := Same(&c.a, &c.b)
		if same != (c.port != 0) || port != c.port {
			t.Errorf("%s and %s: %d %v", c.a, c.b, port, same)
		}
	}
}

func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"db.internal", "DB.Internal.", "127.1", "0x7f.1", "a..b", "xn--a", "_x.y", "ä.dev"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, err := Canonical(s)
		if err != nil {
			return
		}
		if again, err := Canonical(name); err != nil || again != name {
			t.Errorf("%q is %q and then %q %v", s, name, again, err)
		}
		if _, err := netip.ParseAddr(name); err == nil {
			t.Errorf("the name %q is an address", name)
		}
		if strings.ToLower(name) != name || strings.HasSuffix(name, ".") || strings.ContainsAny(name, " /:\\@%[]*") {
			t.Errorf("the name %q is not canonical", name)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"*.a.dev:443", "[fd00::/64]:1", "10.0.0.0/8:22", "*", "x:1", "::ffff:0:0/96"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := Parse(s)
		if err != nil {
			return
		}
		again, err := Parse(p.String())
		if err != nil || again != p {
			t.Errorf("%q is %+v, and %q is %+v %v", s, p, p, again, err)
		}
	})
}

func TestCovers(t *testing.T) {
	var claims []Claim
	for i, text := range []string{"a.dev", "*.dev", "*"} {
		p, _ := Parse(text)
		claims = append(claims, Claim{Place: p, Owner: i, Defaults: []uint16{443}})
	}
	table := NewTable(claims)
	for name, want := range map[string][]int{"a.dev": {0, 1}, "b.dev": {1}, "dev": nil, "x.com": {2}, "x.local": nil} {
		var owners []int
		for _, c := range table.Covers(name) {
			owners = append(owners, c.Owner)
		}
		if !slices.Equal(owners, want) {
			t.Errorf("%s is covered by %v, want %v", name, owners, want)
		}
	}
}
