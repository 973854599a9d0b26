package guard

import (
	"net/netip"
	"testing"
)

func TestT06_ANameLeadsOnlyToPublicAddresses(t *testing.T) {
	own := []netip.Addr{netip.MustParseAddr("8.8.4.4")}
	for _, c := range []struct {
		addr   string
		public bool
	}{
		{"93.184.216.34", true},
		{"2606:2800:220:1::1", true},
		{"2002:5db8:d822::1", true},
		{"64:ff9b::5db8:d822", true},
		{"127.0.0.1", false},
		{"127.8.8.8", false},
		{"0.0.0.0", false},
		{"::", false},
		{"::1", false},
		{"10.0.0.1", false},
		{"172.16.0.1", false},
		{"172.31.255.255", false},
		{"192.168.1.1", false},
		{"169.254.169.254", false},
		{"fe80::1", false},
		{"fd00:ec2::254", false},
		{"fd7a:115c:a1e0::1", false},
		{"100.64.0.1", false},
		{"100.100.100.200", false},
		{"198.18.0.7", false},
		{"198.19.255.255", false},
		{"224.0.0.1", false},
		{"255.255.255.255", false},
		{"ff02::1", false},
		{"fc00::1", false},
		{"::ffff:10.0.0.1", false},
		{"::ffff:169.254.169.254", false},
		{"64:ff9b::a00:1", false},
		{"64:ff9b::a9fe:a9fe", false},
		{"2002:a00:1::1", false},
		{"2002:7f00:1::1", false},
		{"::127.0.0.1", false},
		{"2001:0:4136:e378:8000:63bf:3fff:fdd2", false},
		{"2001:db8::5efe:10.0.0.1", false},
		{"2600::5efe:10.0.0.1", false},
		{"8.8.4.4", false},
	} {
		addr := netip.MustParseAddr(c.addr)
		if got := Public(addr.Unmap(), own); got != c.public {
			t.Errorf("%s: public is %v, want %v", c.addr, got, c.public)
		}
	}
}

func TestNoNameLeadsToMetadata(t *testing.T) {
	for _, addr := range []string{"169.254.169.254", "fd00:ec2::254", "100.100.100.200", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "0.0.0.0", "198.18.0.1", "ff02::1"} {
		if !Forbidden(netip.MustParseAddr(addr)) {
			t.Errorf("%s may be where a declared name leads", addr)
		}
	}
	for _, addr := range []string{"10.0.0.1", "127.0.0.1", "fd00::1", "93.184.216.34"} {
		if Forbidden(netip.MustParseAddr(addr)) {
			t.Errorf("%s may not be where a declared name leads", addr)
		}
	}
}

func FuzzPublic(f *testing.F) {
	f.Add(make([]byte, 16))
	f.Fuzz(func(t *testing.T, b []byte) {
		addr, ok := netip.AddrFromSlice(b)
		if !ok {
			return
		}
		if Public(addr, nil) && (addr.IsPrivate() || addr.IsLoopback() || addr.IsLinkLocalUnicast() || addr.IsMulticast() || addr.IsUnspecified()) {
			t.Errorf("%s is taken for public", addr)
		}
	})
}
