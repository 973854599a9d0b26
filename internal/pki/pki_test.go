package pki

import (
	"crypto/tls"
	"crypto/x509"
	"testing"
)

func TestAnIssuedCertificateVerifies(t *testing.T) {
	a, err := New("test")
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := a.IssuePEM("db.example.com", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(a.PEM()) {
		t.Fatal("the authority is no PEM")
	}
	for name, good := range map[string]bool{"db.example.com": true, "127.0.0.1": true, "other.example": false} {
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name}); (err == nil) != good {
			t.Errorf("%s: %v", name, err)
		}
	}
}
