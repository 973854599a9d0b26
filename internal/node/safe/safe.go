// Package safe keeps the vault of one gateway: it finds the key where the
// configuration says it is, opens what is sealed, puts another key in its place
// and saves both for a day on which the machine is gone.
package safe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"sallyport.dev/sallyport/internal/store"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/vault"
	"sallyport.dev/sallyport/vault/answer"
	"sallyport.dev/sallyport/vault/keyring"
	"sallyport.dev/sallyport/vault/remote"
)

// StateFile and KeyFile are the names, in a backup as in the state directory, of
// the database and of the key that opens what is sealed in it.
const (
	StateFile = "state.db"
	KeyFile   = "key"
)

// The files of the state directory that hold the key sealed.
const (
	passphraseFile = "key.passphrase"
	transitFile    = "key.transit"
)

var errNobodyToAsk = errors.New("there is no terminal to ask at")

// Options say where everything is.
type Options struct {
	Dir    string // the state directory
	Store  *store.Store
	Key    policy.KeyConfig
	Ask    keyring.Ask  // for a passphrase; nil: nobody can be asked
	Client *http.Client // for Vault; nil: nobody is asked
	Log    *slog.Logger
}

// A Safe is an open vault and its key.
type Safe struct {
	Vault *vault.Vault
	o     Options

	mu   sync.Mutex // held while the key is replaced, or saved with what it opens
	ring *keyring.Ring
}

// Open finds the key and opens the vault with it. No key is made where secrets are
// sealed already.
func Open(ctx context.Context, o Options) (*Safe, error) {
	sealed, err := o.Store.LoadSealed(ctx)
	if err != nil {
		return nil, fmt.Errorf("open the vault: %w", err)
	}
	s := &Safe{o: o}
	if s.ring, err = s.findKey(ctx, len(sealed) == 0); err != nil {
		return nil, fmt.Errorf("key of the vault: %w", err)
	}
	if s.Vault, err = vault.Open(ctx, o.Store, s.ring.Key, s.ring.Old...); err != nil {
		return nil, fmt.Errorf("open the vault: %w", err)
	}
	if len(s.ring.Old) > 0 {
		o.Log.Info("the vault is sealed with its new key; the old one opens nothing any more", "key", s.ring.Key.ID())
	}
	return s, s.ring.Settle()
}

func (s *Safe) findKey(ctx context.Context, fresh bool) (*keyring.Ring, error) {
	switch src := s.o.Key; {
	case src.Env != "":
		return keyring.Env(os.Getenv, src.Env)
	case src.Systemd != "":
		return keyring.Systemd(os.Getenv, src.Systemd)
	case src.Passphrase && s.o.Ask == nil:
		return nil, errNobodyToAsk
	case src.Passphrase:
		return keyring.Passphrase(ctx, filepath.Join(s.o.Dir, passphraseFile), fresh, s.o.Ask)
	case src.Transit != nil:
		t := src.Transit
		client := s.o.Client
		if client != nil {
			var err error
			if client, err = answer.Trust(client, t.CA); err != nil {
				return nil, err
			}
		}
		return keyring.Sealed(ctx, filepath.Join(s.o.Dir, transitFile), fresh, &remote.Transit{Key: t.Field, Hashi: &remote.Hashi{
			Client: client, Address: t.Address, Path: t.Path, Login: remote.HashiLogin{
				Mount: t.Mount, TokenFile: t.TokenFile, Role: t.Role, JWTFile: t.JWTFile, RoleID: t.RoleID, SecretIDFile: t.SecretIDFile,
			},
		}})
	case src.File != "":
		return keyring.File(ctx, src.File, false)
	}
	return keyring.File(ctx, filepath.Join(s.o.Dir, KeyFile), fresh)
}

// Rotate seals the vault with another key, and gives its id.
func (s *Safe) Rotate(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next, err := s.ring.Next(ctx)
	if err != nil {
		return "", err
	}
	if err := s.Vault.Rotate(ctx, next.Key); err != nil {
		return "", err
	}
	if err := next.Settle(); err != nil {
		return "", err
	}
	s.ring = next
	return next.Key.ID(), nil
}
