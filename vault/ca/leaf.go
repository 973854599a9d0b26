package ca

import (
	"container/list"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"
	"time"
)

// maxLeaves bounds the leaves that are kept: with wildcards the agents choose
// the names.
const maxLeaves = 4096

// ErrMintRate means that no leaf was made because the caller's limit said so.
var ErrMintRate = errors.New("too many new names")

// Leaf gives a certificate for name, whose chain includes the issuing CA. It
// mints one, in 0.2 ms, if none is kept, and refuses a name that no service
// declares.
func (ca *Authority) Leaf(name string) (*tls.Certificate, error) { return ca.LeafLimited(name, nil) }

// LeafLimited is Leaf for a caller that bounds how many new names it may cause:
// mint is asked before a leaf is made, and false is ErrMintRate.
func (ca *Authority) LeafLimited(name string, mint func() bool) (*tls.Certificate, error) {
	name = canonical(name)
	if cert := ca.leaves.get(name, ca.now()); cert != nil {
		return cert, nil
	}
	if !ca.Permits(name) {
		return nil, fmt.Errorf("leaf %q: no service declares the name", name)
	}
	if mint != nil && !mint() {
		return nil, fmt.Errorf("leaf %q: %w", name, ErrMintRate)
	}
	got, err, _ := ca.flight.Do(name, func() (any, error) {
		if cert := ca.leaves.get(name, ca.now()); cert != nil {
			return cert, nil
		}
		cert, err := ca.mint(name)
		if err != nil {
			return nil, err
		}
		ca.keep(name, cert)
		return cert, nil
	})
	if err != nil {
		return nil, err
	}
	return got.(*tls.Certificate), nil
}

// Permits reports whether the CA may mint for name.
func (ca *Authority) Permits(name string) bool {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	return ca.issuing.names.permit(canonical(name))
}

// keep stores a leaf unless its issuing CA was replaced meanwhile.
func (ca *Authority) keep(name string, cert *tls.Certificate) {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	if string(cert.Certificate[1]) == string(ca.issuing.cert.Raw) {
		ca.leaves.put(name, cert)
	}
}

// leaves keeps the leaves that were used last.
type leaves struct {
	mu    sync.Mutex
	max   int
	order *list.List               // guarded by mu; of *kept, last used first
	names map[string]*list.Element // guarded by mu
}

// kept is a leaf in the order of use.
type kept struct {
	name    string
	cert    *tls.Certificate
	refresh time.Time // from then on a new one is made
}

func (l *leaves) init(max int) {
	l.max = max
	l.clear()
}

func (l *leaves) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.order, l.names = list.New(), map[string]*list.Element{}
}

func (l *leaves) get(name string, now time.Time) *tls.Certificate {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.names[name]
	if !ok {
		return nil
	}
	k := e.Value.(*kept)
	if !now.Before(k.refresh) {
		l.order.Remove(e)
		delete(l.names, name)
		return nil
	}
	l.order.MoveToFront(e)
	return k.cert
}

func (l *leaves) put(name string, cert *tls.Certificate) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, ok := l.names[name]; ok {
		l.order.Remove(e)
	}
	life := cert.Leaf.NotAfter.Sub(cert.Leaf.NotBefore)
	l.names[name] = l.order.PushFront(&kept{name, cert, cert.Leaf.NotAfter.Add(-life / 3)})
	if l.order.Len() > l.max {
		oldest := l.order.Back()
		l.order.Remove(oldest)
		delete(l.names, oldest.Value.(*kept).name)
	}
}

func (l *leaves) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.order.Len()
}
