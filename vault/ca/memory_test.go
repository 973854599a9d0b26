package ca

import (
	"context"
	"strings"
	"testing"

	"sallyport.dev/sallyport/vault"
	"sallyport.dev/sallyport/vault/seal"
)

// memory is a backend of the vault that can fail.
type memory struct {
	all  map[string]seal.Sealed
	fail error
}

func newMemory() *memory { return &memory{all: map[string]seal.Sealed{}} }

func (m *memory) LoadSealed(context.Context) ([]seal.Sealed, error) {
	var all []seal.Sealed
	for _, s := range m.all {
		all = append(all, s)
	}
	return all, m.fail
}

func (m *memory) SaveSealed(_ context.Context, list ...seal.Sealed) error {
	for _, s := range list {
		if m.fail == nil {
			m.all[s.Name] = s
		}
	}
	return m.fail
}

func (m *memory) DeleteSealed(_ context.Context, name string) error {
	delete(m.all, name)
	return m.fail
}

func open(t testing.TB, m *memory) *vault.Vault {
	t.Helper()
	key, err := seal.ParseKey(strings.Repeat("01", 32))
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.Open(context.Background(), m, key)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
