package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"time"
)

// A Sealed is one secret as a Backend keeps it: everything in it may be seen,
// and nothing in it can be changed or moved to another name without notice.
type Sealed struct {
	Name    string    `json:"name"`
	Version uint64    `json:"version"`
	Created time.Time `json:"created"`
	KeyID   string    `json:"key"`  // of the key that wraps DEK
	DEK     []byte    `json:"dek"`  // the key of this version, wrapped
	Data    []byte    `json:"data"` // the value, under DEK
}

// The slots tell apart what is sealed under one name and version.
const (
	slotDEK  = "dek"
	slotData = "data"
)

// seal wraps value under a fresh key of its own, and that key under k.
func seal(k Key, name string, version uint64, created time.Time, value []byte) (Sealed, error) {
	s := Sealed{Name: name, Version: version, Created: created.UTC().Truncate(time.Microsecond), KeyID: k.id}
	dek := make([]byte, keySize)
	rand.Read(dek) //nolint:errcheck // crypto/rand.Read never returns an error
	defer clear(dek)
	var err error
	if s.Data, err = encrypt(dek, value, s.bind(slotData)); err != nil {
		return Sealed{}, err
	}
	if s.DEK, err = encrypt(k.secret.Reveal(), dek, s.bind(slotDEK)); err != nil {
		return Sealed{}, err
	}
	return s, nil
}

// open gives the value of s.
func (s Sealed) open(k Key) (Secret, error) {
	if s.KeyID != k.id {
		return Secret{}, fmt.Errorf("secret %q is sealed with the vault key %s, not with this one (%s)", s.Name, s.KeyID, k.id)
	}
	dek, err := decrypt(k.secret.Reveal(), s.DEK, s.bind(slotDEK))
	if err != nil {
		return Secret{}, fmt.Errorf("secret %q: its key was changed or damaged: %w", s.Name, err)
	}
	defer clear(dek)
	value, err := decrypt(dek, s.Data, s.bind(slotData))
	if err != nil {
		return Secret{}, fmt.Errorf("secret %q was changed or damaged: %w", s.Name, err)
	}
	return NewSecret(value), nil
}

// bind is the associated data of one slot: every field stands behind its length,
// so no two different seals have the same.
func (s Sealed) bind(slot string) []byte {
	b := make([]byte, 0, 64+len(s.Name)+len(s.KeyID))
	for _, field := range []string{"sallyport secret 1", s.Name, slot, s.KeyID} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(field)))
		b = append(b, field...)
	}
	b = binary.BigEndian.AppendUint64(b, s.Version)
	return binary.BigEndian.AppendUint64(b, uint64(s.Created.UnixMicro()))
}

// encrypt gives nonce and ciphertext as one. A key encrypts one value (a DEK) or
// few (the key of the vault), so random nonces do not meet.
func encrypt(key, plain, aad []byte) ([]byte, error) {
	aead, err := newGCM(key)
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, nil, plain, aad), nil
}

func decrypt(key, sealed, aad []byte) ([]byte, error) {
	aead, err := newGCM(key)
	if err != nil {
		return nil, err
	}
	return aead.Open(nil, nil, sealed, aad)
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
