package vault

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
)

// A Signer signs with an Ed25519 key that never leaves the vault.
type Signer struct {
	public ed25519.PublicKey
	seed   Secret
}

// Signer gives the signer of that name; its key is made the first time.
func (v *Vault) Signer(ctx context.Context, name string) (*Signer, error) {
	seed, err := v.Internal(ctx, "signer/"+name, func() (Secret, error) {
		b := make([]byte, ed25519.SeedSize)
		rand.Read(b) //nolint:errcheck // crypto/rand.Read never returns an error
		return NewSecret(b), nil
	})
	if err != nil {
		return nil, fmt.Errorf("signer %s: %w", name, err)
	}
	if len(seed.Reveal()) != ed25519.SeedSize {
		return nil, fmt.Errorf("signer %s: its key has %d bytes", name, len(seed.Reveal()))
	}
	public := ed25519.NewKeyFromSeed(seed.Reveal()).Public().(ed25519.PublicKey)
	return &Signer{public: public, seed: seed}, nil
}

// Public gives the key that verifies what s signs.
func (s *Signer) Public() ed25519.PublicKey { return s.public }

// Sign signs message.
func (s *Signer) Sign(message []byte) []byte {
	return ed25519.Sign(ed25519.NewKeyFromSeed(s.seed.Reveal()), message)
}
