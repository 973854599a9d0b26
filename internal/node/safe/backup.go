package safe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"sallyport.dev/sallyport/dashboard"
	"sallyport.dev/sallyport/vault/backup"
)

// Backup seals what a gateway cannot be made again without into a file that is
// unlinked already: the database, with everything sealed in it, and the key.
func (s *Safe) Backup(ctx context.Context, how dashboard.Sealing) (_ *os.File, err error) {
	to, err := backup.Recipients(how.Recipients, how.Passphrase)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", dashboard.ErrSealing, err)
	}
	dir, err := os.MkdirTemp(s.o.Dir, ".backup-*") // 0700, on the disk that holds the state
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s.mu.Lock() // the key and what it opens belong together
	defer s.mu.Unlock()
	if err := s.o.Store.Snapshot(ctx, filepath.Join(dir, StateFile)); err != nil {
		return nil, err
	}
	key := s.ring.Key.Export()
	if err := os.WriteFile(filepath.Join(dir, KeyFile), key, 0o600); err != nil {
		return nil, err
	}
	out, err := os.OpenFile(filepath.Join(dir, "sealed"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	names := []string{filepath.Join(dir, StateFile), filepath.Join(dir, KeyFile)}
	for _, name := range []string{passphraseFile, transitFile} {
		if _, err := os.Stat(filepath.Join(s.o.Dir, name)); !errors.Is(err, fs.ErrNotExist) {
			names = append(names, filepath.Join(s.o.Dir, name))
		}
	}
	if err := archive(out, names, func(files []backup.File) error { return backup.Write(out, time.Now(), files, to...) }); err != nil {
		return nil, errors.Join(err, out.Close())
	}
	return out, nil
}

// archive opens the files, has them written, and goes back to the beginning of
// what was.
func archive(out *os.File, names []string, write func([]backup.File) error) error {
	var files []backup.File
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close() //nolint:errcheck // only read
		info, err := f.Stat()
		if err != nil {
			return err
		}
		files = append(files, backup.File{Name: filepath.Base(name), Size: info.Size(), Data: f})
	}
	if err := write(files); err != nil {
		return err
	}
	_, err := out.Seek(0, 0)
	return err
}
