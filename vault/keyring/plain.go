package keyring

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"sallyport.dev/sallyport/vault/seal"
)

// File is the key in a file that only its owner can read. With fresh, it is made
// where there is none.
func File(ctx context.Context, path string, fresh bool) (*Ring, error) {
	return open(ctx, plain{}, path, fresh)
}

// plain keeps the text of a key as it is.
type plain struct{}

func (plain) load(_ context.Context, path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("the key %s is no regular file", path)
	case info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("the key %s can be read or written by others (%v): run chmod 600 %s, and treat the key as known", path, info.Mode().Perm(), path)
	}
	return io.ReadAll(io.LimitReader(f, maxFile))
}

func (plain) save(_ context.Context, path string, text []byte) error { return create(path, text) }

// Env is the key in a variable of the environment. What NAME_OLD holds may have
// sealed secrets before.
func Env(getenv func(string) string, name string) (*Ring, error) {
	key, err := seal.ParseKey(getenv(name))
	if err != nil {
		return nil, fmt.Errorf("$%s: %w", name, err)
	}
	r := &Ring{Key: key}
	if text := getenv(name + "_" + oldSuffix); text != "" {
		old, err := seal.ParseKey(text)
		if err != nil {
			return nil, fmt.Errorf("$%s_%s: %w", name, oldSuffix, err)
		}
		r.Old = []seal.Key{old}
	}
	return r, nil
}

// Systemd is the key that systemd hands over as a credential (systemd.exec(5),
// LoadCredential=). What the credential NAME.old holds may have sealed secrets
// before. Who may read it is systemd's matter.
func Systemd(getenv func(string) string, name string) (*Ring, error) {
	dir := getenv("CREDENTIALS_DIRECTORY")
	if dir == "" {
		return nil, fmt.Errorf("systemd hands no credentials over: start the gateway as a unit with LoadCredential=%s:/etc/sallyport/key", name)
	}
	key, err := credential(filepath.Join(dir, name))
	if err != nil {
		return nil, fmt.Errorf("credential %s of systemd: %w", name, err)
	}
	r := &Ring{Key: key}
	old, err := credential(filepath.Join(dir, name+"."+strings.ToLower(oldSuffix)))
	switch {
	case err == nil:
		r.Old = []seal.Key{old}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("credential %s.old of systemd: %w", name, err)
	}
	return r, nil
}

func credential(path string) (seal.Key, error) {
	f, err := os.Open(path)
	if err != nil {
		return seal.Key{}, err
	}
	defer f.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return seal.Key{}, err
	}
	defer clear(text)
	return seal.ParseKey(string(text))
}
