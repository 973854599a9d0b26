package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/vault"
	"sallyport.dev/sallyport/vault/keyring"
	"sallyport.dev/sallyport/vault/mint"
	"sallyport.dev/sallyport/vault/remote"
)

// The files of the state directory that hold the key of the vault, as it is or
// sealed.
const (
	keyFile        = "key"
	passphraseFile = "key.passphrase"
	transitFile    = "key.transit"
)

var errNobodyToAsk = errors.New("there is no terminal to ask at")

// openVault finds the key and opens the vault with it. No key is made where
// secrets are sealed already.
func (n *Node) openVault(ctx context.Context, conf policy.GatewayConfig) error {
	sealed, err := n.store.LoadSealed(ctx)
	if err != nil {
		return fmt.Errorf("open the vault: %w", err)
	}
	if n.ring, err = n.findKey(ctx, conf, len(sealed) == 0); err != nil {
		return fmt.Errorf("key of the vault: %w", err)
	}
	if n.Vault, err = vault.Open(ctx, n.store, n.ring.Key, n.ring.Old...); err != nil {
		return fmt.Errorf("open the vault: %w", err)
	}
	if n.o.HTTP != nil {
		n.Vault.Mint(mint.All(n.o.HTTP, time.Now))
	}
	if len(n.ring.Old) > 0 {
		n.o.Log.Info("the vault is sealed with its new key; the old one opens nothing any more", "key", n.ring.Key.ID())
	}
	return n.ring.Settle()
}

func (n *Node) findKey(ctx context.Context, conf policy.GatewayConfig, fresh bool) (*keyring.Ring, error) {
	switch src := conf.Key; {
	case src.Env != "":
		return keyring.Env(os.Getenv, src.Env)
	case src.Systemd != "":
		return keyring.Systemd(os.Getenv, src.Systemd)
	case src.Passphrase && n.o.Ask == nil:
		return nil, errNobodyToAsk
	case src.Passphrase:
		return keyring.Passphrase(ctx, filepath.Join(n.Dir, passphraseFile), fresh, n.o.Ask)
	case src.Transit != nil:
		t := src.Transit
		return keyring.Sealed(ctx, filepath.Join(n.Dir, transitFile), fresh, &remote.Transit{Key: t.Field, Hashi: &remote.Hashi{
			Client: n.o.HTTP, Address: t.Address, Path: t.Path, Login: remote.HashiLogin{
				Mount: t.Mount, TokenFile: t.TokenFile, Role: t.Role, JWTFile: t.JWTFile, RoleID: t.RoleID, SecretIDFile: t.SecretIDFile,
			},
		}})
	case src.File != "":
		return keyring.File(ctx, src.File, false)
	}
	return keyring.File(ctx, filepath.Join(n.Dir, keyFile), fresh)
}

// rotateKey seals the vault with another key, and gives its id.
func (n *Node) rotateKey(ctx context.Context) (string, error) {
	n.rotating.Lock()
	defer n.rotating.Unlock()
	next, err := n.ring.Next(ctx)
	if err != nil {
		return "", err
	}
	if err := n.Vault.Rotate(ctx, next.Key); err != nil {
		return "", err
	}
	if err := next.Settle(); err != nil {
		return "", err
	}
	n.ring = next
	return next.Key.ID(), nil
}
