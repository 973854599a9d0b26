package gate

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

// A pair is a certificate and its key in two files, which somebody may renew.
type pair struct {
	cert, key string

	mu   sync.Mutex
	have *tls.Certificate // guarded by mu
	leaf *x509.Certificate
	at   [2]time.Time // when the files were written; guarded by mu
}

func (p *pair) load() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.renew()
}

// renew reads the files if they are others than before. The caller holds mu.
func (p *pair) renew() error {
	var at [2]time.Time
	for i, path := range []string{p.cert, p.key} {
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("certificate: %w", err)
		}
		at[i] = info.ModTime()
	}
	if p.have != nil && at == p.at {
		return nil
	}
	c, err := tls.LoadX509KeyPair(p.cert, p.key)
	if err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	if c.Leaf == nil {
		return errors.New("certificate: it cannot be read")
	}
	p.have, p.leaf, p.at = &c, c.Leaf, at
	return nil
}

// get is tls.Config.GetCertificate: the newest pair that can be read.
func (p *pair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.renew(); err != nil && p.have == nil {
		return nil, err
	}
	return p.have, nil
}

// hosts are the names and addresses that the certificate is for.
func (p *pair) hosts() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := slices.Clone(p.leaf.DNSNames)
	for _, ip := range p.leaf.IPAddresses {
		list = append(list, ip.String())
	}
	return list
}

// name is what the certificate calls the listener.
func (p *pair) name(otherwise string) string {
	if list := p.hosts(); len(list) > 0 && !slices.Contains(list, otherwise) {
		return list[0]
	}
	return otherwise
}
