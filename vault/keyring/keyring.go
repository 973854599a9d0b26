// Package keyring finds the key that seals the vault where the configuration says
// it is kept, and puts another in its place without a moment at which neither
// opens what is sealed. It never makes a key where secrets are sealed already.
package keyring

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"sallyport.dev/sallyport/vault"
	"sallyport.dev/sallyport/vault/seal"
)

const (
	keySize   = 32
	maxFile   = 64 << 10
	staged    = ".new" // the key that is to take another's place
	oldSuffix = "OLD"
)

// ErrMissing means that there is no key, and secrets that it has sealed.
var ErrMissing = errors.New("the key of the vault is missing")

// A Ring is the key of the vault, and those before it that may still wrap secrets:
// whoever opens the vault hands all of them over, and calls Settle when the vault
// is open.
type Ring struct {
	Key    seal.Key
	Old    []seal.Key
	settle func() error
	next   func(ctx context.Context) (*Ring, error)
}

// Settle gives the old keys up: everything is sealed with Key. It keeps a Key that
// was just made.
func (r *Ring) Settle() error {
	if r.settle == nil {
		return nil
	}
	return r.settle()
}

// Next makes another key, which takes the place of this one when the Ring it
// gives is settled. Until then, whoever finds the key finds both.
func (r *Ring) Next(ctx context.Context) (*Ring, error) {
	if r.next == nil {
		return nil, vault.ErrElsewhere
	}
	return r.next(ctx)
}

// A store keeps the text of a key, sealed or not.
type store interface {
	load(ctx context.Context, path string) (text []byte, err error)
	save(ctx context.Context, path string, text []byte) error
}

// open finds the key that s keeps at path. With fresh, a key is made where there
// is none.
func open(ctx context.Context, s store, path string, fresh bool) (*Ring, error) {
	key, err := read(ctx, s, path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && fresh:
		return first(ctx, s, path)
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: %s is not there. Where secrets are sealed with it, put it back or restore a backup; else make one: openssl rand -base64 32 | install -m 600 /dev/stdin %[2]s", ErrMissing, path)
	case err != nil:
		return nil, err
	}
	r := &Ring{Key: key, next: func(ctx context.Context) (*Ring, error) { return stage(ctx, s, path, key) }}
	switch newer, err := read(ctx, s, path+staged); {
	case errors.Is(err, fs.ErrNotExist):
		return r, nil
	case err != nil:
		return nil, err
	default: // a rotation was cut short: it is finished now
		return replacing(ctx, s, path, newer, key), nil
	}
}

// first makes the first key. It is kept before anything can be sealed with it.
func first(ctx context.Context, s store, path string) (*Ring, error) {
	key, err := write(ctx, s, path)
	if errors.Is(err, fs.ErrExist) { // another start was faster
		key, err = read(ctx, s, path)
	}
	if err != nil {
		return nil, err
	}
	return &Ring{Key: key, next: func(ctx context.Context) (*Ring, error) { return stage(ctx, s, path, key) }}, nil
}

// stage keeps another key beside the one at path.
func stage(ctx context.Context, s store, path string, old seal.Key) (*Ring, error) {
	key, err := write(ctx, s, path+staged)
	if errors.Is(err, fs.ErrExist) { // of a rotation that failed
		key, err = read(ctx, s, path+staged)
	}
	if err != nil {
		return nil, err
	}
	return replacing(ctx, s, path, key, old), nil
}

// replacing is the ring of a key that is staged.
func replacing(_ context.Context, s store, path string, key, old seal.Key) *Ring {
	return &Ring{
		Key: key, Old: []seal.Key{old},
		settle: func() error {
			if err := os.Rename(path+staged, path); err != nil {
				return fmt.Errorf("put the new key in its place: %w", err)
			}
			return syncDir(filepath.Dir(path))
		},
		next: func(ctx context.Context) (*Ring, error) { return stage(ctx, s, path, key) },
	}
}

func read(ctx context.Context, s store, path string) (seal.Key, error) {
	text, err := s.load(ctx, path)
	if err != nil {
		return seal.Key{}, err
	}
	defer clear(text)
	key, err := seal.ParseKey(string(text))
	if err != nil {
		return seal.Key{}, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

func write(ctx context.Context, s store, path string) (seal.Key, error) {
	raw := make([]byte, keySize)
	rand.Read(raw) //nolint:errcheck // crypto/rand.Read never returns an error
	text := []byte(base64.StdEncoding.EncodeToString(raw) + "\n")
	defer clear(raw)
	defer clear(text)
	key, err := seal.ParseKey(string(text))
	if err != nil {
		return seal.Key{}, err
	}
	return key, s.save(ctx, path, text)
}

// create writes a file that nobody else can read, whole or not at all. It fails
// with fs.ErrExist if there is one.
func create(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".key-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // a leftover of another name does no harm
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes a new name in dir survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
