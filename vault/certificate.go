package vault

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"time"
)

// showCertificate reads the certificate and key of an account that is proved with
// them in the TLS handshake. What is wrong is said without quoting either.
func (c *Credential) showCertificate() error {
	if len(c.values) != 2 {
		return errors.New("a client certificate needs a certificate and its key")
	}
	pair, err := tls.X509KeyPair(c.values[0].Reveal(), c.values[1].Reveal())
	if err != nil {
		return fmt.Errorf("secrets %q and %q are no certificate and its key in PEM, the certificate first", c.auth.Secrets[0], c.auth.Secrets[1])
	}
	c.pair = &pair
	return nil
}

// Certificate gives the client certificate of an account, with its key. It refuses
// one that is over: the other end would, and say less.
func (c *Credential) Certificate() (*tls.Certificate, error) {
	if c == nil || c.pair == nil {
		return nil, errors.New("the account has no client certificate")
	}
	now := time.Now()
	switch leaf := c.pair.Leaf; {
	case now.After(leaf.NotAfter):
		return nil, fmt.Errorf("the certificate %q ended at %s", c.auth.Secrets[0], leaf.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(leaf.NotBefore):
		return nil, fmt.Errorf("the certificate %q begins at %s", c.auth.Secrets[0], leaf.NotBefore.UTC().Format(time.RFC3339))
	}
	return c.pair, nil
}

// certified gives the user that a PostgreSQL server takes a client certificate for:
// the one that the service names, else the certificate's common name.
func (c *Credential) certified() (string, error) {
	user := cmp.Or(c.auth.Name, c.pair.Leaf.Subject.CommonName)
	if user == "" {
		return "", fmt.Errorf("the certificate %q has no common name; name the user: mtls(\"user\", …)", c.auth.Secrets[0])
	}
	return user, nil
}

// sent gives what leaves of secret i that is not public: of an account its password.
func (c *Credential) sent(i int) *Secret {
	if _, own, err := c.Password(); err == nil || c.auth.InHandshake() {
		return own
	}
	return &c.values[i]
}
