package vault

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// keySize makes AES-256.
const keySize = 32

// ErrElsewhere means that the key is kept by somebody else, who has to replace it.
var ErrElsewhere = errors.New("the key of the vault is not the gateway's to replace")

// A Key wraps the keys of all secrets. Its bytes do not print.
type Key struct {
	id     string
	secret Secret
}

// Export gives the key as ParseKey reads it, for a backup that is sealed itself.
func (k Key) Export() Secret {
	return NewSecret([]byte(hex.EncodeToString(k.secret.Reveal()) + "\n"))
}

// ID names the key without telling anything about it.
func (k Key) ID() string { return k.id }

// ParseKey reads a key from text, as it stands in a file or in the environment:
// 32 bytes in base64 or hex.
func ParseKey(text string) (Key, error) {
	text = strings.TrimSpace(text)
	if b, err := hex.DecodeString(text); err == nil && len(b) == keySize {
		return newKey(b), nil
	}
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if b, err := enc.DecodeString(text); err == nil && len(b) == keySize {
			return newKey(b), nil
		}
	}
	return Key{}, fmt.Errorf("a vault key is %d bytes in base64 or hex", keySize)
}

func newKey(b []byte) Key {
	sum := sha256.Sum256(append([]byte("sallyport vault key id\x00"), b...))
	return Key{id: hex.EncodeToString(sum[:8]), secret: NewSecret(b)}
}
