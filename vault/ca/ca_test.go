package ca

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/notrun"
	"sallyport.dev/sallyport/vault"
)

// clock is a time that tests move.
type clock struct{ t atomic.Pointer[time.Time] }

func newClock() *clock {
	c := new(clock)
	c.add(0)
	return c
}

func (c *clock) now() time.Time { return *c.t.Load() }

func (c *clock) add(d time.Duration) {
	t := time.Now()
	if old := c.t.Load(); old != nil {
		t = old.Add(d)
	}
	c.t.Store(&t)
}

func openCA(t *testing.T, v *vault.Vault, c *clock, names ...string) *Authority {
	t.Helper()
	ca, err := Open(t.Context(), v, "acme", names, c.now)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func leaf(t *testing.T, ca *Authority, name string) *tls.Certificate {
	t.Helper()
	cert, err := ca.Leaf(name)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// verifyLeaf is what an agent does that has only the root.
func verifyLeaf(ca *Authority, cert *tls.Certificate, name string, now time.Time) error {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AppendCertsFromPEM(ca.PEM())
	for _, der := range cert.Certificate[1:] {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		between.AddCert(c)
	}
	_, err := cert.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, Intermediates: between, CurrentTime: now})
	return err
}

func TestLeavesVerify(t *testing.T) {
	c := newClock()
	ca := openCA(t, open(t, newMemory()), c, "api.github.com", "*.acme.dev", "10.1.2.3", "192.168.7.0/24", "fd00::/8", "2001:db8::1")
	for name, host := range map[string]string{
		"api.github.com": "", "API.GitHub.com.": "api.github.com", "a.b.acme.dev": "", "acme.dev": "", "10.1.2.3": "", "192.168.7.200": "",
		"fd00::1:2": "", "2001:db8::1": "", "::ffff:10.1.2.3": "10.1.2.3", gatewayName: "",
		strings.Repeat("a", 60) + "." + strings.Repeat("b", 60) + ".acme.dev": "",
	} {
		if host == "" {
			host = name
		}
		cert := leaf(t, ca, name)
		if err := verifyLeaf(ca, cert, host, c.now()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if life := cert.Leaf.NotAfter.Sub(c.now()); life < 24*time.Hour || life > 72*time.Hour {
			t.Errorf("%s lives for %v", name, life)
		}
		if len(cert.Certificate) != 2 {
			t.Errorf("%s: a chain of %d", name, len(cert.Certificate))
		}
	}
	for _, name := range []string{
		"", "example.com", "github.com", "evilacme.dev", "acme.dev.evil.com", "*.acme.dev", "a..acme.dev", "a b.acme.dev",
		"-a.acme.dev", "10.1.2.4", "192.168.8.1", "::1", "fe80::1%eth0", "a\x00.acme.dev", "ä.acme.dev", strings.Repeat("a", 64) + ".acme.dev",
	} {
		if _, err := ca.Leaf(name); err == nil {
			t.Errorf("%q was minted", name)
		}
	}
}

func TestEveryLeafHasItsOwnKey(t *testing.T) {
	ca := openCA(t, open(t, newMemory()), newClock(), "*.acme.dev")
	a, b := leaf(t, ca, "a.acme.dev"), leaf(t, ca, "b.acme.dev")
	if a.PrivateKey.(*ecdsa.PrivateKey).Equal(b.PrivateKey) {
		t.Error("two leaves share a key")
	}
	if a != leaf(t, ca, "A.acme.dev") {
		t.Error("the same name was minted twice")
	}
}

func TestConstrain(t *testing.T) {
	m := newMemory()
	v := open(t, m)
	c := newClock()
	ca := openCA(t, v, c, "b.dev", "a.dev")
	root := ca.PEM()
	issuing := string(leaf(t, ca, "a.dev").Certificate[1])
	for _, names := range [][]string{{"a.dev", "b.dev"}, {"b.dev", "A.dev", "a.dev", "x.a.dev"}} {
		if err := ca.Constrain(t.Context(), names); err != nil {
			t.Fatal(err)
		}
		if string(leaf(t, ca, "a.dev").Certificate[1]) != issuing {
			t.Errorf("%v: issued again for the same names", names)
		}
	}
	if err := ca.Constrain(t.Context(), []string{"a.dev", "c.dev"}); err != nil {
		t.Fatal(err)
	}
	if string(leaf(t, ca, "a.dev").Certificate[1]) == issuing {
		t.Error("a leaf still comes from the old issuing CA")
	}
	if _, err := ca.Leaf("b.dev"); err == nil {
		t.Error("a name that is gone was minted")
	}
	if err := verifyLeaf(ca, leaf(t, ca, "c.dev"), "c.dev", c.now()); err != nil {
		t.Error(err)
	}
	if !bytes.Equal(root, ca.PEM()) {
		t.Error("the root changed")
	}
	current := string(leaf(t, ca, "c.dev").Certificate[1])
	again := openCA(t, open(t, m), c, "c.dev", "a.dev")
	if !bytes.Equal(root, again.PEM()) || string(leaf(t, again, "a.dev").Certificate[1]) != current {
		t.Error("a restart made new certificates")
	}
	for _, bad := range []string{"", "a b", "http://x", "a..b", "*", "*.*.dev", "10.0.0.0/99"} {
		err := ca.Constrain(t.Context(), []string{bad})
		if (err == nil) != (bad == "*") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestFailedConstrainKeepsTheOld(t *testing.T) {
	m := newMemory()
	ca := openCA(t, open(t, m), newClock(), "a.dev")
	m.fail = errors.New("disk full")
	if err := ca.Constrain(t.Context(), []string{"b.dev"}); !errors.Is(err, m.fail) {
		t.Errorf("%v", err)
	}
	leaf(t, ca, "a.dev")
	if _, err := ca.Leaf("b.dev"); err == nil {
		t.Error("minted under constraints that were not kept")
	}
}

func TestAnyName(t *testing.T) {
	c := newClock()
	ca := openCA(t, open(t, newMemory()), c, "*", "a.dev")
	if err := verifyLeaf(ca, leaf(t, ca, "anything.example"), "anything.example", c.now()); err != nil {
		t.Error(err)
	}
	if _, err := ca.Leaf("10.0.0.1"); err == nil {
		t.Error("an address is no name")
	}
}

func TestCertificatesAreRenewed(t *testing.T) {
	m := newMemory()
	v := open(t, m)
	c := newClock()
	ca := openCA(t, v, c, "a.dev")
	first := leaf(t, ca, "a.dev")
	c.add(leafLife / 2)
	if leaf(t, ca, "a.dev") != first {
		t.Error("renewed at half of its life")
	}
	c.add(leafLife / 4)
	second := leaf(t, ca, "a.dev")
	if second == first {
		t.Error("not renewed at three quarters of its life")
	}
	for range 100 { // 200 days, in steps of an agent that comes every other day
		c.add(48 * time.Hour)
		if err := verifyLeaf(ca, leaf(t, ca, "a.dev"), "a.dev", c.now()); err != nil {
			t.Fatalf("%s: %v", c.now(), err)
		}
	}
	c.add(issuingLife * 2) // nobody came for long
	if err := verifyLeaf(ca, leaf(t, ca, "a.dev"), "a.dev", c.now()); err != nil {
		t.Error(err)
	}
	c.add(rootLife)
	if _, err := Open(t.Context(), v, "acme", nil, c.now); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("%v", err)
	}
}

func TestLeavesAreBounded(t *testing.T) {
	ca := openCA(t, open(t, newMemory()), newClock(), "*.a.dev")
	ca.leaves.init(10)
	hot := leaf(t, ca, "hot.a.dev")
	for i := range 50 {
		leaf(t, ca, fmt.Sprintf("n%d.a.dev", i))
		if leaf(t, ca, "hot.a.dev") != hot {
			t.Fatal("the leaf that is used most went first")
		}
	}
	if n := ca.leaves.len(); n != 10 || len(ca.leaves.names) != 10 {
		t.Errorf("%d leaves, %d names", n, len(ca.leaves.names))
	}
}

func TestManyAskForOneName(t *testing.T) {
	ca := openCA(t, open(t, newMemory()), newClock(), "a.dev")
	var g sync.WaitGroup
	got := make([]*tls.Certificate, 32)
	for i := range got {
		g.Go(func() { got[i], _ = ca.Leaf("a.dev") })
	}
	for range 4 {
		g.Go(func() { _ = ca.Constrain(context.Background(), []string{"a.dev"}) })
	}
	g.Wait()
	for _, cert := range got {
		if cert == nil || cert != got[0] {
			t.Fatal("one name was minted more than once")
		}
	}
}

// TestT16_StolenIssuingKeyIsLimited proves that verifiers refuse what the online
// key signs outside of the declared names, as they would if it were stolen.
func TestT16_StolenIssuingKeyIsLimited(t *testing.T) {
	c := newClock()
	m := newMemory()
	ca := openCA(t, open(t, m), c, "api.github.com", "*.acme.dev", "10.1.2.3")
	for _, s := range m.all {
		if bytes.Contains(s.Data, []byte("PRIVATE KEY")) || bytes.Contains(s.Data, ca.root.Raw[:40]) {
			t.Errorf("%s is not sealed", s.Name)
		}
	}
	if c := ca.issuing.cert; !c.PermittedDNSDomainsCritical || !c.MaxPathLenZero || c.NotAfter.Sub(c.NotBefore) > 90*24*time.Hour {
		t.Errorf("issuing CA: critical %v, path %v, life %v", c.PermittedDNSDomainsCritical, c.MaxPathLenZero, c.NotAfter.Sub(c.NotBefore))
	}
	good := []string{"api.github.com", "x.acme.dev", "10.1.2.3", strings.Repeat("a", 63) + ".acme.dev"}
	bad := []string{"google.com", "github.com", "evilacme.dev", "10.1.2.4", "::1", "8.8.8.8"}
	for _, name := range append(good, bad...) {
		cert := forge(t, ca, name)
		ok := slices.Contains(good, name)
		if err := verifyLeaf(ca, cert, name, c.now()); (err == nil) != ok {
			t.Errorf("Go's verifier on %s: %v", name, err)
		}
	}
	none := openCA(t, open(t, newMemory()), c)
	for _, name := range bad {
		if verifyLeaf(none, forge(t, none, name), name, c.now()) == nil {
			t.Errorf("a CA for nothing is good for %s", name)
		}
	}
	t.Run("openssl", func(t *testing.T) {
		if _, err := exec.LookPath("openssl"); err != nil {
			notrun.Skip(t, "openssl is not installed (openssl)")
		}
		for _, name := range good {
			if out, err := opensslVerify(t, ca, forge(t, ca, name), name); err != nil {
				t.Errorf("openssl on %s: %v\n%s", name, err, out)
			}
		}
		for _, name := range bad {
			if out, err := opensslVerify(t, ca, forge(t, ca, name), name); err == nil || !strings.Contains(out, "subtree violation") {
				t.Errorf("openssl on %s: %v\n%s", name, err, out)
			}
		}
	})
}

// forge signs name with the issuing key, without asking the CA.
func forge(t *testing.T, ca *Authority, name string) *tls.Certificate {
	t.Helper()
	by := ca.issuing
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := leafTemplate(name)
	tmpl.NotBefore, tmpl.NotAfter = ca.now().Add(-time.Hour), ca.now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, tmpl, by.cert, &key.PublicKey, by.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der, by.cert.Raw}, PrivateKey: key, Leaf: cert}
}

