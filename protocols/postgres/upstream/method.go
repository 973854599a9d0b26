package upstream

import (
	"fmt"
	"slices"
	"sync"
)

// A Method is a way to prove a password to a server; a weaker one is less. The
// zero Method is no proof at all.
type Method int

// The methods, by what a server learns from them and what they prove of it.
const (
	Clear Method = iota + 1 // the password itself
	MD5                     // a hash that is as good as the password
	SCRAM                   // both sides prove that they know it
	Bound                   // and that nobody stands between them
)

func (m Method) String() string { return methods()[m] }

// methods gives the names of the methods, as pg_hba.conf has them.
func methods() []string {
	return []string{"trust", "password", "md5", mechanismName, mechanismName + "-plus"}
}

const mechanismName = "scram-sha-256"

// ParseMethod gives the method of a name; "" is the zero Method.
func ParseMethod(name string) (Method, error) {
	if name == "" {
		return 0, nil
	}
	if i := slices.Index(methods(), name); i > 0 {
		return Method(i), nil
	}
	return 0, fmt.Errorf("there is no authentication method %q", name)
}

// A Demand is the weakest method by which a password is shown to a server.
type Demand struct {
	Least  Method
	Stated bool // by the service; else it is what the server took last
}

// allows gives an error for a method that is too weak.
func (d Demand) allows(m Method) error {
	switch {
	case m >= d.Least:
		return nil
	case d.Stated:
		return fmt.Errorf("the server asks for %s, which is weaker than the %s that the service demands", m, d.Least)
	}
	return fmt.Errorf("the server asks for %s, which is weaker than the %s that it took before; if that is meant, "+
		"name the method: auth = password(\"user\", secret.S, %q)", m, d.Least, m.String())
}

// An Account is a user of one server. What servers have in common under one name
// may differ from address to address.
type Account struct{ Service, Address, User string }

// maxAccounts bounds what a Memory holds; one too many pushes any other out.
const maxAccounts = 4096

// A Memory knows by which method each account was last taken, so that a server
// cannot talk a session down. The zero Memory is empty.
type Memory struct {
	mu   sync.Mutex
	last map[Account]Method // guarded by mu
}

// Demand gives what is to be demanded for an account; stated, the method that the
// service demands, goes before what was taken last.
func (m *Memory) Demand(a Account, stated Method) Demand {
	if stated != 0 {
		return Demand{Least: stated, Stated: true}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return Demand{Least: m.last[a]}
}

// Note remembers that an account was taken by a method.
func (m *Memory) Note(a Account, by Method) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.last == nil {
		m.last = make(map[Account]Method)
	}
	if _, known := m.last[a]; !known && len(m.last) >= maxAccounts {
		for other := range m.last {
			delete(m.last, other)
			break
		}
	}
	m.last[a] = by
}
