package seal

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
	KeyID   string    `json:"key"`              // of the key that wraps DEK
	DEK     []byte    `json:"dek"`              // the key of this version, wrapped
	Data    []byte    `json:"data"`             // the value, under DEK
	By      string    `json:"by,omitempty"`     // who set it
	Format  int       `json:"format,omitempty"` // of bind
	Older   []Sealed  `json:"older,omitempty"`  // versions before, the oldest first; none of them has any
}

// format is that of new seals. The first, 0, bound the value to the key of the
// vault, so that it had to be sealed anew for another.
const format = 2

// The slots tell apart what is sealed under one name and version.
const (
	slotDEK  = "dek"
	slotData = "data"
)

// Seal wraps value under a fresh key of its own, and that key under k. Of s only
// Name, Version, Created and By count.
func Seal(k Key, s Sealed, value []byte) (Sealed, error) {
	s.Created, s.KeyID, s.Format = s.Created.UTC().Truncate(time.Microsecond), k.id, format
	dek := make([]byte, keySize)
	rand.Read(dek) //nolint:errcheck // crypto/rand.Read never returns an error
	defer clear(dek)
	var err error
	if s.Data, err = encrypt(dek, value, s.bind(slotData)); err != nil {
		return Sealed{}, err
	}
	if s.DEK, err = encrypt(k.reveal(), dek, s.bind(slotDEK)); err != nil {
		return Sealed{}, err
	}
	return s, nil
}

// Open gives the value of s, which is the caller's.
func (s Sealed) Open(k Key) ([]byte, error) {
	dek, err := s.unwrap(k)
	if err != nil {
		return nil, err
	}
	defer clear(dek)
	value, err := decrypt(dek, s.Data, s.bind(slotData))
	if err != nil {
		return nil, fmt.Errorf("secret %q was changed or damaged: %w", s.Name, err)
	}
	return value, nil
}

// unwrap gives the key that Data is under.
func (s Sealed) unwrap(k Key) ([]byte, error) {
	if s.KeyID != k.id {
		return nil, fmt.Errorf("secret %q is sealed with the vault key %s, not with this one (%s)", s.Name, s.KeyID, k.id)
	}
	dek, err := decrypt(k.reveal(), s.DEK, s.bind(slotDEK))
	if err != nil {
		return nil, fmt.Errorf("secret %q: its key was changed or damaged: %w", s.Name, err)
	}
	return dek, nil
}

// Rewrap gives s and what is older under another key. The values stay as they are.
func (s Sealed) Rewrap(from, to Key) (Sealed, error) {
	older := s.Older
	if s.KeyID != to.id && s.Format != format {
		value, err := s.Open(from)
		if err != nil {
			return Sealed{}, err
		}
		if s, err = Seal(to, Sealed{Name: s.Name, Version: s.Version, Created: s.Created}, value); err != nil {
			return Sealed{}, err
		}
	}
	if s.KeyID != to.id {
		dek, err := s.unwrap(from)
		if err != nil {
			return Sealed{}, err
		}
		defer clear(dek)
		s.KeyID = to.id
		if s.DEK, err = encrypt(to.reveal(), dek, s.bind(slotDEK)); err != nil {
			return Sealed{}, err
		}
	}
	s.Older = make([]Sealed, len(older))
	for i, o := range older {
		var err error
		if s.Older[i], err = o.Rewrap(from, to); err != nil {
			return Sealed{}, err
		}
	}
	return s, nil
}

// bind is the associated data of one slot: every field stands behind its length,
// so no two different seals have the same.
func (s Sealed) bind(slot string) []byte {
	fields := []string{"sallyport secret 1", s.Name, slot, s.KeyID}
	if s.Format == format {
		fields = []string{"sallyport secret 2", s.Name, slot, s.KeyID, s.By}
		if slot == slotData {
			fields[3] = "" // another key may come to wrap the same DEK
		}
	}
	b := make([]byte, 0, 96+len(s.Name)+len(s.KeyID)+len(s.By))
	for _, field := range fields {
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

// Alone is s without what is older.
func (s Sealed) Alone() Sealed {
	s.Older = nil
	return s
}
