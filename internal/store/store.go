// Package store keeps everything that outlives a gateway, in SQLite files of one
// private directory: state.db, and one file of audit records a month. It knows
// how to keep things, not what they mean; secrets reach it sealed.
package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/netstack/dns"
	"sallyport.dev/sallyport/vault"
)

var (
	_ audit.Store         = (*Store)(nil)
	_ netstack.AgentStore = (*Store)(nil)
	_ dns.Store           = (*Store)(nil)
	_ vault.Backend       = (*Store)(nil)
)

// A Store is one open state directory. Close it when nothing uses it any more.
type Store struct {
	dir     string
	log     *slog.Logger
	lock    *os.File
	state   *database
	months  months
	reserve reserve
}

// Sizes of the disk reserve, see reserve.
const (
	diskFloor   = 64 << 20
	diskReserve = 16 << 20
)

// Open opens the state directory dir, making it if need be. It refuses one that
// others can read, one that another gateway has open, and files that a newer
// version has written.
func Open(ctx context.Context, dir string, log *slog.Logger) (*Store, error) {
	return open(ctx, dir, log, diskFloor, diskReserve)
}

func open(ctx context.Context, dir string, log *slog.Logger, floor, size uint64) (_ *Store, err error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Store{dir: dir, log: log}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("open state directory %s: %w", dir, err), s.Close())
		}
	}()
	for _, d := range []string{dir, filepath.Join(dir, "audit")} {
		if err := privateDir(d); err != nil {
			return nil, err
		}
	}
	if s.lock, err = lock(filepath.Join(dir, "lock")); err != nil {
		return nil, err
	}
	s.reserve.init(filepath.Join(dir, "audit", "reserve"), floor, size)
	s.reserve.refill()
	if s.state, err = openDatabase(ctx, filepath.Join(dir, "state.db"), stateSchema(), "secure_delete(ON)"); err != nil {
		return nil, err
	}
	return s, s.months.init(ctx, filepath.Join(dir, "audit"))
}

// Dir gives the state directory.
func (s *Store) Dir() string { return s.dir }

// Close closes every file and lets another gateway open the directory.
func (s *Store) Close() error {
	var errs []error
	errs = append(errs, s.months.close())
	if s.state != nil {
		errs = append(errs, s.state.close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

// privateDir makes dir, or checks that nobody else can look into it.
func privateDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s: %w", dir, fs.ErrInvalid)
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return fmt.Errorf("others can read it (%v): run chmod 700 %s", perm, dir)
	}
	return nil
}