func opensslVerify(t *testing.T, ca *Authority, cert *tls.Certificate, name string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	write := func(file string, pems ...[]byte) string {
		path := filepath.Join(dir, file)
		if err := os.WriteFile(path, bytes.Join(pems, nil), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	encode := func(der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}) }
	kind := "-verify_hostname"
	if net.ParseIP(name) != nil {
		kind = "-verify_ip"
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "openssl", "verify", "-x509_strict", "-purpose", "sslserver", kind, name, "-CAfile", write("root.pem", ca.PEM()),
		"-untrusted", write("issuing.pem", encode(cert.Certificate[1])), write("leaf.pem", encode(cert.Certificate[0]))).CombinedOutput()
	return string(out), err
}

// TestCurlAccepts lets curl, which knows only the root, talk to a leaf.
func TestCurlAccepts(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		notrun.Skip(t, "curl is not installed (curl)")
	}
	ca := openCA(t, open(t, newMemory()), newClock(), "api.github.com")
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) { return ca.Leaf(h.ServerName) }})
	if err != nil {
		t.Fatal(err)
	}
	var g sync.WaitGroup
	defer g.Wait()
	defer l.Close()
	g.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Read(make([]byte, 4096)) //nolint:errcheck // a handshake that fails is curl's to tell
			fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
			conn.Close()
		}
	})
	root := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(root, ca.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	out, err := exec.Command("curl", "-sS", "--max-time", "60", "--cacert", root, "--noproxy", "*",
		"--connect-to", "api.github.com:443:127.0.0.1:"+port, "https://api.github.com/").CombinedOutput()
	if err != nil || string(out) != "ok" {
		t.Errorf("curl: %v %s", err, out)
	}
}

