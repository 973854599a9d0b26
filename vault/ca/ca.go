// Package ca is the authority that agents trust: it keeps its keys in the vault,
// and mints certificates for declared names and no others.
package ca

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"sync"
	"time"

	"sallyport.dev/sallyport/vault"

	"golang.org/x/sync/singleflight"
)

// How long certificates live. Agents install the root once. What a stolen
// issuing key can do ends with its names and its days.
const (
	rootLife    = 10 * 365 * 24 * time.Hour
	issuingLife = 60 * 24 * time.Hour
	leafLife    = 48 * time.Hour
	backdate    = time.Hour // for agents whose clocks are late
)

// An Authority mints the certificates that agents see. Its root signs one issuing CA,
// which is good for the declared names only and is replaced when they change;
// the root's key is opened for that and closed again.
type Authority struct {
	vault *vault.Vault
	org   string
	now   func() time.Time
	root  *x509.Certificate

	flight singleflight.Group // one mint per name at a time
	leaves leaves

	mu      sync.Mutex
	issuing *issuer // guarded by mu; swapped whole
}

// An issuer is a certificate that signs others, with its key.
type issuer struct {
	cert  *x509.Certificate
	key   *ecdsa.PrivateKey
	names constraints
}

// The values the vault keeps for the CA.
const (
	rootName    = "ca/root"
	issuingName = "ca/issuing"
)

// Open opens the CA of v, making it the first time, and constrains it to names:
// host names, *.suffixes, IP addresses and CIDRs; "*" is every host name.
func Open(ctx context.Context, v *vault.Vault, org string, names []string, now func() time.Time) (*Authority, error) {
	ca := &Authority{vault: v, org: org, now: now}
	ca.leaves.init(maxLeaves)
	stored, err := v.Internal(ctx, rootName, ca.makeRoot)
	if err != nil {
		return nil, fmt.Errorf("open CA: %w", err)
	}
	root, err := parseIssuer(stored)
	if err != nil {
		return nil, fmt.Errorf("open CA: root: %w", err)
	}
	if !now().Before(root.cert.NotAfter) {
		return nil, fmt.Errorf("open CA: the root has expired on %s", root.cert.NotAfter.Format(time.DateOnly))
	}
	ca.root = root.cert
	stored, err = v.GetInternal(issuingName)
	if err == nil {
		if ca.issuing, err = parseIssuer(stored); err == nil {
			err = ca.issuing.cert.CheckSignatureFrom(ca.root)
		}
	}
	if err != nil && !errors.Is(err, vault.ErrNotFound) {
		return nil, fmt.Errorf("open CA: issuing: %w", err)
	}
	return ca, ca.Constrain(ctx, names)
}

// PEM gives the root, which agents install.
func (ca *Authority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.root.Raw})
}

// Constrain limits the CA to names. Call it before the services that need a new
// name are in force. If the names are as before, nothing changes.
func (ca *Authority) Constrain(ctx context.Context, names []string) error {
	want, err := parseConstraints(names)
	if err != nil {
		return fmt.Errorf("constrain CA: %w", err)
	}
	ca.mu.Lock()
	defer ca.mu.Unlock()
	if ca.issuing != nil && ca.issuing.names.equal(want) && ca.freshLocked() {
		return nil
	}
	return ca.issueLocked(ctx, want)
}

// freshLocked reports whether the issuing CA is in its first two thirds.
func (ca *Authority) freshLocked() bool {
	c := ca.issuing.cert
	return ca.now().Before(c.NotAfter.Add(-c.NotAfter.Sub(c.NotBefore) / 3))
}

// issuer gives the issuing CA, a new one if it is getting old.
func (ca *Authority) issuer() (*issuer, error) {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	if ca.freshLocked() {
		return ca.issuing, nil
	}
	if err := ca.issueLocked(context.Background(), ca.issuing.names); err != nil && !ca.now().Before(ca.issuing.cert.NotAfter) {
		return nil, err
	}
	return ca.issuing, nil
}

