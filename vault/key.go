package vault

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// keySize makes AES-256.
const keySize = 32

// maxKeyFile bounds what is read of a key file: a key in text needs 64 bytes.
const maxKeyFile = 1024

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

// LoadOrCreateKey reads the key file at path, or makes it, 0600. It refuses a
// file that others can read. Two processes that start at once get the same key.
func LoadOrCreateKey(path string) (Key, error) {
	k, err := LoadKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	if err := createKey(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return Key{}, fmt.Errorf("create vault key %s: %w", path, err)
	}
	return LoadKey(path)
}

// LoadKey reads the key file at path and refuses one that others can read.
func LoadKey(path string) (Key, error) {
	f, err := os.Open(path)
	if err != nil {
		return Key{}, fmt.Errorf("open vault key: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil {
		return Key{}, fmt.Errorf("open vault key: %w", err)
	}
	if !info.Mode().IsRegular() {
		return Key{}, fmt.Errorf("vault key %s is no regular file", path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return Key{}, fmt.Errorf("vault key %s can be read or written by others (%v): run chmod 600 %s, and treat the key as known", path, info.Mode().Perm(), path)
	}
	b := make([]byte, maxKeyFile)
	n, err := f.Read(b)
	if err != nil {
		return Key{}, fmt.Errorf("read vault key %s: %w", path, err)
	}
	k, err := ParseKey(string(b[:n]))
	if err != nil {
		return Key{}, fmt.Errorf("vault key %s: %w", path, err)
	}
	return k, nil
}

// createKey writes a fresh key beside path and links it there, so that nobody
// ever sees half a key and the first of two creators wins.
func createKey(path string) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".key-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // a leftover of another name does no harm
	b := make([]byte, keySize)
	rand.Read(b) //nolint:errcheck // crypto/rand.Read never returns an error
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(b) + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes a new name in dir survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