// TestT17_MintFloodIsLimited proves that a caller's limit holds for new names and
// never for those that are there, and that what is kept is bounded.
func TestT17_MintFloodIsLimited(t *testing.T) {
	ca := openCA(t, open(t, newMemory()), newClock(), "*.acme.dev")
	ca.leaves.init(64)
	left := 100
	limit := func() bool { left--; return left >= 0 }
	limited := 0
	for i := range 100_000 {
		_, err := ca.LeafLimited(fmt.Sprintf("x%d.acme.dev", i), limit)
		if errors.Is(err, ErrMintRate) {
			limited++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if limited != 100_000-100 || ca.leaves.len() != 64 {
		t.Errorf("%d limited, %d kept", limited, ca.leaves.len())
	}
	if _, err := ca.LeafLimited("x99.acme.dev", limit); err != nil {
		t.Errorf("a name that is there: %v", err)
	}
	before := left
	if _, err := ca.LeafLimited("evil.dev", limit); err == nil || left != before {
		t.Errorf("a name nobody declares: %v, and it cost %d", err, before-left)
	}
}

func FuzzLeafName(f *testing.F) {
	for _, s := range []string{"a.acme.dev", "10.1.2.3", "[::1]", "*.acme.dev", "\x00", "a.acme.dev."} {
		f.Add(s)
	}
	c := newClock()
	ca, err := Open(context.Background(), open(f, newMemory()), "acme", []string{"*.acme.dev", "10.0.0.0/8"}, c.now)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if _, err := parseConstraints([]string{name}); err != nil && ca.Permits(name) {
			t.Fatalf("%q cannot be declared but is permitted", name)
		}
		cert, err := ca.Leaf(name)
		if err != nil {
			return
		}
		if err := verifyLeaf(ca, cert, canonical(name), c.now()); err != nil {
			t.Fatalf("%q: %v", name, err)
		}
	})
}

func BenchmarkMint(b *testing.B) {
	ca, err := Open(context.Background(), open(b, newMemory()), "acme", []string{"a.dev"}, time.Now)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ca.mint("a.dev"); err != nil {
			b.Fatal(err)
		}
	}
}