// issueLocked makes a new issuing CA. Leaves of the old one are dropped: their
// chain may permit names that are gone.
func (ca *Authority) issueLocked(ctx context.Context, names constraints) error {
	stored, err := ca.vault.GetInternal(rootName)
	if err != nil {
		return fmt.Errorf("issue CA: %w", err)
	}
	root, err := parseIssuer(stored)
	if err != nil {
		return fmt.Errorf("issue CA: %w", err)
	}
	now := ca.now()
	tmpl := &x509.Certificate{
		Subject:               pkix.Name{Organization: []string{ca.org}, CommonName: "sallyport issuing CA " + now.UTC().Format(time.DateOnly)},
		NotBefore:             now.Add(-backdate),
		NotAfter:              earlier(now.Add(issuingLife), root.cert.NotAfter),
		KeyUsage:              x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	names.apply(tmpl)
	next, err := newIssuer(tmpl, root)
	if err != nil {
		return fmt.Errorf("issue CA: %w", err)
	}
	encoded, err := next.encode()
	if err != nil {
		return fmt.Errorf("issue CA: %w", err)
	}
	if err := ca.vault.PutInternal(ctx, issuingName, encoded); err != nil {
		return fmt.Errorf("issue CA: %w", err)
	}
	ca.issuing = next
	ca.leaves.clear()
	return nil
}

func (ca *Authority) makeRoot() (vault.Secret, error) {
	now := ca.now()
	root, err := newIssuer(&x509.Certificate{
		Subject:               pkix.Name{Organization: []string{ca.org}, CommonName: "sallyport root CA"},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(rootLife),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLen:            1,
	}, nil)
	if err != nil {
		return vault.Secret{}, err
	}
	return root.encode()
}

// newIssuer makes a key and a certificate for it, signed by parent, or by
// itself if there is none.
func newIssuer(tmpl *x509.Certificate, parent *issuer) (*issuer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if parent == nil {
		parent = &issuer{cert: tmpl, key: key}
	}
	public, err := key.PublicKey.Bytes()
	if err != nil {
		return nil, err
	}
	id := sha256.Sum256(public)
	tmpl.SubjectKeyId = id[:20]
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent.cert, &key.PublicKey, parent.key)
	if err != nil {
		return nil, err
	}
	return loadIssuer(der, key)
}

func loadIssuer(der []byte, key *ecdsa.PrivateKey) (*issuer, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	if !key.PublicKey.Equal(cert.PublicKey) {
		return nil, errors.New("the certificate has another key")
	}
	return &issuer{cert: cert, key: key, names: constraintsOf(cert)}, nil
}

// A sealedIssuer is how the vault keeps a certificate with its key.
type sealedIssuer struct{ Cert, Key []byte }

func (a *issuer) encode() (vault.Secret, error) {
	key, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		return vault.Secret{}, err
	}
	b, err := json.Marshal(sealedIssuer{a.cert.Raw, key})
	return vault.NewSecret(b), err
}

func parseIssuer(s vault.Secret) (*issuer, error) {
	var stored sealedIssuer
	if err := json.Unmarshal(s.Reveal(), &stored); err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(stored.Key)
	if err != nil {
		return nil, err
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("a %T is no CA key", key)
	}
	return loadIssuer(stored.Cert, ec)
}

// mint makes a leaf for name with a key of its own.
func (ca *Authority) mint(name string) (*tls.Certificate, error) {
	by, err := ca.issuer()
	if err != nil {
		return nil, err
	}
	if !by.names.permit(name) {
		return nil, fmt.Errorf("mint %q: no service declares the name", name)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("mint %q: %w", name, err)
	}
	now := ca.now()
	tmpl := leafTemplate(name)
	tmpl.NotBefore = now.Add(-backdate)
	tmpl.NotAfter = earlier(now.Add(leafLife), by.cert.NotAfter)
	der, err := x509.CreateCertificate(rand.Reader, tmpl, by.cert, &key.PublicKey, by.key)
	if err != nil {
		return nil, fmt.Errorf("mint %q: %w", name, err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("mint %q: %w", name, err)
	}
	return &tls.Certificate{Certificate: [][]byte{der, by.cert.Raw}, PrivateKey: key, Leaf: leaf}, nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
