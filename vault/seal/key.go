// Package seal wraps values for the disk: each under a key of its own, and that one
// under the key of the vault, bound to name, version, time and author. It keeps
// nothing and asks nobody.
package seal

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

// keySize makes AES-256.
const keySize = 32

// A Key wraps the keys of all secrets. Its bytes do not print.
type Key struct {
	id     string
	reveal func() []byte // fmt would print bytes that stand here
}

// Export gives the key as ParseKey reads it, for a backup that is sealed itself.
func (k Key) Export() []byte {
	return []byte(hex.EncodeToString(k.reveal()) + "\n")
}

// Format prints a mark under every verb.
func (Key) Format(f fmt.State, _ rune) { io.WriteString(f, "[redacted]") } //nolint:errcheck // fmt.State keeps its own error

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
	return Key{id: hex.EncodeToString(sum[:8]), reveal: func() []byte { return b }}
}
