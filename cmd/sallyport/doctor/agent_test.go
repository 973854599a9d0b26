package doctor

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sallyport.dev/sallyport/internal/pki"
	"sallyport.dev/sallyport/netstack/tailnet/client"

	"golang.org/x/net/dns/dnsmessage"
)

// nameserver answers A questions with one address, and drops what is larger than a
// path takes.
func nameserver(t *testing.T, path int) netip.AddrPort {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { c.Close(); <-done })
	go func() {
		defer close(done)
		b := make([]byte, 4096)
		for {
			n, from, err := c.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if n+ipUDP > path || m.Unpack(b[:n]) != nil {
				continue
			}
			m.Response, m.Additionals = true, nil
			m.Answers = []dnsmessage.Resource{{
				Header: dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET, TTL: 60},
				Body:   &dnsmessage.AResource{A: [4]byte{10, 77, 0, 1}},
			}}
			if a, err := m.Pack(); err == nil {
				c.WriteToUDPAddrPort(a, from)
			}
		}
	}()
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}

func TestAQuestionHasTheSizeThatIsAskedFor(t *testing.T) {
	at := nameserver(t, 1400)
	for _, tc := range []struct {
		size int
		ok   bool
	}{{0, true}, {minMTU, true}, {1400, true}, {1401, false}} {
		m, err := ask(t.Context(), at, "sallyport.internal", dnsmessage.TypeA, tc.size)
		if (err == nil) != tc.ok || tc.ok && addressOf(m) != netip.MustParseAddr("10.77.0.1") {
			t.Errorf("%d bytes: %v, %v", tc.size, addressOf(m), err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ask(ctx, at, "sallyport.internal", dnsmessage.TypeA, 0); err == nil {
		t.Error("it asked on")
	}
}

func write1(t *testing.T, name string, parts ...[]byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, slices.Concat(parts...), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTrustByVariable(t *testing.T) {
	ours, err := pki.New("ours")
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := pki.New("theirs")
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(ours.PEM())
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	replaces := store{variable: "V", runtime: "it"}
	adds := store{variable: "V", runtime: "it", adds: true, needed: []string{"sh"}, instead: "SYSTEM"}
	for _, tc := range []struct {
		name string
		s    store
		env  map[string]string
		want string // "", "ok", "look", "wrong"
	}{
		{"not set", replaces, nil, ""},
		{"not set, and the runtime needs it", adds, nil, "wrong"},
		{"the runtime takes the system's", adds, map[string]string{"SYSTEM": "1"}, ""},
		{"both", replaces, map[string]string{"V": write1(t, "both", theirs.PEM(), ours.PEM())}, "ok"},
		{"ours alone, replacing", replaces, map[string]string{"V": write1(t, "alone", ours.PEM())}, "look"},
		{"ours alone, adding", adds, map[string]string{"V": write1(t, "add", ours.PEM())}, "ok"},
		{"theirs", replaces, map[string]string{"V": write1(t, "theirs", theirs.PEM())}, "wrong"},
		{"no file", replaces, map[string]string{"V": "/does/not/exist"}, "wrong"},
	} {
		p := &patient{ca: ca, environ: func(k string) (string, bool) { v, ok := tc.env[k]; return v, ok }}
		f, said := p.trustedBy(tc.s)
		got := map[bool]string{true: "wrong", false: ""}[said]
		if f.OK {
			got = "ok"
		} else if f.Unsure {
			got = "look"
		}
		if got != tc.want || said && !f.OK && f.Fix == "" {
			t.Errorf("%s: %q %+v, want %q", tc.name, got, f, tc.want)
		}
	}
}

func TestNodesInSight(t *testing.T) {
	p := &patient{gateway: [2]netip.Addr{netip.MustParseAddr("100.64.0.1")}}
	v := client.View{Others: []string{"sallyport", "db"}, OthersAt: [][]netip.Addr{{netip.MustParseAddr("100.64.0.1")}, {netip.MustParseAddr("100.64.0.7")}}}
	if f := p.others(v); !f.Unsure || !strings.Contains(f.Fix, "db") || strings.Contains(f.Fix, "sallyport") {
		t.Errorf("%+v", f)
	}
	v.Others, v.OthersAt = v.Others[:1], v.OthersAt[:1]
	if f := p.others(v); !f.OK {
		t.Errorf("%+v", f)
	}
}
